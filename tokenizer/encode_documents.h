// Documents to ids, in order and on several threads: what writes token files, or prints ids.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "tokenizer/text_blocks.h"
#include "tokenizer/tokenizer.h"

namespace obverse::tokenizer {

struct DocumentOptions {
  int threads = 1;
  Tokenizer::Specials specials = Tokenizer::Specials::as_text;
  std::optional<std::int32_t> end_of_text;  // put behind each document
};

// `count` ids that follow those of the call before; the last ones of a document, its end-of-text
// token among them, where `ends_document`: a file that is one document comes in parts. `asked` as
// TextPart has it.
struct IdPart {
  const std::int32_t* ids = nullptr;
  std::size_t count = 0;
  bool ends_document = true;
  bool asked = true;
};
using IdSink = std::function<void(const IdPart& part)>;

// Reads `files` and calls `sink` from one thread at a time. Memory holds a few blocks a thread,
// but for a whole line, and a whole file where the pre-token rules are neither GPT-2's nor GPT-4's.
// `progress`, where there is one, is called with the bytes read so far and those expected.
// REQUIRES: 1 to 1024 threads, an end_of_text of the tokenizer: std::invalid_argument otherwise.
// Throws std::runtime_error, one line that names file and line, for what cannot be read.
void encode_documents(const Tokenizer& tokenizer, const std::vector<TextFile>& files,
                      const DocumentOptions& options, const IdSink& sink,
                      const std::function<void(std::uint64_t, std::uint64_t)>& progress = nullptr);

}  // namespace obverse::tokenizer

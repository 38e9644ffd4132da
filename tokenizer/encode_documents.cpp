#include "tokenizer/encode_documents.h"

#include <deque>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/encoder.h"
#include "tokenizer/parallel_blocks.h"

namespace obverse::tokenizer {
namespace {

struct EncodedBlock {
  std::vector<std::int32_t> ids;
  struct Part {
    std::size_t end;  // in ids
    bool ends_document, asked;
  };
  std::vector<Part> parts;
};

}  // namespace

void encode_documents(const Tokenizer& tokenizer, const std::vector<TextFile>& files,
                      const DocumentOptions& options, const IdSink& sink,
                      const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  if (options.threads < 1 || options.threads > 1024) {
    throw std::invalid_argument("[tokenizer] expected 1 to 1024 threads, got " +
                                std::to_string(options.threads));
  }
  if (options.end_of_text) tokenizer.bytes_of(*options.end_of_text);  // checks the id
  const Model& model = tokenizer.model();
  const bool rules_are_known = model.pretokenizer.kind() != Pretokenizer::Kind::regular_expressions;
  BlockReader reader(
      files, rules_are_known ? FileCuts::harmless : FileCuts::none,
      options.specials == Tokenizer::Specials::recognized ? model.all_found : model.always_found);
  std::deque<Encoder> encoders;
  for (int thread = 0; thread < options.threads; ++thread) encoders.emplace_back(tokenizer);

  const auto work = [&](int thread, const Block& block) {
    EncodedBlock encoded;
    Encoder& encoder = encoders[static_cast<std::size_t>(thread)];
    for_each_document(block, [&](const TextPart& part) {
      encoder.encode(part.text, encoded.ids, options.specials);
      if (part.ends_document && options.end_of_text) encoded.ids.push_back(*options.end_of_text);
      encoded.parts.push_back({encoded.ids.size(), part.ends_document, part.asked});
    });
    return encoded;
  };
  const auto deliver = [&](const EncodedBlock& encoded) {
    std::size_t begin = 0;
    for (const EncodedBlock::Part& part : encoded.parts) {
      sink({encoded.ids.data() + begin, part.end - begin, part.ends_document, part.asked});
      begin = part.end;
    }
    if (progress) progress(reader.bytes_read(), reader.bytes_expected());
  };
  parallel_blocks<EncodedBlock>(reader, options.threads, work, deliver);
}

}  // namespace obverse::tokenizer

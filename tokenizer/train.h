// Training of a byte-level BPE tokenizer: counts the pre-tokens of a corpus, then finds the merges.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tokenizer/text_blocks.h"
#include "tokenizer/tokenizer.h"

namespace obverse::tokenizer {

struct TrainingOptions {
  std::int64_t vocabulary = 32768;    // bytes, merges and special tokens together
  std::string pattern = "gpt2";       // or "gpt4"
  std::vector<std::string> specials;  // the last ids; no part of the corpus where they stand in it
  std::int64_t least_count = 2;       // a pair less frequent is not merged
  int threads = 1;
};

// Throws std::invalid_argument, one line, for options that training cannot have.
void check_training_options(const TrainingOptions& options);

struct TrainingProgress {
  // While counting: bytes read and expected; while merging: tokens found and wanted.
  std::function<void(std::uint64_t done, std::uint64_t all)> counting, merging;
};

struct TrainedTokenizer {
  Tokenizer tokenizer;  // below options.vocabulary where the corpus has no more pairs
  std::uint64_t bytes = 0, words = 0, distinct_words = 0;
  double counting_seconds = 0, merging_seconds = 0;
};

// Ids are GPT-2's: bytes, merges, special tokens. The result depends on the files' bytes and on the
// options but for `threads`. A file that is one document is read in blocks that end where GPT-2's
// and GPT-4's rules split anyway, or at 16 MiB without such a place. Throws std::runtime_error, one
// line that names the file, for what cannot be read, and for files that hold no text.
TrainedTokenizer train(const std::vector<TextFile>& files, const TrainingOptions& options,
                       const TrainingProgress& progress = {});

}  // namespace obverse::tokenizer

// A folder of token files for training: train_000.bin, ..., validation_000.bin and the tokenizer;
// where some tokens are not asked, train_000.mask and so on; and texts.json, which tells the token
// that ends a text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "engine/data/loss_mask.h"
#include "engine/data/token_file.h"
#include "experiments/tokenize/claimed_folder.h"
#include "experiments/tokenize/made_folders.h"
#include "tokenizer/encode_documents.h"
#include "tokenizer/tokenizer.h"

namespace obverse::tokenize {

struct ShardOptions {
  std::int64_t shard_tokens = 100'000'000;  // a document more, at most, than this many
  double validation_share = 0.01;           // of documents, drawn by the seed and their number
  std::uint64_t seed = 0;
  bool masked = false;           // a loss mask beside each file
  std::int32_t end_of_text = 0;  // what documents end with, told in texts.json
};

// Written beside its place, as PLACE.unfinished, and renamed when all of it is there: a folder that
// is there is whole.
class ShardFolder {
 public:
  // Throws std::runtime_error, one line, where `folder` is a file, holds anything, is a mount
  // point, cannot be made, or is being written by another program.
  ShardFolder(std::filesystem::path folder, const tokenizer::Tokenizer& tokenizer,
              const ShardOptions& options);
  // Removes what is not finished.
  ~ShardFolder();
  ShardFolder(const ShardFolder&) = delete;
  ShardFolder& operator=(const ShardFolder&) = delete;

  // As tokenizer::IdSink. REQUIRES: documents that end with their end-of-text token.
  void add(const tokenizer::IdPart& part);

  struct Totals {
    std::int64_t training_tokens = 0, validation_tokens = 0;
    std::int64_t training_documents = 0, validation_documents = 0;
  };
  // Throws std::runtime_error where there was no text for training: documents are nothing but their
  // end-of-text tokens.
  Totals finish();

 private:
  struct Split {
    const char* name;
    std::int64_t tokens = 0, text_tokens = 0, documents = 0;
    int shards = 0;
    std::optional<engine::TokenFileWriter> writer;
    std::optional<engine::LossMaskWriter> mask;
    void finish_shard();
  };
  Split& split_of_document();

  std::filesystem::path folder_, place_;  // as it was given, and what is meant
  std::optional<MadeFolders> parents_;
  std::optional<ClaimedFolder> unfinished_;
  std::int64_t vocabulary_;
  ShardOptions options_;
  Split training_{"train"}, validation_{"validation"};
  Split* open_ = nullptr;  // the split of a document that has begun
  std::uint64_t document_ = 0;
  std::vector<std::uint8_t> counts_;  // of a part
};

}  // namespace obverse::tokenize

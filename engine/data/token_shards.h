// The token files of a folder as one stream of tokens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/data/loss_mask.h"
#include "engine/data/token_file.h"
#include "kernels/core/span.h"

namespace obverse::engine {

enum class Split { train, validation };

// The files FOLDER/*.bin of a split in the order of their names. What a file is for is one of the
// words between the underscores of its name: "train", or "validation" or "val", as in
// train_000.bin and in llm.c's fineweb_val_000000.bin; files with none of them are passed over.
// Throws std::runtime_error in one line where a name has words of both, or no file is there.
std::vector<std::filesystem::path> shard_paths(const std::filesystem::path& folder, Split split);

// Whether any such file is there. Throws as shard_paths() does where the folder cannot be read.
bool has_shards(const std::filesystem::path& folder, Split split);

// Any number of threads may read. Errors in files are TokenFile's and LossMask's.
class TokenShards {
 public:
  // REQUIRES: at least one path. A file's mask, where one is there, is read with it: mask_path().
  // Throws std::runtime_error where files of 16-bit and of 32-bit ids are mixed: they come from
  // different vocabularies.
  TokenShards(const std::vector<std::filesystem::path>& paths, std::int64_t vocabulary);
  TokenShards(const std::filesystem::path& folder, Split split, std::int64_t vocabulary)
      : TokenShards(shard_paths(folder, split), vocabulary) {}

  const std::vector<TokenFile>& files() const { return files_; }
  std::int64_t size() const { return starts_.back(); }  // tokens
  bool masked() const;                                  // whether any file has a mask

  // The tokens from `begin` on, as many as `to` holds, from as many files as they are in.
  // REQUIRES: they are in the stream.
  void read(std::int64_t begin, kernels::Span<std::int32_t> to) const;
  // 1 for each of these tokens that counts in the loss, else 0; all count where there is no mask.
  void read_counted(std::int64_t begin, kernels::Span<std::uint8_t> to) const;
  // The first place of [begin, size()) where `id` stands; size() where it does not.
  std::int64_t find(std::int32_t id, std::int64_t begin) const;
  // Reads all files, and throws where an id is outside of the vocabulary.
  void check_ids() const;
  // Reads all files and masks. Other where one holds something else, or they are in another order.
  std::string digest() const;

 private:
  std::size_t file_of(std::int64_t place) const;  // of the stream
  // visit(file, first token in it, first place in what is asked for, count) for each file that
  // holds some of them.
  template <typename Visit>
  void for_each_part(std::int64_t begin, std::int64_t count, const Visit& visit) const;

  std::vector<TokenFile> files_;
  std::vector<std::optional<LossMask>> masks_;
  std::vector<std::int64_t> starts_;  // of each file in the stream, then the stream's end
};

}  // namespace obverse::engine

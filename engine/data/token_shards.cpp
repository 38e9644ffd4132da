#include "engine/data/token_shards.h"

#include <algorithm>
#include <string>
#include <system_error>

#include "kernels/core/check.h"

namespace obverse::engine {
namespace {

namespace fs = std::filesystem;
using kernels::require;

struct Words {
  bool train = false, validation = false;
};

Words words_of(const std::string& stem) {
  Words found;
  std::istringstream words(stem);
  for (std::string word; std::getline(words, word, '_');) {
    found.train = found.train || word == "train";
    found.validation = found.validation || word == "validation" || word == "val";
  }
  return found;
}

std::vector<fs::path> sorted_shards(const fs::path& folder, Split split) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) fail_in_file(folder, "cannot be read: ", error.message());
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : entries) {
    if (entry.path().extension() != ".bin") continue;
    const Words words = words_of(entry.path().stem().string());
    if (words.train && words.validation) {
      fail_in_file(entry.path(),
                   "name: expected a word for training or for validation, found both");
    }
    if (split == Split::train ? words.train : words.validation) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

std::vector<fs::path> shard_paths(const fs::path& folder, Split split) {
  std::vector<fs::path> paths = sorted_shards(folder, split);
  if (paths.empty()) {
    fail_in_file(folder, "expected token files such as ",
                 split == Split::train ? "train_000.bin" : "validation_000.bin", ", found none");
  }
  return paths;
}

bool has_shards(const fs::path& folder, Split split) {
  return !sorted_shards(folder, split).empty();
}

TokenShards::TokenShards(const std::vector<fs::path>& paths, std::int64_t vocabulary) {
  require(!paths.empty(), "[token_shards] expected at least one file, got none");
  std::int64_t start = 0;
  for (const fs::path& path : paths) {
    const TokenFile& file = files_.emplace_back(path, vocabulary);
    if (file.id_bytes() != files_.front().id_bytes()) {
      fail_in_file(path, "expected ", 8 * files_.front().id_bytes(), "-bit ids as in ",
                   files_.front().path().string(), ", found ", 8 * file.id_bytes(), "-bit ids");
    }
    masks_.emplace_back();
    if (fs::exists(mask_path(path))) masks_.back().emplace(mask_path(path), file.size());
    starts_.push_back(start);
    start += file.size();
  }
  starts_.push_back(start);
}

bool TokenShards::masked() const {
  return std::any_of(masks_.begin(), masks_.end(),
                     [](const auto& mask) { return mask.has_value(); });
}

std::size_t TokenShards::file_of(std::int64_t place) const {
  return static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end() - 1, place) -
                                  starts_.begin() - 1);
}

template <typename Visit>
void TokenShards::for_each_part(std::int64_t begin, std::int64_t count, const Visit& visit) const {
  require(begin >= 0 && begin + count <= size(), "[token_shards] expected a part of the ", size(),
          " tokens, got ", count, " from ", begin);
  std::size_t file = file_of(begin);
  for (std::int64_t done = 0; done < count; ++file) {
    const std::int64_t first = begin + done - starts_[file];
    const std::int64_t part = std::min(count - done, files_[file].size() - first);
    visit(file, first, done, part);
    done += part;
  }
}

void TokenShards::read(std::int64_t begin, kernels::Span<std::int32_t> to) const {
  for_each_part(begin, to.size(),
                [&](std::size_t file, std::int64_t first, std::int64_t done, std::int64_t count) {
                  files_[file].read(first, to.subspan(done, count));
                });
}

void TokenShards::read_counted(std::int64_t begin, kernels::Span<std::uint8_t> to) const {
  for_each_part(begin, to.size(),
                [&](std::size_t file, std::int64_t first, std::int64_t done, std::int64_t count) {
                  const auto part = to.subspan(done, count);
                  if (masks_[file]) {
                    masks_[file]->read(first, part);
                  } else {
                    std::fill(part.begin(), part.end(), std::uint8_t{1});
                  }
                });
}

std::int64_t TokenShards::find(std::int32_t id, std::int64_t begin) const {
  require(begin >= 0 && begin <= size(), "[token_shards] expected a place of the ", size(),
          " tokens, got ", begin);
  for (std::size_t file = file_of(begin); file < files_.size(); ++file) {
    const std::int64_t first = std::max(begin - starts_[file], std::int64_t{0});
    const std::int64_t place = files_[file].find(id, first);
    if (place < files_[file].size()) return starts_[file] + place;
  }
  return size();
}

std::string TokenShards::digest() const {
  std::string all;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    all += files_[i].digest() + (masks_[i] ? masks_[i]->digest() : "none");
  }
  return digest_of(reinterpret_cast<const std::byte*>(all.data()),
                   static_cast<std::int64_t>(all.size()));
}

void TokenShards::check_ids() const {
  for (const TokenFile& file : files_) file.check_ids();
}

}  // namespace obverse::engine

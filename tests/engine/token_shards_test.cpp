#include "engine/data/token_shards.h"

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_files.h"

namespace obverse::tests {
namespace {

namespace fs = std::filesystem;
using engine::Split;
using engine::TokenShards;

using Ids = std::vector<std::int32_t>;
using Counts = std::vector<std::uint8_t>;

std::vector<std::string> names_of(const std::vector<fs::path>& paths) {
  std::vector<std::string> names;
  for (const fs::path& path : paths) names.push_back(path.filename().string());
  return names;
}

TEST_CASE("shards are found by their names", "[token_shards]") {
  const TemporaryFolder folder;
  for (const char* name :
       {"train_001.bin", "train_000.bin", "train_000.mask", "validation_000.bin",
        "fineweb_train_000002.bin", "fineweb_val_000000.bin", "tiny_shakespeare_val.bin",
        "train.bin", "trainer_000.bin", "other.bin", "train_notes.txt"}) {
    write_file(folder.path() / name, "");
  }
  using Names = std::vector<std::string>;
  CHECK(names_of(engine::shard_paths(folder.path(), Split::train)) ==
        Names{"fineweb_train_000002.bin", "train.bin", "train_000.bin", "train_001.bin"});
  CHECK(names_of(engine::shard_paths(folder.path(), Split::validation)) ==
        Names{"fineweb_val_000000.bin", "tiny_shakespeare_val.bin", "validation_000.bin"});
}

TEST_CASE("a folder says in one line what is wrong with it", "[token_shards]") {
  const TemporaryFolder folder;
  const auto error = [&](Split split) {
    return file_error_of([&] { engine::shard_paths(folder.path(), split); });
  };
  const std::string name = folder.path().string();
  CHECK(error(Split::train) == name + ": expected token files such as train_000.bin, found none");
  CHECK(error(Split::validation) ==
        name + ": expected token files such as validation_000.bin, found none");
  write_file(folder.path() / "train_val_0.bin", "");
  CHECK(error(Split::train) ==
        name +
            "/train_val_0.bin: name: expected a word for training or for validation, found both");
  CHECK(file_error_of([&] { engine::shard_paths(folder.path() / "none", Split::train); }) ==
        name + "/none: cannot be read: No such file or directory");
  CHECK(error_of([] { TokenShards(std::vector<fs::path>(), 10); }) ==
        "[token_shards] expected at least one file, got none");
}

// Files of 3, 1 and 5 tokens, the last one with a mask.
class Shards {
 public:
  Shards() {
    write_tokens(path("train_0.bin"), 20, {0, 1, 2});
    write_tokens(path("train_1.bin"), 20, {3});
    write_tokens(path("train_2.bin"), 20, {4, 5, 6, 7, 5});
    write_mask(path("train_2.mask"), {0, 1, 0, 0, 1});
  }
  fs::path path(const std::string& name) const { return folder_.path() / name; }
  TokenShards open(std::int64_t vocabulary = 20) const {
    return TokenShards(folder_.path(), Split::train, vocabulary);
  }

 private:
  TemporaryFolder folder_;
};

TEST_CASE("shards are one stream, with their masks", "[token_shards]") {
  const Shards files;
  const TokenShards shards = files.open();
  const Ids all{0, 1, 2, 3, 4, 5, 6, 7, 5};
  const Counts counts{1, 1, 1, 1, 0, 1, 0, 0, 1};
  CHECK(shards.size() == 9);
  CHECK(shards.files().size() == 3);
  CHECK(shards.masked());
  for (std::int64_t begin = 0; begin <= 9; ++begin) {
    for (std::int64_t end = begin; end <= 9; ++end) {
      Ids ids(static_cast<std::size_t>(end - begin), -1);
      Counts counted(ids.size(), 7);
      shards.read(begin, span(ids));
      shards.read_counted(begin, span(counted));
      CHECK(ids == Ids(all.begin() + begin, all.begin() + end));
      CHECK(counted == Counts(counts.begin() + begin, counts.begin() + end));
    }
    for (std::int32_t id = 0; id < 9; ++id) {
      const auto expected = std::find(all.begin() + begin, all.end(), id) - all.begin();
      CHECK(shards.find(id, begin) == expected);
    }
  }
  Ids ids(3);
  CHECK(error_of([&] { shards.read(7, span(ids)); }) ==
        "[token_shards] expected a part of the 9 tokens, got 3 from 7");
  CHECK(error_of([&] { shards.read(-1, span(ids)); }) ==
        "[token_shards] expected a part of the 9 tokens, got 3 from -1");
}

TEST_CASE("one wrong shard is named", "[token_shards]") {
  const Shards files;
  const auto error = [&](std::int64_t vocabulary = 20) {
    return file_error_of([&] { files.open(vocabulary).check_ids(); });
  };
  CHECK(error() == "nothing thrown");
  CHECK(error(7) == files.path("train_2.bin").string() +
                        ": token 3: expected an id below the vocabulary of 7, found 7");
  write_mask(files.path("train_0.mask"), {1, 0});
  CHECK(error() == files.path("train_0.mask").string() +
                       ": count: expected 3, the tokens of the file beside it, found 2");
  fs::remove(files.path("train_0.mask"));
  write_tokens(files.path("train_1.bin"), 70000, {3});
  CHECK(error() == files.path("train_1.bin").string() + ": expected 16-bit ids as in " +
                       files.path("train_0.bin").string() + ", found 32-bit ids");
}

TEST_CASE("a digest tells files apart by every bit that they hold", "[token_shards]") {
  const TemporaryFolder folder;
  const Ids ids = {5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3};
  Counts counts(ids.size(), 1);
  const auto digest = [&] { return TokenShards(folder.path(), Split::train, 600).digest(); };
  write_tokens(folder.path() / "train_0.bin", 600, ids);
  std::set<std::string> seen{digest()};
  CHECK(digest() == *seen.begin());
  CHECK(seen.begin()->size() == 16);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Ids other = ids;
    other[i] += 512;
    write_tokens(folder.path() / "train_0.bin", 600, other);
    CHECK(seen.insert(digest()).second);
  }
  write_tokens(folder.path() / "train_0.bin", 600, Ids(ids.begin(), ids.end() - 1));
  CHECK(seen.insert(digest()).second);
  write_tokens(folder.path() / "train_0.bin", 600, ids);
  write_tokens(folder.path() / "train_1.bin", 600, {1, 2});
  CHECK(seen.insert(digest()).second);
  fs::remove(folder.path() / "train_1.bin");
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i] = 0;
    write_mask(folder.path() / "train_0.mask", counts);
    CHECK(seen.insert(digest()).second);
  }
}

}  // namespace
}  // namespace obverse::tests

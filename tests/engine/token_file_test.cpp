#include "engine/data/token_file.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "engine/data/loss_mask.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_files.h"

namespace obverse::tests {
namespace {

namespace fs = std::filesystem;
using engine::LossMask;
using engine::TokenFile;
using engine::TokenFileWriter;

using Ids = std::vector<std::int32_t>;
using Counts = std::vector<std::uint8_t>;

Ids read_ids(const TokenFile& file, std::int64_t begin, std::int64_t count) {
  Ids ids(static_cast<std::size_t>(count), -1);
  file.read(begin, span(ids));
  return ids;
}

std::string word(std::int32_t value) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &value, 4);
  return bytes;
}

// As llm.c's dev/data/data_common.py lays files out.
std::string published(std::int32_t magic, std::int32_t version, std::int32_t count,
                      const std::string& body) {
  return word(magic) + word(version) + word(count) + std::string(253 * 4, '\0') + body;
}

TEST_CASE("token files have the published bytes", "[token_file]") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "train_0.bin";
  write_tokens(path, 65536, {1, 258, 65535});
  CHECK(read_file(path) == published(20240520, 1, 3, std::string("\x01\0\x02\x01\xff\xff", 6)));
  write_tokens(path, 65537, {1, 65536});
  CHECK(read_file(path) == published(20240801, 7, 2, std::string("\x01\0\0\0\0\0\x01\0", 8)));
  CHECK_FALSE(fs::exists(path.string() + ".part"));
  write_mask(folder.path() / "train_0.mask", {1, 0, 1, 1, 0, 0, 0, 1, 0, 1});
  CHECK(read_file(folder.path() / "train_0.mask") ==
        published(0x4B53414D, 1, 10, std::string("\x8d\x02", 2)));
  CHECK(read_file(folder.path() / "train_0.mask").substr(0, 4) == "MASK");
}

TEST_CASE("tokens come back from their file", "[token_file]") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.bin";
  for (const std::int64_t vocabulary : {2, 50257, 65536, 65537, 2147483647}) {
    // More than a writer's buffer holds, in parts.
    const Ids ids = random_ids(vocabulary == 65537 ? 700000 : 1001, vocabulary, 1);
    TokenFileWriter writer(path, vocabulary);
    const auto all = span(ids);
    writer.append(all.subspan(0, 10));
    writer.append(all.subspan(10, 0));
    writer.append(all.subspan(10, all.size() - 10));
    CHECK(writer.size() == all.size());
    writer.finish();
    const TokenFile file(path, vocabulary);
    CHECK(file.size() == all.size());
    CHECK(file.id_bytes() == (vocabulary <= 65536 ? 2 : 4));
    CHECK(read_ids(file, 0, file.size()) == ids);
    CHECK(read_ids(file, 7, 3) == Ids(ids.begin() + 7, ids.begin() + 10));
    CHECK(read_ids(file, file.size(), 0).empty());
    file.check_ids();
    const std::int64_t place = file.find(ids[900], 5);
    CHECK(ids[static_cast<std::size_t>(place)] == ids[900]);
    CHECK(std::find(ids.begin() + 5, ids.end(), ids[900]) == ids.begin() + place);
    CHECK(file.find(ids[0], file.size()) == file.size());
  }
}

TEST_CASE("a mask comes back from its file", "[token_file]") {
  const TemporaryFolder folder;
  CHECK(engine::mask_path("a/train_0.bin") == "a/train_0.mask");
  const fs::path path = folder.path() / "x.mask";
  for (const std::int64_t size : {1, 7, 8, 9, 1000}) {
    Counts counts;
    for (const std::int32_t id : random_ids(size, 2, 1)) {
      counts.push_back(static_cast<std::uint8_t>(id));
    }
    write_mask(path, counts);
    const LossMask mask(path, size);
    CHECK(mask.size() == size);
    for (const std::int64_t begin : {std::int64_t{0}, size / 3, size}) {
      Counts found(static_cast<std::size_t>(size - begin), 7);
      mask.read(begin, span(found));
      CHECK(found == Counts(counts.begin() + begin, counts.end()));
    }
  }
}

TEST_CASE("a token file says in one line what is wrong with it", "[token_file]") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.bin";
  const std::string name = path.string() + ": ";
  const auto error = [&](const std::string& bytes, std::int64_t vocabulary = 10) {
    write_file(path, bytes);
    return file_error_of([&] { read_ids(TokenFile(path, vocabulary), 0, 1); });
  };
  const std::string two = std::string("\x01\0\x02\0", 4);
  CHECK(error(published(20240520, 1, 2, two)) == "nothing thrown");
  CHECK(error("") == name + "header: expected 1024 bytes, found 0");
  CHECK(error(std::string(1023, '\0')) == name + "header: expected 1024 bytes, found 1023");
  CHECK(error(published(20240521, 1, 2, two)) ==
        name + "magic: expected 20240520 (16-bit ids) or 20240801 (32-bit ids), found 20240521");
  CHECK(error(published(20240520, 7, 2, two)) ==
        name + "version: expected 1 with the magic 20240520, found 7");
  CHECK(error(published(20240801, 1, 1, two)) ==
        name + "version: expected 7 with the magic 20240801, found 1");
  CHECK(error(published(20240520, 1, 0, "")) ==
        name + "count: expected at least one token, found 0");
  CHECK(error(published(20240520, 1, -2, two)) ==
        name + "count: expected at least one token, found -2");
  CHECK(error(published(20240520, 1, 3, two)) ==
        name + "body: expected 6 bytes for the count of 3 tokens, found 4");
  CHECK(error(published(20240520, 1, 1, two)) ==
        name + "body: expected 2 bytes for the count of 1 tokens, found 4");
  CHECK(error(published(20240520, 1, 2, two + "x")) ==
        name + "body: expected 4 bytes for the count of 2 tokens, found 5");
  CHECK(error(published(20240520, 1, std::numeric_limits<std::int32_t>::max(), two)) ==
        name + "body: expected 4294967294 bytes for the count of 2147483647 tokens, found 4");
  CHECK(error(published(20240801, 7, 1, two), 100000) ==
        name + "token 0: expected an id below the vocabulary of 100000, found 131073");
  CHECK(error(published(20240801, 7, 1, "\xff\xff\xff\xff"), 200000) ==
        name + "token 0: expected an id below the vocabulary of 200000, found 4294967295");
  fs::remove(path);
  CHECK(file_error_of([&] { TokenFile(path, 10); }) ==
        name + "cannot be read: No such file or directory");
  CHECK(file_error_of([&] { TokenFile(folder.path(), 10); }) ==
        folder.path().string() + ": cannot be read: Is a directory");
}

TEST_CASE("ids outside of the vocabulary are seen in what is read", "[token_file]") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.bin";
  Ids ids(70000, 3);
  ids[69000] = 12;
  write_tokens(path, 13, ids);
  const TokenFile file(path, 12);
  CHECK(read_ids(file, 0, 69000) == Ids(69000, 3));
  const std::string expected =
      path.string() + ": token 69000: expected an id below the vocabulary of 12, found 12";
  CHECK(file_error_of([&] { read_ids(file, 68990, 20); }) == expected);
  CHECK(file_error_of([&] { file.check_ids(); }) == expected);
  CHECK(error_of([&] { read_ids(file, 69990, 11); }) ==
        "[token_file] expected a part of the 70000 tokens of " + path.string() +
            ", got 11 from 69990");
  CHECK(error_of([&] { TokenFile(path, 0); }) ==
        "[token_file] expected a vocabulary in [1, 2147483647], got 0");
}

TEST_CASE("a mask file says in one line what is wrong with it", "[token_file]") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.mask";
  const std::string name = path.string() + ": ";
  const auto error = [&](const std::string& bytes) {
    write_file(path, bytes);
    return file_error_of([&] { LossMask(path, 10); });
  };
  constexpr std::int32_t kMagic = 0x4B53414D;
  CHECK(error(published(kMagic, 1, 10, "\x01\x03")) == "nothing thrown");
  CHECK(error("MASK") == name + "header: expected 1024 bytes, found 4");
  CHECK(error(published(20240520, 1, 10, "\x01\x03")) ==
        name + "magic: expected 1263747405, found 20240520");
  CHECK(error(published(kMagic, 2, 10, "\x01\x03")) == name + "version: expected 1, found 2");
  CHECK(error(published(kMagic, 1, -5, "\x01\x03")) ==
        name + "count: expected at least one token, found -5");
  CHECK(error(published(kMagic, 1, 10, "\x01")) ==
        name + "body: expected 2 bytes for the count of 10 tokens, found 1");
  CHECK(error(published(kMagic, 1, 10, "\x01\x03\x01")) ==
        name + "body: expected 2 bytes for the count of 10 tokens, found 3");
  CHECK(error(published(kMagic, 1, 11, "\x01\x03")) ==
        name + "count: expected 10, the tokens of the file beside it, found 11");
  CHECK(error(published(kMagic, 1, 10, "\x01\x04")) ==
        name + "body: expected zeros behind the last token's bit, found the last byte 4");
}

TEST_CASE("what cannot be written leaves nothing", "[token_file]") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.bin", part = path.string() + ".part";
  const auto only = [&](const std::string& text) {
    return read_file(path) == text && !fs::exists(part) && !fs::is_symlink(part);
  };
  write_file(path, "old");
  {
    TokenFileWriter writer(path, 10);
    writer.append({});
    CHECK(fs::exists(part));
  }
  CHECK(only("old"));
  {
    TokenFileWriter writer(path, 10);
    CHECK(error_of([&] { writer.finish(); }) ==
          "[token_file] expected at least one token, got none");
    const Ids bad{1, 10};
    CHECK(error_of([&] { writer.append(span(bad)); }) ==
          "[token_file] expected ids in [0, 10), got 10");
    CHECK(writer.size() == 0);
  }
  CHECK(only("old"));
  // A full disk, by its device's name.
  const auto full = [&](const auto& write) {
    fs::create_symlink("/dev/full", part);
    return file_error_of(write);
  };
  const std::string expected = path.string() + ": cannot be written: No space left on device";
  CHECK(full([&] { TokenFileWriter(path, 10); }) == expected);  // the header alone
  CHECK(only("old"));
  CHECK(full([&] { write_tokens(path, 10, {1, 2}); }) == expected);
  CHECK(only("old"));
  CHECK(full([&] { write_mask(path, {1, 0}); }) == expected);
  CHECK(only("old"));
  CHECK_THAT(file_error_of([&] { TokenFileWriter(folder.path() / "none" / "x.bin", 10); }),
             ContainsSubstring("x.bin: cannot be written: No such file or directory"));
  write_tokens(path, 10, {1, 2});
  CHECK(read_ids(TokenFile(path, 10), 0, 2) == Ids{1, 2});
}

TEST_CASE("what a writer refuses is not in its file", "[token_file]") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.bin";
  TokenFileWriter tokens(path, 10);
  engine::LossMaskWriter mask(engine::mask_path(path));
  const Ids bad{1, 2, -1}, good{3, 4};
  const Counts bad_counts{1, 1, 2}, good_counts{0, 1};
  CHECK(error_of([&] { tokens.append(span(bad)); }) ==
        "[token_file] expected ids in [0, 10), got -1");
  CHECK(error_of([&] { mask.append(span(bad_counts)); }) == "[loss_mask] expected 0 or 1, got 2");
  tokens.append(span(good));
  mask.append(span(good_counts));
  tokens.finish();
  mask.finish();
  CHECK(read_ids(TokenFile(path, 10), 0, 2) == good);
  Counts counts(2, 7);
  LossMask(engine::mask_path(path), 2).read(0, span(counts));
  CHECK(counts == good_counts);
}

// Whatever is in a file, it is read or refused in one line that names it.
TEST_CASE("mutated files are read or refused", "[token_file]") {
  const TemporaryFolder folder;
  const fs::path tokens = folder.path() / "x.bin", mask = folder.path() / "x.mask";
  const std::string good[] = {
      published(20240520, 1, 5, std::string("\x01\0\x02\0\x03\0\x04\0\x05\0", 10)),
      published(20240801, 7, 2, std::string("\x01\0\0\0\x02\0\0\0", 8)),
      published(0x4B53414D, 1, 10, "\x01\x03")};
  kernels::RandomSequence random({.seed = 7});
  int refused = 0, read = 0;
  for (int round = 0; round < 2000; ++round) {
    const int kind = round % 3;
    std::string bytes = good[kind];
    const auto draw = [&](std::size_t bound) {
      return static_cast<std::size_t>(random.integer(bound));
    };
    for (std::size_t left = 1 + draw(3); left > 0; --left) {
      switch (draw(4)) {
        case 0:  // a bit of what the header says
          bytes[draw(std::min<std::size_t>(12, bytes.size()))] ^= static_cast<char>(1u << draw(8));
          break;
        case 1:
          bytes[draw(bytes.size())] = static_cast<char>(draw(256));
          break;
        case 2:
          bytes.resize(draw(4) == 0 ? 1 + draw(bytes.size())
                                    : std::max<std::size_t>(1, bytes.size() - draw(4)));
          break;
        default:
          bytes.append(1 + draw(5), static_cast<char>(draw(256)));
      }
    }
    const fs::path& path = kind == 2 ? mask : tokens;
    write_file(path, bytes);
    const std::string error = file_error_of([&] {
      if (kind == 2) {
        const LossMask file(path, 10);
        Counts counts(10, 7);
        file.read(0, span(counts));
        for (const std::uint8_t count : counts) REQUIRE(count <= 1);
        return;
      }
      const TokenFile file(path, 6);
      for (const std::int32_t id : read_ids(file, 0, file.size())) REQUIRE((id >= 0 && id < 6));
    });
    error == "nothing thrown" ? ++read : ++refused;
    if (error == "nothing thrown") continue;
    INFO(error);
    REQUIRE(error.rfind(path.string() + ": ", 0) == 0);
    REQUIRE(error.find('\n') == std::string::npos);
    REQUIRE(error.find("expected") != std::string::npos);
  }
  // Bytes that are not read may change.
  CHECK(read > 70);
  CHECK(refused > 700);
}

}  // namespace
}  // namespace obverse::tests

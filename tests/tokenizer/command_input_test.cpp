// Inputs that a program could end at, or read as something else.
#include <cstddef>
#include <string>

#include "tests/tokenizer/workplace.h"

namespace obverse::tokenizer {
namespace {

using tests::Ended;
using tests::lines_in;
using tests::read_file;
using tests::write_file;

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

TEST_CASE("JSON is refused in one line however deeply it is nested", "[input]") {
  const Workplace work;
  work.train();
  constexpr std::size_t kDeep = 200'000;
  work.check_refused("encode --tokenizer t --jsonl", 1,
                     "line 1: expected \"text\" to be a string, got [[an array]]\n",
                     "{\"text\":" + nested(kDeep) + "}\n");
  work.check_refused("encode --tokenizer t --jsonl", 1,
                     "got {\"words\":[an array],\"x\":{\"y\":1}}\n",
                     R"({"words":[[1]],"x":{"y":1}})"
                     "\n");
  work.check_refused("decode --tokenizer t --jsonl", 1, "to hold ids, got [[an array]]\n",
                     "{\"ids\":" + nested(kDeep) + "}\n");
  write_file(work.at("array.json"), nested(kDeep));
  work.check_refused("inspect --tokenizer array.json", 1,
                     "array.json: expected a JSON object, got [[an array]]\n");
  std::string deep = read_file(work.at("t/tokenizer.json"));
  const std::string field = "\"post_processor\":";
  const std::size_t at = deep.find(field);
  REQUIRE(at != std::string::npos);
  const std::size_t end = deep.find_first_of(",}", at + field.size());
  deep.replace(at + field.size(), end - at - field.size(), nested(kDeep));
  write_file(work.at("deep.json"), deep);
  work.check_refused("inspect --tokenizer deep.json", 1,
                     "deep.json: post_processor: expected values nested in at most 64 others, got "
                     "[[an array]]\n");
}

TEST_CASE("a folder in a file's place is not an empty file", "[input]") {
  const Workplace work;
  work.train();
  fs::create_directories(work.at("g/tokenizer.json"));
  work.check_refused("inspect --tokenizer g", 1,
                     "g/tokenizer.json: cannot be read: Is a directory\n");
  // A file that fails when it is read, not when it is opened.
  work.check_refused("inspect --tokenizer /proc/self/mem", 1,
                     "/proc/self/mem: cannot be read: Input/output error\n");
}

TEST_CASE("a path that cannot be looked at is named in a line", "[input]") {
  const Workplace work;
  work.train();
  const std::string name(300, 'n');
  const std::string told = name + ": cannot be read: File name too long\n";
  work.check_refused("encode --tokenizer t " + name, 1, "tokenize: " + told);
  work.check_refused("inspect --tokenizer " + name, 1, "tokenize: " + told);
  work.check_refused("train --vocabulary 300 --output out --input " + name, 1, "tokenize: " + told);
  work.check_refused("train --vocabulary 300 --input corpus --output " + name, 1,
                     "tokenize: " + name + ": cannot be made: File name too long\n");
  // A link that leads to itself.
  fs::create_directories(work.at("loop"));
  fs::create_symlink("round.txt", work.at("loop/round.txt"));
  work.check_refused("encode --tokenizer t loop", 1,
                     "loop/round.txt: cannot be read: Too many levels of symbolic links\n");
}

TEST_CASE("a comma in a path is a letter of it", "[input]") {
  const Workplace work;
  work.train();
  write_file(work.at("a"), "x");
  write_file(work.at("b.txt"), "y");
  write_file(work.at("a,b.txt"), "a");
  write_file(work.at(",,b,"), "b");
  CHECK(work.run("encode --tokenizer t a,b.txt ,,b,").out == "64\n65\n");
  CHECK(work.run("encode --tokenizer t -- a,b.txt").out == "64\n");
  write_file(work.at("i,j"), "64 65");
  CHECK(work.run("decode --tokenizer t i,j").out == "ab");
  CHECK_THAT(work.run("inspect --tokenizer t a,b.txt").out,
             ContainsSubstring("encoded     1 bytes, 1 tokens"));
  fs::rename(work.at("t"), work.at("to,k,"));
  CHECK(work.run("encode --tokenizer to,k, a,b.txt").out == "64\n");
  // Where a list is documented, it is one.
  CHECK(work.run("train --input a,b.txt --vocabulary 258 --output two").out.rfind("2 files", 0) ==
        0);
  work.check_refused("train --input a,b.txt, --vocabulary 258 --output out", 2,
                     "expected a value at every place of --input, got 'a,b.txt,'");
}

TEST_CASE("a file that cannot grow is an error, and a closed stream is no file", "[input]") {
  const Workplace work;
  work.train();
  write_file(work.at("a.txt"), "aaaaaaaa");
  // Standard output is a file, and may have 512 bytes.
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i);
  write_file(work.at("long.txt"), text);
  const Ended full = work.tests::Workplace::run("encode --tokenizer t long.txt", "ulimit -f 1");
  INFO(full.err);
  CHECK(full.status == 1);
  CHECK(full.err == "obverse-tokenize: standard output cannot be written: File too large\n");

  const auto run = [&work](const std::string& arguments, const std::string& closed) {
    return work.run_program("/bin/sh", "-c \"exec '" + tests::program_named("obverse-tokenize") +
                                           "' " + arguments + " " + closed + "\"");
  };
  const std::string encode = "encode --tokenizer t a.txt --output ";
  CHECK(run(encode + "open", "").out.rfind("open: ", 0) == 0);
  for (const std::string closed : {">&-", "2>&-", "<&- >&- 2>&-"}) {
    const Ended ended = run(encode + "closed", closed);
    INFO(closed << "\n" << ended.err);
    CHECK(ended.status == 0);
    for (const char* name : {"train_000.bin", "tokenizer.json"}) {
      CHECK(read_file(work.at("closed") / name) == read_file(work.at("open") / name));
    }
    fs::remove_all(work.at("closed"));
  }
  const Ended unread = run("encode --tokenizer t", "<&-");
  CHECK(unread.status == 1);
  CHECK_THAT(unread.err, ContainsSubstring("standard input: cannot be read: Bad file descriptor"));
}

}  // namespace
}  // namespace obverse::tokenizer

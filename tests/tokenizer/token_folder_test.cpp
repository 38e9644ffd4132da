// Where `obverse-tokenize encode --output` writes to, and what it leaves there.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "tests/tokenizer/workplace.h"

namespace obverse::tokenizer {
namespace {

using tests::Ended;
using tests::lines_in;
using tests::read_file;
using tests::write_file;

const std::string kEncode = "encode --tokenizer t --document line ";
const std::string kLines = "some text\nand more of it\n";

// The run leaves token files in the folder, and nothing beside it.
void check_written(const Workplace& work, const std::string& arguments, const fs::path& folder) {
  const Ended ended = work.run(kEncode + arguments, kLines);
  INFO(arguments << "\n" << ended.err);
  CHECK(ended.status == 0);
  CHECK(fs::exists(folder / "train_000.bin"));
  CHECK(fs::exists(folder / "tokenizer.json"));
  CHECK_FALSE(fs::exists(folder.string() + ".unfinished"));
}

TEST_CASE("token files go to the folder that is meant, however it is written", "[folder]") {
  const Workplace work;
  work.train();
  check_written(work, "--output slash/", work.at("slash"));
  check_written(work, "--output slashes//", work.at("slashes"));
  check_written(work, "--output nest/a/../b/.", work.at("nest/b"));
  check_written(work, "--output " + work.at("whole").string(), work.at("whole"));
  fs::create_directories(work.at("empty"));
  check_written(work, "--output empty/", work.at("empty"));
  // A link stays, and what it leads to is filled.
  fs::create_directories(work.at("elsewhere/target"));
  fs::create_directory_symlink("elsewhere/target", work.at("link"));
  check_written(work, "--output link", work.at("elsewhere/target"));
  CHECK(fs::is_symlink(work.at("link")));
}

TEST_CASE("what is there already is not replaced by token files", "[folder]") {
  const Workplace work;
  work.train();
  const std::string expected = "expected no folder, or an empty one, for token files, got a ";
  write_file(work.at("file"), "");
  work.check_refused(kEncode + "--output file", 1, "file: " + expected + "file", kLines);
  work.check_refused(kEncode + "--output file/", 1, "file/: " + expected + "file", kLines);
  CHECK(fs::is_regular_file(work.at("file")));
  fs::create_symlink("nowhere", work.at("link"));
  work.check_refused(kEncode + "--output link", 1, "link: " + expected + "link to nothing", kLines);
  CHECK(fs::is_symlink(work.at("link")));
  // A file of the user's own, where the unfinished folder would be.
  write_file(work.at("mine.unfinished"), "kept");
  work.check_refused(kEncode + "--output mine", 1, "mine: cannot be made: Not a directory", kLines);
  CHECK(read_file(work.at("mine.unfinished")) == "kept");
  const std::string name(300, 'n');
  work.check_refused(kEncode + "--output " + name, 1, name + ": cannot be made: File name too long",
                     kLines);
}

TEST_CASE("a mount point is refused before the work", "[folder]") {
  const Workplace work;
  work.train();
  fs::create_directories(work.at("mounted"));
  const std::string mount =
      "unshare --user --map-root-user --mount /bin/sh -c \"mount -t tmpfs none mounted";
  const std::string folder = "cd '" + work.at("").string() + "' && ";
  if (std::system((folder + mount + "\" 2> /dev/null").c_str()) != 0) {
    WARN("SKIPPED: nothing can be mounted here");
    return;
  }
  write_file(work.at("bad.jsonl"), "no\n");  // what the work itself would complain of
  const std::string encode = "' encode --tokenizer t --document jsonl --output mounted bad.jsonl";
  const int status =
      std::system((folder + mount + " && exec '" + tests::program_named("obverse-tokenize") +
                   encode + "\" 2> stderr")
                      .c_str());
  const std::string told = read_file(work.at("stderr"));
  CHECK(status != 0);
  CHECK(lines_in(told) == 1);
  CHECK_THAT(told, ContainsSubstring("mounted: expected no folder, or an empty one, for token "
                                     "files, got a mount point"));
}

TEST_CASE("a run that fails leaves no folder that it made", "[folder]") {
  const Workplace work;
  work.train();
  write_file(work.at("bad.jsonl"), "{\"text\": \"a\"}\nno\n");
  work.check_refused("encode --tokenizer t --document jsonl --output nest/a/b bad.jsonl", 1,
                     "bad.jsonl: line 2");
  CHECK_FALSE(fs::exists(work.at("nest")));
  fs::create_directories(work.at("nest"));
  work.check_refused("encode --tokenizer t --document jsonl --output nest/a/b bad.jsonl", 1,
                     "bad.jsonl: line 2");
  CHECK(fs::is_empty(work.at("nest")));
  // A full disk, as far as it can be had: files of 512 bytes at most.
  for (const std::string& command :
       {kEncode + "--output nest/a corpus/deep/a.txt",
        std::string("train --input corpus --vocabulary 300 --output nest/a/t")}) {
    const Ended full = work.tests::Workplace::run(command, "ulimit -f 1");
    INFO(command << "\n" << full.err);
    CHECK(full.status == 1);
    CHECK(lines_in(full.err) == 1);
    CHECK_THAT(full.err, ContainsSubstring("File too large"));
    CHECK(fs::is_empty(work.at("nest")));
  }
}

TEST_CASE("texts without a token of their own are no texts for training", "[folder]") {
  const Workplace work;
  work.train();
  const std::string told = "out: expected texts for training, found none";
  work.check_refused("encode --tokenizer t --output out", 1, told, "");
  work.check_refused(kEncode + "--output out", 1, told, "\n\n\n");
  work.check_refused("encode --tokenizer t --document jsonl --output out", 1, told,
                     "{\"text\": \"\"}\n");
  const std::string pairs = "encode --tokenizer t --document prompt-completion --output out";
  work.check_refused(pairs, 1, told, "{\"prompt\": \"\", \"completion\": \"\"}\n");
  CHECK(work.run(pairs, "{\"prompt\": \"\", \"completion\": \"a\"}\n").status == 0);
}

TEST_CASE("of two runs into one folder the second is refused", "[folder]") {
  const Workplace work;
  work.train();
  // What a run that was killed left.
  fs::create_directories(work.at("data.unfinished/deep"));
  write_file(work.at("data.unfinished/train_007.bin"), "old");
  REQUIRE(::mkfifo(work.at("pipe").c_str(), 0600) == 0);
  int first = -1;
  std::thread running([&] {
    first = std::system(("cd '" + work.at("").string() + "' && exec '" +
                         tests::program_named("obverse-tokenize") + "' " + kEncode +
                         "--output data pipe > first.out 2> first.err")
                            .c_str());
  });
  // It opens its texts once it has begun with the folder.
  int pipe = -1;
  for (int tries = 0; pipe < 0 && tries < 5000; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    pipe = ::open(work.at("pipe").c_str(), O_WRONLY | O_NONBLOCK);
  }
  const Ended second = work.run(kEncode + "--output data", kLines);
  const bool was_written = pipe >= 0 && ::write(pipe, kLines.data(), kLines.size()) ==
                                            static_cast<ssize_t>(kLines.size());
  ::close(pipe);
  running.join();
  INFO(read_file(work.at("first.err")));
  CHECK(was_written);
  CHECK(first == 0);
  CHECK(second.status == 1);
  CHECK(second.err == "obverse-tokenize: data: another obverse-tokenize writes to this folder\n");
  check_written(work, "--output other", work.at("other"));
  CHECK(read_file(work.at("data/train_000.bin")) == read_file(work.at("other/train_000.bin")));
  CHECK_FALSE(fs::exists(work.at("data/train_007.bin")));
  CHECK_FALSE(fs::exists(work.at("data/deep")));
  CHECK_FALSE(fs::exists(work.at("data.unfinished")));
}

}  // namespace
}  // namespace obverse::tokenizer

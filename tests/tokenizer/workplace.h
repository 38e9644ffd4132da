// obverse-tokenize as its user meets it: the built program, run in a folder of its own.
#pragma once

#include <filesystem>
#include <string>

#include "tests/support/workplace.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace obverse::tokenizer {

namespace fs = std::filesystem;

class Workplace : public tests::Workplace {
 public:
  Workplace() : tests::Workplace("obverse-tokenize") {}

  tests::Ended run(const std::string& arguments, const std::string& input = "") const {
    tests::write_file(at("stdin"), input);
    return tests::Workplace::run(arguments, ":", "stdin");
  }

  // A tokenizer in t/, of kSomeText in corpus/.
  void train() const {
    fs::create_directories(at("corpus/deep"));
    tests::write_file(at("corpus/deep/a.txt"), kSomeText);
    const tests::Ended ended =
        run("train --input corpus --vocabulary 300 --least-count 1 --output t");
    INFO(ended.err);
    REQUIRE(ended.status == 0);
  }

  // One line on stderr, the exit status, and no output folder.
  void check_refused(const std::string& arguments, int status, const std::string& words,
                     const std::string& input = "") const {
    const tests::Ended ended = run(arguments, input);
    INFO(arguments << "\n" << ended.err);
    CHECK(ended.status == status);
    CHECK(tests::lines_in(ended.err) == 1);
    CHECK(ended.err.rfind("obverse-tokenize: ", 0) == 0);
    CHECK(ended.err.find(words) != std::string::npos);
    CHECK_FALSE(fs::exists(at("out")));
  }
};

}  // namespace obverse::tokenizer

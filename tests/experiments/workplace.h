// obverse-reversal as its user meets it: the built program, run in a folder of its own.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "tests/support/workplace.h"

namespace obverse::reversal {

namespace fs = std::filesystem;
using tests::Ended;
using tests::lines_in;
using tests::read_file;
using tests::write_file;

class Workplace : public tests::Workplace {
 public:
  Workplace() : tests::Workplace("obverse-reversal") {}

  int interrupt(const std::string& arguments, int signal,
                const std::string& file = "out/results.jsonl") const {
    return tests::Workplace::interrupt(arguments, signal, file);
  }

  // How many runs results.jsonl holds; none of them twice, none of them torn.
  std::size_t finished_runs() const {
    std::istringstream text(read_file(at("out/results.jsonl")));
    std::set<std::string> settings;
    std::size_t lines = 0;
    for (std::string line; std::getline(text, line); ++lines) {
      settings.insert(nlohmann::json::parse(line).at("settings").dump());
    }
    CHECK(settings.size() == lines);
    return lines;
  }
};

}  // namespace obverse::reversal

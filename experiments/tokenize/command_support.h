// What the subcommands share.
#pragma once

#include <chrono>
#include <cstdint>
#include <cxxopts.hpp>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/support/command_line.h"
#include "experiments/support/terminal.h"
#include "tokenizer/text_blocks.h"
#include "tokenizer/tokenizer.h"

namespace obverse::tokenize {

using experiments::parse_or_help;

// A whole number from `least` to `most`; UsageError otherwise.
std::int64_t number_option(const cxxopts::ParseResult& parsed, const std::string& name,
                           std::int64_t usual, std::int64_t least, std::int64_t most);
// A number from 0 to below 1; UsageError otherwise.
double share_option(const cxxopts::ParseResult& parsed, const std::string& name, double usual);
// --threads, by default one for each processor.
int threads_option(const cxxopts::ParseResult& parsed);
// The tokenizer that --tokenizer names, which must be there.
tokenizer::Tokenizer tokenizer_option(const cxxopts::ParseResult& parsed);

// The files that the positional arguments name, all of one kind; standard input where there are
// none.
std::vector<tokenizer::TextFile> text_files(const cxxopts::ParseResult& parsed,
                                            tokenizer::DocumentKind kind,
                                            const std::string& extension);

// Writes to standard output; std::runtime_error where that fails.
void print(std::string_view text);

// How far something is, on the terminal that standard error is, if it is one; nothing elsewhere.
class Progress {
 public:
  // `unit` as "MB", of which there are `unit_size` each.
  Progress(std::string what, std::string unit, double unit_size);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Thread-safe.
  void show(std::uint64_t done, std::uint64_t all);

 private:
  std::string what_, unit_;
  double unit_size_;
  experiments::TerminalLine line_;
  std::chrono::steady_clock::time_point start_;
  std::mutex mutex_;
};

}  // namespace obverse::tokenize

#include "experiments/tokenize/command_support.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "experiments/tokenize/commands.h"

namespace obverse::tokenize {

std::int64_t number_option(const cxxopts::ParseResult& parsed, const std::string& name,
                           std::int64_t usual, std::int64_t least, std::int64_t most) {
  if (parsed.count(name) == 0) return usual;
  const auto text = parsed[name].as<std::string>();
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end || number < least || number > most) {
    throw UsageError("expected --" + name + " to be a whole number from " + std::to_string(least) +
                     " to " + std::to_string(most) + ", got '" + text + "'");
  }
  return number;
}

double share_option(const cxxopts::ParseResult& parsed, const std::string& name, double usual) {
  if (parsed.count(name) == 0) return usual;
  const auto text = parsed[name].as<std::string>();
  double share = 0.0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, share);
  if (error != std::errc() || stopped != end || !(share >= 0.0 && share < 1.0)) {
    throw UsageError("expected --" + name + " to be a number from 0 to below 1, got '" + text +
                     "'");
  }
  return share;
}

int threads_option(const cxxopts::ParseResult& parsed) {
  const unsigned processors = std::clamp(std::thread::hardware_concurrency(), 1u, 1024u);
  return static_cast<int>(number_option(parsed, "threads", processors, 1, 1024));
}

tokenizer::Tokenizer tokenizer_option(const cxxopts::ParseResult& parsed) {
  if (parsed.count("tokenizer") == 0) {
    throw UsageError("expected --tokenizer FOLDER_OR_FILE; see --help");
  }
  return tokenizer::Tokenizer::load(parsed["tokenizer"].as<std::string>());
}

std::vector<tokenizer::TextFile> text_files(const cxxopts::ParseResult& parsed,
                                            tokenizer::DocumentKind kind,
                                            const std::string& extension) {
  std::vector<std::string> inputs = experiments::whole_arguments(parsed, "files");
  if (inputs.empty()) inputs = {"-"};
  std::vector<tokenizer::TextFile> files;
  for (const std::string& input : inputs) {
    for (const auto& path : tokenizer::text_paths(input, extension)) files.push_back({path, kind});
  }
  return files;
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
    throw std::runtime_error(std::string("standard output cannot be written: ") +
                             std::strerror(errno));
  }
}

Progress::Progress(std::string what, std::string unit, double unit_size)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      unit_size_(unit_size),
      line_(stderr),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() { line_.erase(); }

void Progress::show(std::uint64_t done, std::uint64_t all) {
  if (!line_.is_terminal()) return;
  const std::lock_guard lock(mutex_);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_;
  const double rate = static_cast<double>(done) / std::max(seconds.count(), 1e-9);
  const double left = static_cast<double>(all - std::min(done, all)) / std::max(rate, 1e-9);
  char text[160];
  std::snprintf(text, sizeof text, "%s %.0f/%.0f %s  %.0f %s/s  %s left", what_.c_str(),
                static_cast<double>(done) / unit_size_, static_cast<double>(all) / unit_size_,
                unit_.c_str(), rate / unit_size_, unit_.c_str(),
                experiments::duration_text(left).c_str());
  line_.draw(text);
}

}  // namespace obverse::tokenize

#include "experiments/train/metrics.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "engine/files/atomic_file.h"
#include "engine/files/shown_json.h"
#include "engine/files/staged_file.h"

namespace obverse::train {
namespace {

using nlohmann::json;

[[noreturn]] void fail_at(const std::filesystem::path& path, const std::string& what) {
  throw std::runtime_error(path.string() + ": " + what);
}

// How far the lines of steps up to `done` go. They are in order: what follows the first later one
// is of later steps, or was cut short.
std::size_t bytes_up_to(const std::string& text, std::int64_t done) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const json line = engine::parsed_json(std::string_view(text).substr(begin, end - begin));
    const json step = line.is_object() ? line.value("step", json()) : json();
    if (!step.is_number_integer() || step.get<std::int64_t>() > done) break;
    begin = end + 1;
  }
  return begin;
}

double number_in(const json& line, const char* field) {
  const auto found = line.find(field);
  // JSON has no word for a number that is none.
  if (found != line.end() && found->is_null()) return std::nan("");
  if (found == line.end() || !found->is_number()) {
    throw std::invalid_argument(std::string(field) + ": expected a number, found " +
                                (found == line.end() ? "none" : engine::shown_json(*found)));
  }
  return found->get<double>();
}

std::int64_t whole_number_in(const json& line, const char* field) {
  const auto found = line.find(field);
  if (found == line.end() || !found->is_number_integer()) {
    throw std::invalid_argument(std::string(field) + ": expected a whole number, found " +
                                (found == line.end() ? "none" : engine::shown_json(*found)));
  }
  return found->get<std::int64_t>();
}

void read_line(const json& line, Metrics& metrics) {
  if (!line.is_object()) throw std::invalid_argument("expected a JSON object");
  const std::int64_t step = whole_number_in(line, "step");
  if (line.contains("validation_loss")) {
    metrics.validations.push_back({step, number_in(line, "validation_loss")});
    return;
  }
  metrics.steps.push_back({step, number_in(line, "loss"), number_in(line, "gradient_norm"),
                           number_in(line, "learning_rate"), whole_number_in(line, "tokens"),
                           number_in(line, "seconds"), number_in(line, "tokens_per_second")});
}

}  // namespace

MetricsFile::MetricsFile(const std::filesystem::path& path) : path_(path) {
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) fail_at(path, std::string("cannot be written: ") + std::strerror(errno));
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    ::close(file_);
    fail_at(path, "another obverse-train writes to this folder");
  }
}

void MetricsFile::keep_up_to(std::int64_t done) {
  const std::size_t kept = bytes_up_to(engine::read_file(path_), done);
  if (::ftruncate(file_, static_cast<off_t>(kept)) != 0 || ::lseek(file_, 0, SEEK_END) < 0) {
    fail_at(path_, std::string("cannot be written: ") + std::strerror(errno));
  }
}

MetricsFile::~MetricsFile() { ::close(file_); }

void MetricsFile::write(const json& line) {
  if (!engine::write_all(file_, line.dump() + "\n")) {
    fail_at(path_, std::string("cannot be written: ") + std::strerror(errno));
  }
}

void MetricsFile::add(const StepMetrics& metrics) {
  write({{"step", metrics.step},
         {"loss", metrics.loss},
         {"gradient_norm", metrics.gradient_norm},
         {"learning_rate", metrics.learning_rate},
         {"tokens", metrics.tokens},
         {"seconds", metrics.seconds},
         {"tokens_per_second", metrics.tokens_per_second}});
}

void MetricsFile::add(const ValidationMetrics& metrics) {
  write({{"step", metrics.step}, {"validation_loss", metrics.loss}});
}

void MetricsFile::sync() {
  if (::fsync(file_) != 0 && errno != EINVAL) {
    fail_at(path_, std::string("cannot be written: ") + std::strerror(errno));
  }
}

Metrics read_metrics(const std::filesystem::path& path) {
  const std::string text = engine::read_file(path);
  Metrics metrics;
  std::size_t begin = 0;
  for (int number = 1; begin < text.size(); ++number) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    try {
      read_line(engine::parsed_json(std::string_view(text).substr(begin, end - begin)), metrics);
    } catch (const std::invalid_argument& error) {
      fail_at(path, "line " + std::to_string(number) + ": " + error.what());
    }
    begin = end + 1;
  }
  return metrics;
}

}  // namespace obverse::train

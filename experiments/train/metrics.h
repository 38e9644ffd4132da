// A run's metrics.jsonl: one JSON object a line, of a step or of a validation loss. A resumed run
// goes on behind the last line that its checkpoint knows, so that each step is there once.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace obverse::train {

struct StepMetrics {
  std::int64_t step = 0;
  double loss = 0.0;  // nats a target
  double gradient_norm = 0.0, learning_rate = 0.0;
  std::int64_t tokens = 0;         // read since the run began
  double seconds = 0.0;            // of training since the run began
  double tokens_per_second = 0.0;  // of this step
};
struct ValidationMetrics {
  std::int64_t step = 0;
  double loss = 0.0;
};

class MetricsFile {
 public:
  // Opens or makes the file, for this program alone. Throws std::runtime_error, one line, where it
  // cannot be written or another program has it.
  explicit MetricsFile(const std::filesystem::path& path);
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  // Drops the lines of steps behind `done`, and what a kill cut short; the next ones come there.
  void keep_up_to(std::int64_t done);
  void add(const StepMetrics& metrics);
  void add(const ValidationMetrics& metrics);
  // What was added is on disk when this returns.
  void sync();

 private:
  void write(const nlohmann::json& line);

  std::filesystem::path path_;
  int file_ = -1;
};

struct Metrics {
  std::vector<StepMetrics> steps;
  std::vector<ValidationMetrics> validations;
};
// Reads such a file; a line that a kill cut short is left out. Throws std::runtime_error, one line
// that names file and line, for anything else that is not one of ours.
Metrics read_metrics(const std::filesystem::path& path);

}  // namespace obverse::train

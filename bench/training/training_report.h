// What was measured of training, for people and for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/training/training_options.h"
#include "bench/training/training_run.h"

namespace obverse::bench {

// What a step's operations are compared with.
struct Ceiling {
  std::string name;   // "cublas", "sgemm"
  double rate = 0.0;  // operations a second
};

std::string describe(const TrainingBenchOptions& options, const TrainingFigures& figures,
                     const Ceiling& ceiling);
nlohmann::json to_json(const TrainingBenchOptions& options, const TrainingFigures& figures,
                       const Ceiling& ceiling);

}  // namespace obverse::bench

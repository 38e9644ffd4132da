// A row of `obverse-reversal verify`: what the literature says of small models trained from
// scratch, the preset that measures it, and the check of its results. A file NAME.cpp of
// verify/rows/ defines `std::vector<VerifyRow> NAME_rows()`, which the build finds by its name.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/reversal_curse/results.h"
#include "experiments/reversal_curse/statistics.h"

namespace obverse::reversal {

// One number of a row with what was expected of it.
struct Measured {
  std::string what;  // "causal, k = 1: reverse.accuracy"
  double value = 0.0;
  std::optional<Interval> interval;
  bool holds = false;
  std::string note;  // behind the number, e.g. the p-values
};

// Runs by preset, as a row asked for them.
class Evidence {
 public:
  explicit Evidence(std::vector<RunResult> runs) : runs_(std::move(runs)) {}

  // The arm of the runs that have these settings, by path: {{"objective", "causal"},
  // {"world.name_tokens", 1}}; a path that a record lacks matches null. Throws std::runtime_error
  // where there is none.
  std::vector<const RunResult*> arm(const nlohmann::json& settings) const;
  // The distinct values of a path over all runs that have `settings`, in order of appearance.
  std::vector<nlohmann::json> values(
      const std::string& path, const nlohmann::json& settings = nlohmann::json::object()) const;
  const std::vector<RunResult>& runs() const { return runs_; }
  // metrics_of() an arm; made once, since the intervals take a second.
  const nlohmann::json& metrics(const nlohmann::json& settings) const;

  // One metric of an arm, held to a bound. A metric that was not asked does not hold.
  Measured at_least(const nlohmann::json& settings, const std::string& metric, double bound) const;
  Measured at_most(const nlohmann::json& settings, const std::string& metric, double bound) const;
  // Held to nothing but to have a value and an interval: what it is, is the finding.
  Measured reported(const nlohmann::json& settings, const std::string& metric) const;

 private:
  Measured measure(const nlohmann::json& settings, const std::string& metric) const;

  std::vector<RunResult> runs_;
  mutable std::map<std::string, nlohmann::json> metrics_;  // by the arm's settings
};

struct VerifyRow {
  int number = 0;
  std::string under;                                     // what was trained
  std::string expected;                                  // in words
  std::string source;                                    // where it is known from
  std::vector<std::string> quick_presets, full_presets;  // whose runs it needs
  std::function<std::vector<Measured>(const Evidence& evidence)> check;
  // By which its runs are probed; their presets keep models. Usually none.
  std::vector<std::string> probes = {};
};

// All rows, by number.
std::vector<VerifyRow> verify_rows();

// "objective causal, name tokens 1".
std::string words_of(const nlohmann::json& settings);

}  // namespace obverse::reversal

// What a probe of one model leaves behind, and what becomes of it over several.
#pragma once

#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/reversal_curse/statistics.h"

namespace obverse::reversal {

// How observations become one number with an interval.
enum class Estimator {
  share,  // of values 0 or 1: their mean, Wilson's interval on clustered counts
  mean,   // their mean, clustered bootstrap
  ratio,  // sum of values / sum of `against`, clustered bootstrap
};

// What a probe observed for one metric, fact by fact. Facts may repeat; they are what intervals are
// clustered by.
struct ProbeSeries {
  Estimator estimator = Estimator::mean;
  std::vector<int> facts;
  std::vector<double> values;
  std::vector<double> against;  // of a ratio, as many as values; else empty
};

struct ProbeResult {
  std::map<std::string, ProbeSeries> series;  // by metric, e.g. "edits.rank_one.reverse.index"
  nlohmann::json counts = nlohmann::json::object();  // facts left out and why, ...

  void add(Estimator estimator, const std::string& metric, int fact, double value,
           double against = std::numeric_limits<double>::quiet_NaN());
};
nlohmann::json to_json(const ProbeResult& result);
// Throws std::runtime_error naming the missing or mistyped field.
ProbeResult probe_result_from_json(const nlohmann::json& json);

// Flat metric names to numbers and intervals over what one arm's runs gave for one kind of probe:
// metric, metric + ".ci95", and metric + ".count" (observations), as metrics_of() gives them.
nlohmann::json probe_metrics(const std::vector<const ProbeResult*>& runs, Facts facts);

}  // namespace obverse::reversal

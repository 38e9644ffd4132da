#include "experiments/reversal_curse/probes/probe_result.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace obverse::reversal {
namespace {

using nlohmann::json;

constexpr std::uint64_t kBootstrapSeed = 14;

const char* name_of(Estimator estimator) {
  switch (estimator) {
    case Estimator::share:
      return "share";
    case Estimator::mean:
      return "mean";
    case Estimator::ratio:
      return "ratio";
  }
  return "";
}

[[noreturn]] void refuse(const std::string& path, const std::string& expected, const json& found) {
  throw std::runtime_error("field \"" + path + "\": expected " + expected + ", found " +
                           found.dump().substr(0, 40));
}

Estimator estimator_named(const std::string& path, const json& word) {
  for (const Estimator estimator : {Estimator::share, Estimator::mean, Estimator::ratio}) {
    if (word == name_of(estimator)) return estimator;
  }
  refuse(path, "share, mean or ratio", word);
}

// A number that is not finite is written as null.
std::vector<double> numbers(const std::string& path, const json& values, std::size_t count) {
  if (!values.is_array() || values.size() != count) {
    refuse(path, "an array of " + std::to_string(count) + " numbers", values);
  }
  std::vector<double> read;
  for (const json& value : values) {
    if (!value.is_number() && !value.is_null()) refuse(path, "numbers", value);
    read.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                   : value.get<double>());
  }
  return read;
}

// Four digits are beyond any interval here, and half of the file.
json rounded(const std::vector<double>& values) {
  json list = json::array();
  for (const double value : values) {
    list.push_back(std::isfinite(value) ? json(std::round(value * 1e5) / 1e5) : json(nullptr));
  }
  return list;
}

std::vector<Observation> observations_of(const std::vector<const ProbeSeries*>& runs) {
  std::vector<Observation> all;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    const ProbeSeries& series = *runs[run];
    for (std::size_t i = 0; i < series.facts.size(); ++i) {
      all.push_back({static_cast<int>(run), series.facts[i], series.values[i],
                     series.against.empty() ? 1.0 : series.against[i]});
    }
  }
  return all;
}

double ratio_of(const std::vector<Observation>& observations) {
  double sum = 0.0, against = 0.0;
  for (const Observation& observation : observations) {
    sum += observation.value;
    against += observation.weight;
  }
  return sum / against;
}

// A run counts the same however many facts were left of it.
double mean_over_runs(const std::vector<const ProbeSeries*>& runs) {
  std::vector<double> means;
  for (const ProbeSeries* run : runs) {
    if (!run->values.empty()) means.push_back(mean(run->values));
  }
  return mean(means);
}

}  // namespace

void ProbeResult::add(Estimator estimator, const std::string& metric, int fact, double value,
                      double against) {
  ProbeSeries& known = series[metric];
  known.estimator = estimator;
  known.facts.push_back(fact);
  known.values.push_back(value);
  if (estimator == Estimator::ratio) known.against.push_back(against);
}

json to_json(const ProbeResult& result) {
  json all = json::object();
  for (const auto& [metric, series] : result.series) {
    json& one = all[metric];
    one = {{"estimator", name_of(series.estimator)},
           {"facts", series.facts},
           {"values", rounded(series.values)}};
    if (series.estimator == Estimator::ratio) one["against"] = rounded(series.against);
  }
  return {{"series", all}, {"counts", result.counts}};
}

ProbeResult probe_result_from_json(const json& value) {
  ProbeResult result;
  if (!value.is_object() || !value.contains("series") || !value.at("series").is_object()) {
    refuse("series", "an object", value.is_object() ? value.value("series", json()) : value);
  }
  result.counts = value.value("counts", json::object());
  for (const auto& item : value.at("series").items()) {
    const std::string path = "series." + item.key() + ".";
    const json& one = item.value();
    for (const char* field : {"estimator", "facts", "values"}) {
      if (!one.is_object() || !one.contains(field)) refuse(path + field, "a value", json());
    }
    ProbeSeries& series = result.series[item.key()];
    series.estimator = estimator_named(path + "estimator", one.at("estimator"));
    const json& facts = one.at("facts");
    if (!facts.is_array() || !std::all_of(facts.begin(), facts.end(), [](const json& fact) {
          return fact.is_number_integer();
        })) {
      refuse(path + "facts", "an array of whole numbers", facts);
    }
    series.facts = facts.get<std::vector<int>>();
    series.values = numbers(path + "values", one.at("values"), series.facts.size());
    if (series.estimator == Estimator::ratio) {
      series.against = numbers(path + "against", one.value("against", json()), series.facts.size());
    }
  }
  return result;
}

json probe_metrics(const std::vector<const ProbeResult*>& runs, Facts facts) {
  std::map<std::string, std::vector<const ProbeSeries*>> by_metric;
  for (const ProbeResult* run : runs) {
    for (const auto& [metric, series] : run->series) by_metric[metric].push_back(&series);
  }
  json metrics = json::object();
  for (const auto& [metric, all] : by_metric) {
    const std::vector<Observation> observations = observations_of(all);
    const Estimator estimator = all.front()->estimator;
    const Interval interval = estimator == Estimator::share
                                  ? clustered_wilson(observations, facts)
                                  : clustered_bootstrap(observations, kBootstrapSeed, facts);
    metrics[metric] = estimator == Estimator::ratio ? ratio_of(observations) : mean_over_runs(all);
    metrics[metric + ".ci95"] = {interval.low, interval.high};
    metrics[metric + ".count"] = observations.size();
  }
  return metrics;
}

}  // namespace obverse::reversal

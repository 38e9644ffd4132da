#include "experiments/reversal_curse/verify/row.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace obverse::reversal {

// The generated list of all files' rows.
std::vector<VerifyRow> listed_verify_rows();

namespace {

using nlohmann::json;

// A setting by its path in a run's record, null where the record has none.
json setting_of(const RunResult& run, const std::string& path) {
  if (path == "objective") return run.objective;
  if (path == "training.steps") return run.steps;
  const std::size_t dot = path.find('.');
  const std::string part = path.substr(0, dot), name = path.substr(dot + 1);
  const json& record = part == "world"          ? run.world
                       : part == "architecture" ? run.architecture
                                                : run.training;
  return record.contains(name) ? record.at(name) : json(nullptr);
}

bool has(const RunResult& run, const json& settings) {
  return std::all_of(settings.items().begin(), settings.items().end(),
                     [&](const auto& item) { return setting_of(run, item.key()) == item.value(); });
}

}  // namespace

std::string words_of(const json& settings) {
  std::string text;
  for (const auto& item : settings.items()) {
    std::string name = item.key().substr(item.key().find('.') + 1);
    std::replace(name.begin(), name.end(), '_', ' ');
    const std::string value =
        item.value().is_string() ? item.value().get<std::string>() : item.value().dump();
    text += (text.empty() ? "" : ", ") + (name == "objective" ? value : name + " " + value);
  }
  return text;
}

std::vector<const RunResult*> Evidence::arm(const json& settings) const {
  std::vector<const RunResult*> runs;
  for (const RunResult& run : runs_) {
    if (has(run, settings)) runs.push_back(&run);
  }
  if (runs.empty()) throw std::runtime_error("no finished run with " + words_of(settings));
  return runs;
}

std::vector<json> Evidence::values(const std::string& path, const json& settings) const {
  std::vector<json> found;
  for (const RunResult& run : runs_) {
    const json value = setting_of(run, path);
    if (has(run, settings) && std::find(found.begin(), found.end(), value) == found.end()) {
      found.push_back(value);
    }
  }
  return found;
}

const json& Evidence::metrics(const json& settings) const {
  const std::string key = settings.dump();
  const auto known = metrics_.find(key);
  return known != metrics_.end() ? known->second
                                 : metrics_.emplace(key, metrics_of(arm(settings))).first->second;
}

Measured Evidence::measure(const json& settings, const std::string& metric) const {
  const json& metrics = this->metrics(settings);
  Measured measured;
  measured.what = words_of(settings) + ": " + metric;
  measured.value = std::numeric_limits<double>::quiet_NaN();
  if (metrics.contains(metric) && metrics.at(metric).is_number()) {
    measured.value = metrics.at(metric);
    const json& ends = metrics.value(metric + ".ci95", json());
    if (ends.is_array() && ends[0].is_number() && ends[1].is_number()) {
      measured.interval = Interval{ends[0], ends[1]};
    }
  }
  return measured;
}

Measured Evidence::at_least(const json& settings, const std::string& metric, double bound) const {
  Measured measured = measure(settings, metric);
  measured.holds = measured.value >= bound;  // not a number: does not hold
  return measured;
}

Measured Evidence::at_most(const json& settings, const std::string& metric, double bound) const {
  Measured measured = measure(settings, metric);
  measured.holds = measured.value <= bound;
  return measured;
}

Measured Evidence::reported(const json& settings, const std::string& metric) const {
  Measured measured = measure(settings, metric);
  measured.holds = std::isfinite(measured.value) && measured.interval.has_value();
  return measured;
}

std::vector<VerifyRow> verify_rows() {
  std::vector<VerifyRow> rows = listed_verify_rows();
  std::stable_sort(rows.begin(), rows.end(),
                   [](const VerifyRow& a, const VerifyRow& b) { return a.number < b.number; });
  return rows;
}

}  // namespace obverse::reversal

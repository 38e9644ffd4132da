#include "experiments/reversal_curse/report/compare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "experiments/reversal_curse/report/arms.h"
#include "experiments/reversal_curse/report/format.h"

namespace obverse::reversal::report {
namespace {

struct Side {
  std::vector<Arm> arms;
  std::vector<Settings> settings;
};

Side side_of(const std::vector<RunResult>& runs) {
  Side side{arms_of(runs), {}};
  for (const Arm& arm : side.arms) side.settings.push_back(settings_of(*arm.runs.front()));
  return side;
}

// A setting's values over a folder's arms; absence is a value, too.
std::set<std::string> values_of(const Side& side, const std::string& path) {
  std::set<std::string> values;
  for (const Settings& settings : side.settings) {
    const auto found = settings.find(path);
    values.insert(found == settings.end() ? "none" : setting(found->second));
  }
  return values;
}

bool derived_anywhere(const Side& a, const Side& b, const std::string& path) {
  for (const Side* side : {&a, &b}) {
    for (const Settings& settings : side->settings) {
      if (settings.count(path) > 0 && is_derived(path, settings)) return true;
    }
  }
  return false;
}

std::string listed_values(const std::set<std::string>& values) {
  return listed(std::vector<std::string>(values.begin(), values.end()), 4);
}

Settings restricted(const Settings& settings, const std::set<std::string>& paths) {
  Settings kept;
  for (const auto& [path, value] : settings) {
    if (paths.count(path) > 0) kept[path] = value;
  }
  return kept;
}

bool is_wanted(const std::string& key, const std::string& metric) {
  if (metric.empty()) return std::count(key.begin(), key.end(), '.') == 1;
  return key == metric || key.rfind(metric + ".", 0) == 0;
}

bool is_gain(const std::string& metric) { return metric.ends_with("logprob_gain"); }

// In the order of the page: kinds as they are asked.
int rank_of(const std::string& metric) {
  for (int kind = 0; kind < kAskedCount; ++kind) {
    if (metric.rfind(std::string(name_of(static_cast<Asked>(kind))) + ".", 0) == 0) return kind;
  }
  return kAskedCount;
}

Difference difference_of(const std::string& metric, const Estimate& a, const Estimate& b) {
  Difference difference{metric, a, b, {}, false, 1.0, 1.0};
  difference.of_difference = difference_interval(b.value, b.interval, a.value, a.interval);
  const Interval& interval = difference.of_difference;
  difference.exceeds = interval.low > 0.0 || interval.high < 0.0;
  const double value = b.value - a.value;
  const double reach = value > 0.0 ? value - interval.low : interval.high - value;
  if (value != 0.0) {
    constexpr double kEnd = 1.959963984540054;
    difference.p = std::erfc(kEnd * std::abs(value) / reach / std::sqrt(2.0));
  }
  return difference;
}

std::vector<Difference> differences_of(const Arm& a, const Arm& b, const std::string& metric,
                                       std::set<std::string>& shared) {
  const nlohmann::json of_a = metrics_of(a.runs), of_b = metrics_of(b.runs);
  std::vector<Difference> differences;
  for (const auto& [key, value] : of_a.items()) {
    const auto value_a = number_at(of_a, key), value_b = number_at(of_b, key);
    const auto interval_a = interval_at(of_a, key + ".ci95");
    const auto interval_b = interval_at(of_b, key + ".ci95");
    if (!value_a || !value_b || !interval_a || !interval_b) continue;
    shared.insert(key);
    if (!is_wanted(key, metric)) continue;
    differences.push_back(difference_of(key, {*value_a, *interval_a}, {*value_b, *interval_b}));
  }
  std::stable_sort(differences.begin(), differences.end(),
                   [](const Difference& x, const Difference& y) {
                     return rank_of(x.metric) < rank_of(y.metric);
                   });
  return differences;
}

void correct(Comparison& comparison) {
  std::vector<double> p;
  for (const ComparedArm& arm : comparison.arms) {
    for (const Difference& difference : arm.differences) p.push_back(difference.p);
  }
  const std::vector<double> corrected = holm(p);
  std::size_t at = 0;
  for (ComparedArm& arm : comparison.arms) {
    for (Difference& difference : arm.differences) difference.corrected_p = corrected[at++];
  }
}

}  // namespace

Comparison compare(const std::vector<RunResult>& runs_a, const std::vector<RunResult>& runs_b,
                   const std::string& metric) {
  const Side a = side_of(runs_a), b = side_of(runs_b);
  Comparison comparison;
  std::set<std::string> paths, matched;
  for (const Side* side : {&a, &b}) {
    for (const Settings& settings : side->settings) {
      for (const auto& [path, value] : settings) paths.insert(path);
    }
  }
  for (const std::string& path : paths) {
    if (derived_anywhere(a, b, path)) continue;
    const std::set<std::string> of_a = values_of(a, path), of_b = values_of(b, path);
    const bool common = std::any_of(of_a.begin(), of_a.end(), [&of_b](const std::string& value) {
      return of_b.count(value) > 0;
    });
    if (common) {
      matched.insert(path);
    } else {
      comparison.between_folders.push_back(path + ": " + listed_values(of_a) + " in A, " +
                                           listed_values(of_b) + " in B");
    }
  }
  std::vector<Settings> keys_a, keys_b;
  for (const Settings& settings : a.settings) keys_a.push_back(restricted(settings, matched));
  for (const Settings& settings : b.settings) keys_b.push_back(restricted(settings, matched));
  std::vector<bool> used_b(b.arms.size(), false);
  std::set<std::string> shared;
  for (std::size_t i = 0; i < a.arms.size(); ++i) {
    const bool alone = std::count(keys_a.begin(), keys_a.end(), keys_a[i]) == 1 &&
                       std::count(keys_b.begin(), keys_b.end(), keys_a[i]) == 1;
    if (!alone) {
      comparison.only_in_a.push_back(a.arms[i].label);
      continue;
    }
    const auto partner = static_cast<std::size_t>(
        std::find(keys_b.begin(), keys_b.end(), keys_a[i]) - keys_b.begin());
    used_b[partner] = true;
    comparison.arms.push_back(
        {a.arms[i].label, differences_of(a.arms[i], b.arms[partner], metric, shared)});
  }
  for (std::size_t i = 0; i < b.arms.size(); ++i) {
    if (!used_b[i]) comparison.only_in_b.push_back(b.arms[i].label);
  }
  comparison.metrics.assign(shared.begin(), shared.end());
  correct(comparison);
  return comparison;
}

namespace {

std::string cell(const std::string& text, std::size_t width) {
  // Every character is one byte here but the dash of what is missing, which intervals lack.
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string value_of(const Estimate& estimate, bool gain) {
  const auto show = [gain](double value) { return gain ? nats(value) : percent_number(value); };
  return show(estimate.value) + " [" + show(estimate.interval.low) + "," +
         show(estimate.interval.high) + "]";
}

std::string difference_cell(const Difference& difference) {
  const bool gain = is_gain(difference.metric);
  const auto show = [gain](double value) { return gain ? nats(value) : points(value); };
  return show(difference.b.value - difference.a.value) + " [" + show(difference.of_difference.low) +
         "," + show(difference.of_difference.high) + "]";
}

std::string folded(const std::string& lead, const std::string& text) {
  std::string out, line = lead;
  std::size_t begin = 0;
  bool first = true;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (!first && line.size() + 1 + word.size() > 80) {
      out += line + "\n";
      line = std::string(lead.size(), ' ') + word;
    } else {
      line += (first ? "" : " ") + word;
    }
    first = false;
    begin = end + 1;
  }
  return out + line + "\n";
}

}  // namespace

std::string render_comparison(const Comparison& comparison) {
  std::size_t count = 0, exceed = 0, corrected = 0;
  for (const ComparedArm& arm : comparison.arms) {
    for (const Difference& difference : arm.differences) {
      ++count;
      exceed += difference.exceeds ? 1 : 0;
      corrected += difference.corrected_p < 0.05 ? 1 : 0;
    }
  }
  std::string text;
  if (count == 0) {
    text = "No arm and metric are in both folders.\n";
  } else {
    text = folded("", std::to_string(exceed) + " of " + std::to_string(count) +
                          " differences exceed their intervals (of equal results about one in "
                          "twenty would); after Holm's correction over all of them " +
                          std::to_string(corrected) + (corrected == 1 ? " does." : " do."));
  }
  for (const std::string& difference : comparison.between_folders) {
    text += folded("  between the folders: ", difference);
  }
  if (count > 0) {
    text += "\n" + std::string(26, ' ') + cell("A", 17) + cell("B", 17) + cell("B - A", 19) + "\n";
  }
  for (const ComparedArm& arm : comparison.arms) {
    if (arm.differences.empty()) continue;
    text += folded("", arm.label);
    for (const Difference& difference : arm.differences) {
      std::string line = "  " + difference.metric;
      if (line.size() > 26) {
        text += line + "\n";
        line.clear();
      }
      line += std::string(26 - line.size(), ' ');
      line += cell(value_of(difference.a, is_gain(difference.metric)), 17) +
              cell(value_of(difference.b, is_gain(difference.metric)), 17) +
              cell(difference_cell(difference), 19);
      if (line.size() > 79) {
        // Wide numbers: the same without padding.
        line = std::string(4, ' ') + value_of(difference.a, is_gain(difference.metric)) + "  " +
               value_of(difference.b, is_gain(difference.metric)) + "  " +
               difference_cell(difference);
        text += "  " + difference.metric + "\n";
      }
      text += line + (difference.corrected_p < 0.05 ? "!" : difference.exceeds ? "*" : "") + "\n";
    }
  }
  if (count > 0) {
    text += "\n" + folded("",
                          "Shares in per cent and their differences in points, gains in nats, "
                          "with 95 % intervals. *: the difference exceeds its interval; !: "
                          "after Holm's correction, too. Seeds that both folders have share "
                          "their facts, so that intervals are rather too wide.");
  }
  for (const std::string& label : comparison.only_in_a) {
    text += folded("without a partner in B: ", label);
  }
  for (const std::string& label : comparison.only_in_b) {
    text += folded("without a partner in A: ", label);
  }
  return text;
}

}  // namespace obverse::reversal::report

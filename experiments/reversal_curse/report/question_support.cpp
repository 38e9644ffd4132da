#include "experiments/reversal_curse/report/question_support.h"

#include <algorithm>
#include <map>

#include "experiments/reversal_curse/report/format.h"

namespace obverse::reversal::report {
namespace {

Settings without(const Settings& settings, const std::function<bool(const std::string&)>& left) {
  Settings kept;
  for (const auto& [path, value] : settings) {
    if (!left(path)) kept[path] = value;
  }
  return kept;
}

// Least and greatest of a control, with the end of an interval that counts.
struct Span {
  int asked = 0;
  double low = 1.0, high = 0.0, lowest = 1.0, highest = 0.0;
};

Span span_of(const ArmList& arms, const std::string& metric) {
  Span span;
  for (const AskedArm* arm : arms) {
    const auto estimate = arm->estimate(metric);
    if (!estimate) continue;
    ++span.asked;
    span.low = std::min(span.low, estimate->value);
    span.high = std::max(span.high, estimate->value);
    span.lowest = std::min(span.lowest, estimate->interval.low);
    span.highest = std::max(span.highest, estimate->interval.high);
  }
  return span;
}

std::string range_words(const Span& span) {
  const std::string low = percent_number(span.low), high = percent(span.high);
  return low + " %" == high ? high : low + " to " + high;
}

std::string missing_words(int missing, std::size_t arms) {
  if (missing == static_cast<int>(arms)) return "in no arm";
  return "not in " + std::to_string(missing) + " of " + std::to_string(arms) + " arms";
}

}  // namespace

std::vector<Group> groups_by(const Study& study,
                             const std::function<bool(const std::string&)>& free,
                             const std::function<bool(const AskedArm&)>& wanted) {
  std::vector<Settings> keys;
  std::vector<Group> groups;
  for (const AskedArm& arm : study.arms) {
    if (!wanted(arm)) continue;
    const Settings key = without(arm.settings, [&](const std::string& path) {
      return free(path) || is_derived(path, arm.settings);
    });
    const auto found = std::find(keys.begin(), keys.end(), key);
    const auto at = static_cast<std::size_t>(found - keys.begin());
    if (found == keys.end()) {
      keys.push_back(key);
      groups.emplace_back();
    }
    groups[at].arms.push_back(&arm);
  }
  std::vector<Settings> kept_keys;
  std::vector<Group> kept;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].arms.size() < 2) continue;
    kept.push_back(groups[i]);
    kept_keys.push_back(keys[i]);
  }
  const std::vector<std::string> labels = labels_of(kept_keys);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    kept[i].label = labels[i];
    std::vector<Settings> own;
    for (const AskedArm* arm : kept[i].arms) {
      own.push_back(
          without(arm->settings, [&free](const std::string& path) { return !free(path); }));
    }
    kept[i].labels = labels_of(own);
  }
  return kept;
}

std::string about(const std::string& label, const std::string& sentence) {
  if (label.empty()) return sentence;
  return label + ": " + sentence;
}

std::string joined_sentences(const std::vector<std::string>& sentences, std::size_t most) {
  std::string text;
  const std::size_t shown = sentences.size() > most + 1 ? most : sentences.size();
  for (std::size_t i = 0; i < shown; ++i) {
    std::string sentence = sentences[i];
    // "k = 2" is no word.
    const bool is_word = sentence.size() < 2 || sentence[1] != ' ' || sentence[0] == 'a';
    if (is_word && !sentence.empty() && sentence[0] >= 'a' && sentence[0] <= 'z') {
      sentence[0] = static_cast<char>(sentence[0] - 'a' + 'A');
    }
    text += (text.empty() ? "" : " ") + sentence;
  }
  if (shown < sentences.size()) {
    text += " Of " + std::to_string(sentences.size() - shown) + " groups more the table tells.";
  }
  return text;
}

std::string shown(const Estimate& estimate) {
  return percent_with_interval(estimate.value, estimate.interval);
}

std::vector<std::string> control_sentences(const ArmList& arms) {
  const int count = static_cast<int>(arms.size());
  std::vector<std::string> sentences;
  std::string controls;
  const Span both = span_of(arms, "both.accuracy"), unseen = span_of(arms, "unseen.accuracy");
  const Span trained = span_of(arms, "trained.accuracy");
  const auto add = [&controls](const std::string& text) {
    controls += (controls.empty() ? "Controls: " : "; ") + text;
  };
  if (trained.asked > 0) {
    add("asked as stated " + range_words(trained) + " (lowest lower end " +
        percent(trained.lowest) + ")");
  }
  if (both.asked > 0) {
    add("facts stated both ways " + range_words(both) + " (lowest lower end " +
        percent(both.lowest) + ")");
  }
  if (unseen.asked > 0) {
    add("facts never stated " + range_words(unseen) + " (highest upper end " +
        percent(unseen.highest) + ")");
  }
  if (!controls.empty()) sentences.push_back(controls + ".");
  std::string missing;
  if (both.asked < count) {
    missing += "Facts stated both ways were asked " +
               missing_words(count - both.asked, arms.size()) +
               ": there a failure may be the format's. ";
  }
  if (unseen.asked < count) {
    missing += "Facts never stated were asked " + missing_words(count - unseen.asked, arms.size()) +
               ": there guessing has no floor. ";
  }
  const auto one_seed = std::count_if(
      arms.begin(), arms.end(), [](const AskedArm* arm) { return arm->arm->runs.size() == 1; });
  if (one_seed == count) {
    missing += "Every arm has one seed, so how much seeds differ is unknown.";
  } else if (one_seed > 0) {
    missing += std::to_string(one_seed) + " of " + std::to_string(count) + " arms have one seed.";
  }
  if (!missing.empty()) {
    if (missing.back() == ' ') missing.pop_back();
    sentences.push_back(missing);
  }
  return sentences;
}

std::vector<std::string> left_out_sentences(const ArmList& arms, const std::string& probe) {
  std::map<std::string, std::vector<std::string>> lines;  // by world
  for (const AskedArm* arm : arms) {
    for (const RunResult* run : arm->arm->runs) {
      const auto found = run->probes.find(probe);
      if (found == run->probes.end()) continue;
      const auto left_out = found->second.counts.find("left_out_of_the_world");
      if (left_out == found->second.counts.end()) continue;
      // Of several seeds the first: counts in them may differ.
      lines.try_emplace(run->world.at("name"), left_out->get<std::vector<std::string>>());
    }
  }
  std::vector<std::string> sentences;
  for (const auto& [world, each] : lines) {
    std::string text = "Left out in " + world;
    for (std::size_t i = 0; i < each.size(); ++i) text += (i == 0 ? ": " : "; ") + each[i];
    sentences.push_back(text + ".");
  }
  return sentences;
}

std::string verdict_clause(const ArmList& arms, const std::vector<std::string>& labels) {
  std::string text;
  for (const Verdict verdict : {Verdict::reversed, Verdict::partly_reversed, Verdict::traces,
                                Verdict::cursed, Verdict::inconclusive}) {
    std::vector<std::string> items;
    for (std::size_t i = 0; i < arms.size(); ++i) {
      if (arms[i]->verdict() != verdict) continue;
      const auto reverse = arms[i]->estimate("reverse.accuracy");
      items.push_back(labels[i] + (reverse ? " (" + shown(*reverse) + ")" : ""));
    }
    if (items.empty()) continue;
    text += (text.empty() ? "" : "; ") + std::string(words_of(verdict)) + ": " + listed(items, 4);
  }
  return text;
}

Interval change_of(const Estimate& from, const Estimate& to) {
  return difference_interval(to.value, to.interval, from.value, from.interval);
}

std::string change_words(const Estimate& from, const Estimate& to) {
  const Interval interval = change_of(from, to);
  if (interval.low > 0.0) return "rises";
  if (interval.high < 0.0) return "falls";
  return "no difference is told";
}

Cell text_cell(const std::string& text) {
  Cell cell;
  cell.text = text;
  return cell;
}

Cell number_cell(const std::optional<double>& value) {
  Cell cell;
  cell.value = value;
  return cell;
}

Cell estimate_cell(const std::optional<Estimate>& estimate) {
  Cell cell;
  if (!estimate) return cell;
  cell.value = estimate->value;
  cell.interval = estimate->interval;
  return cell;
}

std::vector<Column> metric_columns(const std::vector<std::string>& metrics) {
  std::vector<Column> columns;
  for (const std::string& metric : metrics) {
    columns.push_back({metric, metric.ends_with("logprob_gain") ? Shown::nats : Shown::share});
  }
  return columns;
}

void add_metric_cells(const AskedArm& arm, const std::vector<std::string>& metrics,
                      std::vector<Cell>& row) {
  for (const std::string& metric : metrics) row.push_back(estimate_cell(arm.estimate(metric)));
}

std::optional<PlotPoint> point_of(const AskedArm& arm, const std::string& metric, double x,
                                  const std::string& label) {
  const auto value = arm.number(metric);
  if (!value) return std::nullopt;
  PlotPoint point;
  point.x = x;
  point.value = *value;
  point.interval = interval_at(arm.metrics(), metric + ".ci95");
  point.seeds = arm.seeds(metric);
  const bool gain = metric.find("gain") != std::string::npos;
  point.hint = label + ", " + metric + ": " +
               (gain ? nats_with_interval(*value, point.interval)
                     : percent_with_interval(*value, point.interval));
  return point;
}

PlotSeries series_of(const ArmList& arms, const std::vector<std::string>& labels,
                     const std::vector<double>& places, const std::string& metric,
                     const std::string& label, Look look) {
  PlotSeries series;
  series.label = label;
  series.look = look;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (const auto point = point_of(*arms[i], metric, places[i], labels[i])) {
      series.points.push_back(*point);
    }
  }
  return series;
}

std::vector<double> places_of(std::size_t count) {
  std::vector<double> places;
  for (std::size_t i = 0; i < count; ++i) places.push_back(static_cast<double>(i));
  return places;
}

}  // namespace obverse::reversal::report

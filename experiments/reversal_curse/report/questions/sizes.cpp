// Whether the curse depends on the model (Berglund et al. 2023, Figure 4; Zhu et al. 2024): arms
// that differ in their architecture alone.
//
// Rule: the curse "holds in all" only where every arm's verdict (verdict.h) is cursed; arms of
// other verdicts are named, undecided ones counted apart. A gain in log-probability is "told from
// 0" where a test's p, corrected by Holm over the group's arms, is below .05.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/parameter_count.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

constexpr double kSignificant = 0.05;

bool is_size(const std::string& path) {
  static const std::set<std::string> kSizes = {"architecture.layers", "architecture.width",
                                               "architecture.heads", "architecture.key_value_heads",
                                               "architecture.hidden"};
  return kSizes.count(path) > 0;
}

std::optional<double> parameters_of(const AskedArm& arm) {
  const auto count = parameter_count(arm.arm->runs.front()->architecture);
  if (!count) return std::nullopt;
  return static_cast<double>(*count);
}

double tokens_of(const AskedArm& arm) {
  double sum = 0.0;
  for (const RunResult* run : arm.arm->runs) sum += static_cast<double>(run->tokens);
  return sum / static_cast<double>(arm.arm->runs.size());
}

// Corrected over the arms of the group; NaN where an arm lacks the test.
std::vector<double> corrected(const ArmList& arms, const std::string& key) {
  std::vector<double> p;
  for (const AskedArm* arm : arms) {
    p.push_back(arm->number(key).value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  return holm(p);
}

std::string told(const ArmList& arms, const std::string& kind) {
  int asked = 0, by_t = 0, by_ks = 0;
  const std::vector<double> t = corrected(arms, kind + ".logprob_gain.t_p");
  const std::vector<double> ks = corrected(arms, kind + ".logprob_gain.ks_p");
  for (std::size_t i = 0; i < arms.size(); ++i) {
    asked += std::isnan(t[i]) && std::isnan(ks[i]) ? 0 : 1;
    by_t += t[i] < kSignificant ? 1 : 0;
    by_ks += ks[i] < kSignificant ? 1 : 0;
  }
  if (asked == 0) return "";
  return kind + " in " + std::to_string(by_t) + " (t-test) and " + std::to_string(by_ks) +
         " (Kolmogorov-Smirnov) of " + std::to_string(asked);
}

std::string gain_sentence(const ArmList& arms) {
  const std::string trained = told(arms, "trained"), reverse = told(arms, "reverse");
  if (reverse.empty()) return "";
  return " Right answers are told from wrong ones by their log-probability, after Holm's "
         "correction: " +
         (trained.empty() ? "" : trained + "; ") + reverse + ".";
}

std::string verdict_sentence(const Group& group) {
  const auto count = [&group](Verdict verdict) {
    return std::count_if(group.arms.begin(), group.arms.end(),
                         [verdict](const AskedArm* arm) { return arm->verdict() == verdict; });
  };
  const auto all = static_cast<std::ptrdiff_t>(group.arms.size());
  const auto cursed = count(Verdict::cursed), unclear = count(Verdict::inconclusive);
  std::string range;
  std::vector<double> parameters;
  for (const AskedArm* arm : group.arms) {
    if (const auto number = parameters_of(*arm)) parameters.push_back(*number);
  }
  if (parameters.size() == group.arms.size()) {
    const auto [low, high] = std::minmax_element(parameters.begin(), parameters.end());
    range = *low == *high ? " of " + grouped(*low) + " parameters"
                          : " from " + grouped(*low) + " to " + grouped(*high) + " parameters";
  }
  const std::string models = std::to_string(all) + " models" + range;
  if (cursed == all) {
    double highest = 0.0, lowest = 1.0;
    for (const AskedArm* arm : group.arms) {
      if (const auto e = arm->estimate("reverse.accuracy")) {
        highest = std::max(highest, e->interval.high);
      }
      if (const auto e = arm->estimate("trained.accuracy")) {
        lowest = std::min(lowest, e->interval.low);
      }
    }
    return "the curse holds in all " + models + ": reverse is at most " + percent(highest) +
           " (highest upper end) where trained is at least " + percent(lowest) +
           " (lowest lower end).";
  }
  if (unclear == all) {
    return "nothing can be concluded of any of the " + models +
           " (their facts or format unlearned, a control missing, or too few data).";
  }
  return "the curse holds in " + std::to_string(cursed) + " of " + models + " (" +
         verdict_clause(group.arms, group.labels) + ").";
}

std::vector<double> parameter_places(const ArmList& arms) {
  std::vector<double> places;
  for (const AskedArm* arm : arms) places.push_back(parameters_of(*arm).value_or(std::nan("")));
  return places;
}

void add_figures(const Group& group, std::size_t number, bool sizes_differ, bool kinds_differ,
                 Answer& answer) {
  const auto places = parameter_places(group.arms);
  const auto accuracy = [&](const std::vector<double>& at) {
    Plot plot;
    plot.title = "Accuracy by model" + (group.label.empty() ? "" : ", " + group.label);
    plot.x_title = "parameters";
    plot.y_title = "accuracy, %";
    plot.scale = Scale::logarithmic;
    plot.series = {
        series_of(group.arms, group.labels, at, "trained.accuracy", "trained", Look::trained),
        series_of(group.arms, group.labels, at, "reverse.accuracy", "reverse", Look::reverse)};
    return plot;
  };
  const std::string lead = group.label.empty() ? "" : group.label + ": ";
  const std::string ending = "-" + std::to_string(number);
  if (sizes_differ) {
    answer.figures.push_back({"accuracy" + ending, lead + "accuracy over parameters",
                              plot_over_number(accuracy(places))});
    Plot gain = accuracy(places);
    gain.title = "Log-probability gain by model" + (group.label.empty() ? "" : ", " + group.label);
    gain.y_title = "gain, nats";
    gain.unit = Unit::nats;
    gain.series = {series_of(group.arms, group.labels, places, "reverse.logprob_gain", "reverse",
                             Look::reverse)};
    answer.figures.push_back({"gain" + ending,
                              lead + "log-probability gain of the right reverse answer",
                              plot_over_number(gain)});
  }
  if (kinds_differ) {
    answer.figures.push_back(
        {"kinds" + ending, lead + "accuracy by architecture",
         plot_by_category(accuracy(places_of(group.arms.size())), group.labels)});
  }
}

std::optional<Answer> answer_of(const Study& study) {
  const auto groups = groups_by(
      study, [](const std::string& path) { return path.starts_with("architecture."); },
      [](const AskedArm& arm) { return arm.number("reverse.accuracy").has_value(); });
  if (groups.empty()) return std::nullopt;
  Answer answer;
  answer.table.columns = {{"arm", Shown::text},
                          {"parameters", Shown::number},
                          {"tokens a run", Shown::number},
                          {"trained.accuracy", Shown::share},
                          {"reverse.accuracy", Shown::share},
                          {"both.accuracy", Shown::share},
                          {"unseen.accuracy", Shown::share},
                          {"trained.logprob_gain", Shown::nats},
                          {"trained t p, Holm", Shown::p},
                          {"trained KS p, Holm", Shown::p},
                          {"reverse.logprob_gain", Shown::nats},
                          {"reverse t p, Holm", Shown::p},
                          {"reverse KS p, Holm", Shown::p},
                          {"verdict", Shown::text}};
  std::vector<std::string> sentences;
  ArmList all;
  for (const Group& group : groups) {
    bool sizes_differ = false, kinds_differ = false;
    for (const AskedArm* arm : group.arms) {
      for (const auto& [path, value] : arm->settings) {
        if (!path.starts_with("architecture.") || is_derived(path, arm->settings)) continue;
        const auto& first = group.arms.front()->settings;
        const auto found = first.find(path);
        if (found != first.end() && found->second == value) continue;
        (is_size(path) ? sizes_differ : kinds_differ) = true;
      }
    }
    add_figures(group, sentences.size() + 1, sizes_differ, kinds_differ, answer);
    std::vector<std::vector<double>> tests;
    for (const char* key : {"trained.logprob_gain.t_p", "trained.logprob_gain.ks_p",
                            "reverse.logprob_gain.t_p", "reverse.logprob_gain.ks_p"}) {
      tests.push_back(corrected(group.arms, key));
    }
    const auto test = [&tests](std::size_t which, std::size_t arm) {
      return number_cell(std::isnan(tests[which][arm]) ? std::nullopt
                                                       : std::optional<double>(tests[which][arm]));
    };
    for (std::size_t i = 0; i < group.arms.size(); ++i) {
      const AskedArm& arm = *group.arms[i];
      std::vector<Cell> row = {text_cell(arm.label()), number_cell(parameters_of(arm)),
                               number_cell(tokens_of(arm))};
      add_metric_cells(arm,
                       {"trained.accuracy", "reverse.accuracy", "both.accuracy", "unseen.accuracy",
                        "trained.logprob_gain"},
                       row);
      row.push_back(test(0, i));
      row.push_back(test(1, i));
      add_metric_cells(arm, {"reverse.logprob_gain"}, row);
      row.push_back(test(2, i));
      row.push_back(test(3, i));
      row.push_back(text_cell(words_of(arm.verdict())));
      answer.table.rows.push_back(row);
      all.push_back(&arm);
    }
    sentences.push_back(about(group.label, verdict_sentence(group) + gain_sentence(group.arms)));
  }
  answer.headline = joined_sentences(sentences, 3);
  answer.controls = control_sentences(all);
  answer.published = {
      "Berglund et al. 2023, GPT-3 of 350 million to 175 billion parameters: asked as stated 96.7 "
      "% (description to name, 175 billion), reversed 0.1 %; right and random names do not differ "
      "in log-probability at any size (t-test, Kolmogorov-Smirnov).",
      "Zhu et al. 2024, 400 pairs, 1 to 24 layers, widths 20 to 768, any position encoding: never "
      "reversed."};
  answer.note =
      "Large marks are means with 95 % intervals, small ones seeds. p-values are corrected by Holm "
      "over the models of a group, each test of each direction apart.";
  return answer;
}

}  // namespace

std::vector<QuestionSection> sizes_questions() {
  return {{"sizes", 10, "Does it hold across sizes and architectures?", answer_of}};
}

}  // namespace obverse::reversal::report

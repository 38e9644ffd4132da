// Whether weight decay decides if facts are reversed (Kim 2025): every seed is shown, since
// outcomes are said to be bimodal.
//
// Rule: a seed is "up" where its own interval lies above half, "down" where it lies below, and
// undecided otherwise. Seeds are called split only where one at least is up and one down; that says
// nothing of how often, and of one seed nothing is said. Where the facts themselves are not surely
// learned (lower end above half, as in verdict.h), the headline says so: a low number there is no
// curse.
#include <algorithm>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

const std::string kPath = "training.weight_decay";

// What an inverse that was held out is asked as: where nothing is asked in reverse, what follows
// from several facts.
std::string metric_of(const Group& group) {
  for (const char* metric : {"reverse.accuracy", "composed.accuracy"}) {
    if (std::all_of(group.arms.begin(), group.arms.end(),
                    [metric](const AskedArm* arm) { return arm->number(metric).has_value(); })) {
      return metric;
    }
  }
  return "";
}

struct Counts {
  std::size_t up = 0, down = 0, undecided = 0;
};

Counts counts_of(const AskedArm& arm, const std::string& metric) {
  Counts counts;
  for (const RunResult* run : arm.arm->runs) {
    const auto interval = interval_at(metrics_of({run}), metric + ".ci95");
    if (interval && interval->low > 0.5) {
      ++counts.up;
    } else if (interval && interval->high < 0.5) {
      ++counts.down;
    } else {
      ++counts.undecided;
    }
  }
  return counts;
}

bool surely_learned(const AskedArm& arm) {
  const auto trained = arm.estimate("trained.accuracy");
  return !trained || trained->interval.low > 0.5;
}

std::string counts_words(const AskedArm& arm, const Counts& counts) {
  std::string text = "decay " + compact(*arm.setting_number(kPath)) + ": " +
                     std::to_string(counts.up) + " up, " + std::to_string(counts.down) + " down";
  if (counts.undecided > 0) text += ", " + std::to_string(counts.undecided) + " undecided";
  if (counts.up > 0 && counts.down > 0) text += " (split)";
  if (!surely_learned(arm)) {
    text += " (the facts themselves are not surely learned: " +
            shown(*arm.estimate("trained.accuracy")) + ")";
  }
  return text;
}

std::optional<Answer> answer_of(const Study& study) {
  Answer answer;
  answer.table.columns = {{"arm", Shown::text},
                          {"weight decay", Shown::number},
                          {"seeds up", Shown::number},
                          {"seeds down", Shown::number},
                          {"seeds undecided", Shown::number}};
  std::vector<std::string> metrics = usual_metrics();
  metrics.insert(metrics.begin() + 2, "composed.accuracy");
  for (const Column& column : metric_columns(metrics)) answer.table.columns.push_back(column);
  ArmList all;
  std::vector<std::string> sentences;
  for (Group& group : groups_by(
           study, [](const std::string& path) { return path == kPath; },
           [](const AskedArm& arm) { return arm.setting_number(kPath).has_value(); })) {
    const std::string metric = metric_of(group);
    if (metric.empty()) continue;
    std::stable_sort(group.arms.begin(), group.arms.end(),
                     [](const AskedArm* a, const AskedArm* b) {
                       return *a->setting_number(kPath) < *b->setting_number(kPath);
                     });
    std::vector<std::string> clauses, labels;
    std::size_t splits = 0, most_seeds = 0;
    for (const AskedArm* arm : group.arms) {
      const Counts counts = counts_of(*arm, metric);
      splits += counts.up > 0 && counts.down > 0 ? 1 : 0;
      most_seeds = std::max(most_seeds, counts.up + counts.down + counts.undecided);
      clauses.push_back(counts_words(*arm, counts));
      labels.push_back("decay " + compact(*arm->setting_number(kPath)));
      std::vector<Cell> row = {text_cell(arm->label()), number_cell(arm->setting_number(kPath)),
                               number_cell(static_cast<double>(counts.up)),
                               number_cell(static_cast<double>(counts.down)),
                               number_cell(static_cast<double>(counts.undecided))};
      add_metric_cells(*arm, metrics, row);
      answer.table.rows.push_back(row);
      all.push_back(arm);
    }
    const auto least = group.arms.front()->estimate(metric);
    const auto most = group.arms.back()->estimate(metric);
    std::string text = "seeds whose " + metric.substr(0, metric.find('.')) +
                       " accuracy is surely above or below half – " + listed(clauses, 6) + ". " +
                       (splits > 0 ? "Seeds split at " + std::to_string(splits) + " of " +
                                         std::to_string(group.arms.size()) + " values."
                        : most_seeds < 2 ? "One seed a value cannot tell whether seeds split."
                                         : "Seeds split at no value.");
    if (least && most && surely_learned(*group.arms.front()) &&
        surely_learned(*group.arms.back())) {
      text += " From the least to the greatest decay the mean goes from " + shown(*least) + " to " +
              shown(*most) + ": " + change_words(*least, *most) + ".";
    }
    sentences.push_back(about(group.label, text));
    const std::vector<double> places = places_of(group.arms.size());
    Plot plot;
    plot.title = "Every seed by weight decay" + (group.label.empty() ? "" : ", " + group.label);
    plot.y_title = "accuracy, %";
    plot.series = {
        series_of(group.arms, labels, places, "trained.accuracy", "trained", Look::trained),
        series_of(group.arms, labels, places, "reverse.accuracy", "reverse", Look::reverse),
        series_of(group.arms, labels, places, "composed.accuracy", "composed", Look::third)};
    plot.series.erase(std::remove_if(plot.series.begin(), plot.series.end(),
                                     [](const PlotSeries& s) { return s.points.empty(); }),
                      plot.series.end());
    answer.figures.push_back({"seeds-" + std::to_string(answer.figures.size() + 1), group.label,
                              plot_by_category(plot, labels)});
  }
  if (sentences.empty()) return std::nullopt;
  answer.headline = joined_sentences(sentences, 3);
  answer.controls = control_sentences(all);
  answer.published = {
      "Kim 2025, families, 206 million parameters: with decay below 1 cursed; above, seeds split "
      "into two kinds of outcomes."};
  answer.note = "Small marks are seeds, large ones their mean with its 95 % interval.";
  return answer;
}

}  // namespace

std::vector<QuestionSection> weight_decay_questions() {
  return {{"weight_decay", 90, "Does weight decay decide?", answer_of}};
}

}  // namespace obverse::reversal::report

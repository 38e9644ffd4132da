// Whether facts that entered training with their logical neighbours are reversed, and whether that
// helps the facts that did not.
//
// Rule: expanded and other facts of one arm share a model, so that they are told apart only where
// their 95 % intervals do not meet. Whether the others gain is read from the difference to an arm
// that is equal but not expanded, by its interval; without such an arm nothing is said of it.
#include <algorithm>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

bool is_expansion(const std::string& path) {
  return path == "world.expanded_facts" || path == "world.expansion" ||
         path == "world.expansion_of";
}

const AskedArm* unexpanded_of(const AskedArm& arm, const Study& study) {
  const auto groups = groups_by(study, is_expansion, [](const AskedArm&) { return true; });
  for (const Group& group : groups) {
    if (std::find(group.arms.begin(), group.arms.end(), &arm) == group.arms.end()) continue;
    for (const AskedArm* other : group.arms) {
      if (!other->number("expanded_reverse.accuracy") && other->number("reverse.accuracy")) {
        return other;
      }
    }
  }
  return nullptr;
}

std::string sentence_of(const AskedArm& arm, const AskedArm* control) {
  const auto expanded = arm.estimate("expanded_reverse.accuracy");
  const auto others = arm.estimate("reverse.accuracy");
  const auto of = arm.settings.find("world.expansion_of");
  // What training states in the inverse frame is learned, not reversed.
  const bool stated = of != arm.settings.end() && (of->second == "all" || of->second == "inverse");
  std::string text =
      arm.label() + ": expanded facts are " +
      (stated ? "answered in reverse, where training may state the inverse, in " : "reversed in ") +
      shown(*expanded);
  if (!others) return text + "; no other facts were asked.";
  text += ", the others in " + shown(*others);
  if (expanded->interval.low > others->interval.high) {
    text += " (expanded ones more)";
  } else if (others->interval.low > expanded->interval.high) {
    text += " (the others more)";
  } else {
    text += " (no difference is told)";
  }
  if (control == nullptr)
    return text +
           "; an arm without expansion is missing, so whether it "
           "helps the others is not said.";
  const auto without = control->estimate("reverse.accuracy");
  if (!without) return text + ".";
  const std::string words = change_words(*without, *others);
  return text + "; against " + shown(*without) + " without expansion the others differ by " +
         points_with_interval(others->value - without->value, change_of(*without, *others)) + ": " +
         (words == "no difference is told" ? "no generalization to them is told"
          : words == "rises"               ? "they gain, too"
                                           : "they lose") +
         ".";
}

std::optional<Answer> answer_of(const Study& study) {
  const std::vector<std::string> metrics = {"expanded_trained.accuracy",
                                            "expanded_reverse.accuracy",
                                            "trained.accuracy",
                                            "reverse.accuracy",
                                            "both.accuracy",
                                            "unseen.accuracy"};
  Answer answer;
  answer.table.columns = {{"arm", Shown::text}};
  for (const Column& column : metric_columns(metrics)) answer.table.columns.push_back(column);
  ArmList arms, shown_arms;
  std::vector<std::string> labels, sentences;
  for (const AskedArm& arm : study.arms) {
    if (!arm.estimate("expanded_reverse.accuracy")) continue;
    const AskedArm* control = unexpanded_of(arm, study);
    for (const AskedArm* listed_arm : {control, &arm}) {
      if (listed_arm == nullptr ||
          std::find(shown_arms.begin(), shown_arms.end(), listed_arm) != shown_arms.end()) {
        continue;
      }
      shown_arms.push_back(listed_arm);
      labels.push_back(listed_arm->label());
      std::vector<Cell> row = {text_cell(listed_arm->label())};
      add_metric_cells(*listed_arm, metrics, row);
      answer.table.rows.push_back(row);
    }
    arms.push_back(&arm);
    sentences.push_back(sentence_of(arm, control));
  }
  if (arms.empty()) return std::nullopt;
  answer.headline = joined_sentences(sentences, 3);
  answer.controls = control_sentences(shown_arms);
  answer.published = {"no figure is known to us."};
  const std::vector<double> places = places_of(shown_arms.size());
  Plot plot;
  plot.title = "Facts that were expanded and facts that were not";
  plot.y_title = "accuracy, %";
  plot.series = {
      series_of(shown_arms, labels, places, "expanded_reverse.accuracy", "reverse, expanded",
                Look::third),
      series_of(shown_arms, labels, places, "reverse.accuracy", "reverse, others", Look::reverse),
      series_of(shown_arms, labels, places, "trained.accuracy", "trained, others", Look::trained)};
  answer.figures = {{"accuracy", "", plot_by_category(plot, labels)}};
  return answer;
}

}  // namespace

std::vector<QuestionSection> expansion_questions() {
  return {{"expansion", 60, "Does expanding facts generalize?", answer_of}};
}

}  // namespace obverse::reversal::report

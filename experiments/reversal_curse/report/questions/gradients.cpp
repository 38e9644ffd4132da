// Whether a fact's two directions pull on the same weights (probes/gradient_alignment.h).
//
// Rule: of an arm's facts known both ways, 10 at least, over all weights. Only the excess over
// unrelated facts in the same frames is interpreted. Where two phrasings of one direction, which
// must be alike, are not surely (interval above 0), the measure is too coarse and nothing is said
// of directions. Else both directions pull alike where the interval of their excess lies above 0,
// against each other where it lies below; the former only where it is surely more than that of
// facts of which one direction is not known, if there are such: names that stand in both statements
// make an excess, too. "Less than two phrasings" needs intervals that do not meet.
#include <algorithm>
#include <array>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

struct Part {
  const char* name;
  const char* words;
};
constexpr std::array<Part, 4> kParts = {{{"known_both", "stated and known both ways"},
                                         {"turned", "stated one way, known both ways"},
                                         {"one_way", "stated and known one way"},
                                         {"one_direction", "asked one way alone"}}};
constexpr const char* kOneWay = "one_way";
constexpr const char* kOneDirection = "one_direction";

std::string metric_of(const std::string& part, const std::string& group, const std::string& what) {
  return "gradients." + part + "." + group + "." + what;
}

// Groups of weights of which there is something, from the input to the output.
std::vector<std::string> groups_of(const AskedArm& arm, const std::string& part) {
  std::vector<std::string> groups;
  const auto add = [&](const std::string& group) {
    const bool has = arm.number(metric_of(part, group, "direction")).has_value() ||
                     arm.number(metric_of(part, group, "phrasing")).has_value();
    if (has) groups.push_back(group);
    return has;
  };
  for (const char* group : {"all", "token_embedding", "position_embedding"}) add(group);
  for (int layer = 0;; ++layer) {
    const std::string name = "layer_" + std::to_string(layer) + ".";
    const bool attention = add(name + "attention"), feed_forward = add(name + "feed_forward");
    if (!attention && !feed_forward) break;
  }
  for (const char* group : {"outer_norm", "head"}) add(group);
  return groups;
}

// "layer_0.feed_forward" -> "layer 0, feed forward".
std::string group_words(std::string group) {
  const std::size_t dot = group.find('.');
  if (dot != std::string::npos) group.replace(dot, 1, ", ");
  return group == "all" ? "all weights" : words(group);
}

// Nothing where so few facts were measured that their interval is a guess.
std::optional<Estimate> estimate_of(const AskedArm& arm, const std::string& metric) {
  constexpr double kFewest = 10.0;
  const auto count = arm.number(metric + ".count");
  return count && *count >= kFewest ? arm.estimate(metric) : std::nullopt;
}

std::string told(const Estimate& estimate) {
  return nats_with_interval(estimate.value, estimate.interval);
}

// Facts known both ways: those stated both ways where there are any.
std::string known_part(const AskedArm& arm) {
  for (const char* part : {"known_both", "turned"}) {
    if (estimate_of(arm, metric_of(part, "all", "direction_excess"))) return part;
  }
  if (estimate_of(arm, metric_of(kOneDirection, "all", "phrasing_excess"))) return kOneDirection;
  return "";
}

bool is_told(const std::optional<Estimate>& phrasing) {
  return phrasing && phrasing->interval.low > 0.0;
}

// Whether an excess above 0 is more than names that both statements hold give: surely more than
// where one of the directions is not known.
bool is_more_than_names(const Estimate& direction, const std::optional<Estimate>& one_way) {
  return !one_way || change_of(*one_way, direction).low > 0.0;
}

std::string meaning_of(const std::optional<Estimate>& phrasing, const Estimate& direction,
                       const std::optional<Estimate>& one_way, bool tied) {
  if (!phrasing) return "two phrasings were not compared, so that nothing is said of directions";
  if (!is_told(phrasing)) {
    return "two phrasings of a direction are not told from unrelated facts, so that nothing is "
           "said of directions";
  }
  if (direction.interval.high < 0.0) return "both directions pull against each other";
  if (direction.interval.low <= 0.0) return "no alignment of both directions is told";
  if (!is_more_than_names(direction, one_way)) {
    return "above 0, yet not surely more than where one direction is not known, so that names "
           "that stand in both may be all of it";
  }
  const std::string less =
      phrasing->interval.low > direction.interval.high
          ? "both directions pull alike, less than two phrasings do"
          : "both directions pull alike; that it is less than two phrasings do is not told";
  return less + (tied && !one_way ? " (embeddings are tied: names that stand in both may be all "
                                    "of it)"
                                  : "");
}

bool is_tied(const AskedArm& arm) {
  const auto tied = arm.settings.find("architecture.tied_embeddings");
  return tied != arm.settings.end() && tied->second == true;
}

std::string sentence_of(const AskedArm& arm, const std::string& part) {
  const auto phrasing = estimate_of(arm, metric_of(part, "all", "phrasing_excess"));
  const auto direction = estimate_of(arm, metric_of(part, "all", "direction_excess"));
  const auto one_way = estimate_of(arm, metric_of(kOneWay, "all", "direction_excess"));
  std::string text =
      arm.label() + ": above unrelated facts in the same frames, gradients' cosine is ";
  if (part == kOneDirection) {
    return text + told(*phrasing) + " between two phrasings of facts that are asked one way alone.";
  }
  if (phrasing) text += told(*phrasing) + " between two phrasings and ";
  text += told(*direction) + " between both directions of facts " +
          (part == kParts[0].name ? kParts[0].words : kParts[1].words) + ": " +
          meaning_of(phrasing, *direction, one_way, is_tied(arm));
  if (one_way) text += " (" + told(*one_way) + " where " + kParts[2].words + ")";
  return text + ".";
}

std::optional<PlotPoint> point(const AskedArm& arm, const std::string& metric, std::size_t place,
                               const std::string& label) {
  const auto estimate = estimate_of(arm, metric);
  if (!estimate) return std::nullopt;
  return PlotPoint{static_cast<double>(place), estimate->value, estimate->interval,
                   arm.seeds(metric), label + ": " + told(*estimate)};
}

// Excesses of arms over all weights, or of one arm by group.
class ExcessPlot {
 public:
  explicit ExcessPlot(const std::string& title) {
    plot_.title = title;
    plot_.y_title = "cosine above unrelated facts'";
    plot_.unit = Unit::nats;
    plot_.series = {{"two phrasings", Look::trained, {}, false},
                    {"both directions", Look::reverse, {}, false},
                    {"the same, known one way", Look::third, {}, false}};
  }
  void add(const AskedArm& arm, const std::string& part, const std::string& group,
           const std::string& label) {
    const std::array<std::string, 3> metrics = {metric_of(part, group, "phrasing_excess"),
                                                metric_of(part, group, "direction_excess"),
                                                metric_of(kOneWay, group, "direction_excess")};
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      if (auto found = point(arm, metrics[i], labels_.size(), label)) {
        plot_.series[i].points.push_back(*found);
      }
    }
    labels_.push_back(label);
  }
  std::string picture() {
    plot_.series.erase(std::remove_if(plot_.series.begin(), plot_.series.end(),
                                      [](const PlotSeries& s) { return s.points.empty(); }),
                       plot_.series.end());
    return plot_by_category(plot_, labels_);
  }

 private:
  Plot plot_;
  std::vector<std::string> labels_;
};

// What frames alone give, least and most over arms.
std::string frame_words(const ArmList& arms, const char* what) {
  std::optional<Interval> span;
  for (const AskedArm* arm : arms) {
    for (const Part& part : kParts) {
      const auto value = arm->number(metric_of(part.name, "all", what));
      if (!value) continue;
      span = span ? Interval{std::min(span->low, *value), std::max(span->high, *value)}
                  : Interval{*value, *value};
    }
  }
  return span ? nats(span->low) + " to " + nats(span->high) : "";
}

const std::vector<std::string>& measures() {
  static const std::vector<std::string> kMeasures = {
      "phrasing",    "unrelated_phrasing",    "phrasing_excess",
      "direction",   "unrelated_direction",   "direction_excess",
      "same_entity", "unrelated_same_entity", "same_entity_excess"};
  return kMeasures;
}

std::optional<double> count_of(const AskedArm& arm, const std::string& part,
                               const std::string& group) {
  const auto directions = arm.number(metric_of(part, group, "direction.count"));
  return directions ? directions : arm.number(metric_of(part, group, "phrasing.count"));
}

void add_rows(const AskedArm& arm, DataTable& table) {
  for (const Part& part : kParts) {
    for (const std::string& group : groups_of(arm, part.name)) {
      std::vector<Cell> row = {text_cell(arm.label()), text_cell(part.words),
                               number_cell(count_of(arm, part.name, group)),
                               text_cell(group_words(group))};
      for (const std::string& what : measures()) {
        row.push_back(estimate_cell(arm.estimate(metric_of(part.name, group, what))));
      }
      table.rows.push_back(row);
    }
  }
}

std::optional<Answer> answer_of(const Study& study) {
  constexpr std::size_t kPictures = 4;  // of single arms
  Answer answer;
  answer.table.columns = {{"arm", Shown::text},
                          {"facts", Shown::text},
                          {"how many", Shown::number},
                          {"weights", Shown::text}};
  for (const std::string& what : measures()) {
    answer.table.columns.push_back({words(what), Shown::nats});
  }
  ArmList arms;
  std::vector<std::string> sentences;
  ExcessPlot by_arm("Excess of gradients' cosines, all weights");
  std::vector<Figure> single;
  std::size_t sound = 0, aligned = 0;
  for (const AskedArm& arm : study.arms) {
    add_rows(arm, answer.table);
    const std::string part = known_part(arm);
    if (part.empty()) continue;
    arms.push_back(&arm);
    sentences.push_back(sentence_of(arm, part));
    if (part != kOneDirection &&
        is_told(estimate_of(arm, metric_of(part, "all", "phrasing_excess")))) {
      ++sound;
      const auto direction = estimate_of(arm, metric_of(part, "all", "direction_excess"));
      const auto one_way = estimate_of(arm, metric_of(kOneWay, "all", "direction_excess"));
      const bool alike = direction->interval.low > 0.0 && is_more_than_names(*direction, one_way) &&
                         (one_way || !is_tied(arm));
      aligned += alike ? 1 : 0;
    }
    by_arm.add(arm, part, "all", arm.label());
    ExcessPlot by_group("Excess of gradients' cosines by weights, " + arm.label());
    for (const std::string& group : groups_of(arm, part)) {
      by_group.add(arm, part, group, group_words(group));
    }
    if (single.size() < kPictures) {
      single.push_back(
          {"weights-" + std::to_string(single.size() + 1), arm.label(), by_group.picture()});
    }
  }
  if (arms.empty()) return std::nullopt;
  if (sound > 1) {
    answer.headline = "Both directions of a fact are told to pull alike in " +
                      std::to_string(aligned) + " of " + std::to_string(sound) +
                      " arms in which two phrasings are. ";
  }
  answer.headline += joined_sentences(sentences, 3);
  const std::string same = frame_words(arms, "unrelated_phrasing"),
                    other = frame_words(arms, "unrelated_direction");
  if (!other.empty()) {
    answer.controls.push_back("Control: cosines of unrelated facts, all weights: " +
                              (same.empty() ? "" : same + " between two phrasings, ") + other +
                              " between both directions. That much comes from frames alone, and "
                              "the excess is free of it.");
  }
  for (const std::string& control : control_sentences(arms)) answer.controls.push_back(control);
  for (const std::string& line : left_out_sentences(arms, "gradients")) {
    answer.controls.push_back(line);
  }
  answer.published = {
      "Shin et al. 2026: in masked diffusion the gradients of both directions are aligned."};
  answer.figures = {{"arms", "all weights", by_arm.picture()}};
  answer.figures.insert(answer.figures.end(), single.begin(), single.end());
  answer.note =
      "Cosines between the gradients of two answers' losses. The excess is that of two statements "
      "of one fact less that of unrelated facts in the same frames, fact by fact; names that stand "
      "in both statements are part of it. Small marks are seeds.";
  return answer;
}

}  // namespace

std::vector<QuestionSection> gradients_questions() {
  return {{"gradients", 110, "Do both directions pull on the same weights?", answer_of}};
}

}  // namespace obverse::reversal::report

// What happens long after convergence: does reversal come late, as other generalization does
// (Power et al. 2022)?
//
// Rule: a run has converged at the first point of its curve whose trained accuracy is 95 % of its
// best, if that is above half; it is followed far where it goes on for four times as long. A late
// rise is a seed whose reverse accuracy is from some later point on always at least a quarter above
// that at convergence, and whose final interval lies above it. Otherwise no late rise is told,
// within the steps that were trained and no further.
#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

constexpr double kConverged = 0.95, kRise = 0.25, kFar = 4.0;

struct Followed {
  std::int64_t converged = 0, last = 0;
  double reverse_at_convergence = 0.0;
  std::optional<std::int64_t> risen;  // from which step on
};

std::optional<Followed> follow(const RunResult& run) {
  double best = 0.0;
  for (const CurvePoint& point : run.curve) {
    if (std::isfinite(point.trained_accuracy)) best = std::max(best, point.trained_accuracy);
  }
  if (best <= 0.5) return std::nullopt;
  const auto first = std::find_if(
      run.curve.begin(), run.curve.end(),
      [best](const CurvePoint& point) { return point.trained_accuracy >= kConverged * best; });
  Followed followed;
  followed.converged = first->step;
  followed.last = run.curve.back().step;
  followed.reverse_at_convergence = first->reverse_accuracy;
  const bool far =
      static_cast<double>(followed.last) >= (1.0 + kFar) * static_cast<double>(followed.converged);
  if (!far || !std::isfinite(followed.reverse_at_convergence)) return std::nullopt;
  const double wanted = followed.reverse_at_convergence + kRise;
  for (auto point = first; point != run.curve.end(); ++point) {
    if (!(point->reverse_accuracy >= wanted)) {
      followed.risen.reset();
    } else if (!followed.risen) {
      followed.risen = point->step;
    }
  }
  if (followed.risen) {
    const auto interval = interval_at(metrics_of({&run}), "reverse.accuracy.ci95");
    if (!interval || interval->low <= followed.reverse_at_convergence) followed.risen.reset();
  }
  return followed;
}

PlotSeries mean_of(const Arm& arm, double CurvePoint::*accuracy, const std::string& label,
                   Look look) {
  std::map<std::int64_t, std::vector<double>> values;
  for (const RunResult* run : arm.runs) {
    for (const CurvePoint& point : run->curve) {
      if (std::isfinite(point.*accuracy)) values[point.step].push_back(point.*accuracy);
    }
  }
  PlotSeries series;
  series.label = label;
  series.look = look;
  series.joined = true;
  for (const auto& [step, of_seeds] : values) {
    if (of_seeds.size() != arm.runs.size() || step < 1) continue;
    PlotPoint point;
    point.x = static_cast<double>(step);
    point.value = mean(of_seeds);
    if (of_seeds.size() > 1) point.seeds = of_seeds;
    series.points.push_back(point);
  }
  return series;
}

std::optional<Answer> answer_of(const Study& study) {
  Answer answer;
  answer.table.columns = {{"arm", Shown::text},
                          {"seed", Shown::text},
                          {"converged at step", Shown::number},
                          {"followed to step", Shown::number},
                          {"reverse at convergence", Shown::share},
                          {"reverse risen from step", Shown::number}};
  ArmList arms;
  std::vector<std::string> sentences;
  for (const AskedArm& arm : study.arms) {
    std::vector<std::string> risen;
    std::size_t followed_seeds = 0;
    std::int64_t first_convergence = 0, shortest = 0;
    for (const RunResult* run : arm.arm->runs) {
      const auto followed = follow(*run);
      if (!followed) continue;
      first_convergence = followed_seeds == 0 ? followed->converged
                                              : std::min(first_convergence, followed->converged);
      shortest = followed_seeds == 0 ? followed->last : std::min(shortest, followed->last);
      ++followed_seeds;
      if (followed->risen) {
        risen.push_back("seed " + std::to_string(run->seed) + " from step " +
                        grouped(static_cast<double>(*followed->risen)));
      }
      answer.table.rows.push_back(
          {text_cell(arm.label()), text_cell(std::to_string(run->seed)),
           number_cell(static_cast<double>(followed->converged)),
           number_cell(static_cast<double>(followed->last)),
           number_cell(followed->reverse_at_convergence),
           number_cell(followed->risen
                           ? std::optional<double>(static_cast<double>(*followed->risen))
                           : std::nullopt)});
    }
    if (followed_seeds == 0) continue;
    arms.push_back(&arm);
    const auto last = arm.estimate("reverse.accuracy");
    std::string text = arm.label() + ", converged at step " +
                       grouped(static_cast<double>(first_convergence)) + " and followed to " +
                       grouped(static_cast<double>(shortest)) + ": ";
    const std::string of = std::to_string(followed_seeds) +
                           (followed_seeds == 1 ? " seed followed" : " seeds followed");
    text += risen.empty() ? "no late rise of reverse accuracy is told in any of " + of
                          : "reverse accuracy rises in " + std::to_string(risen.size()) + " of " +
                                of + " (" + listed(risen, 3) + ")";
    const std::size_t others = arm.arm->runs.size() - followed_seeds;
    if (others > 0) {
      text += ", " + std::to_string(others) + (others == 1 ? " other was" : " others were") +
              " not followed that far";
    }
    if (last) {
      text += std::string("; at the end it is ") + shown(*last) + (others > 0 ? " in all" : "");
    }
    sentences.push_back(text + ".");
    Plot plot;
    plot.title = "Accuracy through training, " + arm.label();
    plot.x_title = "training step";
    plot.y_title = "accuracy, %";
    plot.scale = Scale::logarithmic;
    plot.marked_x = static_cast<double>(first_convergence);
    plot.marked_label = "converged";
    plot.series = {mean_of(*arm.arm, &CurvePoint::trained_accuracy, "trained", Look::trained),
                   mean_of(*arm.arm, &CurvePoint::reverse_accuracy, "reverse", Look::reverse)};
    answer.figures.push_back(
        {"curves-" + std::to_string(arms.size()), arm.label(), plot_over_number(plot)});
  }
  if (arms.empty()) return std::nullopt;
  answer.headline = joined_sentences(sentences, 3);
  answer.controls = control_sentences(arms);
  answer.published = {"no figure is known to us for reversal long after convergence."};
  answer.note =
      "Steps on a logarithmic axis. Large marks are means over seeds, small ones seeds; the "
      "upright "
      "line is where the first seed has converged.";
  return answer;
}

}  // namespace

std::vector<QuestionSection> late_questions() {
  return {{"late", 70, "What happens long after convergence?", answer_of}};
}

}  // namespace obverse::reversal::report

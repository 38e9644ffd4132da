#include "experiments/reversal_curse/probes/editing.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduction.h"
#include "kernels/core/check.h"

namespace obverse::reversal {
namespace {

using engine::Tensor;

double smallest_probability(const std::vector<Score>& scores) {
  double smallest = 1.0;
  for (const Score& score : scores) smallest = std::min(smallest, std::exp(score.logprob));
  return smallest;
}

bool holds(const ProbedModel& probed, const Edit& edit) {
  const std::vector<Score> scores = score_all(probed, edit.asked);
  return smallest_probability(scores) >= kEditedProbability &&
         std::all_of(scores.begin(), scores.end(), [](const Score& score) { return score.greedy; });
}

// Gradient steps on whatever examples a step is given, over a part of the weights.
class GradientEditor : public Editor {
 public:
  using Draw = std::function<void(const Edit& edit, int step, std::vector<engine::Example>&)>;

  GradientEditor(const ProbedModel& probed, Tensor weights, Tensor gradients, Draw draw)
      : probed_(probed),
        weights_(std::move(weights)),
        gradients_(std::move(gradients)),
        draw_(std::move(draw)) {}

  EditReport apply(const Edit& edit) override {
    EditReport report;
    std::vector<engine::Example> examples;
    const double normalizer = static_cast<double>(edit.asked.size());
    const Tensor start = Tensor::empty(weights_.device(), weights_.shape(), weights_.dtype());
    Descent descent;
    while (!holds(probed_, edit)) {
      if (report.steps == kMostEditSteps) {
        report.outcome = EditOutcome::not_reached;
        return report;
      }
      examples.clear();
      draw_(edit, report.steps, examples);
      ++report.steps;
      const double loss = loss_and_gradient(probed_.model, examples, normalizer);
      const double norm = engine::gradient_norm({gradients_}, 0.0).norm.item();
      if (!std::isfinite(loss) || !std::isfinite(norm)) {
        report.outcome = EditOutcome::diverged;
        return report;
      }
      // The weights have no say in the answers; another draw of the objective's may ask for more.
      if (norm == 0.0) continue;
      start.copy_from(weights_);
      descent.step(
          loss, norm * norm,
          [&](double length) {
            engine::scaled_sum_into(weights_, start, 1.0, gradients_, -length);
          },
          [&] { return loss_of(probed_.model, examples, normalizer); });
    }
    return report;
  }

 private:
  const ProbedModel& probed_;
  Tensor weights_, gradients_;
  Draw draw_;
};

void draw_answers(const ProbedModel& probed, const Edit& edit,
                  std::vector<engine::Example>& examples) {
  for (const AskedAnswer& asked : edit.asked) {
    add_answer_examples(probed.objective, asked, examples);
  }
}

bool has_target(const engine::Example& example) {
  return std::any_of(example.targets.begin(), example.targets.end(),
                     [](std::int32_t target) { return target >= 0; });
}

}  // namespace

SavedWeights::SavedWeights(const engine::Transformer& model)
    : model_(model),
      copy_(Tensor::empty(model.device(), model.weights().shape(), model.weights().dtype())) {
  copy_.copy_from(model.weights());
}

void SavedWeights::restore() const { model_.weights().copy_from(copy_); }

std::unique_ptr<Editor> make_gradient_editor(const ProbedModel& probed,
                                             const std::string& parameter) {
  const auto draw = [&probed](const Edit& edit, int, std::vector<engine::Example>& examples) {
    draw_answers(probed, edit, examples);
  };
  if (parameter.empty()) {
    return std::make_unique<GradientEditor>(probed, probed.model.weights(),
                                            probed.model.gradients(), draw);
  }
  const engine::Variable& edited = parameter_named(probed.model, parameter);
  return std::make_unique<GradientEditor>(probed, edited.data(), edited.gradient(), draw);
}

std::unique_ptr<Editor> make_training_editor(const ProbedModel& probed) {
  const auto draw = [&probed](const Edit& edit, int step, std::vector<engine::Example>& examples) {
    constexpr std::uint64_t kMostTries = 64;
    for (std::size_t i = 0; i < edit.asked.size(); ++i) {
      const engine::Document document = document_of(edit.asked[i]);
      engine::Example example;
      for (std::uint64_t each = 0; each < kMostTries && !has_target(example); ++each) {
        const std::uint64_t occasion =
            ((edit.draw * kMostEditSteps + static_cast<std::uint64_t>(step)) * edit.asked.size() +
             i) *
                kMostTries +
            each;
        probed.objective.make_example(
            document,
            kernels::RandomSequence({probed.settings.seed, kernels::Purpose::probes, occasion}),
            example);
      }
      examples.push_back(std::move(example));
    }
  };
  return std::make_unique<GradientEditor>(probed, probed.model.weights(), probed.model.gradients(),
                                          draw);
}

const engine::Variable& parameter_named(const engine::Transformer& model, const std::string& name) {
  for (const engine::Parameter& parameter : model.parameters()) {
    if (parameter.name == name) return parameter.variable;
  }
  kernels::fail("[editing] expected a parameter of the model, got ", name);
}

std::string feed_forward_matrix(std::int64_t layer) {
  return "blocks." + std::to_string(layer) + ".feed_forward.down.weight";
}

}  // namespace obverse::reversal

// make_rank_one_editor of editing.h.
#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "experiments/reversal_curse/probes/activations.h"
#include "experiments/reversal_curse/probes/editing.h"
#include "experiments/reversal_curse/probes/linear_algebra.h"
#include "kernels/core/check.h"

namespace obverse::reversal {
namespace {

using engine::Example;
using engine::Tape;
using engine::Tensor;
using engine::Variable;

// Texts that the covariance is taken over, at most: some ten thousand keys, many times as many as a
// small model's feed-forward width.
constexpr std::size_t kMostTexts = 2048;
constexpr double kRidge = 1e-4;

class RankOneEditor : public Editor {
 public:
  RankOneEditor(const ProbedModel& probed, std::int64_t layer, EditPlace place)
      : probed_(probed),
        layer_(layer),
        place_(place),
        matrix_(parameter_named(probed.model, feed_forward_matrix(layer)).data()) {
    const SquareMatrix keys = covariance();
    if (keys.mean_of_diagonal() > 0.0) solver_.emplace(keys);
  }

  EditReport apply(const Edit& edit) override {
    EditReport report;
    std::vector<Example> examples;
    std::vector<std::size_t> places;
    for (const AskedAnswer& asked : edit.asked) {
      const std::size_t first = examples.size();
      add_answer_examples(probed_.objective, asked, examples);
      for (std::size_t i = first; i < examples.size(); ++i) {
        const auto place = place_in(examples[first], asked);
        if (!place) return {EditOutcome::not_reached, 0};
        places.push_back(*place);
      }
    }
    std::vector<AskedAnswer> texts = edit.asked;
    texts.insert(texts.end(), edit.contexts.begin(), edit.contexts.end());
    const auto key = mean_at_place(texts, Site::key);
    // What never enters the matrix cannot be written by it.
    if (!key || !solver_ || dot(*key, *key) == 0.0) return {EditOutcome::not_reached, 0};
    std::vector<double> added(static_cast<std::size_t>(probed_.model.config().width), 0.0);
    const double normalizer = static_cast<double>(edit.asked.size());
    report = find_value(examples, places, normalizer, added);
    if (report.outcome == EditOutcome::not_reached && !edit.donors.empty()) {
      const auto own = mean_at_place(edit.asked, Site::stream);
      const auto donor = mean_at_place(edit.donors, Site::stream);
      if (!own || !donor) return report;
      for (std::size_t i = 0; i < added.size(); ++i) added[i] = (*donor)[i] - (*own)[i];
      const int steps = report.steps;
      report = find_value(examples, places, normalizer, added);
      report.steps += steps;
    }
    if (report.outcome != EditOutcome::done) return report;
    write(*key, added);
    // What was found for the texts' own keys is written for their mean.
    const std::vector<Score> scores = score_all(probed_, edit.asked);
    if (!std::all_of(scores.begin(), scores.end(), [](const Score& s) { return s.greedy; })) {
      report.outcome = EditOutcome::not_reached;
    }
    return report;
  }

 private:
  // The mean of k k^T over training's examples, made as training makes them.
  SquareMatrix covariance() const {
    const std::vector<engine::Document>& documents = probed_.world.documents;
    std::vector<Example> examples;
    const std::size_t stride = (documents.size() + kMostTexts - 1) / kMostTexts;
    for (std::size_t i = 0; i < documents.size(); i += stride) {
      probed_.objective.make_example(
          documents[i],
          kernels::RandomSequence({probed_.settings.seed, kernels::Purpose::probes, i}),
          examples.emplace_back());
    }
    const auto hidden = static_cast<std::size_t>(probed_.model.config().hidden);
    SquareMatrix sum(hidden);
    std::size_t count = 0;
    constexpr std::size_t kRows = 256;
    for (std::size_t first = 0; first < examples.size(); first += kRows) {
      const std::size_t rows = std::min(kRows, examples.size() - first);
      const Activations keys(probed_.model, layer_, Site::key, examples, first, rows);
      for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t place = 0; place < examples[first + row].inputs.size(); ++place, ++count) {
          sum.add_outer(keys.at(row, place));
        }
      }
    }
    sum.scale(1.0 / static_cast<double>(count));
    sum.add_to_diagonal(kRidge * sum.mean_of_diagonal());
    return sum;
  }

  // Nothing where the text as it is read does not hold the subject in one piece.
  std::optional<std::size_t> place_in(const Example& first, const AskedAnswer& asked) const {
    if (place_ == EditPlace::subject) return subject_end(first, asked);
    return first_target(first);
  }

  // The mean over texts of what passes at the edited place.
  std::optional<std::vector<double>> mean_at_place(const std::vector<AskedAnswer>& texts,
                                                   Site site) const {
    std::vector<Example> examples;
    std::vector<std::size_t> places;
    for (const AskedAnswer& text : texts) {
      const std::size_t first = examples.size();
      add_answer_examples(probed_.objective, text, examples);
      examples.resize(first + 1);  // those behind it show the same text with more of the answer
      const auto place = place_in(examples[first], text);
      if (!place) return std::nullopt;
      places.push_back(*place);
    }
    const Activations all(probed_.model, layer_, site, examples, 0, examples.size());
    std::vector<std::vector<double>> vectors;
    for (std::size_t row = 0; row < examples.size(); ++row) {
      vectors.push_back(all.at(row, places[row]));
    }
    return mean_of(vectors);
  }

  // Adds `added` to the stream behind the block at the edited place of every example: an
  // embedding of two rows, zeros and what is added, whose gradient is the one that is wanted.
  EditReport find_value(const std::vector<Example>& examples,
                        const std::vector<std::size_t>& places, double normalizer,
                        std::vector<double>& added) const {
    const engine::Device& device = probed_.model.device();
    const auto width = static_cast<std::int64_t>(added.size());
    std::size_t longest = 0;
    for (const Example& example : examples) longest = std::max(longest, example.inputs.size());
    std::vector<std::int32_t> marks(examples.size() * longest, 0);
    for (std::size_t row = 0; row < examples.size(); ++row) {
      marks[row * longest + places[row]] = 1;
    }
    const Tensor ids = Tensor::from(
        device, {static_cast<std::int64_t>(examples.size()), static_cast<std::int64_t>(longest)},
        marks);
    const Tensor gradient = Tensor::zeros(device, {2, width}, engine::DType::f32);
    // With what is added there.
    const auto hooks_for = [&](const std::vector<double>& values) {
      std::vector<float> rows(2 * values.size(), 0.0f);
      std::copy(values.begin(), values.end(), rows.begin() + width);
      const Variable shift = Variable::parameter(Tensor::from(device, {2, width}, rows), gradient);
      engine::ForwardHooks hooks;
      hooks.stream = [this, ids, shift](Tape& tape, std::int64_t layer, const Variable& stream) {
        if (layer != layer_) return stream;
        return engine::add(tape, stream, engine::embedding(tape, ids, shift, Variable()));
      };
      return hooks;
    };
    EditReport report;
    Descent descent;
    while (true) {
      engine::fill(gradient, 0.0);
      const double loss = loss_and_gradient(probed_.model, examples, normalizer, hooks_for(added));
      const std::vector<float> all = gradient.to_vector<float>();
      const std::vector<double> slope(all.begin() + width, all.end());
      const double squares = dot(slope, slope);
      if (!std::isfinite(loss) || !std::isfinite(squares)) {
        report.outcome = EditOutcome::diverged;
        return report;
      }
      if (loss <= -std::log(kEditedProbability) / normalizer) return report;
      const std::vector<double> start = added;
      const bool falls =
          report.steps < kMostEditSteps && squares > 0.0 &&
          descent.step(
              loss, squares,
              [&](double length) {
                for (std::size_t i = 0; i < added.size(); ++i) {
                  added[i] = start[i] - length * slope[i];
                }
              },
              [&] { return loss_of(probed_.model, examples, normalizer, hooks_for(added)); });
      if (!falls) {
        report.outcome = EditOutcome::not_reached;
        return report;
      }
      ++report.steps;
    }
  }

  void write(const std::vector<double>& key, const std::vector<double>& added) const {
    const std::vector<double> direction = solver_->solve(key);
    const double scale = dot(key, direction);
    std::vector<float> values = matrix_.to_vector<float>();
    for (std::size_t row = 0; row < added.size(); ++row) {
      for (std::size_t column = 0; column < key.size(); ++column) {
        values[row * key.size() + column] +=
            static_cast<float>(added[row] * direction[column] / scale);
      }
    }
    matrix_.write(values.data());
  }

  const ProbedModel& probed_;
  const std::int64_t layer_;
  const EditPlace place_;
  const Tensor matrix_;                   // [width, hidden]
  std::optional<CholeskySolver> solver_;  // of the covariance; nothing where no key is but zeros
};

}  // namespace

std::unique_ptr<Editor> make_rank_one_editor(const ProbedModel& probed, std::int64_t layer,
                                             EditPlace place) {
  kernels::require(place == EditPlace::answer || layer + 1 < probed.model.config().layers,
                   "[rank_one] expected a block before the last of ", probed.model.config().layers,
                   ", whose output at the subject later places read, got ", layer);
  return std::make_unique<RankOneEditor>(probed, layer, place);
}

}  // namespace obverse::reversal

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
    std::vector<Place> places;
    for (const AskedAnswer& asked : edit.asked) {
      if (!add_places(asked, examples, places)) return {EditOutcome::not_reached, 0};
    }
    std::vector<AskedAnswer> texts = edit.asked;
    kernels::require(!texts.empty(), "[rank_one] expected an answer to edit, got none");
    const std::size_t slots = slots_of(texts.front());
    for (const AskedAnswer& text : texts) {
      kernels::require(slots_of(text) == slots,
                       "[rank_one] expected answers as long as each other, ", slots,
                       " tokens, got ", slots_of(text));
    }
    for (const AskedAnswer& context : edit.contexts) {
      if (slots_of(context) == slots) texts.push_back(context);
    }
    const auto keys = means_at_places(texts, Site::key, slots);
    // What never enters the matrix cannot be written by it.
    if (!keys || !solver_ || std::any_of(keys->begin(), keys->end(), [](const auto& key) {
          return dot(key, key) == 0.0;
        })) {
      return {EditOutcome::not_reached, 0};
    }
    const auto width = static_cast<std::size_t>(probed_.model.config().width);
    std::vector<double> added(slots * width, 0.0);
    const double normalizer = static_cast<double>(edit.asked.size());
    report = find_values(examples, places, normalizer, added);
    if (report.outcome == EditOutcome::not_reached && !edit.donors.empty()) {
      const auto own = means_at_places(edit.asked, Site::stream, slots);
      const auto donor = means_at_places(edit.donors, Site::stream, slots);
      if (!own || !donor) return report;
      for (std::size_t slot = 0; slot < slots; ++slot) {
        for (std::size_t i = 0; i < width; ++i) {
          added[slot * width + i] = (*donor)[slot][i] - (*own)[slot][i];
        }
      }
      const int steps = report.steps;
      report = find_values(examples, places, normalizer, added);
      report.steps += steps;
    }
    if (report.outcome != EditOutcome::done) return report;
    write(*keys, added);
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

  // Where something is added, and which of the values: one at the subject, or one a token of the
  // answer at the places that ask for them.
  struct Place {
    std::size_t row = 0, place = 0, slot = 0;
  };

  std::size_t slots_of(const AskedAnswer& asked) const {
    return place_ == EditPlace::subject ? 1 : asked.answer.size();
  }

  // The examples of a text, and the places in them. False where the text as it is read does not
  // hold the subject in one piece.
  bool add_places(const AskedAnswer& asked, std::vector<Example>& examples,
                  std::vector<Place>& places) const {
    const std::size_t first = examples.size();
    add_answer_examples(probed_.objective, asked, examples);
    if (place_ == EditPlace::subject) {
      const auto subject = subject_end(examples[first], asked);
      if (!subject) return false;
      for (std::size_t row = first; row < examples.size(); ++row) {
        places.push_back({row, *subject, 0});
      }
      return true;
    }
    // Targets are met in the order of the answer's tokens, in one example or in one each.
    std::size_t slot = 0;
    for (std::size_t row = first; row < examples.size(); ++row) {
      for (std::size_t place = 0; place < examples[row].targets.size(); ++place) {
        if (examples[row].targets[place] >= 0) places.push_back({row, place, slot++});
      }
    }
    return true;
  }

  // By slot the mean over texts of what passes there. Nothing where a text has other slots.
  std::optional<std::vector<std::vector<double>>> means_at_places(
      const std::vector<AskedAnswer>& texts, Site site, std::size_t slots) const {
    std::vector<Example> examples;
    std::vector<Place> places;
    for (const AskedAnswer& text : texts) {
      if (slots_of(text) != slots || !add_places(text, examples, places)) return std::nullopt;
    }
    const Activations all(probed_.model, layer_, site, examples, 0, examples.size());
    std::vector<std::vector<std::vector<double>>> vectors(slots);
    for (const Place& place : places) {
      vectors[place.slot].push_back(all.at(place.row, place.place));
    }
    std::vector<std::vector<double>> means;
    for (const auto& each : vectors) means.push_back(mean_of(each));
    return means;
  }

  // Adds `added`, a row a slot, to the stream behind the block at the edited places: an embedding
  // of rows of which the first is zeros, whose gradient is the one that is wanted.
  EditReport find_values(const std::vector<Example>& examples, const std::vector<Place>& places,
                         double normalizer, std::vector<double>& added) const {
    const engine::Device& device = probed_.model.device();
    const std::int64_t width = probed_.model.config().width;
    const std::int64_t rows = static_cast<std::int64_t>(added.size()) / width + 1;
    std::size_t longest = 0;
    for (const Example& example : examples) longest = std::max(longest, example.inputs.size());
    std::vector<std::int32_t> marks(examples.size() * longest, 0);
    for (const Place& place : places) {
      marks[place.row * longest + place.place] = static_cast<std::int32_t>(place.slot) + 1;
    }
    const Tensor ids = Tensor::from(
        device, {static_cast<std::int64_t>(examples.size()), static_cast<std::int64_t>(longest)},
        marks);
    const Tensor gradient = Tensor::zeros(device, {rows, width}, engine::DType::f32);
    // With what is added there.
    const auto hooks_for = [&](const std::vector<double>& values) {
      std::vector<float> table(static_cast<std::size_t>(rows * width), 0.0f);
      std::copy(values.begin(), values.end(), table.begin() + width);
      const Variable shift =
          Variable::parameter(Tensor::from(device, {rows, width}, table), gradient);
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

  // W + D (K^T C^-1 K)^-1 K^T C^-1 with the keys and the values as the columns of K and D.
  void write(const std::vector<std::vector<double>>& keys, const std::vector<double>& added) const {
    // Keys of places that are alike may be nearly the same.
    constexpr double kKeyRidge = 1e-9;
    const std::size_t slots = keys.size(), width = added.size() / slots;
    std::vector<std::vector<double>> directions;
    for (const std::vector<double>& key : keys) directions.push_back(solver_->solve(key));
    SquareMatrix products(slots);
    for (std::size_t i = 0; i < slots; ++i) {
      for (std::size_t j = 0; j < slots; ++j) products.at(i, j) = dot(keys[i], directions[j]);
    }
    if (slots > 1) products.add_to_diagonal(kKeyRidge * products.mean_of_diagonal());
    const CholeskySolver solver(products);
    std::vector<float> values = matrix_.to_vector<float>();
    const std::size_t hidden = keys.front().size();
    std::vector<double> right(slots);
    for (std::size_t row = 0; row < width; ++row) {
      for (std::size_t slot = 0; slot < slots; ++slot) right[slot] = added[slot * width + row];
      const std::vector<double> weights = solver.solve(right);
      for (std::size_t slot = 0; slot < slots; ++slot) {
        for (std::size_t column = 0; column < hidden; ++column) {
          values[row * hidden + column] +=
              static_cast<float>(weights[slot] * directions[slot][column]);
        }
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

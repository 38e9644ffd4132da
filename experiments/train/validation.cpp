#include "experiments/train/validation.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "engine/ops/cross_entropy.h"

namespace obverse::train {

void check_asked(engine::ExampleSource& source, std::int64_t examples, const std::string& where) {
  const std::int64_t count = std::min(examples, source.epoch());
  std::vector<engine::Example> drawn(1);
  for (std::int64_t i = 0; i < count; ++i) {
    source.make(i, drawn[0]);
    if (engine::total_weight(drawn) > 0.0) return;
  }
  throw std::runtime_error(where +
                           ": expected validation texts whose loss mask leaves a token of " +
                           "the first " + std::to_string(count) + " examples, found none");
}

double validation_loss(const engine::Transformer& model, engine::ExampleSource& source,
                       std::int64_t examples, std::int64_t batch) {
  const std::int64_t count = std::min(examples, source.epoch());
  double sum = 0.0, weight = 0.0;
  std::vector<engine::Example> drawn;
  for (std::int64_t first = 0; first < count; first += batch) {
    drawn.resize(static_cast<std::size_t>(std::min(batch, count - first)));
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      source.make(first + static_cast<std::int64_t>(i), drawn[i]);
    }
    const double total = engine::total_weight(drawn);
    if (total == 0.0) continue;
    engine::Tape tape(model.device(), engine::Tape::Mode::inference);
    const engine::DType logit_type = engine::accumulator_of(model.dtype());
    const engine::Batch ready =
        engine::make_batch(model.device(), drawn, 0, drawn.size(), logit_type);
    const engine::Variable logits =
        model.logits(tape, {ready.ids, ready.lengths, ready.prefixes, ready.first_keys});
    sum += total *
           engine::cross_entropy(tape, logits, ready.targets, ready.weights, total).data().item();
    weight += total;
  }
  return sum / weight;
}

}  // namespace obverse::train

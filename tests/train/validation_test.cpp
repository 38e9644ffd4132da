#include "experiments/train/validation.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/ops/cross_entropy.h"
#include "engine/training/objective.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"
#include "tests/support/training_texts.h"

namespace obverse::tests {
namespace {

// Seven examples of other lengths, of which some places are not asked.
class Examples : public engine::ExampleSource {
 public:
  void make(std::int64_t draw, engine::Example& example) override {
    CHECK(draw < epoch());
    engine::make_next_token_example(random_ids(4 + draw, 40, static_cast<std::uint64_t>(draw)),
                                    example);
    if (draw % 3 == 0) example.targets[0] = kernels::kIgnoredTarget;
    if (draw == nothing_asked || nothing_asked < 0) {
      for (std::int32_t& target : example.targets) target = kernels::kIgnoredTarget;
    }
  }
  std::int64_t longest() const override { return 9; }
  std::int64_t epoch() const override { return 7; }

  std::int64_t nothing_asked = 4;  // this one; below 0: none asks
};

TEST_CASE("a validation loss is the mean over what is asked, in batches of any size",
          "[validation]") {
  const auto causal = engine::make_objective("causal");
  const engine::Transformer model(small_model(*causal), engine::Device::cpu(), 3);
  Examples source;
  for (const std::int64_t count : {5, 7, 100}) {
    double sum = 0.0, asked = 0.0;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(count, 7); ++i) {
      std::vector<engine::Example> one(1);
      source.make(i, one[0]);
      const double weight = engine::total_weight(one);
      if (weight == 0.0) continue;
      engine::Tape tape(model.device(), engine::Tape::Mode::inference);
      const engine::Batch batch = engine::make_batch(model.device(), one, 0, 1);
      const engine::Variable logits =
          model.logits(tape, {batch.ids, batch.lengths, batch.prefixes});
      sum += engine::cross_entropy(tape, logits, batch.targets, batch.weights, 1.0).data().item();
      asked += weight;
    }
    for (const std::int64_t batch : {1, 2, 3, 7, 50}) {
      INFO(count << " examples, " << batch << " at a time");
      CHECK(std::abs(train::validation_loss(model, source, count, batch) - sum / asked) < 1e-5);
    }
  }
  train::check_asked(source, 7, "data");
  source.nothing_asked = -1;
  CHECK_THROWS_WITH(train::check_asked(source, 100, "data"),
                    "data: expected validation texts whose loss mask leaves a token of the first 7 "
                    "examples, found none");
}

}  // namespace
}  // namespace obverse::tests

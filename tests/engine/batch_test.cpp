#include "engine/data/batch.h"

#include <cstdint>
#include <vector>

#include "engine/data/document.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using engine::Batch;
using engine::Device;
using engine::DType;
using engine::Example;
using engine::Shape;

using Ids = std::vector<std::int32_t>;
constexpr std::int32_t kIgnored = kernels::kIgnoredTarget;

Ids ids_of(const engine::Tensor& tensor) { return tensor.to_vector<std::int32_t>(); }

std::vector<Example> three_examples() {
  return {{{5, 6}, {6, kIgnored}, 1, 1.0f},
          {{7, 8, 9, 10}, {8, 9, 10, 11}, 3, 0.5f},
          {{12}, {kIgnored}, 0, 0.25f}};
}

TEST_CASE("a batch is padded to its longest example", "[batch]") {
  const Batch batch = engine::make_batch(Device::cpu(), three_examples(), 0, 3, DType::f64);
  CHECK(batch.ids.shape() == Shape{3, 4});
  CHECK(ids_of(batch.ids) == Ids{5, 6, 0, 0, 7, 8, 9, 10, 12, 0, 0, 0});
  CHECK(engine::kPadding == 0);
  CHECK(ids_of(batch.targets) ==
        Ids{6, kIgnored, kIgnored, kIgnored, 8, 9, 10, 11, kIgnored, kIgnored, kIgnored, kIgnored});
  CHECK(ids_of(batch.lengths) == Ids{2, 4, 1});
  CHECK(ids_of(batch.prefixes) == Ids{1, 3, 0});
  CHECK(batch.weights.shape() == Shape{3, 4});
  CHECK(batch.weights.to_vector<double>() ==
        std::vector<double>{1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25});
  CHECK(batch.tokens == 7);
  CHECK(batch.target_count == 5);
}

TEST_CASE("a batch is cut from the examples asked for", "[batch]") {
  const auto device = Device::cpu();
  const Batch batch = engine::make_batch(device, three_examples(), 1, 1);
  CHECK(ids_of(batch.ids) == Ids{7, 8, 9, 10});
  CHECK(ids_of(batch.prefixes) == Ids{3});
  CHECK(batch.weights.dtype() == DType::f32);
  CHECK(batch.tokens == 4);
  const auto inputs = static_cast<std::size_t>(engine::MemoryCategory::inputs);
  CHECK(device.allocator().use().current_bytes[inputs] == (4 + 4 + 1 + 4) * 4);
}

TEST_CASE("lengths and weights are left out where they say nothing", "[batch]") {
  std::vector<Example> examples(2, Example{{1, 2}, {2, 3}});
  const Batch batch = engine::make_batch(Device::cpu(), examples, 0, 2);
  CHECK_FALSE(batch.lengths.defined());
  CHECK_FALSE(batch.weights.defined());
  // An example outside the batch changes nothing.
  examples.push_back({{1}, {2}, 0, 2.0f});
  const Batch first = engine::make_batch(Device::cpu(), examples, 0, 2);
  CHECK_FALSE(first.lengths.defined());
  CHECK_FALSE(first.weights.defined());
}

TEST_CASE("the total weight counts targets that are not ignored", "[batch]") {
  CHECK(engine::total_weight(three_examples()) == 1.0 + 4 * 0.5);
  CHECK(engine::total_weight({}) == 0.0);
}

TEST_CASE("an example is cleared but for its memory", "[batch]") {
  Example example{{1, 2, 3}, {2, 3, 4}, 2, 0.5f, {0, 0, 2}};
  const auto* memory = example.inputs.data();
  example.clear();
  CHECK(example.inputs.empty());
  CHECK(example.targets.empty());
  CHECK(example.prefix == 0);
  CHECK(example.first_keys.empty());
  CHECK(example.weight == 1.0f);
  example.inputs.assign(3, 1);
  CHECK(example.inputs.data() == memory);
}

TEST_CASE("a batch says what it expected", "[batch]") {
  const auto device = Device::cpu();
  auto examples = three_examples();
  const auto error = [&](std::size_t first, std::size_t count) {
    return error_of([&] { engine::make_batch(device, examples, first, count); });
  };
  CHECK(error(0, 0) == "[batch] expected examples 0 to 0 of 3");
  CHECK(error(2, 2) == "[batch] expected examples 2 to 4 of 3");
  examples[1].targets.pop_back();
  CHECK(error(0, 3) == "[batch] expected as many targets as inputs and at least one, got 3 and 4");
  examples[1] = Example();
  CHECK(error(0, 3) == "[batch] expected as many targets as inputs and at least one, got 0 and 0");
}

TEST_CASE("documents of an example stay apart in a batch", "[batch]") {
  auto examples = three_examples();
  CHECK_FALSE(engine::make_batch(Device::cpu(), examples, 0, 3, DType::f64).first_keys.defined());
  examples[1].first_keys = {0, 1, 1, 3};
  examples[2].first_keys = {0};
  const Batch batch = engine::make_batch(Device::cpu(), examples, 0, 3, DType::f64);
  CHECK(batch.first_keys.shape() == Shape{3, 4});
  CHECK(ids_of(batch.first_keys) == Ids{0, 0, 0, 0, 0, 1, 1, 3, 0, 0, 0, 0});
  CHECK(ids_of(batch.ids) == Ids{5, 6, 0, 0, 7, 8, 9, 10, 12, 0, 0, 0});
  CHECK(ids_of(batch.prefixes) == Ids{1, 3, 0});
  CHECK(ids_of(batch.lengths) == Ids{2, 4, 1});
  CHECK(batch.weights.to_vector<double>()[4] == 0.5);

  const engine::BatchLayout packed = engine::batch_layout(examples, 0, 3);
  const engine::BatchLayout plain = engine::batch_layout(three_examples(), 0, 3);
  CHECK(packed.packed);
  CHECK_FALSE(plain.packed);
  CHECK(packed.words() == plain.words() + 12);
  CHECK((plain < packed && !(packed < plain)));

  const auto error = [&](const Ids& first_keys) {
    examples[1].first_keys = first_keys;
    return error_of([&] { engine::make_batch(Device::cpu(), examples, 0, 3); });
  };
  CHECK(error({0, 0, 2, 2}) == "nothing thrown");
  CHECK(error({0, 0, 2}) == "[batch] expected as many first_keys as inputs or none, got 3 and 4");
  CHECK(error({0, 2, 2, 2}) == "[batch] expected a first key in [0, 1] at place 1, got 2");
  CHECK(error({0, 1, 0, 2}) == "[batch] expected a first key in [1, 2] at place 2, got 0");
  CHECK(error({-1, 1, 0, 2}) == "[batch] expected a first key in [0, 0] at place 0, got -1");
}

TEST_CASE("a longer layout pads all examples", "[batch]") {
  const auto device = Device::cpu();
  const auto examples = three_examples();
  engine::BatchLayout layout = engine::batch_layout(examples, 0, 3);
  CHECK(layout.sequence == 4);
  CHECK((layout.padded && layout.weighted));
  layout.sequence = 5;
  std::vector<std::int32_t> words(static_cast<std::size_t>(layout.words()), 77);
  engine::write_batch(layout, examples, 0, words.data());
  const auto all = engine::Tensor::from(device, {layout.words()}, words);
  const Batch batch = engine::batch_in(all, layout);
  CHECK(ids_of(batch.ids) == Ids{5, 6, 0, 0, 0, 7, 8, 9, 10, 0, 12, 0, 0, 0, 0});
  CHECK(ids_of(batch.lengths) == Ids{2, 4, 1});
  CHECK(ids_of(batch.prefixes) == Ids{1, 3, 0});
  CHECK(batch.weights.to_vector<float>()[7] == 0.5f);
  layout.sequence = 3;
  CHECK(error_of([&] { engine::write_batch(layout, examples, 0, words.data()); }) ==
        "[batch] expected examples of at most 3 tokens, got 4");
}

}  // namespace
}  // namespace obverse::tests

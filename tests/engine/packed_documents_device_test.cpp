// Documents packed into one sequence, attention reset between them, through whole models and steps:
// what they give is what they give in sequences of their own.
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "engine/ops/cross_entropy.h"
#include "engine/training/device_steps.h"
#include "engine/training/trainer.h"
#include "tests/support/catch.h"
#include "tests/support/model_problem.h"
#include "tests/support/test_devices.h"
#include "tests/support/training_texts.h"

namespace obverse::tests {
namespace {

using engine::Batch;
using engine::Device;
using engine::DType;
using engine::Example;
using engine::PositionKind;
using engine::Recompute;
using engine::Tape;
using engine::Transformer;
using engine::TransformerConfig;

constexpr std::int64_t kVocabulary = 11;

Example document(std::int64_t tokens, std::uint64_t stream) {
  Example example;
  example.inputs = random_ids(tokens, kVocabulary, stream);
  example.targets = random_ids(tokens, kVocabulary, 100 + stream);
  return example;
}

void append(const Example& from, Example& row) {
  const auto first = static_cast<std::int32_t>(row.inputs.size());
  row.inputs.insert(row.inputs.end(), from.inputs.begin(), from.inputs.end());
  row.targets.insert(row.targets.end(), from.targets.begin(), from.targets.end());
  row.first_keys.insert(row.first_keys.end(), from.inputs.size(), first);
}

// Documents, and the same ones as rows of `per_row`.
struct Texts {
  std::vector<Example> apart, packed;

  Texts(const std::vector<std::int64_t>& lengths, std::size_t per_row) {
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      apart.push_back(document(lengths[i], i));
      if (i % per_row == 0) packed.emplace_back();
      append(apart.back(), packed.back());
    }
  }
};

TransformerConfig model_config(PositionKind position) {
  TransformerConfig config = tiny_model();
  config.position = position;
  config.context = 24;
  return config;
}

struct Outcome {
  std::vector<double> logits, gradients;  // logits of the inputs, without padding
};

Outcome outcome_of(const Transformer& model, const std::vector<Example>& examples,
                   Recompute recompute = Recompute::none) {
  model.gradients().copy_from(
      engine::Tensor::zeros(model.device(), model.gradients().shape(), model.gradients().dtype()));
  Tape tape(model.device(), Tape::Mode::training);
  const Batch batch =
      engine::make_batch(model.device(), examples, 0, examples.size(), model.dtype());
  const auto logits =
      model.logits(tape, {batch.ids, batch.lengths, batch.prefixes, batch.first_keys}, recompute);
  Outcome outcome;
  const std::vector<double> all = logits.data().to_doubles();
  const auto width = static_cast<std::size_t>(kVocabulary);
  const auto sequence = static_cast<std::size_t>(batch.ids.size(1));
  for (std::size_t row = 0; row < examples.size(); ++row) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(row * sequence * width);
    const auto count = static_cast<std::ptrdiff_t>(examples[row].inputs.size() * width);
    outcome.logits.insert(outcome.logits.end(), begin, begin + count);
  }
  tape.backward(
      cross_entropy(tape, logits, batch.targets, batch.weights, engine::total_weight(examples)));
  outcome.gradients = model.gradients().to_doubles();
  return outcome;
}

// As large as trained weights are, so that every token matters to all that see it.
Transformer spread_model(const TransformerConfig& config, const Device& device, DType dtype) {
  Transformer model(config, device, 1, dtype);
  std::vector<double> values = model.weights().to_doubles();
  const auto noise = normal_values<double>(model.parameter_count(), 1);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += 0.3 * noise[i];
  model.weights().copy_from(tensor_in(device, dtype, model.weights().shape(), values));
  return model;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

TEST_CASE("packed documents give the logits and gradients of documents apart", "[packed]") {
  const Texts texts({5, 3, 1, 8, 4, 2}, 3);
  REQUIRE(texts.packed.size() == 2);
  for (const auto position : {PositionKind::rotary, PositionKind::alibi, PositionKind::none}) {
    const Transformer model = spread_model(model_config(position), Device::cpu(), DType::f64);
    INFO("position " << static_cast<int>(position));
    const Outcome apart = outcome_of(model, texts.apart);
    for (const auto recompute : {Recompute::none, Recompute::blocks}) {
      const Outcome packed = outcome_of(model, texts.packed, recompute);
      // Rotary angles of other places, and sums in another order: no more than rounding.
      CHECK(largest_difference(packed.logits, apart.logits) < 1e-12);
      CHECK(largest_difference(packed.gradients, apart.gradients) < 1e-12);
    }
    // Without the reset the documents do see each other.
    std::vector<Example> mixed = texts.packed;
    for (Example& example : mixed) example.first_keys.clear();
    CHECK(largest_difference(outcome_of(model, mixed).logits, apart.logits) > 1e-2);
  }
}

TEST_CASE("learned positions count on through a packed sequence", "[packed]") {
  const Texts texts({5, 3}, 2);
  const Transformer model =
      spread_model(model_config(PositionKind::learned), Device::cpu(), DType::f64);
  const Outcome packed = outcome_of(model, texts.packed), apart = outcome_of(model, texts.apart);
  const auto first = static_cast<std::ptrdiff_t>(5 * kVocabulary);
  const auto part = [](const std::vector<double>& values, std::ptrdiff_t begin,
                       std::ptrdiff_t end) {
    return std::vector<double>(values.begin() + begin, values.begin() + end);
  };
  CHECK(largest_difference(part(packed.logits, 0, first), part(apart.logits, 0, first)) < 1e-12);
  const auto all = static_cast<std::ptrdiff_t>(packed.logits.size());
  CHECK(largest_difference(part(packed.logits, first, all), part(apart.logits, first, all)) > 1e-2);
}

TEST_CASE("documents ask for a causal model", "[packed]") {
  TransformerConfig config = model_config(PositionKind::rotary);
  config.mask = engine::MaskKind::bidirectional;
  const Transformer model(config, Device::cpu(), 1);
  const Texts texts({5, 3}, 2);
  CHECK(error_of([&] { outcome_of(model, texts.packed); }) ==
        "[attention_forward] expected the causal mask for documents (first_keys), got the "
        "bidirectional mask");
}

// Six steps of which the device begins two at a time; rows of the same length, so that one shape
// comes again and becomes a graph.
TEST_CASE("steps on packed documents are steps on the documents apart", "[packed][device]") {
  const auto run = [](const Device& device, bool packed, DType dtype) {
    const Transformer model(model_config(PositionKind::rotary), device, 3, dtype);
    engine::Optimizer optimizer(model, {});
    Tape tape(device, Tape::Mode::training);
    engine::DeviceSteps steps(model, optimizer, tape, {.micro_batches = 2});
    std::vector<double> results;
    for (int step = 1; step <= 5; ++step) {
      const Texts texts({5, 3, 4, 6, 2, 4, 1, 8, 3, 9, 2, 1}, 3);
      steps.begin(packed ? texts.packed : texts.apart, step, 1e-3);
      const auto result = steps.end();
      results.push_back(result.loss);
      results.push_back(result.gradient_norm);
    }
    return results;
  };
  for (const Device& device : cuda_devices()) {
    const auto apart = run(device, false, DType::f32), packed = run(device, true, DType::f32);
    CHECK(largest_difference(packed, apart) < 1e-5);
    CHECK(apart.front() - apart[8] > 1e-3);  // there is something to follow
    // Each rounding to bf16 is within 2^-8 of the values, some ten in a block.
    CHECK(largest_difference(run(device, true, DType::bf16), apart) < 0.05);
  }
}

// Makes two documents of each text.
class Doubling : public engine::Objective {
 public:
  std::string name() const override { return "doubling"; }
  kernels::AttentionMask mask() const override { return kernels::AttentionMask::causal; }
  engine::TextSizes model_sizes(const engine::TextSizes& texts) const override {
    return {texts.vocabulary, 2 * texts.longest};
  }
  void make_example(const engine::Document& document, kernels::RandomSequence /*random*/,
                    Example& example) const override {
    Example one, other;
    engine::make_next_token_example(document.tokens, one);
    engine::make_next_token_example({document.tokens.rbegin(), document.tokens.rend()}, other);
    example.clear();
    append(one, example);
    append(other, example);
  }
};

TEST_CASE("a trainer takes packed examples, and a device's steps are the CPU's",
          "[packed][device]") {
  const auto losses_on = [](const Device& device) {
    const Doubling objective;
    TransformerConfig config = small_model(objective);
    config.heads = 2;
    config.position = PositionKind::rotary;
    const Transformer model(config, device, 5);
    const auto documents = documents_of(6, kSmallTexts.vocabulary);
    engine::Trainer trainer(model, objective, documents, options_with(2, 1e-2), 5);
    std::vector<double> losses;
    for (int i = 0; i < 6; ++i) losses.push_back(trainer.step().loss);
    return losses;
  };
  const auto expected = losses_on(Device::cpu());
  CHECK(expected.front() > expected.back());
  for (const Device& device : cuda_devices()) {
    CHECK(largest_difference(losses_on(device), expected) < 1e-4);
  }
}

}  // namespace
}  // namespace obverse::tests

#include "engine/training/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"
#include "tests/support/threads.h"
#include "tests/support/training_texts.h"

namespace obverse::tests {
namespace {

using engine::Device;
using engine::Document;
using engine::DType;
using engine::Trainer;
using engine::TrainingOptions;
using engine::Transformer;
using engine::TransformerConfig;

struct Run {
  std::vector<float> weights;
  std::vector<double> losses;
};

Run run(const TransformerConfig& config, const std::string& objective_name, std::uint64_t seed,
        int steps, std::int64_t batch = 4) {
  const auto objective = engine::make_objective(objective_name);
  const auto documents = documents_of(10, config.vocabulary);
  const Transformer model(config, Device::cpu(), seed);
  Trainer trainer(model, *objective, documents, options_with(batch, 1e-3), seed);
  Run result;
  for (int i = 0; i < steps; ++i) result.losses.push_back(trainer.step().loss);
  result.weights = model.weights().to_vector<float>();
  return result;
}

// One text of different tokens, without a mark at its begin or end, can be known by heart under
// every objective: whatever is asked has one answer, but for where a segment of random length ends.
TEST_CASE("every objective's loss goes to nothing on one text", "[trainer]") {
  const std::vector<Document> documents{{{10, 11, 12, 13, 14, 15, 16, 17}, {{1, 3}, {5, 2}}}};
  for (const auto& description : engine::objective_descriptions()) {
    const auto objective = engine::make_objective(description.name, kSmallTexts);
    const Transformer model(small_model(*objective), Device::cpu(), 1);
    Trainer trainer(model, *objective, documents, options_with(8, 3e-3), 1);
    const double first = trainer.step().loss;
    double last = 0.0;
    for (int i = 1; i < 300; ++i) last = trainer.step().loss;
    INFO(description.name << " from " << first << " to " << last);
    CHECK(first > 3.0);  // log(40) = 3.7, all tokens equally likely
    CHECK(last < (description.name == "segment_reversed" ? 1.0 : 0.01));
    CHECK(trainer.steps_done() == 300);
  }
}

TEST_CASE("a causal model learns a batch of texts by heart", "[trainer]") {
  const auto objective = engine::make_objective("causal");
  std::vector<Document> documents = documents_of(6, 40);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    // The first token tells the texts apart, or the second could only be guessed.
    documents[i].tokens[0] = static_cast<std::int32_t>(5 + i);
  }
  const Transformer model(small_model(*objective), Device::cpu(), 1);
  Trainer trainer(model, *objective, documents, options_with(6, 3e-3), 1);
  double last = 0.0;
  for (int i = 0; i < 300; ++i) last = trainer.step().loss;
  CHECK(last < 0.01);
}

TEST_CASE("a seed decides a run to the last bit", "[trainer]") {
  for (const char* name : {"causal", "token_reversed", "masked_uniform", "prefix"}) {
    TransformerConfig config = small_model(*engine::make_objective(name));
    config.dropout = 0.1;
    const Run one = run(config, name, 5, 6), again = run(config, name, 5, 6);
    const Run other = run(config, name, 6, 6);
    check_same_bits(again.weights, one.weights, name);
    CHECK(again.losses == one.losses);
    CHECK(other.weights != one.weights);
    CHECK(other.losses != one.losses);
  }
}

// Matrix products alone may differ in their last bits where threads divide them: OpenBLAS does so
// above 2^18 multiplications. Here the largest has 2^17.4, and 120,000 weights occupy three threads
// in everything else.
TEST_CASE("the number of threads changes no bit of a small run", "[trainer]") {
  TransformerConfig config = small_model(*engine::make_objective("causal"));
  config.layers = 4;
  config.width = 48;
  config.vocabulary = 200;
  config.dropout = 0.1;
  const auto with = [&](int threads) {
    const WithThreads with_threads(threads);
    return run(config, "causal", 5, 4, 2);
  };
  const Run one = with(1);
  for (const int threads : {2, 3}) {
    const Run several = with(threads);
    check_same_bits(several.weights, one.weights, "weights");
    CHECK(several.losses == one.losses);
  }
}

TEST_CASE("a large run has the same bits each time on two threads", "[trainer]") {
  const WithThreads with_threads(2);
  TransformerConfig config = small_model(*engine::make_objective("causal"));
  config.width = 256;
  config.vocabulary = 2000;
  config.layers = 1;
  check_same_bits(run(config, "causal", 5, 3).weights, run(config, "causal", 5, 3).weights,
                  "weights");
}

TEST_CASE("micro-batches add up to the whole batch", "[trainer]") {
  for (const char* name : {"causal", "masked_uniform", "prefix"}) {
    const auto objective = engine::make_objective(name);
    const auto documents = documents_of(9, 40);
    const auto run_cut = [&](std::int64_t accumulation) {
      const Transformer model(small_model(*objective), Device::cpu(), 1, DType::f64);
      TrainingOptions options = options_with(6, 1e-3);
      options.accumulation = accumulation;
      Trainer trainer(model, *objective, documents, options, 1);
      std::vector<double> reports;
      for (int i = 0; i < 3; ++i) {
        const auto report = trainer.step();
        reports.insert(reports.end(),
                       {report.loss, report.gradient_norm, static_cast<double>(report.tokens)});
      }
      return std::pair(reports, model.gradients().to_vector<double>());
    };
    const auto [reports, gradients] = run_cut(1);
    double largest = 0.0;
    for (const double gradient : gradients) largest = std::max(largest, std::abs(gradient));
    for (const std::int64_t accumulation : {2, 3, 6}) {
      const auto [cut_reports, cut_gradients] = run_cut(accumulation);
      INFO(name << " in " << accumulation);
      check_close(cut_reports, reports, 1e-12, 0.0, "reports");
      check_close(cut_gradients, gradients, 1e-12, largest, "gradients");
    }
  }
}

// The first step by hand: with both moments empty, the update is g / (|g| + epsilon) for the
// clipped gradient g. A large epsilon keeps the size of g in it.
TEST_CASE("a step clips by the global norm and decays matrices alone", "[trainer]") {
  const auto objective = engine::make_objective("causal");
  const auto documents = documents_of(4, 40);
  for (const double clip_norm : {0.0, 0.1, 1e6}) {
    const Transformer model(small_model(*objective), Device::cpu(), 1, DType::f64);
    TrainingOptions options = options_with(4, 0.01);
    options.optimizer = {.epsilon = 0.5, .weight_decay = 0.2, .clip_norm = clip_norm};
    const auto before = model.weights().to_vector<double>();
    Trainer trainer(model, *objective, documents, options, 1);
    const auto report = trainer.step();
    const auto gradients = model.gradients().to_vector<double>();
    double squares = 0.0;
    for (const double gradient : gradients) squares += gradient * gradient;
    CHECK(report.gradient_norm == Approx(std::sqrt(squares)).epsilon(1e-12));
    CHECK(report.gradient_norm > 0.1);
    CHECK(report.learning_rate == 0.01);
    const double scale = clip_norm == 0.1 ? 0.1 / report.gradient_norm : 1.0;
    std::vector<double> expected;
    for (const auto& parameter : model.parameters()) {
      const double decay = parameter.variable.shape().dimensions() == 2 ? 0.2 : 0.0;
      for (std::int64_t i = 0; i < parameter.variable.data().elements(); ++i) {
        const double weight = before[expected.size()], g = scale * gradients[expected.size()];
        expected.push_back(weight - 0.01 * (decay * weight + g / (std::abs(g) + 0.5)));
      }
    }
    check_close(model.weights().to_vector<double>(), expected, 1e-14, 1.0, "weights");
  }
}

TEST_CASE("a step reports what it did", "[trainer]") {
  const auto objective = engine::make_objective("causal");
  const std::vector<Document> documents{{{1, 10, 11, 2}, {}}, {{1, 12, 2}, {}}};
  const Transformer model(small_model(*objective), Device::cpu(), 1);
  TrainingOptions options = options_with(2, 1e-3);
  options.schedule = {engine::ScheduleKind::linear, 4e-3, 2, 4, 0.0};
  Trainer trainer(model, *objective, documents, options, 1);
  const double expected_rates[] = {2e-3, 4e-3, 2e-3, 0.0};
  for (const double expected : expected_rates) {
    const auto before = model.weights().to_vector<float>();
    const auto report = trainer.step();
    CHECK(report.tokens == 5);
    CHECK(report.learning_rate == Approx(expected));
    CHECK((model.weights().to_vector<float>() == before) == (expected == 0.0));
  }
}

TEST_CASE("a run that diverges throws and keeps its weights", "[trainer]") {
  const auto objective = engine::make_objective("causal");
  const auto documents = documents_of(4, 40);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Transformer model(small_model(*objective), Device::cpu(), 1);
    Trainer trainer(model, *objective, documents, options_with(4, 1e-3), 1);
    trainer.step();
    // Every text reads the embedding of begin-of-text.
    model.weights().span<float>()[engine::kBeginOfText * model.config().width] = bad;
    const auto before = model.weights().to_vector<float>();
    CHECK_THROWS_AS(trainer.step(), engine::DivergedError);
    check_same_bits(model.weights().to_vector<float>(), before, "weights");
  }
  const Transformer model(small_model(*objective), Device::cpu(), 1);
  Trainer trainer(model, *objective, documents, options_with(4, 1e30), 1);
  std::vector<float> before;
  std::string message;
  for (int i = 0; i < 10 && message.empty(); ++i) {
    before = model.weights().to_vector<float>();
    try {
      trainer.step();
    } catch (const engine::DivergedError& error) {
      message = error.what();
    }
  }
  INFO(message);
  CHECK(message.find("training diverged at step ") == 0);
  CHECK(message.find("a lower learning rate") != std::string::npos);
  check_same_bits(model.weights().to_vector<float>(), before, "weights");
}

// A head of zeros gives every token the same probability, whatever it reads; its gradient is what
// it reads, 32 elements of some 1e38, and their norm is more than a float holds.
TEST_CASE("a finite loss whose gradient is not finite is a divergence, too", "[trainer]") {
  const auto objective = engine::make_objective("causal");
  const std::vector<Document> documents{{{7, 7, 7, 7}, {}}};
  TransformerConfig config = small_model(*objective);
  config.position = engine::PositionKind::none;
  config.tied_embeddings = false;
  const Transformer model(config, Device::cpu(), 1);
  for (const auto& parameter : model.parameters()) {
    const auto weights = parameter.variable.data().span<float>();
    if (parameter.name == "head.weight") std::fill(weights.begin(), weights.end(), 0.0f);
    if (parameter.name == "outer_norm.gain") std::fill(weights.begin(), weights.end(), 1e38f);
  }
  const auto before = model.weights().to_vector<float>();
  Trainer trainer(model, *objective, documents, options_with(1, 1e-3), 1);
  std::string message;
  try {
    trainer.step();
  } catch (const engine::DivergedError& error) {
    message = error.what();
  }
  CHECK(message.find("training diverged at step 1: loss 3.688879, gradient norm inf") == 0);
  check_same_bits(model.weights().to_vector<float>(), before, "weights");
}

TEST_CASE("a trainer says what it expected", "[trainer]") {
  const auto causal = engine::make_objective("causal"),
             masked = engine::make_objective("masked_fixed");
  const Transformer model(small_model(*causal), Device::cpu(), 1);
  const auto error = [&](const engine::Objective& objective, const std::vector<Document>& documents,
                         std::int64_t batch, std::int64_t accumulation) {
    TrainingOptions options = options_with(batch, 1e-3);
    options.accumulation = accumulation;
    return error_of([&] { Trainer(model, objective, documents, options, 1).step(); });
  };
  const auto documents = documents_of(4, 40);
  CHECK(error(*causal, documents, 6, 4) ==
        "[trainer] expected a batch above 0 that accumulation divides, got 6 and 4");
  CHECK(error(*causal, documents, 0, 1) ==
        "[trainer] expected a batch above 0 that accumulation divides, got 0 and 1");
  CHECK(error(*causal, documents, 4, 0) ==
        "[trainer] expected a batch above 0 that accumulation divides, got 4 and 0");
  const Transformer two_sided(small_model(*masked), Device::cpu(), 1);
  CHECK(error_of([&] { Trainer(two_sided, *causal, documents, options_with(4, 1e-3), 1); }) ==
        "[trainer] expected a model with the mask that objective causal needs");
  CHECK(error(*causal, {}, 4, 1) == "[sampler] expected at least one item, got 0");
  CHECK(error(*causal, {documents[0], {}}, 4, 1) ==
        "[trainer] expected documents of at least one token, got an empty document 1");
  // 14 tokens are 13 inputs; 13 tokens just fit the context of 12.
  const Document long_one{std::vector<std::int32_t>(14, 7), {}};
  const auto before = model.weights().to_vector<float>();
  CHECK(error(*causal, {long_one}, 2, 1) ==
        "[transformer] expected ids [batch, sequence] of at most the context of 12 tokens, got "
        "[2, 13]");
  check_same_bits(model.weights().to_vector<float>(), before, "weights");
  CHECK(error(*causal, {{std::vector<std::int32_t>(13, 7), {}}}, 2, 1) == "nothing thrown");
  CHECK(error(*causal, {{{1, 40, 2}, {}}}, 1, 1) ==
        "[embedding] expected ids of at least 0 and below 40, got 40 at token 1");
}

TEST_CASE("every step drops other activations", "[trainer]") {
  const auto objective = engine::make_objective("causal");
  TransformerConfig config = small_model(*objective);
  config.dropout = 0.3;
  const Transformer model(config, Device::cpu(), 3);
  TrainingOptions options = options_with(1, 1e-30);
  const auto documents = documents_of(1, config.vocabulary);
  Trainer trainer(model, *objective, documents, options, 3);
  const double first = trainer.step().loss, second = trainer.step().loss;
  CHECK(std::abs(first - second) > 1e-3);
}

TEST_CASE("training options are written down by name", "[trainer]") {
  TrainingOptions options = options_with(12, 0.25);
  options.accumulation = 3;
  options.schedule.kind = engine::ScheduleKind::cosine;
  options.optimizer.clip_norm = 2.0;
  const nlohmann::json json = options;
  CHECK(json == nlohmann::json::parse(R"({"batch": 12, "accumulation": 3, "schedule": "cosine",
      "learning_rate": 0.25, "warm_up_steps": 0, "final_share": 0.0, "beta_1": 0.9,
      "beta_2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1, "clip_norm": 2.0})"));
  options.schedule.kind = engine::ScheduleKind::warm_up_stable_decay;
  options.schedule.decay_share = 0.3;
  CHECK(nlohmann::json(options).at("decay_share") == 0.3);
}

TEST_CASE("a run that is resumed has the bits of one that was not", "[trainer]") {
  for (const char* name : {"causal", "masked_uniform"}) {
    const auto objective = engine::make_objective(name);
    TransformerConfig config = small_model(*objective);
    config.dropout = 0.1;
    const auto documents = documents_of(10, config.vocabulary);
    TrainingOptions options = options_with(4, 1e-3);
    options.schedule.kind = engine::ScheduleKind::cosine;
    options.schedule.steps = 9;
    const Transformer whole(config, Device::cpu(), 3), resumed(config, Device::cpu(), 8);
    Trainer trainer(whole, *objective, documents, options, 3);
    for (int i = 0; i < 5; ++i) trainer.step();
    const auto weights = whole.weights().to_vector<float>();
    const auto first = trainer.optimizer().first_moments().to_vector<float>();
    const auto second = trainer.optimizer().second_moments().to_vector<float>();
    Trainer other(resumed, *objective, documents, options, 3);
    resumed.weights().write(weights.data());
    other.optimizer().first_moments().write(first.data());
    other.optimizer().second_moments().write(second.data());
    other.continue_after(5);
    for (int step = 6; step <= 9; ++step) {
      const engine::StepReport here = trainer.step(), there = other.step();
      CHECK(there.step == step);
      CHECK(there.loss == here.loss);
      CHECK(there.gradient_norm == here.gradient_norm);
      CHECK(there.learning_rate == here.learning_rate);
    }
    CHECK(resumed.weights().to_vector<float>() == whole.weights().to_vector<float>());
    CHECK_THROWS_WITH(other.continue_after(2), ContainsSubstring("has made no step"));
  }
}

}  // namespace
}  // namespace obverse::tests

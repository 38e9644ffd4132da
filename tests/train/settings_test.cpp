#include "experiments/train/settings.h"

#include <stdexcept>
#include <string>

#include "tests/support/catch.h"

namespace obverse::train {
namespace {

using nlohmann::json;

std::string refusal(const json& given) {
  try {
    settings_of(given);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "taken";
}

TEST_CASE("settings are usual ones, a preset's, and those that are given", "[settings]") {
  const Settings usual = settings_of(json::object());
  CHECK(usual.objective == "causal");
  CHECK(usual.architecture.layers == engine::TransformerConfig().layers);
  CHECK(usual.precision == engine::DType::f32);
  CHECK(usual.packing == Packing::windows);
  CHECK(usual.training.schedule.kind == engine::ScheduleKind::cosine);

  const Settings given = settings_of({{"preset", "llama-1b"},
                                      {"layers", 3},
                                      {"learning_rate", 1},
                                      {"packing", "documents"},
                                      {"attention_reset", true},
                                      {"device", "cuda"},
                                      {"tokenizer", nullptr}});
  CHECK(given.architecture.layers == 3);
  CHECK(given.architecture.width == 2048);
  CHECK(given.architecture.norm == engine::NormKind::rms);
  CHECK(given.context == 8192);
  CHECK(given.training.schedule.peak == 1.0);
  CHECK(given.packing == Packing::documents);
  CHECK(given.precision == engine::DType::bf16);
  CHECK(given.values.at("precision") == "bf16");
  // What is recorded says the same again.
  CHECK(settings_of(given.values).values == given.values);
}

TEST_CASE("a setting that cannot be is told with its name", "[settings]") {
  CHECK(refusal({{"layer", 3}}) ==
        "layer: expected a setting that obverse-train --help names, found this one");
  CHECK(refusal({{"layers", "three"}}) == "layers: expected a whole number, found \"three\"");
  CHECK(refusal({{"layers", 2.5}}) == "layers: expected a whole number, found 2.5");
  CHECK(refusal({{"learning_rate", "high"}}) == "learning_rate: expected a number, found \"high\"");
  CHECK(refusal({{"biases", 1}}) == "biases: expected true or false, found 1");
  CHECK(refusal({{"data", 1}}) == "data: expected a word, found 1");
  CHECK(refusal({{"vocabulary", "many"}}) == "vocabulary: expected a whole number, found \"many\"");
  CHECK(refusal({{"steps", 0}}).rfind("steps: expected from 1 to ", 0) == 0);
  CHECK(refusal({{"steps", 18446744073709551615u}}).rfind("steps: expected from 1 to ", 0) == 0);
  CHECK(refusal({{"learning_rate", 0.0}}).rfind("learning_rate: expected from 0 (not", 0) == 0);
  CHECK(refusal({{"beta_2", 1.0}}).rfind("beta_2: expected from 0 to below 1", 0) == 0);
  CHECK(refusal({{"schedule", "stairs"}}) ==
        "schedule: expected constant, linear, cosine or warm_up_stable_decay, found \"stairs\"");
  CHECK(refusal({{"packing", "tight"}}) ==
        "packing: expected windows, documents or none, found \"tight\"");
  CHECK(refusal({{"attention_reset", true}}) ==
        "attention_reset: expected packing documents with it, found \"windows\"");
  CHECK(refusal({{"batch", 10}, {"accumulation", 4}}) ==
        "accumulation: expected a divisor of the batch of 10, found 4");
  CHECK(refusal({{"precision", "bf16"}}) ==
        "precision: expected fp32 on the CPU, found bf16, which CUDA takes");
  CHECK(refusal({{"device", "abacus"}}) == "device: expected cpu or cuda, found abacus");
  CHECK(refusal({{"matmul", "cublas"}}) == "matmul: expected own on the CPU, found cublas");
  CHECK(refusal({{"sequence", 1}}).rfind("sequence: expected from 2 to ", 0) == 0);
  CHECK(refusal({{"heads", 3}}).find("expected heads to divide width") != std::string::npos);
  CHECK(refusal({{"position", "polar"}}).find("position") != std::string::npos);
  CHECK(refusal({{"preset", "gpt5"}}).find("got 'gpt5'") != std::string::npos);
  CHECK(refusal({{"delimiter", "between"}}) ==
        "delimiter: expected behind or before, found between");
  CHECK(refusal(json::array()).find("expected a JSON object") != std::string::npos);
}

TEST_CASE("what decides a result has to stay the same, and nothing else", "[settings]") {
  const json base = {{"schedule", "cosine"}, {"steps", 100}, {"warm_up_steps", 10}};
  const auto changed = [&base](const json& patch, std::int64_t done) {
    json other = base;
    other.merge_patch(patch);
    return differences(settings_of(base), settings_of(other), done);
  };
  CHECK(changed(json::object(), 50).empty());
  CHECK(changed({{"keep", 7}, {"threads", 3}, {"validate_every", 1}, {"output", "x"}}, 50).empty());
  CHECK(changed({{"recompute", "blocks"}}, 50).empty());
  CHECK(changed({{"seed", 1}}, 50) == std::vector<std::string>{"seed: expected 0, found 1"});
  CHECK(changed({{"layers", 3}, {"seed", 9}}, 50).size() == 2);
  // Another length changes the rates of a cosine behind its warm-up.
  CHECK(changed({{"steps", 200}}, 10).empty());
  CHECK(changed({{"steps", 200}}, 50) ==
        std::vector<std::string>{"steps: expected 100, found 200, with which step 11 would have "
                                 "had another learning rate"});
  const auto stable = [&](const json& patch, std::int64_t done) {
    json before = base, after = base;
    before["schedule"] = after["schedule"] = "warm_up_stable_decay";
    after.merge_patch(patch);
    return differences(settings_of(before), settings_of(after), done).size();
  };
  CHECK(stable({{"steps", 1000}}, 80) == 0);
  CHECK(stable({{"steps", 1000}}, 81) == 1);
  CHECK(stable({{"decay_share", 0.1}}, 80) == 0);
}

}  // namespace
}  // namespace obverse::train

#include "engine/model/transformer_config.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/model/transformer.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using engine::FeedForwardKind;
using engine::MaskKind;
using engine::NormKind;
using engine::NormPlacement;
using engine::PositionKind;
using engine::TransformerConfig;

TransformerConfig small() {
  TransformerConfig config;
  config.width = 24;
  config.heads = 6;
  config.vocabulary = 11;
  config.context = 5;
  return config;
}

// How many weights a config has, from its sizes alone: the largest presets do not fit a test.
std::int64_t expected_count(const TransformerConfig& config) {
  const TransformerConfig c = config.resolved();
  const std::int64_t bias = c.biases ? 1 : 0;
  const auto linear = [&](std::int64_t in, std::int64_t out) { return out * (in + bias); };
  const std::int64_t norm = c.width * (c.norm == NormKind::layer ? 1 + bias : 1);
  const std::int64_t gates = c.feed_forward == FeedForwardKind::swiglu ? 2 : 1;
  const std::int64_t block = 2 * norm +
                             linear(c.width, (c.heads + 2 * c.key_value_heads) * c.head_size()) +
                             (c.query_key_norm ? 2 * c.head_size() : 0) + linear(c.width, c.width) +
                             linear(c.width, gates * c.hidden) + linear(c.hidden, c.width);
  return c.layers * block + norm + c.vocabulary * c.width * (c.tied_embeddings ? 1 : 2) +
         (c.position == PositionKind::learned ? c.context * c.width : 0);
}

TEST_CASE("a model has as many weights as its sizes say", "[transformer_config]") {
  for (int switches = 0; switches < 128; ++switches) {
    TransformerConfig config = small();
    if (switches & 1) config.key_value_heads = 2;
    if (switches & 2) config.position = PositionKind::rotary;
    if (switches & 4) config.norm = NormKind::rms;
    if (switches & 8) config.feed_forward = FeedForwardKind::swiglu;
    if (switches & 16) config.tied_embeddings = false;
    if (switches & 32) config.biases = false;
    if (switches & 64) config.query_key_norm = true;
    INFO(nlohmann::json(config).dump());
    const engine::Transformer model(config, engine::Device::cpu(), 1);
    REQUIRE(model.parameter_count() == expected_count(config));
  }
}

TEST_CASE("presets have the published numbers of weights", "[transformer_config]") {
  const auto count = [](const char* name) {
    return expected_count(engine::transformer_preset(name));
  };
  CHECK(count("gpt2-124m") == 124439808);
  CHECK(count("gpt2-355m") == 354823168);
  CHECK(count("gpt2-774m") == 774030080);
  CHECK(count("gpt2-1558m") == 1557611200);
  CHECK(count("llama-1b") == 1235814400);
  // BERT base has 109,482,240: 590,592 of them are its pooler, 1,536 its segment embedding.
  CHECK(count("bert-110m") == 109482240 - 590592 - 1536);
}

TEST_CASE("presets are valid and found by name", "[transformer_config]") {
  for (const std::string& name : engine::transformer_preset_names()) {
    INFO(name);
    CHECK_NOTHROW(engine::transformer_preset(name).validate());
  }
  CHECK(error_of([] { engine::transformer_preset("gpt3"); }) ==
        "[transformer] expected a preset among bert-110m gpt2-124m gpt2-1558m gpt2-355m gpt2-774m "
        "llama-1b, got 'gpt3'");
}

TEST_CASE("sizes that follow from others are filled in", "[transformer_config]") {
  TransformerConfig config = small();
  CHECK(config.resolved().key_value_heads == 6);
  CHECK(config.resolved().hidden == 96);
  CHECK(config.head_size() == 4);
  config.feed_forward = FeedForwardKind::swiglu;
  CHECK(config.resolved().hidden == 64);  // 8/3 of 24
  config.width = 30;
  CHECK(config.resolved().hidden == 80);
  config.width = 36;
  CHECK(config.resolved().hidden == 96);
  config.width = 42;
  CHECK(config.resolved().hidden == 112);
  config.width = 48;
  config.hidden = 100;
  config.key_value_heads = 3;
  CHECK(config.resolved() == config);
}

TEST_CASE("a config that cannot be is refused with its values", "[transformer_config]") {
  const auto error = [](const auto& change) {
    TransformerConfig config = small();
    change(config);
    const std::string message = error_of([&] { config.validate(); });
    CHECK(error_of([&] { engine::Transformer(config, engine::Device::cpu(), 1); }) == message);
    return message;
  };
  using Config = TransformerConfig;
  CHECK(error([](Config&) {}) == "nothing thrown");
  CHECK(error([](Config& c) { c.heads = 5; }) ==
        "[transformer] expected heads to divide width, got 5 heads and width 24");
  CHECK(error([](Config& c) { c.key_value_heads = 4; }) ==
        "[transformer] expected key_value_heads to divide heads, got 4 and 6");
  CHECK(error([](Config& c) {
          c.heads = 8;
          c.position = PositionKind::rotary;
        }) == "[transformer] expected an even head size for rotary positions, got 3");
  CHECK(error([](Config& c) { c.layers = 0; }) == "[transformer] expected layers above 0, got 0");
  CHECK(error([](Config& c) { c.width = -24; }) == "[transformer] expected width above 0, got -24");
  CHECK(error([](Config& c) { c.heads = 0; }) == "[transformer] expected heads above 0, got 0");
  CHECK(error([](Config& c) { c.vocabulary = 0; }) ==
        "[transformer] expected vocabulary above 0, got 0");
  CHECK(error([](Config& c) { c.context = 0; }) == "[transformer] expected context above 0, got 0");
  CHECK(error([](Config& c) { c.hidden = -1; }) == "[transformer] expected hidden above 0, got -1");
  CHECK(error([](Config& c) { c.dropout = 1.0; }) ==
        "[transformer] expected dropout in [0, 1), got 1");
  CHECK(error([](Config& c) { c.norm_epsilon = 0.0; }) ==
        "[transformer] expected norm_epsilon above 0, got 0");
  CHECK(error([](Config& c) { c.rotary_base = 1.0; }) ==
        "[transformer] expected rotary_base above 1, got 1");
}

TEST_CASE("a config survives JSON with every field changed", "[transformer_config]") {
  const TransformerConfig changed{.layers = 3,
                                  .width = 40,
                                  .heads = 5,
                                  .key_value_heads = 1,
                                  .hidden = 17,
                                  .vocabulary = 19,
                                  .context = 23,
                                  .position = PositionKind::alibi,
                                  .norm = NormKind::rms,
                                  .norm_placement = NormPlacement::post,
                                  .feed_forward = FeedForwardKind::relu2,
                                  .mask = MaskKind::prefix,
                                  .tied_embeddings = false,
                                  .biases = false,
                                  .query_key_norm = true,
                                  .dropout = 0.1,
                                  .rotary_base = 500000.0,
                                  .norm_epsilon = 1e-12};
  const nlohmann::json usual = TransformerConfig(), json = changed;
  for (const auto& item : json.items()) {
    INFO(item.key());
    CHECK(item.value() != usual.at(item.key()));
  }
  CHECK(nlohmann::json::parse(json.dump()).get<TransformerConfig>() == changed);
  CHECK(json.at("position") == "alibi");
  CHECK(json.at("mask") == "prefix");
  for (const std::string& name : engine::transformer_preset_names()) {
    const auto preset = engine::transformer_preset(name);
    CHECK(nlohmann::json(preset).get<TransformerConfig>() == preset);
  }
}

TEST_CASE("JSON leaves absent fields alone and refuses what it does not know",
          "[transformer_config]") {
  const auto read = [](const char* text) {
    TransformerConfig config = small();
    from_json(nlohmann::json::parse(text), config);
    return config;
  };
  TransformerConfig deeper = small();
  deeper.layers = 7;
  deeper.norm = NormKind::rms;
  deeper.dropout = 0.0;
  CHECK(read(R"({"layers": 7, "norm": "rms", "dropout": 0})") == deeper);
  const std::string unknown = error_of([&] { read(R"({"layer": 7})"); });
  CHECK(unknown.find("[transformer] expected a field among layers width heads") == 0);
  CHECK(unknown.find("norm_epsilon, got 'layer'") != std::string::npos);
  CHECK(error_of([&] { read(R"({"position": "learnt"})"); }) ==
        "[transformer] expected a known value for position, got \"learnt\"");
  CHECK(error_of([&] { read(R"({"mask": 2})"); }) ==
        "[transformer] expected a known value for mask, got 2");
  CHECK(error_of([&] { read(R"({"layers": 2.5})"); }) ==
        "[transformer] expected a known value for layers, got 2.5");
}

}  // namespace
}  // namespace obverse::tests

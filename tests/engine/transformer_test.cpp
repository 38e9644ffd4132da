#include "engine/model/transformer.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using engine::Device;
using engine::MaskKind;
using engine::ModelInput;
using engine::PositionKind;
using engine::Shape;
using engine::Tape;
using engine::Tensor;
using engine::Transformer;
using engine::TransformerConfig;

TransformerConfig small() {
  TransformerConfig config;
  config.layers = 2;
  config.width = 16;
  config.heads = 4;
  config.vocabulary = 13;
  config.context = 8;
  return config;
}

// A large enough spread that every token matters to every logit that may see it.
Transformer spread_out(const TransformerConfig& config, const Device& device) {
  Transformer model(config, device, 1);
  for (float& weight : model.weights().span<float>()) weight *= 10.0f;
  return model;
}

std::vector<float> logits_of(const Transformer& model, const ModelInput& input) {
  Tape tape(model.device(), Tape::Mode::inference);
  return model.logits(tape, input).data().to_vector<float>();
}

// Which places' logits change where token `changed` does.
std::string places_changed(const TransformerConfig& config, std::size_t changed,
                           std::int32_t prefix) {
  const auto device = Device::cpu();
  const Transformer model = spread_out(config, device);
  std::vector<std::int32_t> ids = random_ids(6, config.vocabulary, 1);
  const auto run = [&] {
    return logits_of(model, {Tensor::from(device, {1, 6}, ids), Tensor(),
                             Tensor::from<std::int32_t>(device, {1}, {prefix})});
  };
  const auto before = run();
  ids[changed] = (ids[changed] + 1) % static_cast<std::int32_t>(config.vocabulary);
  const auto after = run();
  std::string places;
  const auto width = static_cast<std::size_t>(config.vocabulary);
  for (std::size_t place = 0; place < 6; ++place) {
    bool same = true;
    for (std::size_t i = place * width; i < (place + 1) * width; ++i) {
      same = same && before[i] == after[i];
    }
    places += same ? '-' : '#';
  }
  return places;
}

TEST_CASE("a token changes the logits of the places that see it, and no others", "[transformer]") {
  for (const auto position :
       {PositionKind::learned, PositionKind::rotary, PositionKind::alibi, PositionKind::none}) {
    TransformerConfig config = small();
    config.position = position;
    INFO("position " << static_cast<int>(position));
    CHECK(places_changed(config, 3, 0) == "---###");
    CHECK(places_changed(config, 0, 0) == "######");
    config.mask = MaskKind::bidirectional;
    CHECK(places_changed(config, 3, 0) == "######");
    config.mask = MaskKind::prefix;
    CHECK(places_changed(config, 3, 4) == "######");
    CHECK(places_changed(config, 3, 5) == "######");
    CHECK(places_changed(config, 3, 3) == "---###");
    CHECK(places_changed(config, 3, 0) == "---###");
  }
}

TEST_CASE("what stands behind a sequence's end does not matter", "[transformer]") {
  const auto device = Device::cpu();
  for (const auto mask : {MaskKind::causal, MaskKind::bidirectional, MaskKind::prefix}) {
    TransformerConfig config = small();
    config.mask = mask;
    const Transformer model = spread_out(config, device);
    const auto ids = random_ids(4, config.vocabulary, 1);
    const Tensor prefixes = Tensor::from<std::int32_t>(device, {1}, {2});
    const auto alone = logits_of(model, {Tensor::from(device, {1, 4}, ids), Tensor(), prefixes});
    for (const std::int32_t filler : {0, 5}) {
      // The same text behind a longer one, padded.
      std::vector<std::int32_t> both = random_ids(7, config.vocabulary, 2);
      both.insert(both.end(), ids.begin(), ids.end());
      both.resize(14, filler);
      const auto batched = logits_of(model, {Tensor::from(device, {2, 7}, both),
                                             Tensor::from<std::int32_t>(device, {2}, {7, 4}),
                                             Tensor::from<std::int32_t>(device, {2}, {3, 2})});
      const auto from = batched.begin() + 7 * config.vocabulary;
      // Sums of a few terms in another order where the padded width differs: a few units of the
      // largest logit.
      check_close(std::vector<float>(from, from + 4 * config.vocabulary), in_double(alone),
                  64 * unit<float>(), 1.0, "logits");
    }
  }
}

struct Spread {
  double mean, deviation;
};

Spread spread_of(const Tensor& tensor) {
  double sum = 0.0, squares = 0.0;
  for (const float value : tensor.span<float>()) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const auto count = static_cast<double>(tensor.elements());
  return {sum / count, std::sqrt(squares / count - sum / count * sum / count)};
}

TEST_CASE("weights start as GPT-2's do", "[transformer]") {
  TransformerConfig config = small();
  config.layers = 3;
  config.width = 64;
  config.vocabulary = 100;
  config.context = 50;
  config.query_key_norm = true;
  config.tied_embeddings = false;
  const Transformer model(config, Device::cpu(), 7);
  int residual_writers = 0;
  for (const auto& parameter : model.parameters()) {
    const Tensor& data = parameter.variable.data();
    const auto ends_in = [&](const std::string& end) {
      return parameter.name.size() >= end.size() &&
             parameter.name.compare(parameter.name.size() - end.size(), end.size(), end) == 0;
    };
    const auto [mean, deviation] = spread_of(data);
    INFO(parameter.name << " " << data.shape() << ": mean " << mean << ", deviation " << deviation);
    if (ends_in(".bias") || ends_in(".gain")) {
      CHECK(mean == (ends_in(".gain") ? 1.0 : 0.0));
      CHECK(deviation == 0.0);
      CHECK_FALSE(parameter.decays);
      continue;
    }
    const bool residual = ends_in("projection.weight") || ends_in("down.weight");
    residual_writers += residual ? 1 : 0;
    const double expected = residual ? 0.02 / std::sqrt(6.0) : 0.02;
    // Five standard errors of each.
    const auto count = static_cast<double>(data.elements());
    CHECK(std::abs(mean) < 5.0 * expected / std::sqrt(count));
    CHECK(std::abs(deviation / expected - 1.0) < 5.0 / std::sqrt(2.0 * count));
    CHECK(parameter.decays);
  }
  CHECK(residual_writers == 6);
  for (const float gradient : model.gradients().span<float>()) REQUIRE(gradient == 0.0f);
}

TEST_CASE("a seed decides every weight", "[transformer]") {
  const auto weights = [](std::uint64_t seed) {
    return Transformer(small(), Device::cpu(), seed).weights().to_vector<float>();
  };
  check_same_bits(weights(3), weights(3), "weights");
  const auto a = weights(3), b = weights(4);
  std::size_t same = 0;
  for (std::size_t i = 0; i < a.size(); ++i) same += a[i] == b[i] && a[i] != 0 && a[i] != 1 ? 1 : 0;
  CHECK(same < a.size() / 100);
}

TEST_CASE("parameters lie one behind the other in weights and gradients", "[transformer]") {
  const auto device = Device::cpu();
  const Transformer model(small(), device, 1, engine::DType::f64);
  const double* weight = model.weights().span<double>().data();
  const double* gradient = model.gradients().span<double>().data();
  for (const auto& parameter : model.parameters()) {
    REQUIRE(parameter.variable.data().span<double>().data() == weight);
    REQUIRE(parameter.variable.gradient().span<double>().data() == gradient);
    weight += parameter.variable.data().elements();
    gradient += parameter.variable.data().elements();
  }
  CHECK(weight == model.weights().span<double>().end());
  const auto current = device.allocator().use().current_bytes;
  CHECK(current[static_cast<std::size_t>(engine::MemoryCategory::weights)] ==
        8 * model.parameter_count());
  CHECK(current[static_cast<std::size_t>(engine::MemoryCategory::gradients)] ==
        8 * model.parameter_count());
}

TEST_CASE("hidden and logits have the shapes of their input", "[transformer]") {
  const auto device = Device::cpu();
  const Transformer model(small(), device, 1);
  Tape tape(device, Tape::Mode::inference);
  const ModelInput input{Tensor::zeros(device, {2, 8}, engine::DType::i32), Tensor(), Tensor()};
  CHECK(model.hidden(tape, input).shape() == Shape{2, 8, 16});
  CHECK(model.logits(tape, input).shape() == Shape{2, 8, 13});
}

TEST_CASE("a model says what it expected of its input", "[transformer]") {
  const auto device = Device::cpu();
  for (const auto position : {PositionKind::learned, PositionKind::none}) {
    TransformerConfig config = small();
    config.position = position;
    const Transformer model(config, device, 1);
    const auto error = [&](const Shape& shape) {
      return error_of([&] {
        logits_of(model, {Tensor::zeros(device, shape, engine::DType::i32), Tensor(), Tensor()});
      });
    };
    CHECK(error({1, 9}) ==
          "[transformer] expected ids [batch, sequence] of at most the context of 8 tokens, got "
          "[1, 9]");
    CHECK(error({8}) ==
          "[transformer] expected ids [batch, sequence] of at most the context of 8 tokens, got "
          "[8]");
    CHECK(error({1, 8}) == "nothing thrown");
  }
  TransformerConfig config = small();
  config.mask = MaskKind::prefix;
  const Transformer model(config, device, 1);
  const Tensor ids = Tensor::zeros(device, {1, 8}, engine::DType::i32);
  CHECK(error_of([&] {
          logits_of(model, {ids, Tensor(), Tensor()});
        }).find("expected prefixes of 1 elements, got 0") != std::string::npos);
}

}  // namespace
}  // namespace obverse::tests

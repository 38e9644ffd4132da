// Texts read token by token, their keys and values kept, give what they give read at once.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/model/decoding_cache.h"
#include "tests/support/catch.h"
#include "tests/support/model_problem.h"
#include "tests/support/test_devices.h"

namespace obverse::tests {
namespace {

using engine::DecodingCache;
using engine::Device;
using engine::DType;
using engine::MaskKind;
using engine::Tape;
using engine::Tensor;
using engine::Transformer;
using engine::TransformerConfig;

using Tokens = std::vector<std::int32_t>;

constexpr std::int64_t kContext = 12;

// Every switch of the transformer but the bidirectional mask.
std::vector<NamedConfig> decodable_configs() {
  std::vector<NamedConfig> result;
  for (const NamedConfig& named : model_configs()) {
    TransformerConfig config = tiny_model();
    named.change(config);
    if (config.mask != MaskKind::bidirectional) result.push_back(named);
  }
  return result;
}

TransformerConfig config_of(const NamedConfig& named) {
  TransformerConfig config = tiny_model();
  config.context = kContext;
  named.change(config);
  return config;
}

// The logits at every place of texts that are read at once: [rows, length, vocabulary].
std::vector<double> logits_of_texts(const Transformer& model, const std::vector<Tokens>& texts,
                                    const std::vector<std::size_t>& prefixes) {
  Tape tape(model.device(), Tape::Mode::inference);
  Tokens ids, of_rows(prefixes.begin(), prefixes.end());
  for (const Tokens& text : texts) ids.insert(ids.end(), text.begin(), text.end());
  const auto rows = static_cast<std::int64_t>(texts.size());
  const auto length = static_cast<std::int64_t>(texts.front().size());
  return model
      .logits(tape, {Tensor::from(model.device(), {rows, length}, ids), Tensor(),
                     Tensor::from(model.device(), {rows}, of_rows)})
      .data()
      .to_doubles();
}

const std::vector<Tokens>& texts() {
  static const std::vector<Tokens> kTexts = {
      random_ids(kContext, 11, 1), random_ids(kContext, 11, 2), random_ids(kContext, 11, 3)};
  return kTexts;
}

// Prompts of three lengths, then token by token, where one row ends before the others.
const std::vector<std::vector<std::size_t>> kTokenByToken = {
    {5, 2, 7}, {1, 1, 1}, {1, 0, 1}, {1, 1, 1}, {1, 0, 1}};
// Prompts in parts, the first of them single.
const std::vector<std::vector<std::size_t>> kInParts = {
    {1, 1, 1}, {3, 2, 0}, {0, 4, 2}, {2, 1, 3}, {4, 1, 2}};
// A little of both, for devices that are slow.
const std::vector<std::vector<std::size_t>> kShort = {{5, 2, 4}, {1, 1, 0}, {2, 3, 1}};

// Reads the texts in parts. Calls visit(row, first, logits) behind each of them, where those of the
// same place in logits_of_texts begin at `first`.
template <typename Visit>
void read_in_parts(const Transformer& model, const std::vector<std::vector<std::size_t>>& calls,
                   const Visit& visit) {
  const std::int64_t vocabulary = model.config().vocabulary;
  DecodingCache cache(model, 3, kContext);
  std::vector<std::size_t> read(3);
  for (const std::vector<std::size_t>& parts : calls) {
    const std::size_t added = *std::max_element(parts.begin(), parts.end());
    Tokens ids;
    std::vector<std::int32_t> counts;
    for (std::size_t row = 0; row < 3; ++row) {
      const auto from = texts()[row].begin() + static_cast<std::ptrdiff_t>(read[row]);
      ids.insert(ids.end(), from, from + static_cast<std::ptrdiff_t>(parts[row]));
      ids.resize((row + 1) * added, 4);  // padding that would matter
      counts.push_back(static_cast<std::int32_t>(parts[row]));
      read[row] += parts[row];
    }
    const bool full = std::all_of(parts.begin(), parts.end(),
                                  [added](std::size_t part) { return part == added; });
    if (full) counts.clear();
    const auto logits = model.next_logits(
        Tensor::from(model.device(), {3, static_cast<std::int64_t>(added)}, ids), cache, counts);
    REQUIRE(logits.shape() == engine::Shape{3, vocabulary});
    for (std::size_t row = 0; row < 3; ++row) {
      CHECK(cache.lengths()[row] == static_cast<std::int64_t>(read[row]));
      if (parts[row] == 0) continue;
      const auto place =
          static_cast<std::int64_t>(row) * kContext + static_cast<std::int64_t>(read[row]) - 1;
      visit(row, static_cast<std::size_t>(place * vocabulary),
            logits.part(static_cast<std::int64_t>(row) * vocabulary, {vocabulary}).to_doubles());
    }
  }
}

TEST_CASE("logits of a decoding cache are those of the whole text", "[decoding_cache]") {
  for (const NamedConfig& named : decodable_configs()) {
    for (const auto& calls : {kTokenByToken, kInParts}) {
      const ModelProblem problem(config_of(named));
      const auto expected = logits_of_texts(problem.model(), texts(), calls.front());
      INFO(named.name);
      read_in_parts(problem.model(), calls,
                    [&](std::size_t row, std::size_t first, const std::vector<double>& logits) {
                      const auto from = expected.begin() + static_cast<std::ptrdiff_t>(first);
                      const auto end = from + static_cast<std::ptrdiff_t>(logits.size());
                      check_close(logits, std::vector<double>(from, end), 1e-10, 1.0,
                                  "row " + std::to_string(row));
                    });
    }
  }
}

// The largest error of any logit, and what reading the whole text in the same type errs.
struct Errors {
  double cached = 0.0, whole = 0.0;
};
Errors errors_of(const NamedConfig& named, const Device& device, DType dtype) {
  const TransformerConfig config = config_of(named);
  const ModelProblem problem(config, device, dtype);
  ModelProblem exact(config);
  exact.set_weights(problem.model().weights().to_doubles());
  const auto expected = logits_of_texts(exact.model(), texts(), kShort.front());
  const auto whole = logits_of_texts(problem.model(), texts(), kShort.front());
  Errors errors;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    errors.whole = std::max(errors.whole, std::abs(whole[i] - expected[i]));
  }
  read_in_parts(problem.model(), kShort,
                [&](std::size_t, std::size_t first, const std::vector<double>& logits) {
                  for (std::size_t i = 0; i < logits.size(); ++i) {
                    errors.cached =
                        std::max(errors.cached, std::abs(logits[i] - expected[first + i]));
                  }
                });
  return errors;
}

// What has no part in it is in the test above.
bool is_for_devices(const std::string& name, DType dtype) {
  if (name == "Llama with QK norm" || name.rfind("prefix", 0) == 0) return true;
  return dtype == DType::bf16 && (name == "GPT-2" || name == "rotary" || name == "ALiBi" ||
                                  name == "post-norm" || name == "one key head");
}

TEST_CASE("a decoding cache errs no more than its element type", "[decoding_cache][device]") {
  std::vector<std::pair<Device, DType>> all;
#ifndef OBVERSE_EMULATED
  all.emplace_back(Device::cpu(), DType::f32);
#endif
  for (const Device& device : cuda_devices()) {
    all.emplace_back(device, DType::f32);
    all.emplace_back(device, DType::bf16);
  }
  for (const auto& [device, dtype] : all) {
    for (const NamedConfig& named : decodable_configs()) {
      if (device.kind() != engine::DeviceKind::cpu && !is_for_devices(named.name, dtype)) continue;
      const Errors errors = errors_of(named, device, dtype);
      INFO(named.name << " in " << engine::name_of(dtype) << " on " << name_of(device.kind())
                      << ": " << errors.cached << ", read at once " << errors.whole);
      CHECK(errors.whole > 0.0);
      CHECK(errors.cached <= 2.0 * errors.whole);
    }
  }
}

TEST_CASE("a decoding cache that is cleared begins anew", "[decoding_cache]") {
  const ModelProblem problem(config_of({"GPT-2", [](TransformerConfig&) {}}));
  const Transformer& model = problem.model();
  DecodingCache cache(model, 1, 4);
  const auto read = [&](const Tokens& text) {
    return model
        .next_logits(
            Tensor::from(model.device(), {1, static_cast<std::int64_t>(text.size())}, text), cache)
        .to_doubles();
  };
  read({1, 2, 3, 4});
  cache.clear();
  CHECK(cache.lengths() == std::vector<std::int64_t>{0});
  const auto expected = logits_of_texts(model, {{5, 6}}, {0});
  check_close(read({5, 6}), std::vector<double>(expected.begin() + 11, expected.end()), 1e-10, 1.0,
              "logits");
}

TEST_CASE("a decoding cache says what it expected", "[decoding_cache]") {
  const auto device = Device::cpu();
  TransformerConfig config = tiny_model();
  const Transformer model(config, device, 1);
  CHECK(error_of([&] { DecodingCache(model, 0, 6); }) ==
        "[decoding_cache] expected rows above 0, got 0");
  CHECK(error_of([&] { DecodingCache(model, 1, 7); }) ==
        "[decoding_cache] expected a capacity above 0 and of at most the context of 6 tokens, got "
        "7");
  config.mask = MaskKind::bidirectional;
  const Transformer bidirectional(config, device, 1);
  CHECK(error_of([&] {
          DecodingCache(bidirectional, 1, 6);
        }).find("expected a causal or prefix-masked model") != std::string::npos);

  DecodingCache cache(model, 2, 5);
  const auto read = [&](const Transformer& with, DecodingCache& into, std::int64_t rows,
                        std::int64_t added, const std::vector<std::int32_t>& counts) {
    return error_of([&] {
      with.next_logits(Tensor::zeros(device, {rows, added}, DType::i32), into, counts);
    });
  };
  CHECK(read(model, cache, 1, 2, {}) ==
        "[next_logits] expected ids [rows, added] of the cache's 2 rows, got [1, 2]");
  CHECK(read(model, cache, 2, 6, {6, 1}) ==
        "[next_logits] expected at most 5 tokens for row 0, which holds 0 of 5, got 6");
  CHECK(read(model, cache, 2, 2, {1}) ==
        "[next_logits] expected a count for each of 2 rows, got 1");
  CHECK(read(model, cache, 2, 2, {1, 3}) ==
        "[next_logits] expected counts in [0, 2], got 3 for row 1");
  CHECK(read(model, cache, 2, 4, {4, 3}) == "nothing thrown");
  CHECK(read(model, cache, 2, 2, {1, 1}) ==
        "[next_logits] expected at most 1 tokens for row 0, which holds 4 of 5, got 2");
  CHECK(read(model, cache, 2, 2, {0, 2}) == "nothing thrown");
  // Both rows are as long as they may be but for one token, which the second has already.
  CHECK(read(model, cache, 2, 1, {1, 0}) == "nothing thrown");
  CHECK(cache.lengths() == std::vector<std::int64_t>{5, 5});

  config.mask = MaskKind::prefix;
  const Transformer prefixed(config, device, 1);
  DecodingCache begun(prefixed, 2, 5);
  CHECK(read(prefixed, begun, 2, 2, {2, 0}) == "nothing thrown");
  CHECK(read(prefixed, begun, 2, 2, {0, 2}) ==
        "[next_logits] expected the prompts of a prefix-masked model in one call, got the first "
        "tokens of row 1 beside others that have begun");
}

}  // namespace
}  // namespace obverse::tests

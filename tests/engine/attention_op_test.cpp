#include <cstdint>
#include <string>
#include <vector>

#include "engine/ops/attention.h"
#include "engine/ops/rotary.h"
#include "tests/support/catch.h"
#include "tests/support/op_check.h"

namespace obverse::tests {
namespace {

using engine::AttentionOptions;
using engine::Device;
using engine::DType;
using engine::Shape;
using engine::Tape;
using engine::Tensor;
using engine::Variable;
using kernels::AttentionMask;

Tensor integers(const std::vector<std::int32_t>& values, const Device& device = Device::cpu()) {
  return Tensor::from(device, {static_cast<std::int64_t>(values.size())}, values);
}

TEST_CASE("attention equals central differences under every mask and option",
          "[attention_op][device]") {
  for (const auto mask :
       {AttentionMask::causal, AttentionMask::bidirectional, AttentionMask::prefix}) {
    for (const auto& [heads, key_value_heads] : {std::pair(2, 2), {4, 2}, {3, 1}}) {
      for (const bool padded : {false, true}) {
        for (const bool slopes : {false, true}) {
          const AttentionOptions shape{
              .heads = heads, .key_value_heads = key_value_heads, .mask = mask};
          INFO("mask " << static_cast<int>(mask) << ", heads " << heads << " over "
                       << key_value_heads << ", padded " << padded << ", slopes " << slopes);
          check_op_gradients({{"packed", {2, 5, (heads + 2 * key_value_heads) * 4}, 1}},
                             [&](Tape& tape, const std::vector<Variable>& x) {
                               AttentionOptions options = shape;
                               const Device& device = tape.device();
                               if (padded) options.lengths = integers({5, 3}, device);
                               if (mask == AttentionMask::prefix) {
                                 options.prefixes = integers({2, 4}, device);
                               }
                               if (slopes) {
                                 options.slopes =
                                     engine::alibi_slopes(device, shape.heads, x[0].data().dtype());
                               }
                               return attention(tape, x[0], options);
                             });
        }
      }
    }
  }
}

TEST_CASE("attention over documents equals central differences", "[attention_op][device]") {
  for (const bool padded : {false, true}) {
    for (const bool slopes : {false, true}) {
      INFO("padded " << padded << ", slopes " << slopes);
      check_op_gradients({{"packed", {2, 5, (4 + 2 * 2) * 4}, 1}},
                         [&](Tape& tape, const std::vector<Variable>& x) {
                           const Device& device = tape.device();
                           AttentionOptions options{.heads = 4, .key_value_heads = 2};
                           options.first_keys = Tensor::from<std::int32_t>(
                               device, {2, 5}, {0, 0, 2, 2, 2, 0, 1, 1, 1, 4});
                           if (padded) options.lengths = integers({5, 3}, device);
                           if (slopes) {
                             options.slopes = engine::alibi_slopes(device, 4, x[0].data().dtype());
                           }
                           return attention(tape, x[0], options);
                         });
    }
  }
}

// How many keys each of four queries sees. Static, because GCC 12.2 at -O2 and above (its SLP
// vectorizer) turns a list of doubles such as {12, 12, 12, 0} on the stack here into four twelves.
constexpr int kCausal[] = {1, 2, 3, 4}, kCausalOfTwo[] = {1, 2, 0, 0};
constexpr int kBoth[] = {4, 4, 4, 4}, kBothOfThree[] = {3, 3, 3, 0}, kPrefixOfTwo[] = {2, 2, 3, 4};

// With equal scores a query's result is the mean of the values that it sees.
TEST_CASE("attention sees what its mask allows", "[attention_op]") {
  const auto device = Device::cpu();
  const auto check = [&](const char* what, const AttentionOptions& options, const int* visible) {
    Tape tape(device, Tape::Mode::inference);
    std::vector<double> packed, expected;
    for (int token = 0; token < 4; ++token) {
      packed.insert(packed.end(), {0, 0, 12.0 * token});
      expected.push_back(visible[token] == 0 ? 0.0 : 6.0 * (visible[token] - 1));
    }
    const Variable input(Tensor::from(device, {1, 4, 3}, packed));
    check_close(attention(tape, input, options).data().to_vector<double>(), expected, 1e-14, 1.0,
                what);
  };
  AttentionOptions options;
  check("causal", options, kCausal);
  options.lengths = integers({2});
  check("causal, two tokens", options, kCausalOfTwo);
  options = {.mask = AttentionMask::bidirectional};
  check("bidirectional", options, kBoth);
  options.lengths = integers({3});
  check("bidirectional, three tokens", options, kBothOfThree);
  options = {.mask = AttentionMask::prefix, .prefixes = integers({2})};
  check("prefix", options, kPrefixOfTwo);
}

TEST_CASE("ALiBi slopes are a geometric series", "[attention_op]") {
  const auto device = Device::cpu();
  const std::vector<double> eight{0.5,     0.25,     0.125,     0.0625,
                                  0.03125, 0.015625, 0.0078125, 0.00390625};
  CHECK(engine::alibi_slopes(device, 8, DType::f64).to_vector<double>() == eight);
  CHECK(engine::alibi_slopes(device, 2, DType::f32).to_vector<float>() ==
        std::vector<float>{0.0625f, 0.00390625f});
}

TEST_CASE("rotary equals central differences", "[attention_op][device]") {
  for (const double base : {10000.0, 3.0}) {
    check_op_gradients(
        {{"packed", {2, 5, 4 * 6}, 1}},
        [&](Tape& tape, const std::vector<Variable>& x) { return rotary(tape, x[0], 3, 6, base); });
  }
}

TEST_CASE("rotary from any position equals central differences", "[attention_op][device]") {
  check_op_gradients({{"packed", {2, 5, 4 * 6}, 1}},
                     [&](Tape& tape, const std::vector<Variable>& x) {
                       return rotary(tape, x[0], 3, 6, 10.0, integers({7, 0}, tape.device()));
                     });
}

TEST_CASE("rotary turns the first heads by their position and leaves the rest", "[attention_op]") {
  const auto device = Device::cpu();
  Tape tape(device, Tape::Mode::inference);
  const auto values = normal_values<double>(3 * 6, 1);
  const auto out = rotary(tape, Variable(Tensor::from(device, {1, 3, 6}, values)), 2, 2)
                       .data()
                       .to_vector<double>();
  std::vector<double> expected;
  for (std::size_t position = 0; position < 3; ++position) {
    const double cosine = std::cos(static_cast<double>(position));
    const double sine = std::sin(static_cast<double>(position));
    const double* x = values.data() + position * 6;
    for (const int head : {0, 2}) {
      expected.push_back(x[head] * cosine - x[head + 1] * sine);
      expected.push_back(x[head] * sine + x[head + 1] * cosine);
    }
    expected.insert(expected.end(), {x[4], x[5]});
  }
  check_close(out, expected, 1e-14, 1.0, "out");
}

TEST_CASE("attention and rotary say what they expected", "[attention_op]") {
  const auto device = Device::cpu();
  Tape tape(device, Tape::Mode::training);
  const auto attend = [&](const Shape& shape, const AttentionOptions& options) {
    return error_of(
        [&] { attention(tape, Variable(Tensor::zeros(device, shape, DType::f64)), options); });
  };
  CHECK(attend({6, 12}, {}) == "[attention] expected [batch, sequence, width], got [6, 12]");
  CHECK(attend({2, 5, 13}, {.heads = 2, .key_value_heads = 1}) ==
        "[attention] expected a width that 4 heads (2 and 2 x 1) divide, got [2, 5, 13]");
  CHECK(attend({2, 5, 12}, {.heads = 3, .key_value_heads = 0}) ==
        "[attention] expected a width that 3 heads (3 and 2 x 0) divide, got [2, 5, 12]");
  CHECK(
      attend({2, 5, 14}, {.heads = 3, .key_value_heads = 2}).find("to divide heads, got 2 and 3") !=
      std::string::npos);
  CHECK(attend({2, 5, 12}, {.mask = AttentionMask::prefix})
            .find("expected prefixes of 2 elements, got 0") != std::string::npos);
  CHECK(attend({2, 5, 12}, {.lengths = integers({5})})
            .find("expected lengths of 2 elements, got 1") != std::string::npos);
  CHECK(attend({2, 5, 12}, {.lengths = integers({5, 6})})
            .find("expected lengths in [0, 5] and prefixes of at least 0, got 6") !=
        std::string::npos);
  const Tensor first_keys = integers({0, 0, 0, 0, 0, 0, 0, 0, 0, 5});
  CHECK(attend({2, 5, 12}, {.first_keys = integers({0})})
            .find("expected first_keys of 10 elements, got 1") != std::string::npos);
  CHECK(attend({2, 5, 12}, {.first_keys = first_keys})
            .find("expected a first key in [0, 4] for query 4 of sequence 1, got 5") !=
        std::string::npos);
  CHECK(attend({2, 5, 12}, {.mask = AttentionMask::bidirectional, .first_keys = first_keys})
            .find("expected the causal mask for documents (first_keys)") != std::string::npos);
  CHECK(attend({2, 5, 12}, {.slopes = engine::alibi_slopes(device, 2, DType::f64)})
            .find("expected slopes of 1 elements, got 2") != std::string::npos);

  const auto turn = [&](const Shape& shape, std::int64_t heads, std::int64_t head_size) {
    return error_of([&] {
      rotary(tape, Variable(Tensor::zeros(device, shape, DType::f64)), heads, head_size);
    });
  };
  CHECK(turn({5, 12}, 1, 4) == "[rotary] expected [batch, sequence, width], got [5, 12]");
  CHECK(turn({2, 5, 12}, 4, 4) == "[rotary] expected a stride of at least 16, got 12");
  CHECK(turn({2, 5, 12}, 4, 3).find("[rotary] expected") == 0);
}

}  // namespace
}  // namespace obverse::tests

// Sums, SwiGLU, dropout and embedding.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/ops/activation.h"
#include "engine/ops/dropout.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "tests/support/catch.h"
#include "tests/support/op_check.h"

namespace obverse::tests {
namespace {

using engine::Device;
using engine::DType;
using engine::Shape;
using engine::Tape;
using engine::Tensor;
using engine::Variable;

TEST_CASE("add equals central differences", "[pointwise_ops][device]") {
  for (const auto& [scale_a, scale_b] : {std::pair(1.0, 1.0), {0.5, -3.0}, {1.0, 2.0}}) {
    check_op_gradients(
        {{"a", {2, 3}, 1}, {"b", {2, 3}, 2}},
        [&, scale_a = scale_a, scale_b = scale_b](Tape& tape, const std::vector<Variable>& x) {
          return add(tape, x[0], x[1], scale_a, scale_b);
        });
  }
}

TEST_CASE("fill sets every element of a tensor's part", "[pointwise_ops]") {
  const auto whole = Tensor::zeros(Device::cpu(), {5}, DType::f32);
  engine::fill(whole.part(1, {3}), 2.5);
  CHECK(whole.to_vector<float>() == std::vector<float>{0, 2.5f, 2.5f, 2.5f, 0});
}

TEST_CASE("swiglu equals central differences", "[pointwise_ops][device]") {
  check_op_gradients({{"gate_up", {2, 3, 10}, 1}},
                     [](Tape& tape, const std::vector<Variable>& x) { return swiglu(tape, x[0]); });
}

TEST_CASE("swiglu gates with the first half", "[pointwise_ops]") {
  const auto device = Device::cpu();
  Tape tape(device, Tape::Mode::inference);
  const Variable gate_up(Tensor::from<double>(device, {1, 1, 4}, {0, 2, 5, 3}));
  const auto out = swiglu(tape, gate_up).data();
  CHECK(out.shape() == Shape{1, 1, 2});
  check_close(out.to_vector<double>(), {0.0, 2.0 / (1.0 + std::exp(-2.0)) * 3.0}, 1e-14, 0.0,
              "out");
}

TEST_CASE("dropout equals central differences with its mask kept", "[pointwise_ops][device]") {
  for (const double rate : {0.0, 0.5}) {
    check_op_gradients({{"input", {4, 16}, 1}, {"residual", {4, 16}, 2}},
                       [&](Tape& tape, const std::vector<Variable>& x) {
                         return dropout(tape, x[0], x[1], rate);
                       });
    check_op_gradients({{"input", {4, 16}, 1}}, [&](Tape& tape, const std::vector<Variable>& x) {
      return dropout(tape, x[0], Variable(), rate);
    });
  }
}

TEST_CASE("dropout drops at its rate, in training only", "[pointwise_ops]") {
  const auto device = Device::cpu();
  constexpr std::int64_t kCount = 20000;
  constexpr double kRate = 0.3;
  const Variable ones(Tensor::from(device, {kCount}, std::vector<double>(kCount, 1.0)));
  Tape tape(device, Tape::Mode::training);
  const auto drawn = [&] {
    return dropout(tape, ones, Variable(), kRate).data().to_vector<double>();
  };
  tape.set_random(1, 1);
  const auto first = drawn(), second = drawn();
  std::int64_t dropped = 0;
  for (const double value : first) {
    REQUIRE((value == 0.0 || value == Approx(1.0 / (1.0 - kRate)).epsilon(1e-14)));
    dropped += value == 0.0 ? 1 : 0;
  }
  // Five standard deviations of the binomial distribution.
  const double deviation = std::sqrt(kCount * kRate * (1.0 - kRate));
  CHECK(std::abs(static_cast<double>(dropped) - kCount * kRate) < 5.0 * deviation);
  CHECK(first != second);
  tape.set_random(1, 1);
  CHECK(drawn() == first);
  tape.set_random(1, 2);
  CHECK(drawn() != first);
  Tape inference(device, Tape::Mode::inference);
  CHECK(dropout(inference, ones, ones, kRate).data().to_vector<double>() ==
        std::vector<double>(kCount, 2.0));
}

TEST_CASE("embedding equals central differences with and without positions",
          "[pointwise_ops][device]") {
  // A token that occurs twice, in one sequence and across two, and one that never does.
  const auto embed = [](Tape& tape, const Variable& tokens, const Variable& positions) {
    const auto ids = Tensor::from<std::int32_t>(tape.device(), {2, 3}, {4, 0, 4, 2, 4, 1});
    return embedding(tape, ids, tokens, positions);
  };
  check_op_gradients(
      {{"token_table", {6, 3}, 1, kLearned}, {"position_table", {5, 3}, 2, kLearned}},
      [&](Tape& tape, const std::vector<Variable>& x) { return embed(tape, x[0], x[1]); });
  check_op_gradients(
      {{"token_table", {6, 3}, 1, kLearned}},
      [&](Tape& tape, const std::vector<Variable>& x) { return embed(tape, x[0], Variable()); });
  check_op_gradients(
      {{"token_table", {6, 3}, 1, kLearned}, {"position_table", {5, 3}, 2, kLearned}},
      [&](Tape& tape, const std::vector<Variable>& x) {
        const auto ids = Tensor::from<std::int32_t>(tape.device(), {2, 3}, {4, 0, 4, 2, 4, 1});
        const auto firsts = Tensor::from<std::int32_t>(tape.device(), {2}, {2, 1});
        return embedding(tape, ids, x[0], x[1], firsts);
      });
}

TEST_CASE("pointwise ops say what they expected", "[pointwise_ops]") {
  const auto device = Device::cpu();
  Tape tape(device, Tape::Mode::training);
  const auto zeros = [&](const Shape& shape) {
    return Variable(Tensor::zeros(device, shape, DType::f64));
  };
  CHECK(error_of([&] {
          add(tape, zeros({2, 3}), zeros({3, 2}));
        }) == "[add] expected one shape, got [2, 3] and [3, 2]");
  CHECK(error_of([&] {
          swiglu(tape, zeros({2, 3, 5}));
        }) == "[swiglu] expected [batch, sequence, 2 * width], got [2, 3, 5]");
  CHECK(error_of([&] {
          swiglu(tape, zeros({6, 4}));
        }) == "[swiglu] expected [batch, sequence, 2 * width], got [6, 4]");
  CHECK(error_of([&] { dropout(tape, zeros({2}), Variable(), 1.0); }) ==
        "[dropout] expected a rate in [0, 1), got 1");
  CHECK(error_of([&] { dropout(tape, zeros({2}), Variable(), -0.5); }) ==
        "[dropout] expected a rate in [0, 1), got -0.5");
  CHECK(error_of([&] {
          dropout(tape, zeros({2}), Variable(), std::numeric_limits<double>::quiet_NaN());
        }) == "[dropout] expected a rate in [0, 1), got nan");
  CHECK(error_of([&] { dropout(tape, zeros({4}), zeros({3}), 0.5); }) ==
        "[dropout] expected residual of 4 elements or none, got 3");

  const auto embed = [&](const std::vector<std::int32_t>& values, const Shape& shape,
                         const Shape& positions) {
    const auto ids = Tensor::from(device, shape, values);
    return error_of([&] { embedding(tape, ids, zeros({6, 4}), zeros(positions)); });
  };
  CHECK(embed({1, 2}, {2}, {5, 4}) == "[embedding] expected ids [batch, sequence], got [2]");
  CHECK(embed({1, 2}, {1, 2}, {1, 4}) ==
        "[embedding] expected a sequence of at most the context of 1 tokens, got 2");
  // 5 rows of 8 are also 10 rows of 4.
  CHECK(embed({1, 2}, {1, 2}, {5, 8}) ==
        "[embedding] expected a position table [context, 4], got [5, 8]");
  CHECK(embed({1, 6}, {1, 2}, {5, 4}) ==
        "[embedding] expected ids of at least 0 and below 6, got 6 at token 1");
  CHECK(embed({-1, 2}, {1, 2}, {5, 4}) ==
        "[embedding] expected ids of at least 0 and below 6, got -1 at token 0");
}

}  // namespace
}  // namespace obverse::tests

#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/ops/matmul.h"
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
using kernels::ActivationKind;

TEST_CASE("linear multiplies by the transposed weight", "[linear]") {
  const auto device = Device::cpu();
  Tape tape(device, Tape::Mode::inference);
  const Variable input(Tensor::from<double>(device, {1, 2, 2}, {1, 2, 3, 4}));
  const Variable weight(Tensor::from<double>(device, {3, 2}, {1, 0, 0, 1, 1, -1}));
  const Variable bias(Tensor::from<double>(device, {3}, {10, 20, 30}));
  const Variable residual(Tensor::from<double>(device, {1, 2, 3}, {0, 0, 0, 100, 100, 100}));
  const Variable out = linear(tape, input, weight, {.bias = &bias, .residual = &residual});
  CHECK(out.shape() == Shape{1, 2, 3});
  CHECK(out.data().to_vector<double>() == std::vector<double>{11, 22, 29, 113, 124, 129});
  // max(11 - 12, 0)^2 and so on: the activation comes before the residual.
  const Variable shift(Tensor::from<double>(device, {3}, {-2, -2, -2}));
  const Variable activated =
      linear(tape, input, weight,
             {.bias = &shift, .residual = &residual, .activation = ActivationKind::relu2});
  CHECK(activated.data().to_vector<double>() == std::vector<double>{0, 0, 0, 101, 104, 100});
}

TEST_CASE("linear equals central differences with every option", "[linear][device]") {
  for (const auto activation : {ActivationKind::none, ActivationKind::gelu}) {
    for (const bool with_bias : {true, false}) {
      for (const bool with_residual : {true, false}) {
        for (const Shape& shape : {Shape{3, 5}, Shape{2, 3, 5}, Shape{2, 1, 3, 5}, Shape{5}}) {
          Shape output{4};
          if (shape.dimensions() == 2) output = {3, 4};
          if (shape.dimensions() == 3) output = {2, 3, 4};
          if (shape.dimensions() == 4) output = {2, 1, 3, 4};
          std::vector<OpInput> inputs{{"input", shape, 1}, {"weight", {4, 5}, 2, kLearned}};
          if (with_bias) inputs.emplace_back("bias", Shape{4}, 3, kLearned);
          if (with_residual) inputs.emplace_back("residual", output, 4);
          INFO("activation " << static_cast<int>(activation) << ", bias " << with_bias
                             << ", residual " << with_residual << ", input " << shape);
          check_op_gradients(inputs, [&](Tape& tape, const std::vector<Variable>& x) {
            const Variable out = linear(tape, x[0], x[1],
                                        {.bias = with_bias ? &x[2] : nullptr,
                                         .residual = with_residual ? &x.back() : nullptr,
                                         .activation = activation});
            CHECK(out.shape() == output);
            return out;
          });
        }
      }
    }
  }
}

TEST_CASE("linear with squared ReLU equals central differences", "[linear][device]") {
  // Its slope has a kink at 0, where a difference is wrong: products stay within 1, biases are 4
  // away.
  std::vector<OpInput> inputs{
      {"input", {3, 5}, 1}, {"weight", {4, 5}, 2, kLearned}, {"bias", {4}, 3, kLearned}};
  for (double& value : inputs[0].values) value = std::tanh(value);
  for (double& value : inputs[1].values) value = 0.2 * std::tanh(value);
  inputs[2].values = {4, -4, 4, -4};
  const auto op = [](Tape& tape, const std::vector<Variable>& x) {
    return linear(tape, x[0], x[1], {.bias = &x[2], .activation = ActivationKind::relu2});
  };
  check_op_gradients(inputs, op);
  const auto bias_gradient = op_gradients(inputs, op)[2];
  CHECK(bias_gradient[0] != 0.0);
  CHECK(bias_gradient[1] == 0.0);
}

TEST_CASE("one weight may be used twice, as tied embeddings are", "[linear][device]") {
  check_op_gradients({{"input", {3, 4}, 1}, {"weight", {4, 4}, 2, kLearned}},
                     [](Tape& tape, const std::vector<Variable>& x) {
                       return linear(tape, linear(tape, x[0], x[1]), x[1], {.residual = &x[0]});
                     });
  check_op_gradients({{"both", {4, 4}, 1, kLearned}},
                     [](Tape& tape, const std::vector<Variable>& x) {
                       return linear(tape, x[0], x[0], {.activation = ActivationKind::gelu});
                     });
}

TEST_CASE("linear may be asked for the value before the activation by nobody", "[linear]") {
  const auto device = Device::cpu();
  const auto outputs_of = [&](Tape::Mode mode) {
    Tape tape(device, mode);
    const Variable input(Tensor::from(device, {6, 5}, normal_values<float>(30, 1)));
    const Variable weight(Tensor::from(device, {4, 5}, normal_values<float>(20, 2)));
    return linear(tape, input, weight, {.activation = ActivationKind::gelu})
        .data()
        .to_vector<float>();
  };
  check_same_bits(outputs_of(Tape::Mode::inference), outputs_of(Tape::Mode::training), "out");
}

TEST_CASE("linear says what it expected", "[linear]") {
  const auto device = Device::cpu();
  Tape tape(device, Tape::Mode::training);
  const auto zeros = [&](const Shape& shape) {
    return Variable(Tensor::zeros(device, shape, DType::f64));
  };
  const Variable input = zeros({2, 3, 5}), weight = zeros({4, 5});
  const Variable bias = zeros({5}), residual = zeros({2, 3, 5});
  CHECK(error_of([&] {
          linear(tape, zeros({2, 3, 4}), weight);
        }) == "[linear] expected input [..., 5] for weight [4, 5], got [2, 3, 4]");
  CHECK(error_of([&] { linear(tape, input, zeros({5})); }) ==
        "[linear] expected input [..., 0] for weight [5], got [2, 3, 5]");
  CHECK(error_of([&] { linear(tape, input, weight, {.residual = &residual}); }) ==
        "[linear] expected a residual of shape [2, 3, 4], got [2, 3, 5]");
  CHECK(error_of([&] { linear(tape, input, weight, {.bias = &bias}); }) ==
        "[matmul] expected bias of 4 elements (m = 6, n = 4, k = 5), got 5");
  const Variable single(Tensor::zeros(device, {4, 5}, DType::f32));
  CHECK(error_of([&] { linear(tape, input, single); }) ==
        "[tensor] expected elements of type f64, got f32");
}

#ifdef OBVERSE_EMULATED
TEST_CASE("linear says that a build has no cuBLAS", "[linear][device]") {
  const auto device = Device::cuda();
  device.choose_matmul(engine::MatmulChoice::cublas);
  Tape tape(device, Tape::Mode::inference);
  const Variable ones(Tensor::from<float>(device, {1, 1}, {1.0f}));
  CHECK(error_of([&] { linear(tape, ones, ones); }) ==
        "[matmul] expected own, got cublas, which this build has not");
}
#endif

}  // namespace
}  // namespace obverse::tests

// Gradients of the engine's ops against central differences, in double and through a tape; and what
// CUDA devices make of the same ops.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/autograd/tape.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_values.h"
#include "tests/support/test_devices.h"

namespace obverse::tests {

// A differentiable input of the op under test.
struct OpInput {
  // On CUDA in bf16 the gradient of what a model learns is a sum in f32, any other is bf16, too.
  enum class Role { activation, learned };
  std::string name;
  engine::Shape shape;
  std::vector<double> values;
  Role role;

  OpInput(std::string of_name, const engine::Shape& of_shape, std::uint64_t stream,
          Role of_role = Role::activation)
      : name(std::move(of_name)),
        shape(of_shape),
        values(normal_values<double>(of_shape.elements(), stream)),
        role(of_role) {}
};
inline constexpr auto kLearned = OpInput::Role::learned;

using Op = std::function<engine::Variable(engine::Tape&, const std::vector<engine::Variable>&)>;

// What an op makes of its inputs, and the gradients of all of them for random output gradients.
struct OpResult {
  std::vector<double> out;
  std::vector<std::vector<double>> gradients;
};

inline engine::Tensor tensor_in(const engine::Device& device, engine::DType dtype,
                                const engine::Shape& shape, const std::vector<double>& values) {
  engine::Tensor tensor;
  engine::with_float_type(dtype, [&]<typename T>(T) {
    std::vector<T> rounded;
    for (const double value : values) rounded.push_back(static_cast<T>(value));
    tensor = engine::Tensor::from(device, shape, rounded);
  });
  return tensor;
}

// A gradient that is there already must be added to, not replaced. In bf16 a small one, which costs
// few of the sum's digits.
inline constexpr double kGradientBefore = 7.0, kGradientBeforeInHalf = 0.5;

// With only input `only` differentiable where it is given. The output's gradient is rounded as
// inputs in `rounding` would be.
inline OpResult run_op(const engine::Device& device, engine::DType dtype,
                       const std::vector<OpInput>& inputs, const Op& op, engine::DType rounding,
                       std::optional<std::size_t> only = {}) {
  engine::Tape tape(device, engine::Tape::Mode::training);
  tape.set_random(1, 1);
  std::vector<engine::Variable> variables;
  std::vector<double> before;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const OpInput& input = inputs[i];
    const auto data = tensor_in(device, dtype, input.shape, input.values);
    const auto sum = engine::accumulator_of(dtype);
    before.push_back(0.0);
    if (only && *only != i) {
      variables.emplace_back(data);
    } else if (sum != dtype && input.role == OpInput::Role::activation) {
      before.back() = kGradientBeforeInHalf;
      variables.push_back(tape.leaf(data));
      variables.back().gradient_handle()->add(
          tensor_in(device, dtype, input.shape,
                    std::vector<double>(input.values.size(), kGradientBeforeInHalf)));
    } else {
      before.back() = kGradientBefore;
      const std::vector<double> values(input.values.size(), kGradientBefore);
      variables.push_back(
          engine::Variable::parameter(data, tensor_in(device, sum, input.shape, values)));
    }
  }
  const engine::Variable out = op(tape, variables);
  OpResult result;
  result.out = out.data().to_doubles();
  const auto gradient = tensor_in(engine::Device::cpu(), rounding, out.shape(),
                                  normal_values<double>(out.data().elements(), 99));
  tape.backward(out, tensor_in(device, out.data().dtype(), out.shape(), gradient.to_doubles()));
  for (std::size_t i = 0; i < variables.size(); ++i) {
    result.gradients.emplace_back();
    if (!variables[i].requires_gradient()) continue;
    result.gradients.back() = variables[i].gradient().to_doubles();
    for (double& value : result.gradients.back()) value -= before[i];
  }
  return result;
}

// The gradients of all `inputs` in double.
inline std::vector<std::vector<double>> op_gradients(const std::vector<OpInput>& inputs,
                                                     const Op& op,
                                                     std::optional<std::size_t> only = {}) {
  constexpr auto kDouble = engine::DType::f64;
  return run_op(engine::Device::cpu(), kDouble, inputs, op, kDouble, only).gradients;
}

// A device's result against the CPU's in double from the same rounded inputs. Of bf16, `roundings`
// of the largest value's size may add up: of the result and of what is kept on the way to it. Of
// f32 the gradients that are there before, and sums in another order, count too.
inline void check_op_on(const engine::Device& device, engine::DType dtype,
                        std::vector<OpInput> inputs, const Op& op, double roundings) {
  for (OpInput& input : inputs) {
    input.values = tensor_in(engine::Device::cpu(), dtype, input.shape, input.values).to_doubles();
  }
  const OpResult expected = run_op(engine::Device::cpu(), engine::DType::f64, inputs, op, dtype);
  const OpResult found = run_op(device, dtype, inputs, op, dtype);
  const bool half = dtype == engine::DType::bf16;
  const double allowed = half ? roundings * 0.5 * unit<kernels::bf16>() : 32 * unit<float>();
  const auto compare = [&](const std::vector<double>& actual, const std::vector<double>& reference,
                           const std::string& what) {
    double largest = half ? kGradientBeforeInHalf : kGradientBefore;
    for (const double value : reference) largest = std::max(largest, std::abs(value));
    REQUIRE(actual.size() == reference.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const double error = std::abs(actual[i] - reference[i]);
      if (error <= allowed * largest) continue;
      INFO(what << "[" << i << "] in " << engine::name_of(dtype) << ": expected " << reference[i]
                << ", got " << actual[i] << ", off by " << error << ", allowed "
                << allowed * largest);
      CHECK(false);
      return;
    }
    SUCCEED();
  };
  compare(found.out, expected.out, "out");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    compare(found.gradients[i], expected.gradients[i], "gradient of " + inputs[i].name);
  }
}

// Passes where every input's gradient is right to 1e-6 on the CPU, and the same when the others are
// constants; and where each CUDA device, in f32 and in bf16, agrees.
inline void check_op_gradients(std::vector<OpInput> inputs, const Op& op, double roundings = 4) {
  for (const engine::Device& device : cuda_devices()) {
    check_op_on(device, engine::DType::f32, inputs, op, roundings);
    check_op_on(device, engine::DType::bf16, inputs, op, roundings);
  }
#ifdef OBVERSE_EMULATED
  return;  // the CPU has its own test program
#endif
  const auto loss = [&] {
    const auto device = engine::Device::cpu();
    engine::Tape tape(device, engine::Tape::Mode::training);
    tape.set_random(1, 1);
    std::vector<engine::Variable> variables;
    for (const OpInput& input : inputs) {
      variables.emplace_back(engine::Tensor::from(device, input.shape, input.values));
    }
    const auto out = op(tape, variables).data().to_vector<double>();
    return dot(out, normal_values<double>(static_cast<std::int64_t>(out.size()), 99));
  };
  const auto gradients = op_gradients(inputs, op);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_gradient(inputs[i].values, loss, gradients[i], inputs[i].name);
    const auto alone = op_gradients(inputs, op, i)[i];
    check_close(alone, gradients[i], 1e-12, 1.0, inputs[i].name + " with the rest constant");
  }
}

}  // namespace obverse::tests

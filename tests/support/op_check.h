// Gradients of the engine's ops and models against central differences, in double and through a
// tape.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/autograd/tape.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_values.h"

namespace obverse::tests {

// sum_i weights[i] * input[i] as a variable of one element: any output becomes a loss.
inline engine::Variable weighted_total(engine::Tape& tape, const engine::Variable& input,
                                       const std::vector<double>& weights) {
  const double total = dot(input.data().to_vector<double>(), weights);
  return tape.record(engine::Tensor::from<double>(tape.device(), {1}, {total}), {&input},
                     [&weights, shape = input.shape(),
                      gradient = input.gradient_handle()](const engine::Tensor& output_gradient) {
                       std::vector<double> scaled = weights;
                       for (double& weight : scaled) weight *= output_gradient.item();
                       gradient->add(engine::Tensor::from(output_gradient.device(), shape, scaled));
                     });
}

// A differentiable input of the op under test.
struct OpInput {
  std::string name;
  engine::Shape shape;
  std::vector<double> values;

  OpInput(std::string of_name, const engine::Shape& of_shape, std::uint64_t stream)
      : name(std::move(of_name)),
        shape(of_shape),
        values(normal_values<double>(of_shape.elements(), stream)) {}
};

using Op = std::function<engine::Variable(engine::Tape&, const std::vector<engine::Variable>&)>;

// The gradients of all `inputs`, with only input `only` differentiable where it is given.
inline std::vector<std::vector<double>> op_gradients(const std::vector<OpInput>& inputs,
                                                     const Op& op,
                                                     std::optional<std::size_t> only = {}) {
  const auto device = engine::Device::cpu();
  engine::Tape tape(device, engine::Tape::Mode::training);
  tape.set_random(1, 1);
  std::vector<engine::Variable> variables;
  // A gradient that is there already must be added to, not replaced.
  constexpr double kBefore = 7.0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto data = engine::Tensor::from(device, inputs[i].shape, inputs[i].values);
    if (only && *only != i) {
      variables.emplace_back(data);
      continue;
    }
    const std::vector<double> before(inputs[i].values.size(), kBefore);
    variables.push_back(
        engine::Variable::parameter(data, engine::Tensor::from(device, inputs[i].shape, before)));
  }
  const engine::Variable out = op(tape, variables);
  const auto weights = normal_values<double>(out.data().elements(), 99);
  tape.backward(weighted_total(tape, out, weights));
  std::vector<std::vector<double>> gradients;
  for (const engine::Variable& variable : variables) {
    gradients.emplace_back();
    if (!variable.requires_gradient()) continue;
    gradients.back() = variable.gradient().to_vector<double>();
    for (double& value : gradients.back()) value -= kBefore;
  }
  return gradients;
}

// Passes where every input's gradient is right to 1e-6, and the same when the others are constants.
inline void check_op_gradients(std::vector<OpInput> inputs, const Op& op) {
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

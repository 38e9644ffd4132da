// The whole model's gradient in double, for a table of configs that covers every switch.
#include <cstdint>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/gradient_check.h"
#include "tests/support/model_problem.h"

namespace obverse::tests {
namespace {

TEST_CASE("a model's gradient equals central differences under every switch", "[transformer]") {
  for (const NamedConfig& named : model_configs()) {
    engine::TransformerConfig config = tiny_model();
    named.change(config);
    ModelProblem problem(config);
    problem.loss(true);
    const auto places = problem.chosen();
    const auto weights = problem.model().weights().span<double>();
    const auto gradients = problem.model().gradients().span<double>();
    std::vector<double> values, gradient;
    for (const std::int64_t place : places) {
      values.push_back(weights[place]);
      gradient.push_back(gradients[place]);
    }
    const auto loss = [&] {
      for (std::size_t i = 0; i < places.size(); ++i) weights[places[i]] = values[i];
      return problem.loss(false);
    };
    check_gradient(values, loss, gradient, named.name);
  }
}

TEST_CASE("a model's gradients add up over backwards", "[transformer]") {
  ModelProblem problem(tiny_model());
  problem.loss(true);
  auto once = problem.model().gradients().to_vector<double>();
  problem.loss(true);
  for (double& value : once) value *= 2.0;
  check_close(problem.model().gradients().to_vector<double>(), once, 1e-14, 1.0, "twice");
}

}  // namespace
}  // namespace obverse::tests

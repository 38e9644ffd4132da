// Cross entropy, the gradient norm and the optimizer's update.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/ops/adamw.h"
#include "engine/ops/cross_entropy.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduction.h"
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
using kernels::kIgnoredTarget;

const Device& test_device() {
  static const Device device = Device::cpu();
  return device;
}

Tensor targets_with_ignored(const Device& device = test_device()) {
  return Tensor::from<std::int32_t>(device, {2, 3}, {4, kIgnoredTarget, 0, 2, 4, kIgnoredTarget});
}

// A copy of the logits, since cross_entropy consumes those that it is given.
Variable copied(Tape& tape, const Variable& logits) { return add(tape, logits, logits, 1.0, 0.0); }

TEST_CASE("cross_entropy equals central differences", "[loss_ops][device]") {
  const std::vector<double> values{1.0, 5.0, 0.25, 0.5, 0.0, 7.0};
  for (const bool weighted : {false, true}) {
    for (const double normalizer : {1.0, 4.0}) {
      check_op_gradients(
          {{"logits", {2, 3, 5}, 1}}, [&](Tape& tape, const std::vector<Variable>& x) {
            const Device& device = tape.device();
            const DType dtype = engine::accumulator_of(x[0].data().dtype());
            const Tensor weights = weighted ? tensor_in(device, dtype, {2, 3}, values) : Tensor();
            return cross_entropy(tape, copied(tape, x[0]), targets_with_ignored(device), weights,
                                 normalizer);
          });
    }
  }
}

TEST_CASE("cross_entropy's gradient is scaled where the loss is not the end", "[loss_ops]") {
  check_op_gradients({{"logits", {2, 3, 5}, 1}, {"other", {1}, 2, kLearned}},
                     [&](Tape& tape, const std::vector<Variable>& x) {
                       const Variable loss =
                           cross_entropy(tape, copied(tape, x[0]),
                                         targets_with_ignored(tape.device()), Tensor(), 4.0);
                       return add(tape, loss, x[1], -2.5, 1.0);
                     });
}

TEST_CASE("cross_entropy is the weighted mean of -log softmax", "[loss_ops]") {
  Tape tape(test_device(), Tape::Mode::inference);
  // Odds 1 : 3 and 1 : 1.
  const Variable logits(
      Tensor::from<double>(test_device(), {1, 3, 2}, {0.0, std::log(3.0), 5.0, 5.0, 9.0, -9.0}));
  const auto targets = Tensor::from<std::int32_t>(test_device(), {1, 3}, {1, 0, kIgnoredTarget});
  const auto weights = Tensor::from<double>(test_device(), {1, 3}, {3.0, 1.0, 100.0});
  const double first = std::log(4.0 / 3.0), second = std::log(2.0);
  CHECK(cross_entropy(tape, logits, targets, Tensor(), 2.0).data().item() ==
        Approx((first + second) / 2).epsilon(1e-14));
  CHECK(cross_entropy(tape, logits, targets, weights, 4.0).data().item() ==
        Approx((3 * first + second) / 4).epsilon(1e-14));
  check_close(engine::token_losses(logits.data(), targets).to_vector<double>(), {first, second, 0},
              1e-14, 0.0, "token_losses");
}

TEST_CASE("cross_entropy consumes logits in training alone", "[loss_ops]") {
  const auto values = normal_values<double>(30, 1);
  const auto logits_after = [&](Tape::Mode mode, bool differentiable) {
    Tape tape(test_device(), mode);
    const Tensor data = Tensor::from(test_device(), {2, 3, 5}, values);
    const Variable logits = differentiable ? tape.leaf(data) : Variable(data);
    (void)cross_entropy(tape, logits, targets_with_ignored(), Tensor(), 4.0);
    return data.to_vector<double>();
  };
  CHECK(logits_after(Tape::Mode::training, true) != values);
  CHECK(logits_after(Tape::Mode::training, false) == values);
  CHECK(logits_after(Tape::Mode::inference, true) == values);
  const Tensor data = Tensor::from(test_device(), {2, 3, 5}, values);
  (void)engine::token_losses(data, targets_with_ignored());
  CHECK(data.to_vector<double>() == values);
}

TEST_CASE("cross_entropy says what it expected", "[loss_ops]") {
  Tape tape(test_device(), Tape::Mode::inference);
  const auto zeros = [&](const Shape& shape) {
    return Tensor::zeros(test_device(), shape, DType::f64);
  };
  const Tensor targets = targets_with_ignored();
  CHECK(error_of([&] {
          cross_entropy(tape, Variable(zeros({3, 2, 5})), targets, {}, 1.0);
        }) ==
        "[cross_entropy] expected logits [batch, sequence, vocabulary] and targets [batch, "
        "sequence], got [3, 2, 5] and [2, 3]");
  CHECK(error_of([&] {
          engine::token_losses(zeros({6, 5}), targets);
        }) ==
        "[cross_entropy] expected logits [batch, sequence, vocabulary] and targets [batch, "
        "sequence], got [6, 5] and [2, 3]");
  CHECK(error_of([&] {
          cross_entropy(tape, Variable(zeros({2, 3, 5})), targets, {}, 0.0);
        }) == "[cross_entropy] expected a normalizer above 0, got 0 (a batch without any target?)");
  CHECK(error_of([&] {
          cross_entropy(tape, Variable(zeros({2, 3, 5})), targets, zeros({2}), 1.0);
        }) == "[cross_entropy] expected weights of 6 elements or none, got 2");
  const std::string found = error_of([&] {
    cross_entropy(tape, Variable(zeros({2, 3, 4})), targets, {}, 1.0);
  });
  CHECK(found.find("[cross_entropy] expected") == 0);
  CHECK(found.find("got 4") != std::string::npos);
}

TEST_CASE("gradient_norm is over all tensors and clips to the maximum", "[loss_ops]") {
  const std::vector<Tensor> gradients{Tensor::from<double>(test_device(), {2}, {3.0, 0.0}),
                                      Tensor::from<double>(test_device(), {1, 1}, {-4.0})};
  const auto found = [&](double maximum) { return engine::gradient_norm(gradients, maximum); };
  CHECK(found(1.0).norm.item() == Approx(5.0).epsilon(1e-15));
  CHECK(found(1.0).clip_scale.item() == Approx(0.2).epsilon(1e-15));
  CHECK(found(10.0).clip_scale.item() == 1.0);
  CHECK(found(0.0).clip_scale.item() == 1.0);
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    gradients[1].span<double>()[0] = bad;
    CHECK_FALSE(std::isfinite(found(1.0).norm.item()));
    CHECK(std::isnan(found(1.0).clip_scale.item()));
  }
  CHECK(error_of([] { engine::gradient_norm({}, 1.0); }) ==
        "[gradient_norm] expected at least one gradient");
}

// The first step by hand: both bias corrections cancel, so that the update is g / (|g| + epsilon).
TEST_CASE("adamw_update moves each tensor with its own decay", "[loss_ops]") {
  const auto one = [](double value) { return Tensor::from<double>(test_device(), {1}, {value}); };
  const std::vector<engine::AdamWParameter> parameters{
      {one(2.0), one(4.0), one(0), one(0), {}, 0.5},
      {one(2.0), one(-4.0), one(0), one(0), {}, 0.0}};
  engine::adamw_update(parameters, {.epsilon = 1.0}, {.learning_rate = 0.1, .step = 1}, one(0.5));
  CHECK(parameters[0].weight.item() == Approx(2.0 - 0.1 * (0.5 * 2.0 + 2.0 / 3.0)).epsilon(1e-14));
  CHECK(parameters[1].weight.item() == Approx(2.0 + 0.1 * 2.0 / 3.0).epsilon(1e-14));
  CHECK(parameters[0].first_moment.item() == Approx(0.2).epsilon(1e-14));
  CHECK(parameters[0].second_moment.item() == Approx(0.2).epsilon(1e-14));
  CHECK(parameters[0].gradient.item() == 4.0);
}

}  // namespace
}  // namespace obverse::tests

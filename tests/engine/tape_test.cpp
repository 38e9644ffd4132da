#include "engine/autograd/tape.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/ops/dropout.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "tests/support/catch.h"
#include "tests/support/op_check.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using engine::Device;
using engine::DType;
using engine::MemoryCategory;
using engine::Tape;
using engine::Tensor;
using engine::Variable;

std::int64_t activation_bytes(const Device& device) {
  return device.allocator()
      .use()
      .current_bytes[static_cast<std::size_t>(MemoryCategory::activations)];
}

Tensor one_value(const Device& device, double value) {
  return Tensor::from<double>(device, {1}, {value});
}

struct Fixture {
  Device device = Device::cpu();
  Tape tape{device, Tape::Mode::training};
};

TEST_CASE_METHOD(Fixture, "the gradients of all uses of a variable add up", "[tape]") {
  const Variable x = tape.leaf(one_value(device, 3.0));
  const Variable doubled = add(tape, x, x, 2.0, 0.0), tripled = add(tape, x, x, 0.0, 3.0);
  const Variable loss = add(tape, doubled, add(tape, tripled, doubled));
  CHECK(loss.data().item() == 21.0);
  tape.backward(loss);
  CHECK(x.gradient().item() == 7.0);
}

TEST_CASE_METHOD(Fixture, "a variable may be both inputs of one op", "[tape]") {
  const Variable x = tape.leaf(one_value(device, 3.0));
  tape.backward(add(tape, x, x));
  CHECK(x.gradient().item() == 2.0);
  // d (w x + x) / dx = w + 1, where x is read as input and as residual.
  const Variable row = tape.leaf(Tensor::from<double>(device, {1, 1}, {3.0}));
  const Variable weight(Tensor::from<double>(device, {1, 1}, {5.0}));
  tape.backward(linear(tape, row, weight, {.residual = &row}));
  CHECK(row.gradient().item() == 6.0);
}

// The first contribution is kept without a copy and may be shared by two variables.
TEST_CASE_METHOD(Fixture, "adding to one gradient leaves one that shares its memory", "[tape]") {
  const Variable x = tape.leaf(one_value(device, 1.0)), y = tape.leaf(one_value(device, 1.0));
  const Variable sum = add(tape, x, y);
  tape.backward(add(tape, sum, x));
  CHECK(x.gradient().item() == 2.0);
  CHECK(y.gradient().item() == 1.0);
}

TEST_CASE_METHOD(Fixture, "a kernel that accumulates leaves a shared gradient alone", "[tape]") {
  // add() passes one gradient tensor to x and y; linear() then accumulates into x's.
  const Variable x = tape.leaf(Tensor::from<double>(device, {1, 1}, {2.0}));
  const Variable y = tape.leaf(Tensor::from<double>(device, {1, 1}, {2.0}));
  const Variable weight(Tensor::from<double>(device, {1, 1}, {5.0}));
  const Variable product = linear(tape, x, weight);
  tape.backward(add(tape, product, add(tape, x, y)));
  CHECK(x.gradient().item() == 6.0);
  CHECK(y.gradient().item() == 1.0);
}

TEST_CASE_METHOD(Fixture, "constants get no gradient", "[tape]") {
  const Variable constant(one_value(device, 2.0)), x = tape.leaf(one_value(device, 3.0));
  CHECK_FALSE(constant.requires_gradient());
  CHECK_FALSE(add(tape, constant, constant).requires_gradient());
  tape.backward(add(tape, constant, x));
  CHECK(x.gradient().item() == 1.0);
  CHECK(constant.gradient_handle() == nullptr);
  CHECK(error_of([&] { (void)constant.gradient(); }) ==
        "[variable] expected a variable that needs a gradient, got a constant of shape [1]");
}

TEST_CASE_METHOD(Fixture, "a parameter's gradient adds up over backwards", "[tape]") {
  const Tensor gradient = one_value(device, 10.0);
  const Variable weight = Variable::parameter(one_value(device, 1.0), gradient);
  tape.backward(add(tape, weight, weight));
  tape.backward(add(tape, weight, weight, 3.0, 0.5));
  CHECK(weight.gradient().item() == 15.5);
  CHECK(gradient.item() == 15.5);  // the caller's own memory
  // The loss may be a parameter itself.
  tape.backward(weight);
  CHECK(gradient.item() == 16.5);
}

TEST_CASE_METHOD(Fixture, "only what the loss depends on is differentiated", "[tape]") {
  const Variable x = tape.leaf(one_value(device, 1.0));
  int runs = 0;
  const auto counting = [&](double) {
    return tape.record(one_value(device, 1.0), {&x}, [&](const Tensor&) { ++runs; });
  };
  const Variable used = counting(1.0), unused = counting(2.0);
  tape.backward(used);
  CHECK(runs == 1);
  CHECK_FALSE(unused.gradient().defined());
  CHECK_FALSE(x.gradient().defined());
  // The tape is empty now: nothing of it runs again.
  tape.backward(unused);
  CHECK(runs == 1);
}

TEST_CASE_METHOD(Fixture, "a value that backward does not read is freed in forward", "[tape]") {
  constexpr std::int64_t kElements = 1000;
  Variable x = tape.leaf(Tensor::zeros(device, {kElements}, DType::f64));
  for (int i = 0; i < 10; ++i) x = add(tape, x, x, 0.5, 0.5);
  CHECK(activation_bytes(device) == kElements * 8);
}

TEST_CASE_METHOD(Fixture, "backward frees what an op saved as it goes", "[tape]") {
  constexpr int kOps = 8;
  constexpr std::int64_t kBytes = 1 << 16;
  std::vector<std::int64_t> seen;
  const Variable start = tape.leaf(one_value(device, 1.0));
  Variable x = start;
  for (int i = 0; i < kOps; ++i) {
    const Tensor saved = Tensor::zeros(device, {kBytes / 8}, DType::f64);
    x = tape.record(one_value(device, 1.0), {&x},
                    [&seen, this, saved, gradient = x.gradient_handle()](const Tensor& output) {
                      seen.push_back(activation_bytes(device) / kBytes);
                      gradient->add(output);
                    });
  }
  CHECK(activation_bytes(device) / kBytes == kOps);
  tape.backward(x);
  CHECK(seen == std::vector<std::int64_t>{8, 7, 6, 5, 4, 3, 2, 1});
  CHECK(activation_bytes(device) == 3 * 8);  // start, its gradient, and x
  CHECK(start.gradient().item() == 1.0);
}

TEST_CASE("a tape that is dropped frees what it recorded", "[tape]") {
  const auto device = Device::cpu();
  {
    Tape tape(device, Tape::Mode::training);
    const Variable x = tape.leaf(Tensor::zeros(device, {3, 3}, DType::f64));
    (void)linear(tape, x, x);
    CHECK(activation_bytes(device) == 9 * 8);  // the output was nobody's
  }
  CHECK(activation_bytes(device) == 0);
}

TEST_CASE("a variable outlives the tape that made it", "[tape]") {
  const auto device = Device::cpu();
  Variable leaf, output;
  {
    Tape tape(device, Tape::Mode::training);
    leaf = tape.leaf(one_value(device, 1.0));
    output = add(tape, leaf, leaf);
    tape.backward(output);
  }
  CHECK(leaf.gradient().item() == 2.0);
  CHECK(output.data().item() == 2.0);
}

TEST_CASE("in inference nothing is recorded", "[tape]") {
  const auto device = Device::cpu();
  Tape tape(device, Tape::Mode::inference);
  CHECK_FALSE(tape.training());
  const Variable x = Variable::parameter(Tensor::zeros(device, {4, 4}, DType::f64),
                                         Tensor::zeros(device, {4, 4}, DType::f64));
  const std::int64_t before = activation_bytes(device);
  Variable y = linear(tape, x, x, {.activation = kernels::ActivationKind::gelu});
  for (int i = 0; i < 5; ++i) y = linear(tape, y, x, {.activation = kernels::ActivationKind::gelu});
  CHECK_FALSE(y.requires_gradient());
  CHECK(activation_bytes(device) == before + 16 * 8);
  const Variable one =
      add(tape, Variable(one_value(device, 1.0)), Variable(one_value(device, 1.0)));
  CHECK(error_of([&] { tape.backward(one); }) ==
        "[backward] expected a loss that depends on a parameter");
}

TEST_CASE_METHOD(Fixture, "backward and gradients say what they expected", "[tape]") {
  const Variable x = tape.leaf(Tensor::zeros(device, {2, 3}, DType::f64));
  CHECK(error_of([&] { tape.backward(x); }) ==
        "[backward] expected a loss of one element, got [2, 3]");
  CHECK(error_of([&] { tape.backward(Variable()); }) ==
        "[backward] expected a loss of one element, got []");
  CHECK(error_of([&] { tape.backward(Variable(one_value(device, 1.0))); }) ==
        "[backward] expected a loss that depends on a parameter");
  CHECK(error_of([&] { x.gradient_handle()->add(Tensor::zeros(device, {6}, DType::f64)); }) ==
        "[gradient] expected a contribution of shape [2, 3], got [6]");
  const Tensor two = Tensor::zeros(device, {2}, DType::f64);
  CHECK(error_of([&] { Variable::parameter(two, one_value(device, 0.0)); }) ==
        "[variable] expected a gradient of shape [2] and type f64 like the parameter's, got [1] of "
        "f64");
  CHECK_THROWS_AS(Variable::parameter(two, Tensor::zeros(device, {2}, DType::f32)),
                  std::invalid_argument);
}

TEST_CASE_METHOD(Fixture, "a long chain needs no stack", "[tape]") {
  constexpr int kOps = 100000;
  const Variable start = tape.leaf(one_value(device, 0.0));
  const Variable one(one_value(device, 1.0));
  Variable x = start;
  for (int i = 0; i < kOps; ++i) x = add(tape, x, one);
  CHECK(x.data().item() == kOps);
  tape.backward(x);
  CHECK(start.gradient().item() == 1.0);
  // The same chain dropped instead of walked.
  x = start;
  for (int i = 0; i < kOps; ++i) x = add(tape, x, one);
}

TEST_CASE_METHOD(Fixture, "dropout keys differ within a step and repeat with it", "[tape]") {
  const auto first_of = [&] { return kernels::random_block(tape.next_dropout_key().key, 0); };
  tape.set_random(5, 1);
  const auto a = first_of(), b = first_of();
  CHECK(a != b);
  tape.set_random(5, 2);
  const auto next_step = first_of();
  CHECK(next_step != a);
  CHECK(next_step != b);
  tape.set_random(6, 1);
  CHECK(first_of() != a);
  tape.set_random(5, 1);
  CHECK(first_of() == a);
  CHECK(first_of() == b);
}

TEST_CASE_METHOD(Fixture, "backward takes the gradient of any output", "[tape]") {
  const Variable x = tape.leaf(Tensor::from<double>(device, {3}, {1.0, 2.0, 3.0}));
  const Variable y = add(tape, x, x, 1.0, 2.0);
  tape.backward(y, Tensor::from<double>(device, {3}, {1.0, 10.0, 100.0}));
  CHECK(x.gradient().to_vector<double>() == std::vector<double>{3.0, 30.0, 300.0});
}

TEST_CASE_METHOD(Fixture, "a recomputed part runs again with the same dropouts", "[tape]") {
  int runs = 0;
  const auto part = [&](Tape& on, const Variable& input) {
    ++runs;
    return dropout(on, dropout(on, input, Variable(), 0.5), Variable(), 0.5);
  };
  const auto gradient_of = [&](bool recomputed) {
    tape.set_random(3, 4);
    const Variable x = tape.leaf(Tensor::from(device, {64}, normal_values<double>(64, 1)));
    const Variable before = dropout(tape, x, Variable(), 0.5);
    const Variable middle = recomputed ? tape.recompute(before, part) : part(tape, before);
    const Variable after = dropout(tape, middle, Variable(), 0.5);
    tape.backward(after, Tensor::from(device, {64}, normal_values<double>(64, 2)));
    return x.gradient().to_vector<double>();
  };
  const auto kept = gradient_of(false);
  CHECK(runs == 1);
  CHECK(gradient_of(true) == kept);
  CHECK(runs == 3);
  CHECK(tape.recording());
  const Variable constant(one_value(device, 1.0));
  CHECK(error_of([&] { tape.recompute(constant, part); }) ==
        "[recompute] expected an input that needs a gradient");
  Tape inference(device, Tape::Mode::inference);
  (void)inference.recompute(constant, part);
  CHECK(runs == 4);
}

}  // namespace
}  // namespace obverse::tests

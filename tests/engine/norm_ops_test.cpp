#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/ops/layer_norm.h"
#include "engine/ops/rms_norm.h"
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

TEST_CASE("layer_norm equals central differences", "[norm_ops][device]") {
  for (const Shape& shape : {Shape{2, 3, 6}, Shape{4, 7}, Shape{5}}) {
    const Shape width{shape[-1]};
    INFO("input " << shape);
    check_op_gradients(
        {{"input", shape, 1}, {"gain", width, 2, kLearned}, {"bias", width, 3, kLearned}},
        [](Tape& tape, const std::vector<Variable>& x) {
          return layer_norm(tape, x[0], x[1], x[2]);
        });
    check_op_gradients({{"input", shape, 1}, {"gain", width, 2, kLearned}},
                       [](Tape& tape, const std::vector<Variable>& x) {
                         return layer_norm(tape, x[0], x[1], Variable(), 0.5);
                       });
  }
}

TEST_CASE("rms_norm equals central differences", "[norm_ops][device]") {
  for (const double epsilon : {1e-5, 0.5}) {
    for (const Shape& shape : {Shape{2, 3, 6}, Shape{4, 7}, Shape{5}}) {
      INFO("input " << shape);
      check_op_gradients({{"input", shape, 1}, {"gain", {shape[-1]}, 2, kLearned}},
                         [&](Tape& tape, const std::vector<Variable>& x) {
                           return rms_norm(tape, x[0], x[1], epsilon);
                         });
    }
  }
}

TEST_CASE("query_key_norm equals central differences, with grouped keys too",
          "[norm_ops][device]") {
  for (const auto& [heads, key_value_heads] : {std::pair(2, 2), {4, 2}, {3, 1}}) {
    const Shape shape{2, 3, (heads + 2 * key_value_heads) * 4};
    INFO("heads " << heads << ", key_value_heads " << key_value_heads);
    check_op_gradients(
        {{"packed", shape, 1}, {"query_gain", {4}, 2, kLearned}, {"key_gain", {4}, 3, kLearned}},
        [&, heads = heads, key_value_heads = key_value_heads](Tape& tape,
                                                              const std::vector<Variable>& x) {
          return query_key_norm(tape, x[0], x[1], x[2], heads, key_value_heads);
        });
  }
}

TEST_CASE("query_key_norm normalizes queries and keys and leaves values", "[norm_ops]") {
  const auto device = Device::cpu();
  Tape tape(device, Tape::Mode::inference);
  const Variable packed(Tensor::from<double>(device, {1, 1, 8}, {3, 4, 0, 2, 6, 8, 5, 7}));
  const Variable query_gain(Tensor::from<double>(device, {2}, {1, 1}));
  const Variable key_gain(Tensor::from<double>(device, {2}, {10, 10}));
  const auto out =
      query_key_norm(tape, packed, query_gain, key_gain, 2, 1, 1e-12).data().to_vector<double>();
  const double root = std::sqrt(12.5);  // of (9 + 16) / 2
  check_close(out, {3 / root, 4 / root, 0, std::sqrt(2.0), 60 / (2 * root), 80 / (2 * root), 5, 7},
              1e-11, 0.0, "out");
}

TEST_CASE("norms say what they expected", "[norm_ops]") {
  const auto device = Device::cpu();
  Tape tape(device, Tape::Mode::training);
  const auto zeros = [&](const Shape& shape) {
    return Variable(Tensor::zeros(device, shape, DType::f64));
  };
  CHECK(error_of([&] {
          layer_norm(tape, zeros({2, 6}), zeros({5}), zeros({6}));
        }) == "[layer_norm] expected gain of 6 elements, got 5");
  CHECK(error_of([&] {
          layer_norm(tape, zeros({2, 6}), zeros({6}), zeros({7}));
        }) == "[layer_norm] expected bias of 6 elements or none, got 7");
  CHECK(error_of([&] {
          rms_norm(tape, zeros({2, 6}), zeros({5}));
        }) == "[rms_norm] expected gain of 6 elements, got 5");
  CHECK(error_of([&] {
          query_key_norm(tape, zeros({2, 3, 17}), zeros({4}), zeros({4}), 2, 1);
        }) ==
        "[query_key_norm] expected a width of (2 + 2 x 1) heads of 4 elements and gains of one "
        "size, got [2, 3, 17] with gains [4] and [4]");
  CHECK(error_of([&] {
          query_key_norm(tape, zeros({2, 3, 16}), zeros({4}), zeros({3}), 2, 1);
        }) ==
        "[query_key_norm] expected a width of (2 + 2 x 1) heads of 4 elements and gains of one "
        "size, got [2, 3, 16] with gains [4] and [3]");
}

}  // namespace
}  // namespace obverse::tests

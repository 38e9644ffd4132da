#include "engine/tensor/tensor.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using engine::Device;
using engine::DType;
using engine::Shape;
using engine::Tensor;

TEST_CASE("a shape holds up to four sizes", "[tensor]") {
  const Shape shape{2, 3, 4};
  CHECK(shape.dimensions() == 3);
  CHECK(shape.elements() == 24);
  CHECK(shape[0] == 2);
  CHECK(shape[2] == 4);
  CHECK(shape[-1] == 4);
  CHECK(shape[-3] == 2);
  CHECK(shape.text() == "[2, 3, 4]");
  CHECK(shape == Shape{2, 3, 4});
  CHECK(shape != Shape{2, 3});
  CHECK(shape != Shape{2, 4, 3});
  CHECK(Shape{}.text() == "[]");
  CHECK(Shape{5, 0}.elements() == 0);
}

TEST_CASE("a shape names what it cannot hold or has not", "[tensor]") {
  CHECK(error_of([] { Shape{1, 2, 3, 4, 5}; }) == "[shape] expected at most 4 dimensions, got 5");
  CHECK(error_of([] { Shape{2, -1}; }) == "[shape] expected sizes of at least 0, got -1");
  CHECK(error_of([] { (void)Shape{2, 3}[2]; }) == "[shape] expected a dimension of [2, 3], got 2");
  CHECK(error_of([] {
          (void)Shape{2, 3}[-3];
        }) == "[shape] expected a dimension of [2, 3], got -3");
}

TEST_CASE("a tensor gives back the values it was made from", "[tensor]") {
  const auto device = Device::cpu();
  const std::vector<std::int32_t> ids{7, -1, 3};
  const std::vector<double> wide{1.5, -2.25};
  CHECK(Tensor::from(device, {3}, ids).to_vector<std::int32_t>() == ids);
  CHECK(Tensor::from(device, {2}, wide).to_vector<double>() == wide);
  const auto tensor = Tensor::from<float>(device, {2, 2}, {1, 2, 3, 4});
  CHECK(tensor.dtype() == DType::f32);
  CHECK(tensor.shape() == Shape{2, 2});
  CHECK(tensor.size(-1) == 2);
  CHECK(tensor.on_host().to_vector<float>() == std::vector<float>{1, 2, 3, 4});
  CHECK(Tensor::from<float>(device, {0, 3}, {}).to_vector<float>().empty());
  CHECK(error_of([&] {
          Tensor::from<float>(device, {2, 2}, {1, 2, 3});
        }) == "[tensor] expected 4 values for [2, 2], got 3");
}

TEST_CASE("zeros are zeros in reused memory, too", "[tensor]") {
  const auto device = Device::cpu();
  Tensor::from<float>(device, {2, 3}, {1, 2, 3, 4, 5, 6});
  const auto zeros = Tensor::zeros(device, {2, 3}, DType::f32);
  REQUIRE(device.allocator().use().system_allocations == 1);
  CHECK(zeros.to_vector<float>() == std::vector<float>(6, 0.0f));
  CHECK(Tensor::zeros(device, {3}, DType::i32).to_vector<std::int32_t>() ==
        std::vector<std::int32_t>(3, 0));
}

TEST_CASE("reshaped and part share storage", "[tensor]") {
  const auto device = Device::cpu();
  const auto whole = Tensor::from<float>(device, {2, 3}, {0, 1, 2, 3, 4, 5});
  const auto flat = whole.reshaped({6});
  const auto middle = whole.part(2, {1, 3});
  const auto inner = middle.part(1, {2});
  CHECK(middle.to_vector<float>() == std::vector<float>{2, 3, 4});
  CHECK(inner.to_vector<float>() == std::vector<float>{3, 4});
  inner.span<float>()[0] = 30;
  CHECK(flat.to_vector<float>() == std::vector<float>{0, 1, 2, 30, 4, 5});
  CHECK(whole.span<float>()[3] == 30);
  CHECK(whole.part(6, {0}).elements() == 0);
  CHECK(error_of([&] { (void)whole.reshaped({5}); }) ==
        "[tensor] expected a shape of 6 elements, got [5]");
  CHECK(error_of([&] { (void)whole.part(5, {2}); }) ==
        "[tensor] expected a part of 6 elements, got [2] from 5");
  CHECK(error_of([&] { (void)whole.part(-1, {2}); }) ==
        "[tensor] expected a part of 6 elements, got [2] from -1");
  // A part ends where its own shape does, not where the storage does.
  CHECK(error_of([&] { (void)middle.part(2, {2}); }) ==
        "[tensor] expected a part of 3 elements, got [2] from 2");
}

TEST_CASE("unique tells whether storage is shared", "[tensor]") {
  const auto device = Device::cpu();
  auto tensor = Tensor::zeros(device, {2}, DType::f32);
  CHECK(tensor.unique());
  {
    const auto copy = tensor.part(0, {1});
    CHECK_FALSE(tensor.unique());
    CHECK_FALSE(copy.unique());
  }
  CHECK(tensor.unique());
  const Tensor moved = std::move(tensor);
  CHECK(moved.unique());
  CHECK_FALSE(Tensor().unique());
}

TEST_CASE("elements are read as their own type only", "[tensor]") {
  const auto device = Device::cpu();
  const auto tensor = Tensor::zeros(device, {2}, DType::f32);
  CHECK(error_of([&] { (void)tensor.span<double>(); }) ==
        "[tensor] expected elements of type f64, got f32");
  CHECK(error_of([&] { (void)tensor.to_vector<std::int32_t>(); }) ==
        "[tensor] expected elements of type i32, got f32");
  CHECK(error_of([&] { (void)tensor.span_or_empty<double>(); }) ==
        "[tensor] expected elements of type f64, got f32");
  CHECK(Tensor().span_or_empty<double>().empty());
  CHECK(error_of([] { engine::with_float_type(DType::i32, [](auto) {}); }) ==
        "[tensor] expected a floating-point element type, got i32");
}

TEST_CASE("item reads one floating-point element", "[tensor]") {
  const auto device = Device::cpu();
  CHECK(Tensor::from<float>(device, {1}, {2.5f}).item() == 2.5);
  CHECK(Tensor::from<double>(device, {1, 1}, {0.1}).item() == 0.1);
  CHECK(Tensor::from<double>(device, {2}, {1, 2}).part(1, {1}).item() == 2.0);
  CHECK(error_of([&] { (void)Tensor::zeros(device, {2}, DType::f32).item(); }) ==
        "[tensor] expected one element, got [2]");
  CHECK(error_of([&] { (void)Tensor::zeros(device, {1}, DType::i32).item(); }) ==
        "[tensor] expected a floating-point element type, got i32");
  CHECK(error_of([] { (void)Tensor().item(); }) == "[tensor] expected one element, got []");
}

TEST_CASE("a device is found by its name", "[tensor]") {
  CHECK(Device::named("cpu").kind() == engine::DeviceKind::cpu);
  CHECK(std::string(name_of(engine::DeviceKind::cpu)) == "cpu");
  CHECK(error_of([] { Device::named("cuda:0"); }) == "[device] expected cpu or cuda, got 'cuda:0'");
}

}  // namespace
}  // namespace obverse::tests

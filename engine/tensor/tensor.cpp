#include "engine/tensor/tensor.h"

#include <algorithm>

namespace obverse::engine {

const char* name_of(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::cpu:
      return "cpu";
  }
  return "unknown";
}

Device Device::named(const std::string& name) {
  require(name == "cpu", "[device] expected cpu, the only device of this build, got '", name, "'");
  return cpu();
}

const char* name_of(DType dtype) {
  static constexpr const char* kNames[] = {"f32", "f64", "i32"};
  return kNames[static_cast<int>(dtype)];
}

std::int64_t size_bytes(DType dtype) { return dtype == DType::f64 ? 8 : 4; }

Shape::Shape(std::initializer_list<std::int64_t> sizes) {
  require(static_cast<int>(sizes.size()) <= kMostDimensions, "[shape] expected at most ",
          kMostDimensions, " dimensions, got ", sizes.size());
  for (const std::int64_t size : sizes) {
    require(size >= 0, "[shape] expected sizes of at least 0, got ", size);
    sizes_[static_cast<std::size_t>(dimensions_++)] = size;
  }
}

std::int64_t Shape::operator[](int index) const {
  const int at = index < 0 ? index + dimensions_ : index;
  require(at >= 0 && at < dimensions_, "[shape] expected a dimension of ", text(), ", got ", index);
  return sizes_[static_cast<std::size_t>(at)];
}

std::int64_t Shape::elements() const {
  std::int64_t product = 1;
  for (int i = 0; i < dimensions_; ++i) product *= sizes_[static_cast<std::size_t>(i)];
  return product;
}

std::string Shape::text() const {
  std::string text = "[";
  for (int i = 0; i < dimensions_; ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(sizes_[static_cast<std::size_t>(i)]);
  }
  return text + "]";
}

Tensor Tensor::empty(const Device& device, const Shape& shape, DType dtype,
                     MemoryCategory category) {
  Tensor tensor;
  tensor.device_ = device;
  tensor.shape_ = shape;
  tensor.dtype_ = dtype;
  const auto bytes = static_cast<std::size_t>(shape.elements() * size_bytes(dtype));
  tensor.block_ = BlockHandle(device.allocator().allocate(bytes, category));
  return tensor;
}

Tensor Tensor::zeros(const Device& device, const Shape& shape, DType dtype,
                     MemoryCategory category) {
  Tensor tensor = empty(device, shape, dtype, category);
  std::memset(tensor.memory(), 0, static_cast<std::size_t>(shape.elements() * size_bytes(dtype)));
  return tensor;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  require(shape.elements() == elements(), "[tensor] expected a shape of ", elements(),
          " elements, got ", shape);
  Tensor tensor = *this;
  tensor.shape_ = shape;
  return tensor;
}

Tensor Tensor::part(std::int64_t offset, const Shape& shape) const {
  require(offset >= 0 && offset + shape.elements() <= elements(), "[tensor] expected a part of ",
          elements(), " elements, got ", shape, " from ", offset);
  Tensor tensor = *this;
  tensor.offset_ += offset;
  tensor.shape_ = shape;
  return tensor;
}

double Tensor::item() const {
  require(defined() && elements() == 1, "[tensor] expected one element, got ", shape_);
  double value = 0.0;
  with_float_type(dtype_, [&]<typename T>(T) { value = static_cast<double>(span<T>()[0]); });
  return value;
}

}  // namespace obverse::engine

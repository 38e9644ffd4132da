#include "engine/tensor/tensor.h"

#include <algorithm>
#include <cstring>

#ifdef OBVERSE_WITH_CUDA
#include "kernels/core/device_memory.h"
#endif

namespace obverse::engine {

const char* name_of(DType dtype) {
  static constexpr const char* kNames[] = {"f32", "f64", "i32", "bf16"};
  return kNames[static_cast<int>(dtype)];
}

std::int64_t size_bytes(DType dtype) {
  if (dtype == DType::f64) return 8;
  return dtype == DType::bf16 ? 2 : 4;
}

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
  tensor.block_ = BlockHandle(device.allocator().allocate(tensor.bytes(), category));
  return tensor;
}

Tensor Tensor::zeros(const Device& device, const Shape& shape, DType dtype,
                     MemoryCategory category) {
  Tensor tensor = empty(device, shape, dtype, category);
#ifdef OBVERSE_WITH_CUDA
  if (device.kind() == DeviceKind::cuda) {
    kernels::cuda::fill_bytes(device.stream(), tensor.memory(), 0, tensor.bytes());
    return tensor;
  }
#endif
  std::memset(tensor.memory(), 0, tensor.bytes());
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

Tensor Tensor::read_as(DType dtype) const {
  require(size_bytes(dtype) == size_bytes(dtype_), "[tensor] expected a type of ",
          size_bytes(dtype_), " bytes, got ", name_of(dtype));
  Tensor tensor = *this;
  tensor.dtype_ = dtype;
  return tensor;
}

void Tensor::copy_from(const Tensor& other) const {
  require(other.dtype() == dtype_ && other.elements() == elements(), "[tensor] expected ",
          elements(), " elements of ", name_of(dtype_), " to copy, got ", other.elements(), " of ",
          name_of(other.dtype()));
  if (bytes() == 0) return;
#ifdef OBVERSE_WITH_CUDA
  if (device_.kind() == DeviceKind::cuda) {
    kernels::cuda::copy_on_device(device_.stream(), memory(), other.memory(), bytes());
    return;
  }
#endif
  std::memcpy(memory(), other.memory(), bytes());
}

void Tensor::write(const void* values) const {
  if (bytes() == 0) return;
#ifdef OBVERSE_WITH_CUDA
  if (device_.kind() == DeviceKind::cuda) {
    kernels::cuda::copy_to_device(device_.stream(), memory(), values, bytes());
    return;
  }
#endif
  std::memcpy(memory(), values, bytes());
}

void Tensor::read(void* values) const {
  if (bytes() == 0) return;
#ifdef OBVERSE_WITH_CUDA
  if (device_.kind() == DeviceKind::cuda) {
    kernels::cuda::copy_to_host(device_.stream(), values, memory(), bytes());
    return;
  }
#endif
  std::memcpy(values, memory(), bytes());
}

Tensor Tensor::on_host() const {
  if (device_.kind() == DeviceKind::cpu) return *this;
  const Tensor copy = empty(Device::cpu(), shape_, accumulator_of(dtype_));
  if (dtype_ != DType::bf16) {
    read(copy.memory());
    return copy;
  }
  const Span<float> wide = copy.span<float>();
  const auto values = to_vector<kernels::bf16>();
  std::transform(values.begin(), values.end(), wide.begin(),
                 [](kernels::bf16 value) { return static_cast<float>(value); });
  return copy;
}

std::vector<double> Tensor::to_doubles() const {
  std::vector<double> doubles;
  with_float_type(dtype_, [&]<typename T>(T) {
    for (const T value : to_vector<T>()) doubles.push_back(static_cast<double>(value));
  });
  return doubles;
}

double Tensor::item() const {
  require(defined() && elements() == 1, "[tensor] expected one element, got ", shape_);
  double value = 0.0;
  with_float_type(dtype_, [&]<typename T>(T) {
    T element;
    read(&element);
    value = static_cast<double>(element);
  });
  return value;
}

}  // namespace obverse::engine

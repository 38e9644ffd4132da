// A contiguous row-major array: a handle that shares its storage when copied. Element types f32,
// bf16 (on CUDA), f64 (on the CPU) and i32.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "engine/tensor/device.h"
#include "kernels/core/bf16.h"
#include "kernels/core/check.h"
#include "kernels/core/span.h"

namespace obverse::engine {

using kernels::fail;
using kernels::require;
using kernels::Span;

enum class DType { f32, f64, i32, bf16 };
const char* name_of(DType dtype);
std::int64_t size_bytes(DType dtype);

template <typename T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::f32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::f64;
}
template <>
constexpr DType dtype_of<std::int32_t>() {
  return DType::i32;
}
template <>
constexpr DType dtype_of<kernels::bf16>() {
  return DType::bf16;
}

// What sums over elements of a type are kept in, gradients of parameters among them: f32 for bf16.
constexpr DType accumulator_of(DType dtype) { return dtype == DType::bf16 ? DType::f32 : dtype; }

// Calls body(T{}) with the floating-point type that `dtype` names.
template <typename Body>
void with_float_type(DType dtype, const Body& body) {
  if (dtype == DType::f32) {
    body(float{});
  } else if (dtype == DType::f64) {
    body(double{});
  } else if (dtype == DType::bf16) {
    body(kernels::bf16{});
  } else {
    fail("[tensor] expected a floating-point element type, got ", name_of(dtype));
  }
}

// Up to four sizes, held in place so that shapes cost no memory.
class Shape {
 public:
  static constexpr int kMostDimensions = 4;
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes);

  int dimensions() const { return dimensions_; }
  // Negative indices count from the end. REQUIRES: -dimensions() <= index < dimensions().
  std::int64_t operator[](int index) const;
  std::int64_t elements() const;
  bool operator==(const Shape& other) const = default;
  std::string text() const;  // "[2, 3]"

 private:
  std::array<std::int64_t, kMostDimensions> sizes_{};
  int dimensions_ = 0;
};
inline std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << shape.text();
}

class Tensor {
 public:
  Tensor() = default;  // undefined
  Tensor(const Tensor&) = default;
  Tensor(Tensor&&) = default;
  // By value: what was held is freed in the order of a destructor, the block before the device.
  Tensor& operator=(Tensor other) noexcept {
    std::swap(device_, other.device_);
    std::swap(block_, other.block_);
    std::swap(offset_, other.offset_);
    std::swap(shape_, other.shape_);
    std::swap(dtype_, other.dtype_);
    return *this;
  }
  ~Tensor() = default;

  // Contents are undefined until written.
  static Tensor empty(const Device& device, const Shape& shape, DType dtype,
                      MemoryCategory category = MemoryCategory::activations);
  static Tensor zeros(const Device& device, const Shape& shape, DType dtype,
                      MemoryCategory category = MemoryCategory::activations);
  template <typename T>
  static Tensor from(const Device& device, const Shape& shape, const std::vector<T>& values,
                     MemoryCategory category = MemoryCategory::activations) {
    require(static_cast<std::int64_t>(values.size()) == shape.elements(), "[tensor] expected ",
            shape.elements(), " values for ", shape, ", got ", values.size());
    Tensor tensor = empty(device, shape, dtype_of<T>(), category);
    tensor.write(values.data());
    return tensor;
  }

  bool defined() const { return block_.get() != nullptr; }
  const Shape& shape() const { return shape_; }
  std::int64_t size(int dimension) const { return shape_[dimension]; }
  std::int64_t elements() const { return shape_.elements(); }
  DType dtype() const { return dtype_; }
  const Device& device() const { return device_; }
  // Whether this is the only handle of its storage, so that it may be overwritten unseen.
  bool unique() const { return block_.unique(); }

  // The same storage under another shape. REQUIRES: as many elements.
  Tensor reshaped(const Shape& shape) const;
  // `shape.elements()` elements of the same storage from element `offset` on.
  Tensor part(std::int64_t offset, const Shape& shape) const;
  // The same bits read as another type. REQUIRES: elements of one size.
  Tensor read_as(DType dtype) const;

  // The elements. REQUIRES: T is the tensor's element type. On CUDA only kernels may touch them.
  template <typename T>
  Span<T> span() const {
    require(dtype_of<T>() == dtype_, "[tensor] expected elements of type ", name_of(dtype_of<T>()),
            ", got ", name_of(dtype_));
    return {reinterpret_cast<T*>(memory()), elements()};
  }
  // As above, or an empty span where the tensor is undefined: an optional kernel argument.
  template <typename T>
  Span<T> span_or_empty() const {
    return defined() ? span<T>() : Span<T>();
  }
  // Copies; on CUDA they wait for the device.
  template <typename T>
  std::vector<T> to_vector() const {
    std::vector<T> values(static_cast<std::size_t>(span<T>().size()));
    read(values.data());
    return values;
  }
  // REQUIRES: `values` are elements() elements of the tensor's type.
  void write(const void* values) const;
  void read(void* values) const;
  // The values of a tensor of the same device, type and number of elements; in order with the
  // device's work, without a wait.
  void copy_from(const Tensor& other) const;
  // The same values where the processor can read them: this tensor itself on the CPU, else a copy,
  // of accumulator_of() its type.
  Tensor on_host() const;
  // Floating-point elements of any type.
  std::vector<double> to_doubles() const;
  // The one element as double. REQUIRES: one floating-point element.
  double item() const;

 private:
  std::byte* memory() const { return block_.get()->memory + offset_ * size_bytes(dtype_); }
  std::size_t bytes() const { return static_cast<std::size_t>(elements() * size_bytes(dtype_)); }

  // A tensor needs its device's allocator to outlive its block, hence the order of members.
  Device device_;
  BlockHandle block_;
  std::int64_t offset_ = 0;  // elements
  Shape shape_;
  DType dtype_ = DType::f32;
};

}  // namespace obverse::engine

// A contiguous row-major array: a handle that shares its storage when copied. Element types f32,
// f64 and i32; devices are handles too, each with an allocator of its own.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "engine/tensor/allocator.h"
#include "kernels/core/check.h"
#include "kernels/core/span.h"

namespace obverse::engine {

using kernels::fail;
using kernels::require;
using kernels::Span;

enum class DeviceKind { cpu };
const char* name_of(DeviceKind kind);

// Where tensors live. Copies are the same device with the same allocator; two calls of cpu() give
// devices that share no memory, which is how concurrent runs stay out of each other's way.
class Device {
 public:
  static Device cpu() { return Device(DeviceKind::cpu); }
  // "cpu"; throws std::invalid_argument naming what this build has for anything else.
  static Device named(const std::string& name);

  DeviceKind kind() const { return kind_; }
  Allocator& allocator() const { return *allocator_; }

 private:
  friend class Tensor;
  static Device none() { return Device(DeviceKind::cpu, nullptr); }
  explicit Device(DeviceKind kind) : Device(kind, std::make_shared<Allocator>()) {}
  Device(DeviceKind kind, std::shared_ptr<Allocator> allocator)
      : kind_(kind), allocator_(std::move(allocator)) {}
  DeviceKind kind_;
  std::shared_ptr<Allocator> allocator_;
};

enum class DType { f32, f64, i32 };
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

// Calls body(T{}) with the floating-point type that `dtype` names.
template <typename Body>
void with_float_type(DType dtype, const Body& body) {
  if (dtype == DType::f32) {
    body(float{});
  } else if (dtype == DType::f64) {
    body(double{});
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
    if (!values.empty()) {
      std::memcpy(tensor.memory(), values.data(), sizeof(T) * values.size());
    }
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

  // The elements. REQUIRES: T is the tensor's element type.
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
  template <typename T>
  std::vector<T> to_vector() const {
    const Span<T> values = span<T>();
    return std::vector<T>(values.begin(), values.end());
  }
  // The same values where the processor can read them: this tensor itself on the CPU.
  Tensor on_host() const { return *this; }
  // The one element as double. REQUIRES: one floating-point element.
  double item() const;

 private:
  std::byte* memory() const { return block_.get()->memory + offset_ * size_bytes(dtype_); }

  // A tensor needs its device's allocator to outlive its block, hence the order of members.
  Device device_ = Device::none();
  BlockHandle block_;
  std::int64_t offset_ = 0;  // elements
  Shape shape_;
  DType dtype_ = DType::f32;
};

}  // namespace obverse::engine

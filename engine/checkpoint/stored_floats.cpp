#include "engine/checkpoint/stored_floats.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/core/bf16.h"
#include "kernels/core/check.h"

namespace obverse::engine {
namespace {

// IEEE 754 binary16: a sign, 5 bits of exponent with a bias of 15, 10 bits of fraction.
float float_of_half(std::uint16_t bits) {
  const std::uint32_t exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  if (exponent == 0) {
    // Zero and subnormal numbers: fraction x 2^-24.
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign == 0 ? magnitude : -magnitude;
  }
  // Infinity and not-a-number keep an exponent of ones.
  const std::uint32_t wide = exponent == 0x1f ? 0xff : exponent + 127 - 15;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

template <typename From, typename Convert>
std::vector<float> converted(const std::string& bytes, const Convert& convert) {
  std::vector<float> values(bytes.size() / sizeof(From));
  for (std::size_t i = 0; i < values.size(); ++i) {
    From element;
    std::memcpy(&element, bytes.data() + i * sizeof(From), sizeof(From));
    values[i] = convert(element);
  }
  return values;
}

}  // namespace

bool holds_floats(const StoredTensor& tensor) {
  return tensor.type == "F32" || tensor.type == "F16" || tensor.type == "BF16";
}

std::vector<float> floats_of(const StoredTensor& tensor) {
  kernels::require(holds_floats(tensor), "[floats_of] expected F32, F16 or BF16, got ",
                   tensor.type);
  if (tensor.type == "F32") {
    return converted<float>(tensor.bytes, [](float value) { return value; });
  }
  if (tensor.type == "F16") return converted<std::uint16_t>(tensor.bytes, float_of_half);
  return converted<kernels::bf16>(tensor.bytes, [](kernels::bf16 value) { return float(value); });
}

StoredTensor stored_floats(std::vector<std::int64_t> shape, const std::vector<float>& values) {
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) elements *= size;
  kernels::require(elements == static_cast<std::int64_t>(values.size()),
                   "[stored_floats] expected ", elements, " values, got ", values.size());
  StoredTensor tensor;
  tensor.type = "F32";
  tensor.shape = std::move(shape);
  tensor.bytes.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return tensor;
}

}  // namespace obverse::engine

// What tests of kernels share that take arrays which start anywhere, and write no further than they
// are told.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/support/catch.h"

namespace obverse::tests {

// An array that starts `shift` elements past an aligned address, between elements that nobody may
// write.
template <typename T>
class Guarded {
 public:
  Guarded() = default;
  Guarded(const std::vector<T>& values, std::int64_t shift)
      : shift_(shift), count_(static_cast<std::int64_t>(values.size())) {
    std::vector<T> all(static_cast<std::size_t>(shift), T(kGuard));
    all.insert(all.end(), values.begin(), values.end());
    all.insert(all.end(), 5, T(kGuard));
    buffer_ = Buffer<T>(all);
  }
  // All bits set, which is a NaN.
  static Guarded poisoned(std::int64_t count, std::int64_t shift) {
    std::vector<T> values(static_cast<std::size_t>(count));
    if (count > 0) std::memset(static_cast<void*>(values.data()), 0xFF, values.size() * sizeof(T));
    return Guarded(values, shift);
  }
  kernels::Span<T> span() { return buffer_.span().subspan(shift_, count_); }
  std::vector<T> to_vector() {
    const std::vector<T> all = buffer_.to_vector();
    const auto begin = all.begin() + shift_, end = begin + count_;
    const auto untouched = [](const T& value) { return static_cast<float>(value) == kGuard; };
    CHECK((std::all_of(all.begin(), begin, untouched) && std::all_of(end, all.end(), untouched)));
    return {begin, end};
  }

 private:
  static constexpr float kGuard = -77.0f;
  std::int64_t shift_ = 0, count_ = 0;
  Buffer<T> buffer_;
};

}  // namespace obverse::tests

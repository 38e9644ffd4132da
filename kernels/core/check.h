// Argument checks with values in their messages: `require(k > 0, "[matmul] expected k above 0, got
// ", k)`. The message is put together only when the check fails.
#pragma once

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace obverse::kernels {

template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

// Throws std::invalid_argument with the concatenated `parts` unless `condition` holds.
template <typename... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]] {
    fail(parts...);
  }
}

// The check that nearly every buffer needs: "[layer_norm] expected gain of 64 elements, got 32".
inline void require_size(std::string_view operation, std::string_view buffer, std::int64_t expected,
                         std::int64_t actual) {
  require(actual == expected, "[", operation, "] expected ", buffer, " of ", expected,
          " elements, got ", actual);
}

// The same for a buffer that may be left out, by an empty span.
inline void require_size_or_empty(std::string_view operation, std::string_view buffer,
                                  std::int64_t expected, std::int64_t actual) {
  require(actual == 0 || actual == expected, "[", operation, "] expected ", buffer, " of ",
          expected, " elements or none, got ", actual);
}

}  // namespace obverse::kernels

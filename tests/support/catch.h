// Catch2 2.13 (Debian 12) and 3.x under one name; Approx and ContainsSubstring in the global
// namespace with both.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
#else
#include <catch2/catch.hpp>
inline auto ContainsSubstring(const std::string& text) {  // NOLINT(readability-identifier-naming)
  return Catch::Contains(text);
}
#endif

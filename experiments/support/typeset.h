// Numbers and text as pages show them. Nothing here ever prints "nan" or "inf": what is not defined
// is a dash.
#pragma once

#include <string>
#include <string_view>

namespace obverse::experiments {

inline constexpr const char* kMissing = "–";

// 1234567 -> "1,234,567".
std::string grouped(double count);
// Up to six significant digits, no trailing zeros.
std::string compact(double value);

// Text for HTML content and quoted attributes.
std::string escape(std::string_view text);
// escape(), then a true minus sign before digits, a thin no-break space before the per-cent sign,
// and no line break around "=" or within "[98, 100]".
std::string typeset(std::string_view text);

}  // namespace obverse::experiments

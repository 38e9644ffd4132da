#include "experiments/support/typeset.h"

#include <cctype>
#include <cmath>
#include <cstdio>

namespace obverse::experiments {
namespace {

std::string printed(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), format, value);
  return buffer;
}

}  // namespace

std::string grouped(double count) {
  if (!std::isfinite(count)) return kMissing;
  std::string digits = printed("%.0f", count);
  const std::size_t first = digits[0] == '-' ? 1 : 0;
  for (std::size_t place = digits.size(); place > first + 3; place -= 3) {
    digits.insert(place - 3, ",");
  }
  return digits;
}

std::string compact(double value) {
  return std::isfinite(value) ? printed("%.6g", value) : kMissing;
}

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char letter : text) {
    switch (letter) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += letter;
    }
  }
  return out;
}

std::string typeset(std::string_view text) {
  const std::string safe = escape(text);
  std::string out;
  bool in_brackets = false;
  for (std::size_t i = 0; i < safe.size(); ++i) {
    if (safe[i] == '[') in_brackets = true;
    if (safe[i] == ']') in_brackets = false;
    const char before = i > 0 ? safe[i - 1] : ' ', after = i + 1 < safe.size() ? safe[i + 1] : ' ';
    const bool digit_follows = std::isdigit(static_cast<unsigned char>(after)) != 0;
    const bool opens = before == ' ' || before == '[' || before == '(';
    if (safe[i] == '-' && digit_follows && opens) {
      out += "\u2212";
    } else if (safe[i] == ' ' && after == '%') {
      out += "\u202f";
    } else if (safe[i] == ' ' &&
               (in_brackets || before == '=' || after == '=' || (before == '%' && after == '['))) {
      out += "\u00a0";
    } else {
      out += safe[i];
    }
  }
  return out;
}

}  // namespace obverse::experiments

#include "tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <stdexcept>

namespace obverse::tokenizer {
namespace {

std::string message_of(int error) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

// \s and \S as the White_Space property, which may stand in a class like the two themselves.
std::string with_white_space(std::string_view pattern) {
  std::string text;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    text += pattern[i];
    if (pattern[i] != '\\' || i + 1 == pattern.size()) continue;
    const char escaped = pattern[++i];
    if (escaped == 's' || escaped == 'S') {
      text += escaped == 's' ? "p{White_Space}" : "P{White_Space}";
    } else if (escaped == 'Q') {  // everything is meant literally up to \E
      const std::size_t end = std::min(pattern.find("\\E", i), pattern.size());
      text += pattern.substr(i, end - i);
      i = end - 1;
    } else {
      text += escaped;
    }
  }
  return text;
}

template <typename Pointer>
Pointer* made(Pointer* pointer) {
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

}  // namespace

Regex::Regex(const std::string& pattern) : pattern_(pattern) {
  const std::string text = with_white_space(pattern);
  constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY |
                                     PCRE2_NEVER_BACKSLASH_C;  // \C would split characters
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), kOptions,
                            &error, &offset, nullptr),
              pcre2_code_free);
  if (code_ == nullptr) {
    throw std::invalid_argument("[tokenizer] expected a regular expression, got '" + pattern +
                                "': " + message_of(error));
  }
  // Where PCRE2 was built without it, or cannot have executable memory, its interpreter matches.
  pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
}

RegexMatcher::RegexMatcher(const Regex& regex)
    : regex_(&regex),
      data_(made(pcre2_match_data_create(1, nullptr)), pcre2_match_data_free),
      context_(made(pcre2_match_context_create(nullptr)), pcre2_match_context_free),
      // Address space that is only filled as a pattern of nested repeats goes deep.
      stack_(made(pcre2_jit_stack_create(std::size_t{32} << 10, std::size_t{64} << 20, nullptr)),
             pcre2_jit_stack_free) {
  pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
}

bool RegexMatcher::next(std::string_view text, std::size_t from, Match& match) {
  const auto run = [&](std::uint32_t options) {
    return pcre2_match(regex_->code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                       from, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY | options, data_.get(),
                       context_.get());
  };
  int found = run(0);
  // The interpreter keeps what it may have to go back to on the heap.
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = run(PCRE2_NO_JIT);
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) {
    throw std::runtime_error("pre-token pattern '" + regex_->pattern() + "': at byte " +
                             std::to_string(from) + " of a text of " + std::to_string(text.size()) +
                             " bytes: " + message_of(found));
  }
  const PCRE2_SIZE* const bounds = pcre2_get_ovector_pointer(data_.get());
  // \K may put the beginning anywhere.
  if (bounds[0] < from || bounds[1] <= bounds[0]) {
    throw std::runtime_error("pre-token pattern '" + regex_->pattern() +
                             "': expected matches one behind the other, got one from byte " +
                             std::to_string(bounds[0]) + " to " + std::to_string(bounds[1]));
  }
  match = {bounds[0], bounds[1]};
  return true;
}

}  // namespace obverse::tokenizer

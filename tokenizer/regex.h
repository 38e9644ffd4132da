// Regular expressions through PCRE2 with its just-in-time compiler, read as the published
// tokenizers' libraries read them: Unicode properties throughout, \s is White_Space (PCRE2's own
// also takes U+180E), $ is the end of the text alone.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace obverse::tokenizer {

// Compiled once, used by any number of threads.
class Regex {
 public:
  // Throws std::invalid_argument, one line that holds the pattern, where PCRE2 refuses it.
  explicit Regex(const std::string& pattern);

  const std::string& pattern() const { return pattern_; }

 private:
  friend class RegexMatcher;

  std::string pattern_;
  std::shared_ptr<pcre2_real_code_8> code_;
};

// What one thread needs to match. The Regex must outlive it.
class RegexMatcher {
 public:
  explicit RegexMatcher(const Regex& regex);

  struct Match {
    std::size_t begin = 0, end = 0;
  };
  // Finds the first match in `text` that begins at `from` or behind and is not empty; false where
  // there is none. REQUIRES: `text` is valid UTF-8, `from` no place within a character. Throws
  // std::runtime_error where the pattern needs more steps than PCRE2 allows.
  bool next(std::string_view text, std::size_t from, Match& match);

 private:
  const Regex* regex_;
  std::unique_ptr<pcre2_real_match_data_8, void (*)(pcre2_real_match_data_8*)> data_;
  std::unique_ptr<pcre2_real_match_context_8, void (*)(pcre2_real_match_context_8*)> context_;
  std::unique_ptr<pcre2_real_jit_stack_8, void (*)(pcre2_real_jit_stack_8*)> stack_;
};

}  // namespace obverse::tokenizer

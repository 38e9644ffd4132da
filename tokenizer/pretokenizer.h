// Pre-tokens: the pieces of a text that byte pairs are merged within, never across.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/known_patterns.h"
#include "tokenizer/regex.h"
#include "tokenizer/utf8.h"

namespace obverse::tokenizer {

// One rule of a file: the matches of `pattern` are pieces, and so is what stands between them,
// unless it is dropped.
struct SplitRule {
  std::string pattern;
  bool drops_gaps = false;
};

// The rules, each of which splits the pieces of the one before. Immutable: one for all threads.
class Pretokenizer {
 public:
  enum class Kind { gpt2, gpt4, regular_expressions };

  // Without a rule a text is one piece. Throws std::invalid_argument for a pattern that PCRE2
  // refuses.
  explicit Pretokenizer(std::vector<SplitRule> rules);

  const std::vector<SplitRule>& rules() const { return rules_; }
  Kind kind() const { return kind_; }
  // "gpt2", "gpt4", or the patterns.
  std::string name() const;

  // A place in `text` at or before `limit` (and behind the first byte) where it may be cut without
  // any effect on its pieces: as late as possible; 0 where none is found. By the rules of GPT-2 and
  // GPT-4 alone, which all split before a blank that stands between a word or sign and a letter,
  // and behind a line end between two of either; by other rules nothing is known.
  static std::size_t last_cut(std::string_view text, std::size_t limit);

 private:
  friend class PretokenSplitter;

  std::vector<SplitRule> rules_;
  std::vector<Regex> regexes_;
  Kind kind_;
};

// What one thread needs to split. The Pretokenizer must outlive it.
class PretokenSplitter {
 public:
  explicit PretokenSplitter(const Pretokenizer& pretokenizer);

  // Calls emit(std::string_view) for each piece of `text`, in order. Text that is no UTF-8 is taken
  // apart first: what is valid is split as a text of its own, and bytes in a row that are not are
  // a piece of their own.
  template <typename Emit>
  void split(std::string_view text, Emit&& emit) {
    while (!text.empty()) {
      const std::size_t valid = valid_prefix(text);
      split_valid(text.substr(0, valid), emit);
      text.remove_prefix(valid);
      if (text.empty()) break;
      const std::size_t invalid = invalid_prefix(text);
      emit(text.substr(0, invalid));
      text.remove_prefix(invalid);
    }
  }

 private:
  template <typename Emit>
  void split_valid(std::string_view text, Emit& emit) {
    switch (pretokenizer_->kind()) {
      case Pretokenizer::Kind::gpt2:
        return split_gpt2(text, emit);
      case Pretokenizer::Kind::gpt4:
        return split_gpt4(text, emit);
      case Pretokenizer::Kind::regular_expressions:
        return split_by(0, text, emit);
    }
  }

  template <typename Emit>
  void split_by(std::size_t rule, std::string_view text, Emit& emit) {
    if (text.empty()) return;
    if (rule == matchers_.size()) {
      emit(text);
      return;
    }
    const bool drops_gaps = pretokenizer_->rules()[rule].drops_gaps;
    RegexMatcher::Match match;
    std::size_t at = 0;
    while (at < text.size() && matchers_[rule].next(text, at, match)) {
      if (!drops_gaps) split_by(rule + 1, text.substr(at, match.begin - at), emit);
      split_by(rule + 1, text.substr(match.begin, match.end - match.begin), emit);
      at = match.end;
    }
    if (!drops_gaps) split_by(rule + 1, text.substr(at), emit);
  }

  const Pretokenizer* pretokenizer_;
  std::vector<RegexMatcher> matchers_;
};

}  // namespace obverse::tokenizer

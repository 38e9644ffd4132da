#include "tokenizer/pretokenizer.h"

#include <algorithm>
#include <utility>

namespace obverse::tokenizer {
namespace {

// The class of the character that ends before `at`; what is not valid is as good as a sign.
CharacterClass class_before(std::string_view text, std::size_t at) {
  for (std::size_t bytes = 1; bytes <= std::min<std::size_t>(at, 4); ++bytes) {
    const std::string_view last = text.substr(at - bytes, bytes);
    if (valid_prefix(last) == bytes) return classify(last.data()).kind;
  }
  return CharacterClass::other;
}

CharacterClass class_at(std::string_view text, std::size_t at) {
  const std::string_view next = text.substr(at, 4);
  return invalid_prefix(next) == 0 ? classify(next.data()).kind : CharacterClass::other;
}

Pretokenizer::Kind kind_of(const std::vector<SplitRule>& rules) {
  if (rules.size() == 1 && rules[0].pattern == kGpt2Pattern) return Pretokenizer::Kind::gpt2;
  if (rules.size() == 1 && rules[0].pattern == kGpt4Pattern) return Pretokenizer::Kind::gpt4;
  return Pretokenizer::Kind::regular_expressions;
}

}  // namespace

Pretokenizer::Pretokenizer(std::vector<SplitRule> rules)
    : rules_(std::move(rules)), kind_(kind_of(rules_)) {
  for (const SplitRule& rule : rules_) regexes_.emplace_back(rule.pattern);
}

std::string Pretokenizer::name() const {
  if (kind_ == Kind::gpt2) return "gpt2";
  if (kind_ == Kind::gpt4) return "gpt4";
  std::string text;
  for (const SplitRule& rule : rules_) text += (text.empty() ? "" : ", then ") + rule.pattern;
  return text.empty() ? "none" : text;
}

std::size_t Pretokenizer::last_cut(std::string_view text, std::size_t limit) {
  for (std::size_t at = std::min(limit, text.size()); at > 1; --at) {
    // The character behind the cut must be there as a whole to be known.
    if (at + 5 > text.size()) continue;
    const bool before_blank = text[at] == ' ';
    if (!before_blank && text[at - 1] != '\n') continue;
    const CharacterClass before = class_before(text, before_blank ? at : at - 1);
    if (before == CharacterClass::space) continue;
    const CharacterClass behind = class_at(text, before_blank ? at + 1 : at);
    if (before_blank ? behind == CharacterClass::letter : behind != CharacterClass::space) {
      return at;
    }
  }
  return 0;
}

PretokenSplitter::PretokenSplitter(const Pretokenizer& pretokenizer)
    : pretokenizer_(&pretokenizer) {
  if (pretokenizer.kind() != Pretokenizer::Kind::regular_expressions) return;
  for (const Regex& regex : pretokenizer.regexes_) matchers_.emplace_back(regex);
}

}  // namespace obverse::tokenizer

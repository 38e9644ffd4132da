// Names in plain text, for the objectives that keep them whole: what the worlds of the study tell
// of their texts, guessed.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/data/document.h"
#include "tokenizer/tokenizer.h"

namespace obverse::train {

// A name is a run of words that begin with capital letters, of ASCII or not, but for a single one
// that begins a sentence: behind a line's end, ".", "!", "?" or a special token. No model of
// language is asked, so that "Tower of London" is two names and a sentence's first word, where it
// is one, none.
class EntityFinder {
 public:
  // Keeps no reference to it.
  explicit EntityFinder(const tokenizer::Tokenizer& tokenizer);

  // The document's entities, in place of those that it has.
  void find(engine::Document& document) const;

 private:
  // Of a token: whether a word begins with it or goes on in it, whether that word is capitalised,
  // and whether a sentence begins behind it.
  struct Kind {
    bool begins_word = false, in_word = false, capital = false, ends_sentence = false;
  };
  Kind kind_of(std::int32_t id) const;

  std::vector<Kind> kinds_;
};

}  // namespace obverse::train

// Names in plain text, for the objectives that keep them whole: what the worlds of the study tell
// of their texts, guessed.
#pragma once

#include <string>
#include <vector>

#include "engine/data/document.h"
#include "tokenizer/tokenizer.h"

namespace obverse::train {

// A name is a run of words that begin with capital letters, of ASCII or not, but for a single one
// that begins a sentence: behind a line's end, ".", "!", "?" or a special token. No model of
// language is asked, so that "Tower of London" is two names and a sentence's first word, where it
// is one, none. An entity is of all tokens that hold some of the name: the space before it, too,
// where that is of the same token.
class EntityFinder {
 public:
  // Keeps no reference to it.
  explicit EntityFinder(const tokenizer::Tokenizer& tokenizer);

  // The document's entities, in place of those that it has.
  void find(engine::Document& document) const;

 private:
  std::vector<std::string> pieces_;  // of each token the bytes
};

}  // namespace obverse::train

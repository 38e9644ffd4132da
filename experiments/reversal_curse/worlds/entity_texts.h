// What synthetic worlds of named entities share: names as tokens, texts written from marks and
// names with the places of the names kept, and groups of questions cut from such texts, each with
// its candidates and a wrong answer.
#pragma once

#include <cstdint>
#include <vector>

#include "experiments/reversal_curse/world.h"

namespace obverse::reversal {

using Name = std::vector<std::int32_t>;

// Adds the tokens of `count` names, called by `word`, to the vocabulary and returns the names;
// `pool` as the option name_pool of the pairs world.
std::vector<Name> add_names(World& world, const char* word, int count, int name_tokens, int pool,
                            std::uint64_t seed);

// Adds a word to the vocabulary and returns its token.
std::int32_t add_mark(World& world, const char* word);

// One piece of a text: a mark, which is one token, or a name. The name must outlive the piece.
struct Piece {
  Piece(std::int32_t token) : mark(token) {}    // NOLINT(google-explicit-constructor)
  Piece(const Name& entity) : name(&entity) {}  // NOLINT(google-explicit-constructor)
  std::int32_t mark = 0;
  const Name* name = nullptr;
};

// `<begin>` pieces `<end>`; the names are the document's entities.
engine::Document write(const std::vector<Piece>& pieces);

// A question: the text with its answer in it, and which of its entities is the answer.
struct Asking {
  int fact = 0;
  engine::Document text;
  std::size_t entity = 0;
};

// A scored choice costs a pass for every candidate: larger groups are asked in parts, which choose
// among themselves.
inline constexpr std::size_t kMostCandidates = 100;

// Adds questions whose candidates are the answers of all of them, and whose wrong answers are the
// right ones in another order, none in its place. REQUIRES: answers are distinct; there are none or
// at least two.
void add_questions(World& world, Asked asked, int direction, const std::vector<Asking>& askings,
                   std::uint64_t seed);

// How many of `count` facts a share is. Throws std::invalid_argument where that is exactly one, or
// leaves exactly one: a fact alone in its subset has no wrong answer to be asked against.
int part_of(int count, double share, const char* what);

}  // namespace obverse::reversal

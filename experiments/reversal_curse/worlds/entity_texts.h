// What synthetic worlds of named entities share: names as tokens, texts written from marks and
// names with the places of the names kept, and groups of questions cut from such texts, each with
// its candidates and a wrong answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/reversal_curse/world.h"

namespace obverse::reversal {

// Where a world has two directions, their numbers.
inline constexpr int kForward = 0, kBackward = 1;

using Name = std::vector<std::int32_t>;

// Adds the tokens of `count` names, called by `word`, to a vocabulary and returns the names; `pool`
// and `occasion` as in pairs_names.h.
std::vector<Name> add_names(std::vector<std::string>& vocabulary, const std::string& word,
                            int count, int name_tokens, int pool, std::uint64_t seed,
                            std::uint64_t occasion = 0);

// Adds a word to the vocabulary and returns its token.
std::int32_t add_mark(World& world, const char* word);

// A name behind what a text has, as one of its entities.
void append_name(engine::Document& document, const Name& name);

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

// The question that leaves `answer`, an entity of `whole`, out of it. Its candidates are not filled
// in.
Question question_about(Asked asked, int direction, int fact, const engine::Document& whole,
                        const engine::EntitySpan& answer);

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

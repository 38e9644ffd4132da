// What a run of the study trains on and is asked: training documents, and questions with their
// answers and controls. Worlds are values made by a factory (pairs_world.h, published_world.h) from
// options and a seed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/data/document.h"

namespace obverse::reversal {

// Which measure a question counts for.
enum class Asked {
  trained,  // a fact stated one way only, asked the way it was stated, on a held-out template
  reverse,  // the same facts asked the other way, in the inverse frame, on a held-out template
  infill,   // the same facts asked the other way inside the stated direction's frame ("[MASK] is
            // B"): for masked models alone
  both,     // facts stated both ways, asked both ways
  unseen,   // facts never stated: the floor
};
inline constexpr int kAskedCount = 5;
// "trained", "reverse", "infill", "both", "unseen".
const char* name_of(Asked asked);

// The answers among which one question chooses: those of the same subset, direction and template,
// the right one included, so that no candidate is likelier merely because of what kind of name it
// is.
struct CandidateSet {
  std::vector<std::vector<std::int32_t>> answers;  // token ids; distinct
};

// `before` + answer + `after` is a whole document. `before` begins with begin-of-text; a
// left-to-right model sees `before` alone, a masked one sees both sides of as many mask tokens as
// the answer has.
struct Question {
  Asked asked = Asked::trained;
  int direction = 0;  // index into World::directions: that of the frame in which it is asked
  int fact = 0;       // facts are the units over which outcomes are clustered
  std::vector<std::int32_t> before, after;
  int candidates = 0;  // index into World::candidate_sets
  int right = 0;       // the answer, in that set
  int wrong = 0;       // a wrong answer of that set, drawn once: the control of the log-probability
                       // gain; != right
};

struct World {
  std::string name;                       // "pairs", "published"
  int name_tokens = 0;                    // tokens a name where that is fixed, else 0
  std::array<std::string, 2> directions;  // e.g. {"forward", "backward"}
  std::vector<std::string> vocabulary;    // printable form of every token id
  std::vector<engine::Document> documents;
  std::vector<Question> questions;
  std::vector<CandidateSet> candidate_sets;
  // Whether questions of facts stated both ways choose among candidates too, as trained and reverse
  // ones do: for answers so long that exact match may fail though the format was learned.
  bool both_choose = false;
  int longest = 0;  // tokens of the longest document or question with its longest candidate

  // A question's text with its right answer in brackets, for transcripts and error messages.
  std::string text_of(const Question& question) const;
};

}  // namespace obverse::reversal

// What a run of the study trains on and is asked: training documents, and questions with their
// answers and controls. Worlds are values made by a factory (worlds/world_kind.h) from options and
// a seed.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/data/document.h"

namespace obverse::reversal {

// Which measure a question counts for.
enum class Asked {
  trained,     // a fact stated one way only, asked the way it was stated, on a held-out template
  reverse,     // the same facts asked the other way, in the inverse frame, on a held-out template
  infill,      // the same facts asked the other way inside the stated direction's frame ("[MASK] is
               // B"): for models that can fill a gap alone
  both,        // facts stated both ways, asked both ways
  unseen,      // facts never stated: the floor
  in_context,  // the reverse questions' facts and frames, the fact itself stated in the prompt
  expanded_trained,  // as trained and reverse, of facts that entered training together with some of
  expanded_reverse,  // their logical neighbours (World::neighbours)
  composed,          // what follows from two stated facts or more and is itself never stated
  wrong_inference,   // what a hasty reader infers and does not follow: "correct" is the error
  in_context_unseen,  // as in_context, of facts that training never states: read, not recalled
};
inline constexpr int kAskedCount = 11;
// "trained", "reverse", "infill", "both", "unseen", "in_context", ...
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

// A text that follows from a fact stated one way only and that training does not hold, unless the
// world is expanded (worlds/expansion.h). Uses templates of training, never held-out ones.
enum class NeighbourKind { paraphrase, inverse, composition };
struct Neighbour {
  int fact = 0;
  NeighbourKind kind = NeighbourKind::paraphrase;
  engine::Document document;
};

struct World {
  std::string name;                       // "pairs", "published"
  int name_tokens = 0;                    // tokens a name where that is fixed, else 0
  std::array<std::string, 2> directions;  // e.g. {"forward", "backward"}
  std::vector<std::string> vocabulary;    // printable form of every token id
  std::vector<engine::Document> documents;
  std::vector<Question> questions;
  std::vector<CandidateSet> candidate_sets;
  std::vector<Neighbour> neighbours;
  // To which unit a fact belongs, by its number: facts of a unit tell of one another, so that they
  // are expanded together or not at all. Empty: every fact is its own.
  std::vector<int> units;
  // Whether questions of facts stated both ways choose among candidates too, as trained and reverse
  // ones do: for answers so long that exact match may fail though the format was learned.
  bool both_choose = false;
  int longest = 0;  // tokens of the longest document or question with its longest candidate
  nlohmann::json counts = nlohmann::json::object();  // what was made or read, for the record

  // A question's text with its right answer in brackets, for transcripts and error messages.
  std::string text_of(const Question& question) const;
};

}  // namespace obverse::reversal

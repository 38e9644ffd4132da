// How a file of this folder makes its objectives known: it defines
// `std::vector<ObjectiveKind> FILE_objectives()`, which the build finds by the file's name. Nothing
// else has to change.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/training/objective.h"

namespace obverse::engine {

struct ObjectiveKind {
  std::string name;
  std::string summary;  // one line, with its paper
  // The number behind the at-sign where none is given; negative: the objective takes none.
  double usual = -1.0;
  std::function<std::unique_ptr<Objective>(double number, const TextSizes& sizes)> make;
};

// All kinds, file by file in alphabetical order.
std::vector<ObjectiveKind> objective_kinds();

// Where a document's words lie: behind begin-of-text and before end-of-text, where it has them.
struct Words {
  std::int64_t first = 0, end = 0;
  std::int64_t count() const { return end - first; }
};
Words words_of(const std::vector<std::int32_t>& tokens, const SpecialTokens& specials);

// Throw where the texts have no such token.
void require_mask(const std::string& objective, const SpecialTokens& specials);
void require_end(const std::string& objective, const SpecialTokens& specials);

// Throws where a question of `objective` has no text before its answer, or no answer.
void require_askable(const std::string& objective, const std::vector<std::int32_t>& before,
                     const std::vector<std::int32_t>& answer);

// The answer behind what a reading's inputs hold, each token asked at the place before its own, and
// the end of it at the last one.
void read_answer(const std::vector<std::int32_t>& answer, Reading& reading);

// The first of the tokens that `objective` adds behind those of the texts. Throws where their
// vocabulary is not known.
std::int32_t first_own_token(const std::string& objective, const TextSizes& sizes);

}  // namespace obverse::engine

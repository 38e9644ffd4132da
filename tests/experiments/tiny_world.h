// A world that a small model learns in a moment, and its questions asked in training's own words.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "experiments/reversal_curse/worlds/pairs_world.h"
#include "tests/experiments/world_texts.h"

namespace obverse::reversal {

inline World tiny_world() {
  PairsOptions options;
  options.pairs = 8;
  options.name_tokens = 2;
  options.templates = 1;
  options.unseen_pairs = 4;
  options.seed = 3;
  return make_pairs_world(options);
}

// The world's trained questions, and infill ones where they are wanted, on the very sentences that
// training has stated.
inline std::vector<Question> questions_on_training(const World& world, bool infill = false) {
  std::vector<Question> questions;
  for (const Question& question : world.questions) {
    const bool gap = question.asked == Asked::infill;
    if (question.asked != Asked::trained && !(gap && infill)) continue;
    const std::vector<std::int32_t>& right = answer_of(world, question);
    for (const engine::Document& document : world.documents) {
      if (document.entities.size() != 2) continue;
      const engine::EntitySpan& span = document.entities[gap ? 0 : 1];
      const auto begin = document.tokens.begin() + span.begin;
      if (!std::equal(right.begin(), right.end(), begin)) continue;
      Question stated = question;
      stated.before.assign(document.tokens.begin(), begin);
      stated.after.assign(begin + span.length, document.tokens.end());
      questions.push_back(stated);
    }
  }
  return questions;
}

}  // namespace obverse::reversal

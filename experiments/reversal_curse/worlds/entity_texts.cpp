#include "experiments/reversal_curse/worlds/entity_texts.h"

#include <cmath>
#include <string>

#include "experiments/reversal_curse/worlds/pairs_names.h"
#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

std::vector<Name> add_names(std::vector<std::string>& vocabulary, const std::string& word,
                            int count, int name_tokens, int pool, std::uint64_t seed,
                            std::uint64_t occasion) {
  const int first = static_cast<int>(vocabulary.size());
  const int size = pool_size(count, name_tokens, pool);
  for (int position = 0; position < name_tokens; ++position) {
    for (int token = 0; token < size; ++token) {
      vocabulary.push_back(word + std::to_string(position) + "_" + std::to_string(token));
    }
  }
  std::vector<Name> names = draw_names(count, name_tokens, size, seed, occasion);
  for (Name& name : names) {
    for (std::size_t position = 0; position < name.size(); ++position) {
      name[position] += first + static_cast<int>(position) * size;
    }
  }
  return names;
}

std::int32_t add_mark(World& world, const char* word) {
  world.vocabulary.emplace_back(word);
  return static_cast<std::int32_t>(world.vocabulary.size()) - 1;
}

void append_name(engine::Document& document, const Name& name) {
  document.entities.push_back(
      {static_cast<std::int32_t>(document.tokens.size()), static_cast<std::int32_t>(name.size())});
  document.tokens.insert(document.tokens.end(), name.begin(), name.end());
}

engine::Document write(const std::vector<Piece>& pieces) {
  engine::Document document;
  document.tokens.push_back(engine::kBeginOfText);
  for (const Piece& piece : pieces) {
    if (piece.name == nullptr) {
      document.tokens.push_back(piece.mark);
    } else {
      append_name(document, *piece.name);
    }
  }
  document.tokens.push_back(engine::kEndOfText);
  return document;
}

Question question_about(Asked asked, int direction, int fact, const engine::Document& whole,
                        const engine::EntitySpan& answer) {
  const auto begin = whole.tokens.begin() + answer.begin;
  Question question;
  question.asked = asked;
  question.direction = direction;
  question.fact = fact;
  question.before.assign(whole.tokens.begin(), begin);
  question.after.assign(begin + answer.length, whole.tokens.end());
  return question;
}

void add_questions(World& world, Asked asked, int direction, const std::vector<Asking>& askings,
                   std::uint64_t seed) {
  const std::size_t parts = (askings.size() + kMostCandidates - 1) / kMostCandidates;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t begin = askings.size() * part / parts;
    const std::size_t end = askings.size() * (part + 1) / parts;
    const int candidates = static_cast<int>(world.candidate_sets.size());
    CandidateSet& set = world.candidate_sets.emplace_back();
    kernels::RandomSequence draws =
        world_draws(seed, WorldDraw::wrong_answers, static_cast<std::uint64_t>(candidates));
    const std::vector<int> wrong = draw_derangement(static_cast<int>(end - begin), draws);
    for (std::size_t i = begin; i < end; ++i) {
      const engine::Document& text = askings[i].text;
      const engine::EntitySpan& span = text.entities.at(askings[i].entity);
      const auto answer = text.tokens.begin() + span.begin;
      Question question = question_about(asked, direction, askings[i].fact, text, span);
      question.candidates = candidates;
      question.right = static_cast<int>(i - begin);
      question.wrong = wrong[i - begin];
      set.answers.emplace_back(answer, answer + span.length);
      world.questions.push_back(std::move(question));
    }
  }
}

int part_of(int count, double share, const char* what) {
  const int part = static_cast<int>(std::lround(share * count));
  kernels::require(part != 1 && count - part != 1, "[world] expected none or at least 2 of ", count,
                   " ", what, " on both sides of a share, got ", part, " and ", count - part);
  return part;
}

}  // namespace obverse::reversal

// Reading a synthetic world's texts back: words, entities, and what a question's whole text is.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "experiments/reversal_curse/world.h"

namespace obverse::reversal {
inline bool is_name(const World& world, std::int32_t token) {
  return world.vocabulary.at(static_cast<std::size_t>(token)).rfind("name", 0) == 0;
}

inline std::vector<std::string> words_of(const World& world,
                                         const std::vector<std::int32_t>& tokens) {
  std::vector<std::string> words;
  for (const std::int32_t token : tokens) {
    words.push_back(world.vocabulary.at(static_cast<std::size_t>(token)));
  }
  return words;
}

inline std::string text_of(const World& world, const std::vector<std::int32_t>& tokens) {
  std::string text;
  for (const std::string& word : words_of(world, tokens)) text += (text.empty() ? "" : " ") + word;
  return text;
}

inline const CandidateSet& set_of(const World& world, const Question& question) {
  return world.candidate_sets.at(static_cast<std::size_t>(question.candidates));
}

inline const std::vector<std::int32_t>& answer_of(const World& world, const Question& question) {
  return set_of(world, question).answers.at(static_cast<std::size_t>(question.right));
}

// The question with its right answer in its place.
inline std::vector<std::int32_t> whole(const World& world, const Question& question) {
  std::vector<std::int32_t> tokens = question.before;
  for (const auto* part : {&answer_of(world, question), &question.after}) {
    tokens.insert(tokens.end(), part->begin(), part->end());
  }
  return tokens;
}

// The name at a document's entity span, its words joined by blanks.
inline std::string entity_text(const World& world, const engine::Document& document,
                               std::size_t index) {
  const engine::EntitySpan& span = document.entities.at(index);
  const auto begin = document.tokens.begin() + span.begin;
  return text_of(world, {begin, begin + span.length});
}

// The question with its right answer; names are found by their words.
inline engine::Document document_of(const World& world, const Question& question) {
  engine::Document document;
  document.tokens = whole(world, question);
  for (std::size_t i = 0; i < document.tokens.size(); ++i) {
    if (!is_name(world, document.tokens[i])) continue;
    document.entities.push_back({static_cast<std::int32_t>(i), world.name_tokens});
    i += static_cast<std::size_t>(world.name_tokens) - 1;
  }
  return document;
}

// The words with each name replaced by "NAME".
inline std::vector<std::string> shape_of(const World& world, const engine::Document& document) {
  std::vector<std::string> shape;
  for (const std::int32_t token : document.tokens) {
    shape.push_back(is_name(world, token) ? "NAME"
                                          : world.vocabulary[static_cast<std::size_t>(token)]);
  }
  return shape;
}

// As the objective entity_reversed reads a text.
inline engine::Document entity_reversed(const engine::Document& document) {
  engine::Document reversed = document;
  std::reverse(reversed.tokens.begin() + 1, reversed.tokens.end() - 1);
  const auto count = static_cast<std::int32_t>(document.tokens.size());
  for (engine::EntitySpan& span : reversed.entities) {
    span.begin = count - span.begin - span.length;
    const auto begin = reversed.tokens.begin() + span.begin;
    std::reverse(begin, begin + span.length);
  }
  std::reverse(reversed.entities.begin(), reversed.entities.end());
  return reversed;
}

// Whether training shows every word of the question.
inline bool has_trained_words(const World& world, const Question& question) {
  std::set<std::int32_t> trained;
  for (const engine::Document& document : world.documents) {
    trained.insert(document.tokens.begin(), document.tokens.end());
  }
  const engine::Document asked = document_of(world, question);
  return std::all_of(asked.tokens.begin(), asked.tokens.end(),
                     [&trained](std::int32_t token) { return trained.count(token) > 0; });
}

}  // namespace obverse::reversal

#include "engine/training/objective.h"

#include <algorithm>

#include "engine/training/objectives/objectives.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {
void make_next_token_example(const std::vector<std::int32_t>& tokens, Example& example) {
  kernels::require(tokens.size() >= 2, "[objective] expected a document of at least 2 tokens, got ",
                   tokens.size());
  example.clear();
  example.inputs.assign(tokens.begin(), tokens.end() - 1);
  example.targets.assign(tokens.begin() + 1, tokens.end());
}

void Objective::read_question(const std::vector<std::int32_t>& before,
                              const std::vector<std::int32_t>& answer,
                              const std::vector<std::int32_t>& after, bool infill,
                              Reading& reading) const {
  kernels::require(!infill, "[", name(),
                   "] expected a question that ends with its answer, got one ", "with a gap");
  kernels::require(!before.empty() && !answer.empty(),
                   "[objective] expected text before an answer of at least one token, got ",
                   before.size(), " and ", answer.size(), " tokens");
  Example& example = reading.example;
  example.clear();
  example.inputs.assign(before.begin(), before.end());
  example.inputs.insert(example.inputs.end(), answer.begin(), answer.end());
  example.targets.assign(example.inputs.size(), kernels::kIgnoredTarget);
  example.prefix = static_cast<std::int32_t>(before.size());
  reading.places.clear();
  for (std::size_t i = 0; i < answer.size(); ++i) {
    reading.places.push_back(static_cast<std::int32_t>(before.size() - 1 + i));
  }
  const bool ends = !after.empty() && after.front() == kEndOfText;
  reading.end_place = ends ? static_cast<std::int32_t>(example.inputs.size() - 1) : -1;
}

Words words_of(const std::vector<std::int32_t>& tokens) {
  Words words{0, static_cast<std::int64_t>(tokens.size())};
  if (words.count() > 0 && tokens.front() == kBeginOfText) ++words.first;
  if (words.count() > 0 && tokens.back() == kEndOfText) --words.end;
  return words;
}

std::int32_t first_own_token(const std::string& objective, const TextSizes& sizes) {
  kernels::require(sizes.vocabulary > 0, "[", objective, "] expected the vocabulary of the texts, ",
                   "behind which its own tokens are numbered, got ", sizes.vocabulary);
  return static_cast<std::int32_t>(sizes.vocabulary);
}

std::vector<ObjectiveDescription> objective_descriptions() {
  std::vector<ObjectiveDescription> descriptions;
  for (const ObjectiveKind& kind : objective_kinds()) {
    descriptions.push_back({kind.name, kind.summary});
  }
  return descriptions;
}

std::vector<std::string> split_objectives(const std::string& list) {
  std::vector<std::string> items;
  std::size_t begin = 0;
  bool all_weighted = true;
  while (begin <= list.size()) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    items.push_back(list.substr(begin, end - begin));
    all_weighted = all_weighted && items.back().find(':') != std::string::npos &&
                   items.back().find('+') == std::string::npos;
    begin = end + 1;
  }
  if (!all_weighted || items.size() < 2) return items;
  std::string mixture = items.front();
  for (std::size_t i = 1; i < items.size(); ++i) mixture += "+" + items[i];
  return {mixture};
}

}  // namespace obverse::engine

#include "experiments/reversal_curse/worlds/world_building.h"

#include <algorithm>
#include <numeric>

#include "kernels/core/check.h"

namespace obverse::reversal {

std::vector<std::string> special_tokens() {
  std::vector<std::string> tokens(engine::kSpecialTokenCount);
  tokens[engine::kPadding] = "<padding>";
  tokens[engine::kBeginOfText] = "<begin>";
  tokens[engine::kEndOfText] = "<end>";
  tokens[engine::kMask] = "<mask>";
  tokens[engine::kUnknown] = "<unknown>";
  return tokens;
}

std::vector<int> draw_derangement(int count, kernels::RandomSequence& draws) {
  kernels::require(count >= 2, "[derangement] expected at least 2 items, got ", count);
  std::vector<int> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  // One shuffle in e = 2.7 is a derangement, whatever the count.
  const auto has_fixed_point = [&order] {
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (order[i] == static_cast<int>(i)) return true;
    }
    return false;
  };
  do {
    draws.shuffle(order);
  } while (has_fixed_point());
  return order;
}

int longest_text(const World& world) {
  std::size_t longest = 0;
  for (const engine::Document& document : world.documents) {
    longest = std::max(longest, document.tokens.size());
  }
  std::vector<std::size_t> longest_answers;
  for (const CandidateSet& set : world.candidate_sets) {
    std::size_t answer_length = 0;
    for (const auto& answer : set.answers) answer_length = std::max(answer_length, answer.size());
    longest_answers.push_back(answer_length);
  }
  for (const Question& question : world.questions) {
    longest = std::max(longest, question.before.size() + question.after.size() +
                                    longest_answers[static_cast<std::size_t>(question.candidates)]);
  }
  return static_cast<int>(longest);
}

}  // namespace obverse::reversal

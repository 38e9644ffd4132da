// Reverse training: Golovneva et al. 2024, "Reverse training to nurse the reversal curse",
// arXiv:2403.13799. Next-token prediction on a mixture of documents as they are and documents back
// to front; begin and end of text stay in place. The token-wise kind reverses names too, the
// entity-wise kind keeps the order of the tokens inside them.
#include <algorithm>

#include "engine/training/objectives/objectives.h"

namespace obverse::engine {
namespace {

class Reversed final : public Objective {
 public:
  Reversed(std::string name, double share, bool keeps_entities)
      : name_(std::move(name)), share_(share), keeps_entities_(keeps_entities) {
    kernels::require(share >= 0.0 && share <= 1.0, "[", name_,
                     "] expected a share of reversed documents in [0, 1], got ", share);
  }

  std::string name() const override { return name_; }
  kernels::AttentionMask mask() const override { return kernels::AttentionMask::causal; }

  void make_example(const Document& document, kernels::RandomSequence random,
                    Example& example) const override {
    make_next_token_example(document.tokens, example);
    if (random.uniform() >= share_) return;
    // A reversal in place of all that lies between begin and end of text; then entities are turned
    // round again. The targets' memory holds the whole text until then.
    const auto& tokens = document.tokens;
    const auto count = static_cast<std::int64_t>(tokens.size());
    const std::int64_t first = !tokens.empty() && tokens.front() == kBeginOfText ? 1 : 0;
    const std::int64_t last = !tokens.empty() && tokens.back() == kEndOfText ? count - 1 : count;
    std::vector<std::int32_t>& reversed = example.targets;
    reversed.assign(tokens.begin(), tokens.end());
    std::reverse(reversed.begin() + first, reversed.begin() + last);
    if (keeps_entities_) {
      for (const EntitySpan& entity : document.entities) {
        // [begin, begin + length) has become [first + last - begin - length, first + last - begin).
        const auto end = reversed.begin() + (first + last - entity.begin);
        std::reverse(end - entity.length, end);
      }
    }
    example.inputs.assign(reversed.begin(), reversed.end() - 1);
    reversed.erase(reversed.begin());
  }

 private:
  std::string name_;
  double share_;
  bool keeps_entities_;
};

}  // namespace

std::vector<ObjectiveKind> reversed_objectives() {
  return {{"token_reversed",
           "causal, half of the texts reversed token by token (Golovneva et al. 2024)", 0.5,
           [](double share, const TextSizes&) {
             return std::make_unique<Reversed>("token_reversed", share, false);
           }},
          {"entity_reversed",
           "causal, half of the texts reversed with names kept whole (Golovneva et al. 2024)", 0.5,
           [](double share, const TextSizes&) {
             return std::make_unique<Reversed>("entity_reversed", share, true);
           }}};
}

}  // namespace obverse::engine

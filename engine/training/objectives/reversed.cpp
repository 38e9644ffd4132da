// Reverse training: Golovneva et al. 2024, "Reverse training to nurse the reversal curse",
// arXiv:2403.13799. Next-token prediction on a mixture of documents as they are and documents back
// to front; begin and end of text stay in place. The token-wise kind reverses names too, the
// entity-wise kind keeps the order of the tokens inside them, the segment-wise kind that inside
// segments of random length.
#include <algorithm>
#include <cmath>

#include "engine/training/objectives/objectives.h"

namespace obverse::engine {
namespace {

// What keeps its order inside.
enum class Unit { token, entity, segment };

class Reversed final : public Objective {
 public:
  Reversed(std::string name, double share, Unit unit, const SpecialTokens& specials,
           std::int64_t longest_segment = 1)
      : Objective(specials),
        name_(std::move(name)),
        share_(share),
        unit_(unit),
        longest_segment_(longest_segment) {
    kernels::require(share >= 0.0 && share <= 1.0, "[", name_,
                     "] expected a share of reversed documents in [0, 1], got ", share);
  }

  std::string name() const override { return name_; }
  kernels::AttentionMask mask() const override { return kernels::AttentionMask::causal; }

  void make_example(const Document& document, kernels::RandomSequence random,
                    Example& example) const override {
    make_next_token_example(document.tokens, example);
    if (random.uniform() >= share_) return;
    // A reversal in place of all that lies between begin and end of text; then units are turned
    // round again. The targets' memory holds the whole text until then.
    const auto& tokens = document.tokens;
    const Words words = words_of(tokens, specials());
    std::vector<std::int32_t>& reversed = example.targets;
    reversed.assign(tokens.begin(), tokens.end());
    std::reverse(reversed.begin() + words.first, reversed.begin() + words.end);
    const auto turn_round = [&](std::int64_t begin, std::int64_t length) {
      // [begin, begin + length) has become [first + end - begin - length, first + end - begin).
      const auto end = reversed.begin() + (words.first + words.end - begin);
      std::reverse(end - length, end);
    };
    if (unit_ == Unit::entity) {
      for (const EntitySpan& entity : document.entities) turn_round(entity.begin, entity.length);
    }
    if (unit_ == Unit::segment) {
      for (std::int64_t begin = words.first; begin < words.end;) {
        const auto drawn = 1 + static_cast<std::int64_t>(
                                   random.integer(static_cast<std::uint64_t>(longest_segment_)));
        const std::int64_t length = std::min(drawn, words.end - begin);
        turn_round(begin, length);
        begin += length;
      }
    }
    example.inputs.assign(reversed.begin(), reversed.end() - 1);
    reversed.erase(reversed.begin());
  }

 private:
  std::string name_;
  double share_;
  Unit unit_;
  std::int64_t longest_segment_;
};

std::unique_ptr<Objective> make_segment_reversed(double longest, const TextSizes& sizes) {
  constexpr double kMost = 1e6;
  kernels::require(longest >= 1.0 && longest <= kMost && longest == std::floor(longest),
                   "[segment_reversed] expected segments of at most a whole number of tokens in "
                   "[1, 1000000], got ",
                   longest);
  return std::make_unique<Reversed>("segment_reversed", 0.5, Unit::segment, sizes.specials,
                                    static_cast<std::int64_t>(longest));
}

}  // namespace

std::vector<ObjectiveKind> reversed_objectives() {
  return {
      {"token_reversed",
       "causal, half of the texts reversed token by token (Golovneva et al. 2024)", 0.5,
       [](double share, const TextSizes& sizes) {
         return std::make_unique<Reversed>("token_reversed", share, Unit::token, sizes.specials);
       }},
      {"entity_reversed",
       "causal, half of the texts reversed with names kept whole (Golovneva et al. 2024)", 0.5,
       [](double share, const TextSizes& sizes) {
         return std::make_unique<Reversed>("entity_reversed", share, Unit::entity, sizes.specials);
       }},
      {"segment_reversed",
       "causal, half of the texts cut into segments of 1 to 5 tokens and these reversed "
       "(Golovneva et al. 2024)",
       5.0, make_segment_reversed}};
}

}  // namespace obverse::engine

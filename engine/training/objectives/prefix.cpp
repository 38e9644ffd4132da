// Prefix language modelling: Raffel et al. 2020, "T5", arXiv:1910.10683, section 3.2. A prefix of
// random length is read both ways and not predicted; the rest is predicted from left to right.
#include <algorithm>

#include "engine/training/objectives/objectives.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {
namespace {

class Prefix final : public Objective {
 public:
  using Objective::Objective;

  std::string name() const override { return "prefix"; }
  kernels::AttentionMask mask() const override { return kernels::AttentionMask::prefix; }

  void make_example(const Document& document, kernels::RandomSequence random,
                    Example& example) const override {
    make_next_token_example(document.tokens, example);
    // At least one token is read and at least one is predicted.
    const std::size_t prefix = 1 + random.integer(example.inputs.size());
    example.prefix = static_cast<std::int32_t>(prefix);
    std::fill(example.targets.begin(),
              example.targets.begin() + static_cast<std::ptrdiff_t>(prefix - 1),
              kernels::kIgnoredTarget);
  }
};

}  // namespace

std::vector<ObjectiveKind> prefix_objectives() {
  return {
      {"prefix", "a random prefix read both ways, the rest predicted (Raffel et al. 2020)", -1,
       [](double, const TextSizes& sizes) { return std::make_unique<Prefix>(sizes.specials); }}};
}

}  // namespace obverse::engine

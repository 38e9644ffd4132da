// Next-token prediction: Radford et al. 2018, "Improving language understanding by generative
// pre-training".
#include "engine/training/objectives/objectives.h"

namespace obverse::engine {
namespace {

class Causal final : public Objective {
 public:
  using Objective::Objective;

  std::string name() const override { return "causal"; }
  kernels::AttentionMask mask() const override { return kernels::AttentionMask::causal; }

  void make_example(const Document& document, kernels::RandomSequence,
                    Example& example) const override {
    make_next_token_example(document.tokens, example);
  }
};

}  // namespace

std::vector<ObjectiveKind> causal_objectives() {
  return {
      {"causal", "next-token prediction, left to right", -1,
       [](double, const TextSizes& sizes) { return std::make_unique<Causal>(sizes.specials); }}};
}

}  // namespace obverse::engine

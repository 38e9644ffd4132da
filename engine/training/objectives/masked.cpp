// Masked language modelling with bidirectional attention. A fixed rate is BERT's (Devlin et al.
// 2019, arXiv:1810.04805, with mask tokens only); a rate drawn uniformly per sequence is MLM-U
// (Kitouni et al. 2024, "The factorization curse", arXiv:2406.05183), the same objective as masked
// diffusion up to its weighting. Begin and end of text stay, as BERT keeps its own frame of a text.
#include <algorithm>

#include "engine/training/objectives/objectives.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {
namespace {

class Masked final : public Objective {
 public:
  // rate 0: drawn uniformly for every sequence.
  Masked(std::string name, double rate, const SpecialTokens& specials)
      : Objective(specials), name_(std::move(name)), rate_(rate) {
    kernels::require(rate >= 0.0 && rate <= 1.0, "[", name_,
                     "] expected a masking rate in (0, 1], got ", rate);
    require_mask(name_, specials);
  }

  std::string name() const override { return name_; }
  kernels::AttentionMask mask() const override { return kernels::AttentionMask::bidirectional; }
  Decoding decoding() const override { return Decoding::unmasking; }
  bool masks() const override { return true; }
  bool weighs_texts() const override { return rate_ == 0.0; }

  void make_example(const Document& document, kernels::RandomSequence random,
                    Example& example) const override {
    kernels::require(!document.tokens.empty(), "[", name_, "] expected a document of at least one ",
                     "token, got an empty one");
    example.clear();
    example.inputs.assign(document.tokens.begin(), document.tokens.end());
    example.targets.assign(document.tokens.size(), kernels::kIgnoredTarget);
    const Words words = words_of(document.tokens, specials());
    if (words.count() < 1) return;
    const auto first = static_cast<std::size_t>(words.first);
    const auto end = static_cast<std::size_t>(words.end);
    const double rate = rate_ > 0.0 ? rate_ : random.uniform();
    int masked = 0;
    const auto mask_at = [&](std::size_t i) {
      example.inputs[i] = specials().mask;
      example.targets[i] = document.tokens[i];
      ++masked;
    };
    for (std::size_t i = first; i < end; ++i) {
      if (random.uniform() < rate) mask_at(i);
    }
    // A sequence without a target would teach nothing.
    if (masked == 0) mask_at(first + random.integer(end - first));
    if (rate_ == 0.0) example.weight = 1.0f / static_cast<float>(masked);
  }

 private:
  std::string name_;
  double rate_;
};

}  // namespace

std::vector<ObjectiveKind> masked_objectives() {
  return {{"masked_fixed",
           "masked tokens restored, bidirectional, 15 % masked (Devlin et al. 2019)", 0.15,
           [](double rate, const TextSizes& sizes) {
             kernels::require(rate > 0.0, "[masked_fixed] expected a masking rate in (0, 1], got ",
                              rate);
             return std::make_unique<Masked>("masked_fixed", rate, sizes.specials);
           }},
          {"masked_uniform",
           "masked tokens restored, rate uniform per text: MLM-U, masked diffusion (Kitouni et al. "
           "2024)",
           -1, [](double, const TextSizes& sizes) {
             return std::make_unique<Masked>("masked_uniform", 0.0, sizes.specials);
           }}};
}

}  // namespace obverse::engine

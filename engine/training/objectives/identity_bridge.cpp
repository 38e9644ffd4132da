// Identity bridge: Ma et al. 2026, arXiv:2602.02470. Beside "A's r is B" training holds "the
// inverse of A's r is A", which states nothing new: here the text up to its second entity, <bridge>
// and the first entity.
#include <algorithm>

#include "engine/training/objectives/objectives.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {
namespace {

class IdentityBridge final : public Objective {
 public:
  IdentityBridge(double share, const TextSizes& sizes)
      : Objective(sizes.specials),
        share_(share),
        bridge_(first_own_token("identity_bridge", sizes)) {
    kernels::require(share >= 0.0 && share <= 1.0,
                     "[identity_bridge] expected a share of bridging statements in [0, 1], got ",
                     share);
    require_end("identity_bridge", sizes.specials);
  }

  std::string name() const override { return "identity_bridge"; }
  kernels::AttentionMask mask() const override { return kernels::AttentionMask::causal; }
  // A first entity is at most as long as what precedes the second one, and is read once more.
  TextSizes model_sizes(const TextSizes& texts) const override {
    return {texts.vocabulary + 1, 2 * texts.longest, texts.specials};
  }

  void make_example(const Document& document, kernels::RandomSequence random,
                    Example& example) const override {
    const EntitySpan* const second = second_entity(document);
    if (random.uniform() >= share_ || second == nullptr) {
      make_next_token_example(document.tokens, example);
      return;
    }
    const std::vector<std::int32_t>& tokens = document.tokens;
    const EntitySpan& first = document.entities.front();
    const auto source = tokens.begin() + first.begin;
    example.clear();
    example.inputs.assign(tokens.begin(), tokens.begin() + second->begin);
    example.targets.assign(tokens.begin() + 1, tokens.begin() + second->begin);
    // Where a plain text goes on with the second entity nothing is asked, or <bridge> would compete
    // with it.
    example.targets.push_back(kernels::kIgnoredTarget);
    example.inputs.push_back(bridge_);
    example.targets.insert(example.targets.end(), source, source + first.length);
    example.inputs.insert(example.inputs.end(), source, source + first.length);
    example.targets.push_back(specials().end_of_text);
  }

 private:
  // The first that is not the first entity once more. What is behind it may state the fact the
  // other way.
  static const EntitySpan* second_entity(const Document& document) {
    const auto at = [&](const EntitySpan& entity) {
      return document.tokens.begin() + entity.begin;
    };
    for (const EntitySpan& entity : document.entities) {
      const EntitySpan& first = document.entities.front();
      if (!std::equal(at(entity), at(entity) + entity.length, at(first),
                      at(first) + first.length)) {
        return &entity;
      }
    }
    return nullptr;
  }

  double share_;
  std::int32_t bridge_;
};

}  // namespace

std::vector<ObjectiveKind> identity_bridge_objectives() {
  return {{"identity_bridge",
           "causal, half of the texts lead back to their first entity: \"the inverse of A's r is "
           "A\" (Ma et al. 2026)",
           0.5, [](double share, const TextSizes& sizes) {
             return std::make_unique<IdentityBridge>(share, sizes);
           }}};
}

}  // namespace obverse::engine

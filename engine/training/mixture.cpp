#include "engine/training/mixture.h"

#include <algorithm>

#include "engine/training/objectives/objectives.h"

namespace obverse::engine {
namespace {

using kernels::AttentionMask;

// The mask under which each can have its own: where they differ a prefix decides it text by text.
AttentionMask common_mask(const std::vector<MixtureComponent>& components) {
  const AttentionMask first = components.front().objective->mask();
  const bool equal = std::all_of(components.begin(), components.end(), [&](const auto& component) {
    return component.objective->mask() == first;
  });
  return equal ? first : AttentionMask::prefix;
}

class Mixture final : public Objective {
 public:
  // All components have the same special tokens.
  Mixture(std::string name, std::vector<MixtureComponent> components)
      : Objective(components.front().objective->specials()),
        name_(std::move(name)),
        components_(std::move(components)),
        mask_(common_mask(components_)) {
    for (const MixtureComponent& component : components_) {
      if (heaviest_ == nullptr || component.weight > heaviest_->weight) heaviest_ = &component;
      if (component.objective->infills() &&
          (filler_ == nullptr || component.weight > filler_->weight)) {
        filler_ = &component;
      }
    }
  }

  std::string name() const override { return name_; }
  AttentionMask mask() const override { return mask_; }
  Decoding decoding() const override { return heaviest_->objective->decoding(); }
  bool infills() const override { return filler_ != nullptr; }
  Decoding infill_decoding() const override { return filler().infill_decoding(); }

  bool masks() const override {
    return std::any_of(components_.begin(), components_.end(),
                       [](const auto& component) { return component.objective->masks(); });
  }

  TextSizes model_sizes(const TextSizes& texts) const override {
    TextSizes sizes = texts;
    for (const MixtureComponent& component : components_) {
      const TextSizes needed =
          component.objective->model_sizes({sizes.vocabulary, texts.longest, texts.specials});
      sizes = {needed.vocabulary, std::max(sizes.longest, needed.longest), texts.specials};
    }
    return sizes;
  }

  std::int64_t longest_example(const TextSizes& texts) const override {
    std::int64_t longest = 0;
    for (const MixtureComponent& component : components_) {
      longest = std::max(longest, component.objective->longest_example(texts));
    }
    return longest;
  }

  void make_example(const Document& document, kernels::RandomSequence random,
                    Example& example) const override {
    // Of a draw that rounding leaves behind all weights the last one is drawn.
    double left = random.uniform();
    const MixtureComponent* drawn = &components_.front();
    for (const MixtureComponent& component : components_) {
      drawn = &component;
      left -= component.weight;
      if (left < 0.0) break;
    }
    drawn->objective->make_example(document, random, example);
    // Beside texts whose targets weigh 1 each, such as all words of a text are, a text that weighs
    // 1 in all would hardly count.
    if (drawn->objective->weighs_texts()) {
      example.weight *= static_cast<float>(words_of(document.tokens, specials()).count());
    }
    set_prefix(*drawn->objective, example);
  }

  void read_question(const std::vector<std::int32_t>& before,
                     const std::vector<std::int32_t>& answer,
                     const std::vector<std::int32_t>& after, bool infill,
                     Reading& reading) const override {
    const Objective& asked = infill ? filler() : *heaviest_->objective;
    asked.read_question(before, answer, after, infill, reading);
    set_prefix(asked, reading.example);
  }

 private:
  const Objective& filler() const { return *(filler_ ? filler_ : heaviest_)->objective; }

  // A component's own mask under the mixture's.
  void set_prefix(const Objective& component, Example& example) const {
    if (mask_ != AttentionMask::prefix) return;
    if (component.mask() == AttentionMask::causal) example.prefix = 1;
    if (component.mask() == AttentionMask::bidirectional) {
      example.prefix = static_cast<std::int32_t>(example.inputs.size());
    }
  }

  std::string name_;
  std::vector<MixtureComponent> components_;
  AttentionMask mask_;
  const MixtureComponent* heaviest_ = nullptr;  // the first of equals
  const MixtureComponent* filler_ = nullptr;    // of those that infill; none where none does
};

}  // namespace

std::unique_ptr<Objective> make_mixture(std::string name,
                                        std::vector<MixtureComponent> components) {
  return std::make_unique<Mixture>(std::move(name), std::move(components));
}

}  // namespace obverse::engine

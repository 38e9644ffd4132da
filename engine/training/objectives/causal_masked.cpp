// Masking for a causal decoder ("NTP + masking", arXiv:2604.04943): beside plain visits there are
// such that read a text with words masked, <restore>, and the text itself, and predict those words.
// The rate is drawn uniformly for every text. Where the first entity, the source of the fact, is
// never masked, nothing ever asks for it.
#include "engine/training/objectives/objectives.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {
namespace {

using Tokens = std::vector<std::int32_t>;

class CausalMasked final : public Objective {
 public:
  CausalMasked(std::string name, double share, bool keeps_source, const TextSizes& sizes)
      : Objective(sizes.specials),
        name_(std::move(name)),
        share_(share),
        keeps_source_(keeps_source),
        restore_(first_own_token(name_, sizes)) {
    kernels::require(share >= 0.0 && share <= 1.0, "[", name_,
                     "] expected a share of masked texts in [0, 1], got ", share);
    require_mask(name_, sizes.specials);
  }

  std::string name() const override { return name_; }
  kernels::AttentionMask mask() const override { return kernels::AttentionMask::causal; }
  bool infills() const override { return true; }
  bool masks() const override { return true; }
  TextSizes model_sizes(const TextSizes& texts) const override {
    return {texts.vocabulary + 1, 2 * texts.longest, texts.specials};
  }

  void make_example(const Document& document, kernels::RandomSequence random,
                    Example& example) const override {
    const Tokens& tokens = document.tokens;
    const Words words = words_of(tokens, specials());
    EntitySpan kept;
    if (keeps_source_ && !document.entities.empty()) kept = document.entities.front();
    const std::int64_t maskable = words.count() - kept.length;
    if (random.uniform() >= share_ || maskable < 1) {
      make_next_token_example(tokens, example);
      return;
    }
    example.clear();
    // The last word is asked and read by none.
    const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(words.first);
    const auto end = tokens.begin() + static_cast<std::ptrdiff_t>(words.end);
    example.inputs.assign(tokens.begin(), end);
    example.inputs.push_back(restore_);
    example.inputs.insert(example.inputs.end(), first, end - 1);
    example.targets.assign(example.inputs.size(), kernels::kIgnoredTarget);
    const auto mask_at = [&](std::int64_t i) {
      const std::int32_t token = tokens[static_cast<std::size_t>(i)];
      example.inputs[static_cast<std::size_t>(i)] = specials().mask;
      // Those that are shown could be copied: that teaches nothing of the text.
      example.targets[static_cast<std::size_t>(words.end + i - words.first)] = token;
    };
    const auto is_kept = [&](std::int64_t i) {
      return i >= kept.begin && i < kept.begin + kept.length;
    };
    const double rate = random.uniform();
    int masked = 0;
    for (std::int64_t i = words.first; i < words.end; ++i) {
      if (is_kept(i) || random.uniform() >= rate) continue;
      mask_at(i);
      ++masked;
    }
    if (masked > 0) return;
    // An example without a target would teach nothing.
    auto i = words.first +
             static_cast<std::int64_t>(random.integer(static_cast<std::uint64_t>(maskable)));
    if (kept.length > 0 && i >= kept.begin) i += kept.length;
    mask_at(i);
  }

  void read_question(const Tokens& before, const Tokens& answer, const Tokens& after, bool infill,
                     Reading& reading) const override {
    if (!infill) {
      Objective::read_question(before, answer, after, infill, reading);
      return;
    }
    require_askable(name_, before, answer);
    Tokens& inputs = reading.example.inputs;
    reading.example.clear();
    inputs.assign(before.begin(), before.end());
    inputs.insert(inputs.end(), answer.size(), specials().mask);
    inputs.insert(inputs.end(), after.begin(), after.begin() + words_of(after, specials()).end);
    inputs.push_back(restore_);
    inputs.insert(inputs.end(), before.begin() + words_of(before, specials()).first, before.end());
    read_answer(answer, reading);
    // The mask tokens have told how long the answer is: nothing is asked behind it.
    reading.end_place = -1;
    inputs.pop_back();
    reading.example.targets.pop_back();
  }

 private:
  std::string name_;
  double share_;
  bool keeps_source_;
  std::int32_t restore_;
};

}  // namespace

std::vector<ObjectiveKind> causal_masked_objectives() {
  return {{"causal_masked",
           "causal, half of the texts restored behind a masked copy: NTP + masking "
           "(arXiv:2604.04943)",
           0.5,
           [](double share, const TextSizes& sizes) {
             return std::make_unique<CausalMasked>("causal_masked", share, false, sizes);
           }},
          {"causal_masked_source_kept",
           "causal_masked whose texts' first entity is never masked: a control (arXiv:2604.04943)",
           0.5, [](double share, const TextSizes& sizes) {
             return std::make_unique<CausalMasked>("causal_masked_source_kept", share, true, sizes);
           }}};
}

}  // namespace obverse::engine

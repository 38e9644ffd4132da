// Fill-in-the-middle: Bavarian et al. 2022, "Efficient training of language models to fill in the
// middle", arXiv:2207.14255. Half of the visits read begin, <prefix>, what precedes a random span,
// <suffix>, what follows it, <middle>, and predict the span and the end of text behind it.
#include <algorithm>

#include "engine/training/objectives/objectives.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {
namespace {

using Tokens = std::vector<std::int32_t>;

class Infilling final : public Objective {
 public:
  Infilling(double share, const TextSizes& sizes)
      : Objective(sizes.specials), share_(share), prefix_(first_own_token("infilling", sizes)) {
    kernels::require(share >= 0.0 && share <= 1.0,
                     "[infilling] expected a share of texts with a gap in [0, 1], got ", share);
    require_end("infilling", sizes.specials);
  }

  std::string name() const override { return "infilling"; }
  kernels::AttentionMask mask() const override { return kernels::AttentionMask::causal; }
  bool infills() const override { return true; }
  TextSizes model_sizes(const TextSizes& texts) const override {
    return {texts.vocabulary + 3, texts.longest + 3, texts.specials};
  }

  void make_example(const Document& document, kernels::RandomSequence random,
                    Example& example) const override {
    const Tokens& tokens = document.tokens;
    const Words words = words_of(tokens, specials());
    if (random.uniform() >= share_ || words.count() < 1) {
      make_next_token_example(tokens, example);
      return;
    }
    // Every span of at least one word is equally likely: two of the count + 1 cuts.
    const auto cuts = static_cast<std::uint64_t>(words.count() + 1);
    const std::uint64_t one = random.integer(cuts), step = 1 + random.integer(cuts - 1);
    const std::uint64_t other = (one + step) % cuts;
    const auto at = [&](std::uint64_t cut) {
      return tokens.begin() + static_cast<std::ptrdiff_t>(words.first) +
             static_cast<std::ptrdiff_t>(cut);
    };
    const auto begin = at(std::min(one, other)), end = at(std::max(one, other));
    example.clear();
    read_around(tokens.begin(), begin, end, at(cuts - 1), example.inputs);
    // What surrounds the gap is read alone: predicting it with the gap left out would be learning
    // from texts that nobody wrote, and the plain visits teach it.
    example.targets.assign(example.inputs.size() - 1, kernels::kIgnoredTarget);
    example.inputs.insert(example.inputs.end(), begin, end);
    example.targets.insert(example.targets.end(), begin, end);
    example.targets.push_back(specials().end_of_text);
  }

  void read_question(const Tokens& before, const Tokens& answer, const Tokens& after, bool infill,
                     Reading& reading) const override {
    if (!infill) {
      Objective::read_question(before, answer, after, infill, reading);
      return;
    }
    require_askable("infilling", before, answer);
    reading.example.clear();
    Tokens around = before;
    around.insert(around.end(), after.begin(), after.begin() + words_of(after, specials()).end);
    const auto gap = around.begin() + static_cast<std::ptrdiff_t>(before.size());
    read_around(around.begin(), gap, gap, around.end(), reading.example.inputs);
    read_answer(answer, reading);
  }

 private:
  using Place = Tokens::const_iterator;

  // Begin-of-text where there is one, and the text before and behind the gap, up to <middle>.
  void read_around(Place text, Place gap, Place behind, Place end, Tokens& inputs) const {
    if (text != gap && *text == specials().begin_of_text) inputs.push_back(*text++);
    inputs.push_back(prefix_);
    inputs.insert(inputs.end(), text, gap);
    inputs.push_back(prefix_ + 1);
    inputs.insert(inputs.end(), behind, end);
    inputs.push_back(prefix_ + 2);
  }

  double share_;
  std::int32_t prefix_;  // then <suffix> and <middle>
};

}  // namespace

std::vector<ObjectiveKind> infilling_objectives() {
  return {{"infilling",
           "causal, half of the texts with a gap that is filled in behind them (Bavarian et al. "
           "2022)",
           0.5, [](double share, const TextSizes& sizes) {
             return std::make_unique<Infilling>(share, sizes);
           }}};
}

}  // namespace obverse::engine

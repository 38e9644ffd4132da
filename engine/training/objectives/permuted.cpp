// Permutation language modelling (Yang et al. 2019, "XLNet", arXiv:1906.08237; "PLM" of Kitouni et
// al. 2024, arXiv:2406.05183): a text is predicted in a random order. Positions tell a causal model
// where it stands in that order alone, so that the places of the text are tokens, as in sigma-GPT
// (Pannatier et al. 2024, arXiv:2404.09562): each token is read behind its place, at which it is
// asked.
#include "engine/training/objectives/objectives.h"
#include "kernels/core/span.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {
namespace {

class Permuted final : public Objective {
 public:
  explicit Permuted(const TextSizes& sizes)
      : Objective(sizes.specials),
        first_place_(first_own_token("permuted", sizes)),
        longest_(sizes.longest) {
    kernels::require(longest_ > 0, "[permuted] expected the length of the longest text, got ",
                     longest_);
  }

  std::string name() const override { return "permuted"; }
  kernels::AttentionMask mask() const override { return kernels::AttentionMask::causal; }
  bool infills() const override { return true; }
  TextSizes model_sizes(const TextSizes& texts) const override {
    return {texts.vocabulary + texts.longest, 2 * texts.longest, texts.specials};
  }

  // Begin-of-text stays first and needs no place. End-of-text is permuted with the words: a
  // question that has no gap asks for it at the place behind the answer, whatever is known.
  void make_example(const Document& document, kernels::RandomSequence random,
                    Example& example) const override {
    const std::vector<std::int32_t>& tokens = document.tokens;
    const std::int64_t first = words_of(tokens, specials()).first;
    const std::int64_t count = static_cast<std::int64_t>(tokens.size()) - first;
    kernels::require(count > 0, "[permuted] expected a document of at least one token behind ",
                     "begin-of-text, got none");
    require_places(static_cast<std::int64_t>(tokens.size()));
    example.clear();
    const auto size = static_cast<std::size_t>(first + 2 * count - 1);
    example.inputs.resize(size);
    example.targets.resize(size);
    // The targets' memory holds the order until then: its j-th place stands in front of the j-th
    // place's target, so that it is read before it is overwritten when targets are written from
    // the last one on.
    const kernels::Span<std::int32_t> order(example.targets.data(), count);
    for (std::int64_t j = 0; j < count; ++j) order[j] = static_cast<std::int32_t>(first + j);
    random.shuffle(order);
    if (first > 0) example.inputs[0] = tokens[0];
    for (std::int64_t j = count - 1; j >= 0; --j) {
      const std::int32_t place = order[j];
      const std::int32_t token = tokens[static_cast<std::size_t>(place)];
      const auto at = static_cast<std::size_t>(first + 2 * j);
      example.inputs[at] = first_place_ + place;
      example.targets[at] = token;
      if (at + 1 == size) continue;  // the last token is asked and read by none
      example.inputs[at + 1] = token;
      example.targets[at + 1] = kernels::kIgnoredTarget;
    }
    if (first > 0) example.targets[0] = kernels::kIgnoredTarget;
  }

  // What is known is read in its own order, the answer behind it.
  void read_question(const std::vector<std::int32_t>& before,
                     const std::vector<std::int32_t>& answer,
                     const std::vector<std::int32_t>& after, bool infill,
                     Reading& reading) const override {
    require_askable("permuted", before, answer);
    require_places(static_cast<std::int64_t>(before.size() + answer.size() + after.size()));
    std::vector<std::int32_t>& inputs = reading.example.inputs;
    reading.example.clear();
    reading.places.clear();
    const auto read = [&](std::size_t place, std::int32_t token) {
      inputs.push_back(first_place_ + static_cast<std::int32_t>(place));
      inputs.push_back(token);
    };
    const auto first = static_cast<std::size_t>(words_of(before, specials()).first);
    if (first > 0) inputs.push_back(before.front());
    for (std::size_t i = first; i < before.size(); ++i) read(i, before[i]);
    const std::size_t behind = before.size() + answer.size();
    for (std::size_t i = 0; infill && i < after.size(); ++i) read(behind + i, after[i]);
    for (std::size_t i = 0; i < answer.size(); ++i) {
      reading.places.push_back(static_cast<std::int32_t>(inputs.size()));
      read(before.size() + i, answer[i]);
    }
    reading.end_place = -1;
    if (!infill && !after.empty() && after.front() == specials().end_of_text) {
      reading.end_place = static_cast<std::int32_t>(inputs.size());
      inputs.push_back(first_place_ + static_cast<std::int32_t>(behind));
    }
    reading.example.targets.assign(inputs.size(), kernels::kIgnoredTarget);
  }

 private:
  void require_places(std::int64_t tokens) const {
    kernels::require(tokens <= longest_, "[permuted] expected a text of at most ", longest_,
                     " tokens, the longest that it has places for, got ", tokens);
  }

  std::int32_t first_place_;
  std::int64_t longest_;
};

}  // namespace

std::vector<ObjectiveKind> permuted_objectives() {
  return {{"permuted",
           "texts predicted in a random order, their places read as tokens (Yang et al. 2019)", -1,
           [](double, const TextSizes& sizes) { return std::make_unique<Permuted>(sizes); }}};
}

}  // namespace obverse::engine

#include "engine/training/objective.h"

#include "engine/training/objectives/objectives.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {

void make_next_token_example(const std::vector<std::int32_t>& tokens, Example& example) {
  kernels::require(tokens.size() >= 2, "[objective] expected a document of at least 2 tokens, got ",
                   tokens.size());
  example.clear();
  example.inputs.assign(tokens.begin(), tokens.end() - 1);
  example.targets.assign(tokens.begin() + 1, tokens.end());
}

std::int64_t Objective::longest_example(const TextSizes& texts) const {
  const std::int64_t longest = model_sizes(texts).longest;
  // A next-token example does not read its text's last token.
  const bool shifted = longest == texts.longest && decoding() == Decoding::left_to_right;
  return shifted ? longest - 1 : longest;
}

void Objective::read_question(const std::vector<std::int32_t>& before,
                              const std::vector<std::int32_t>& answer,
                              const std::vector<std::int32_t>& after, bool infill,
                              Reading& reading) const {
  kernels::require(!infill, "[", name(),
                   "] expected a question that ends with its answer, got one ", "with a gap");
  require_askable("objective", before, answer);
  reading.example.clear();
  reading.example.inputs.assign(before.begin(), before.end());
  reading.example.prefix = static_cast<std::int32_t>(before.size());
  read_answer(answer, reading);
  if (after.empty() || after.front() != specials_.end_of_text) reading.end_place = -1;
}

void require_askable(const std::string& objective, const std::vector<std::int32_t>& before,
                     const std::vector<std::int32_t>& answer) {
  kernels::require(!before.empty() && !answer.empty(), "[", objective,
                   "] expected text before an answer of at least one token, got ", before.size(),
                   " and ", answer.size(), " tokens");
}

void read_answer(const std::vector<std::int32_t>& answer, Reading& reading) {
  std::vector<std::int32_t>& inputs = reading.example.inputs;
  reading.places.clear();
  for (const std::int32_t token : answer) {
    reading.places.push_back(static_cast<std::int32_t>(inputs.size() - 1));
    inputs.push_back(token);
  }
  reading.end_place = static_cast<std::int32_t>(inputs.size() - 1);
  reading.example.targets.assign(inputs.size(), kernels::kIgnoredTarget);
}

Words words_of(const std::vector<std::int32_t>& tokens, const SpecialTokens& specials) {
  Words words{0, static_cast<std::int64_t>(tokens.size())};
  if (words.count() > 0 && tokens.front() == specials.begin_of_text) ++words.first;
  if (words.count() > 0 && tokens.back() == specials.end_of_text) --words.end;
  return words;
}

void require_mask(const std::string& objective, const SpecialTokens& specials) {
  kernels::require(specials.mask >= 0, "[", objective, "] expected texts whose tokenizer has a ",
                   "mask token, got none");
}

void require_end(const std::string& objective, const SpecialTokens& specials) {
  kernels::require(specials.end_of_text >= 0, "[", objective, "] expected texts whose tokenizer ",
                   "has an end-of-text token, which ends what is filled in, got none");
}

std::int32_t first_own_token(const std::string& objective, const TextSizes& sizes) {
  kernels::require(sizes.vocabulary > 0, "[", objective, "] expected the vocabulary of the texts, ",
                   "behind which its own tokens are numbered, got ", sizes.vocabulary);
  return static_cast<std::int32_t>(sizes.vocabulary);
}

std::vector<ObjectiveDescription> objective_descriptions() {
  std::vector<ObjectiveDescription> descriptions;
  for (const ObjectiveKind& kind : objective_kinds()) {
    descriptions.push_back({kind.name, kind.summary});
  }
  return descriptions;
}

}  // namespace obverse::engine

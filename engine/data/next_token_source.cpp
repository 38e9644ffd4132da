#include "engine/data/next_token_source.h"

#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {

void NextTokenSource::make(std::int64_t draw, Example& example) {
  texts_.document(draw, text_, &counted_);
  const std::vector<std::int32_t>& tokens = text_.tokens;
  example.clear();
  example.inputs.assign(tokens.begin(), tokens.end() - 1);
  example.targets.assign(tokens.begin() + 1, tokens.end());
  std::int32_t start = 0;
  for (std::size_t i = 0; i < example.inputs.size(); ++i) {
    const bool ends = end_of_text_ && example.inputs[i] == *end_of_text_;
    if (counted_[i + 1] == 0 || ends) example.targets[i] = kernels::kIgnoredTarget;
    if (!end_of_text_) continue;
    example.first_keys.push_back(start);
    if (ends) start = static_cast<std::int32_t>(i) + 1;
  }
}

}  // namespace obverse::engine

#include "engine/generation/fill_gap.h"

#include <algorithm>
#include <optional>

#include "engine/generation/token_choice.h"
#include "engine/model/decoding_cache.h"

namespace obverse::engine {
namespace {

using Tokens = std::vector<std::int32_t>;

// Where an answer's tokens are not known, something must stand for them: what asks for a token
// comes before it.
constexpr std::int32_t kUnknownYet = 0;

Reading read_gap(const Objective& objective, const Gap& gap, Tokens answer, std::int64_t length) {
  answer.resize(static_cast<std::size_t>(length), kUnknownYet);
  Reading reading;
  objective.read_question(gap.before, answer, gap.after, true, reading);
  return reading;
}

// A text of one row that a model reads on.
class ReadText {
 public:
  ReadText(const Transformer& model, std::int64_t capacity)
      : model_(model), cache_(model, 1, capacity) {}

  // Whether `tokens` up to and with `place` fit.
  bool has_room_for(std::int32_t place) const { return place < cache_.capacity(); }

  // Reads what of `tokens` up to and with `place` it has not read yet; the logits there. The first
  // `prefix` tokens see each other both ways where the model's mask is prefix.
  Tensor read_to(const Tokens& tokens, std::int32_t place, std::int32_t prefix) {
    const auto end = static_cast<std::size_t>(place) + 1;
    if (read_ == 0 && model_.config().mask == MaskKind::prefix) {
      const auto first = static_cast<std::size_t>(std::max(prefix, 1));
      if (first < end) read_some(tokens, first);
    }
    return read_some(tokens, end);
  }

 private:
  Tensor read_some(const Tokens& tokens, std::size_t end) {
    const Tokens part(tokens.begin() + static_cast<std::ptrdiff_t>(read_),
                      tokens.begin() + static_cast<std::ptrdiff_t>(end));
    read_ = end;
    return model_.next_logits(
        Tensor::from(model_.device(), {1, static_cast<std::int64_t>(part.size())}, part,
                     MemoryCategory::inputs),
        cache_);
  }

  const Transformer& model_;
  DecodingCache cache_;
  std::size_t read_ = 0;
};

void check(const Transformer& model, const Objective& objective, const Gap& gap,
           const GapOptions& options) {
  const std::int64_t vocabulary = model.config().vocabulary;
  options.sampling.validate();
  require(objective.infills() && objective.infill_decoding() == Decoding::left_to_right,
          "[fill_gap] expected an objective that fills gaps from left to right, got ",
          objective.name());
  require(gap.tokens > 0, "[fill_gap] expected a gap of more than 0 tokens, got ", gap.tokens);
  require(!gap.before.empty(), "[fill_gap] expected at least one token before the gap, got none");
  require_tokens("fill_gap", "tokens of a text", gap.before, vocabulary);
  require_tokens("fill_gap", "tokens of a text", gap.after, vocabulary);
  require_tokens("fill_gap", "end tokens", options.end_tokens, vocabulary);
  require_tokens("fill_gap", "excluded tokens", options.excluded_tokens, vocabulary);
}

}  // namespace

bool ends_its_answers(const Objective& objective) {
  return read_gap(objective, {.before = {0}, .after = {0}}, {}, 1).end_place >= 0;
}

Generation fill_gap(const Transformer& model, const Objective& objective, const Gap& gap,
                    const GapOptions& options,
                    const std::function<void(std::int32_t token)>& listener) {
  check(model, objective, gap, options);
  const bool ends_itself = ends_its_answers(objective);
  ReadText text(model, model.config().context);
  Generation result;
  while (static_cast<std::int64_t>(result.tokens.size()) < gap.tokens) {
    const std::size_t next = result.tokens.size();
    const Reading reading =
        read_gap(objective, gap, result.tokens,
                 ends_itself ? static_cast<std::int64_t>(next) + 1 : gap.tokens);
    const std::int32_t place = reading.places[next];
    if (!text.has_room_for(place)) {
      require(next > 0,
              "[fill_gap] expected a text that its objective reads in at most the "
              "context of ",
              model.config().context, " tokens, got ", place + 1);
      result.ending = Ending::context;
      return result;
    }
    HostLogits logits(text.read_to(reading.example.inputs, place, reading.example.prefix));
    const kernels::Span<float> of_place = logits.row(0);
    exclude_tokens(of_place, options.excluded_tokens);
    if (!ends_itself) exclude_tokens(of_place, options.end_tokens);
    const ChosenToken chosen = choose_token(of_place, options.sampling, {gap.row, next});
    result.logprob += chosen.logprob;
    const Tokens& ends = options.end_tokens;
    if (std::find(ends.begin(), ends.end(), chosen.token) != ends.end()) {
      result.ending = Ending::end_token;
      return result;
    }
    result.tokens.push_back(chosen.token);
    if (listener) listener(chosen.token);
  }
  return result;
}

}  // namespace obverse::engine

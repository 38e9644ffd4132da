#include "engine/generation/unmask.h"

#include <algorithm>

#include "engine/data/batch.h"
#include "engine/generation/token_choice.h"
#include "kernels/core/division.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {
namespace {

using Tokens = std::vector<std::int32_t>;

void check(const Transformer& model, const std::vector<MaskedText>& texts,
           const UnmaskingOptions& options) {
  const TransformerConfig& config = model.config();
  options.sampling.validate();
  require(config.mask != MaskKind::causal,
          "[unmask] expected a bidirectional or prefix-masked model, got a causal one");
  require(options.steps >= 0, "[unmask] expected steps of at least 0, got ", options.steps);
  require(options.rows > 0, "[unmask] expected rows above 0, got ", options.rows);
  require_tokens("unmask", "a mask token", {options.mask_token}, config.vocabulary);
  require_tokens("unmask", "excluded tokens", options.excluded_tokens, config.vocabulary);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t size = texts[i].tokens.size();
    require(size > 0 && static_cast<std::int64_t>(size) <= config.context,
            "[unmask] expected texts of at least one token and at most the context of ",
            config.context, ", got ", size, " tokens in text ", i);
    require_tokens("unmask", "tokens of a text", texts[i].tokens, config.vocabulary);
  }
}

// How many texts from `first` on are read together.
std::size_t rows_from(const std::vector<MaskedText>& texts, std::size_t first, std::int64_t most,
                      std::int64_t vocabulary) {
  constexpr std::size_t kMostLogits = std::size_t{1} << 26;
  const std::size_t left = std::min(static_cast<std::size_t>(most), texts.size() - first);
  std::size_t longest = texts[first].tokens.size(), count = 1;
  for (; count < left; ++count) {
    longest = std::max(longest, texts[first + count].tokens.size());
    if ((count + 1) * longest * static_cast<std::size_t>(vocabulary) > kMostLogits) break;
  }
  return count;
}

struct Filling {
  std::size_t place;
  ChosenToken chosen;
};

// Texts whose passes are made together.
class Group {
 public:
  Group(const Transformer& model, const std::vector<MaskedText>& texts, std::size_t first,
        std::size_t count, const UnmaskingOptions& options, const UnmaskingListener& listener)
      : model_(model),
        texts_(texts),
        first_(first),
        options_(options),
        listener_(listener),
        excluded_(options.excluded_tokens),
        rows_(count) {
    excluded_.push_back(options.mask_token);
    for (std::size_t i = 0; i < count; ++i) {
      Example& example = rows_[i];
      example.inputs = texts[first + i].tokens;
      example.targets.assign(example.inputs.size(), kernels::kIgnoredTarget);
      example.prefix = static_cast<std::int32_t>(example.inputs.size());
      const std::int64_t masked = masks_left(i);
      passes_left_.push_back(options.steps > 0 ? std::min(options.steps, masked) : masked);
    }
  }

  void run() {
    const std::int64_t passes = *std::max_element(passes_left_.begin(), passes_left_.end());
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      const Batch batch = make_batch(model_.device(), rows_, 0, rows_.size(), model_.dtype());
      Tape tape(model_.device(), Tape::Mode::inference);
      HostLogits logits(model_.logits(tape, {batch.ids, batch.lengths, batch.prefixes}).data());
      for (std::size_t row = 0; row < rows_.size(); ++row) {
        if (passes_left_[row] > 0) fill(row, pass, batch.ids.size(1), logits);
      }
    }
  }

  Tokens text(std::size_t row) const { return rows_[row].inputs; }

 private:
  std::int64_t masks_left(std::size_t row) const {
    const Tokens& tokens = rows_[row].inputs;
    return std::count(tokens.begin(), tokens.end(), options_.mask_token);
  }

  void fill(std::size_t row, std::int64_t pass, std::int64_t sequence, HostLogits& logits) {
    Tokens& tokens = rows_[row].inputs;
    std::vector<Filling> fillings;
    for (std::size_t place = 0; place < tokens.size(); ++place) {
      if (tokens[place] != options_.mask_token) continue;
      const kernels::Span<float> of_place =
          logits.row(static_cast<std::int64_t>(row) * sequence + static_cast<std::int64_t>(place));
      exclude_tokens(of_place, excluded_);
      const auto context = static_cast<std::uint64_t>(model_.config().context);
      fillings.push_back(
          {place, choose_token(of_place, options_.sampling,
                               {texts_[first_ + row].row,
                                static_cast<std::uint64_t>(pass) * context + place})});
    }
    const std::int64_t at_once = kernels::quotient_up(masks_left(row), passes_left_[row]--);
    std::stable_sort(fillings.begin(), fillings.end(), [](const Filling& a, const Filling& b) {
      return a.chosen.logprob > b.chosen.logprob;
    });
    fillings.resize(static_cast<std::size_t>(at_once));
    std::sort(fillings.begin(), fillings.end(),
              [](const Filling& a, const Filling& b) { return a.place < b.place; });
    for (const Filling& filling : fillings) {
      tokens[filling.place] = filling.chosen.token;
      if (listener_) listener_(first_ + row, filling.place, filling.chosen.token);
    }
  }

  const Transformer& model_;
  const std::vector<MaskedText>& texts_;
  const std::size_t first_;
  const UnmaskingOptions& options_;
  const UnmaskingListener& listener_;
  Tokens excluded_;
  std::vector<Example> rows_;
  std::vector<std::int64_t> passes_left_;
};

}  // namespace

std::vector<Tokens> unmask(const Transformer& model, const std::vector<MaskedText>& texts,
                           const UnmaskingOptions& options, const UnmaskingListener& listener) {
  check(model, texts, options);
  std::vector<Tokens> results;
  for (std::size_t first = 0, count = 0; first < texts.size(); first += count) {
    count = rows_from(texts, first, options.rows, model.config().vocabulary);
    Group group(model, texts, first, count, options, listener);
    group.run();
    for (std::size_t row = 0; row < count; ++row) results.push_back(group.text(row));
  }
  return results;
}

}  // namespace obverse::engine

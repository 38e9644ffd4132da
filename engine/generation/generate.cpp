#include "engine/generation/generate.h"

#include <algorithm>

#include "engine/generation/token_choice.h"
#include "engine/model/decoding_cache.h"

namespace obverse::engine {
namespace {

using Tokens = std::vector<std::int32_t>;

void check(const Transformer& model, const std::vector<Prompt>& prompts,
           const GenerationOptions& options) {
  const TransformerConfig& config = model.config();
  options.sampling.validate();
  require(config.mask != MaskKind::bidirectional,
          "[generate] expected a causal or prefix-masked model, got a bidirectional one, which ",
          "fills gaps");
  require(options.tokens > 0, "[generate] expected tokens above 0, got ", options.tokens);
  require(options.rows > 0, "[generate] expected rows above 0, got ", options.rows);
  require_tokens("generate", "end tokens", options.end_tokens, config.vocabulary);
  require_tokens("generate", "excluded tokens", options.excluded_tokens, config.vocabulary);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Tokens& tokens = prompts[i].tokens;
    require(!tokens.empty(),
            "[generate] expected prompts of at least one token, got an empty one, ", "prompt ", i);
    require(static_cast<std::int64_t>(tokens.size()) <= config.context,
            "[generate] expected prompts of at most the context of ", config.context,
            " tokens, got ", tokens.size(), " in prompt ", i);
    require_tokens("generate", "tokens of a prompt", tokens, config.vocabulary);
  }
}

// Prompts that are continued together.
class Group {
 public:
  Group(const Transformer& model, const std::vector<Prompt>& prompts, std::size_t first,
        std::size_t count, const GenerationOptions& options, const GenerationListener& listener,
        DecodingCache& cache, std::vector<Generation>& results)
      : model_(model),
        prompts_(prompts),
        first_(first),
        count_(count),
        options_(options),
        listener_(listener),
        cache_(cache),
        results_(results),
        ended_(count, false) {}

  void run() {
    cache_.clear();
    end_full_rows();
    if (!any_left()) return;
    choose(read_prompts());
    while (any_left()) {
      Tokens ids, counts;
      for (std::size_t row = 0; row < count_; ++row) {
        ids.push_back(ended_[row] ? 0 : result(row).tokens.back());
        counts.push_back(ended_[row] ? 0 : 1);
      }
      pad_rows(ids, counts);
      choose(model_.next_logits(ids_tensor(ids), cache_, counts));
    }
  }

 private:
  const Tokens& prompt(std::size_t row) const { return prompts_[first_ + row].tokens; }
  Generation& result(std::size_t row) { return results_[first_ + row]; }
  bool any_left() const { return std::find(ended_.begin(), ended_.end(), false) != ended_.end(); }

  // The cache's rows behind the last prompt stay empty.
  void pad_rows(Tokens& ids, Tokens& counts) const {
    const auto rows = static_cast<std::size_t>(cache_.rows());
    ids.resize(ids.size() / count_ * rows, 0);
    counts.resize(rows, 0);
  }
  Tensor ids_tensor(const Tokens& ids) const {
    const std::int64_t rows = cache_.rows();
    return Tensor::from(model_.device(), {rows, static_cast<std::int64_t>(ids.size()) / rows}, ids,
                        MemoryCategory::inputs);
  }

  // Tokens `begin` and on of each prompt, at most `most`.
  Tensor read_prompts(std::size_t begin, std::size_t most) {
    std::size_t longest = 0;
    const auto part_of = [&](std::size_t row) {
      const std::size_t size = prompt(row).size();
      return ended_[row] || size < begin ? 0 : std::min(most, size - begin);
    };
    for (std::size_t row = 0; row < count_; ++row) longest = std::max(longest, part_of(row));
    if (longest == 0) return {};
    Tokens ids, counts;
    for (std::size_t row = 0; row < count_; ++row) {
      const auto from = prompt(row).begin() + static_cast<std::ptrdiff_t>(begin);
      const std::size_t part = part_of(row);
      if (part > 0) ids.insert(ids.end(), from, from + static_cast<std::ptrdiff_t>(part));
      ids.resize((row + 1) * longest, 0);
      counts.push_back(static_cast<std::int32_t>(part));
    }
    pad_rows(ids, counts);
    return model_.next_logits(ids_tensor(ids), cache_, counts);
  }

  Tensor read_prompts() {
    constexpr std::size_t kAll = static_cast<std::size_t>(-1);
    if (model_.config().mask == MaskKind::causal || options_.prompt_is_prefix) {
      return read_prompts(0, kAll);
    }
    const Tensor of_first = read_prompts(0, 1), of_rest = read_prompts(1, kAll);
    if (!of_rest.defined()) return of_first;
    // Prompts of one token are done with the first call.
    const std::int64_t vocabulary = model_.config().vocabulary;
    for (std::size_t row = 0; row < count_; ++row) {
      if (ended_[row] || prompt(row).size() > 1) continue;
      const std::int64_t offset = static_cast<std::int64_t>(row) * vocabulary;
      of_rest.part(offset, {vocabulary}).copy_from(of_first.part(offset, {vocabulary}));
    }
    return of_rest;
  }

  void end(std::size_t row, Ending ending) {
    ended_[row] = true;
    result(row).ending = ending;
    if (listener_.end) listener_.end(first_ + row, result(row));
  }

  // A token of theirs could not be read any more.
  void end_full_rows() {
    const auto context = static_cast<std::size_t>(model_.config().context);
    for (std::size_t row = 0; row < count_; ++row) {
      if (ended_[row]) continue;
      const std::size_t tokens = result(row).tokens.size();
      if (static_cast<std::int64_t>(tokens) == options_.tokens) {
        end(row, Ending::tokens);
      } else if (prompt(row).size() + tokens == context) {
        end(row, Ending::context);
      }
    }
  }

  void choose(const Tensor& logits) {
    HostLogits on_host(logits);
    for (std::size_t row = 0; row < count_; ++row) {
      if (ended_[row]) continue;
      Generation& generation = result(row);
      const kernels::Span<float> of_row = on_host.row(static_cast<std::int64_t>(row));
      exclude_tokens(of_row, options_.excluded_tokens);
      const ChosenToken chosen = choose_token(
          of_row, options_.sampling, {prompts_[first_ + row].row, generation.tokens.size()});
      generation.logprob += chosen.logprob;
      const Tokens& ends = options_.end_tokens;
      if (std::find(ends.begin(), ends.end(), chosen.token) != ends.end()) {
        end(row, Ending::end_token);
        continue;
      }
      generation.tokens.push_back(chosen.token);
      if (listener_.token) listener_.token(first_ + row, chosen.token);
    }
    end_full_rows();
  }

  const Transformer& model_;
  const std::vector<Prompt>& prompts_;
  const std::size_t first_, count_;
  const GenerationOptions& options_;
  const GenerationListener& listener_;
  DecodingCache& cache_;
  std::vector<Generation>& results_;
  std::vector<bool> ended_;
};

}  // namespace

const char* name_of(Ending ending) {
  switch (ending) {
    case Ending::end_token:
      return "end_token";
    case Ending::tokens:
      return "tokens";
    case Ending::context:
      return "context";
  }
  return "";
}

std::vector<Generation> generate(const Transformer& model, const std::vector<Prompt>& prompts,
                                 const GenerationOptions& options,
                                 const GenerationListener& listener) {
  check(model, prompts, options);
  std::vector<Generation> results(prompts.size());
  if (prompts.empty()) return results;
  std::size_t longest = 0;
  for (const Prompt& prompt : prompts) longest = std::max(longest, prompt.tokens.size());
  const std::int64_t context = model.config().context;
  const std::int64_t new_tokens = std::min(options.tokens, context);  // their sum stays in range
  const auto rows = std::min(static_cast<std::size_t>(options.rows), prompts.size());
  DecodingCache cache(model, static_cast<std::int64_t>(rows),
                      std::min(context, static_cast<std::int64_t>(longest) + new_tokens));
  for (std::size_t first = 0; first < prompts.size(); first += rows) {
    Group(model, prompts, first, std::min(rows, prompts.size() - first), options, listener, cache,
          results)
        .run();
  }
  return results;
}

}  // namespace obverse::engine

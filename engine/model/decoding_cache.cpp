#include "engine/model/decoding_cache.h"

#include <algorithm>

#include "engine/ops/attention.h"
#include "engine/ops/cached_attention.h"
#include "engine/ops/embedding.h"
#include "engine/ops/matmul.h"
#include "engine/ops/rms_norm.h"
#include "engine/ops/rotary.h"

namespace obverse::engine {

DecodingCache::DecodingCache(const Transformer& model, std::int64_t rows, std::int64_t capacity)
    : capacity_(capacity) {
  const TransformerConfig& c = model.config();
  require(c.mask != MaskKind::bidirectional,
          "[decoding_cache] expected a causal or prefix-masked model, got a bidirectional one, "
          "whose tokens see what comes behind them");
  require(rows > 0, "[decoding_cache] expected rows above 0, got ", rows);
  require(capacity > 0 && capacity <= c.context,
          "[decoding_cache] expected a capacity above 0 and of at most the context of ", c.context,
          " tokens, got ", capacity);
  const Shape shape{rows, capacity, c.key_value_heads, c.head_size()};
  for (std::int64_t layer = 0; layer < c.layers; ++layer) {
    layers_.push_back({Tensor::empty(model.device(), shape, model.dtype()),
                       Tensor::empty(model.device(), shape, model.dtype())});
  }
  lengths_.assign(static_cast<std::size_t>(rows), 0);
}

void DecodingCache::clear() { std::fill(lengths_.begin(), lengths_.end(), 0); }

// One call of next_logits.
struct Transformer::CachedPass {
  const DecodingCache& cache;
  Tensor positions;       // [rows] i32
  Tensor counts;          // [rows] i32
  bool is_first = false;  // all rows begin here: the attention of training serves them faster
};

// As attend(), for tokens that stand behind those of the cache.
Variable Transformer::attend_cached(Tape& tape, std::int64_t layer, const Variable& input,
                                    const Variable& residual, const CachedPass& pass) const {
  const TransformerConfig& c = config_;
  const Block& block = blocks_[static_cast<std::size_t>(layer)];
  const DecodingCache::Layer& kept = pass.cache.layers_[static_cast<std::size_t>(layer)];
  const CachedKeys cache{kept.key, kept.value, pass.positions, pass.counts};
  Variable packed = linear(tape, input, block.packed_weight, {.bias = &block.packed_bias});
  if (c.query_key_norm) {
    packed = query_key_norm(tape, packed, block.query_gain, block.key_gain, c.heads,
                            c.key_value_heads, c.norm_epsilon);
  }
  if (c.position == PositionKind::rotary) {
    packed = rotary(tape, packed, c.heads + c.key_value_heads, c.head_size(), c.rotary_base,
                    pass.positions, c.rotary_scaling());
  }
  Variable mixed;
  if (pass.is_first) {
    fill_cache(packed.data(), cache, c.heads);
    mixed = attention(tape, packed,
                      {.heads = c.heads,
                       .key_value_heads = c.key_value_heads,
                       .mask = c.mask,
                       .lengths = pass.counts,
                       .prefixes = pass.counts,
                       .slopes = slopes_});
  } else {
    mixed = cached_attention(tape, packed, cache, c.heads, slopes_);
  }
  return onto_residual(tape, mixed, block.projection_weight, block.projection_bias, residual);
}

Variable Transformer::run_cached_block(Tape& tape, std::int64_t layer, const Variable& input,
                                       const CachedPass& pass) const {
  static const ForwardHooks kNone;
  const Block& block = blocks_[static_cast<std::size_t>(layer)];
  Variable x = input;
  if (config_.norm_placement == NormPlacement::pre) {
    x = attend_cached(tape, layer, normalize(tape, x, block.attention_norm), x, pass);
    return feed_forward(tape, layer, normalize(tape, x, block.feed_forward_norm), x, kNone);
  }
  x = normalize(tape, attend_cached(tape, layer, x, x, pass), block.attention_norm);
  return normalize(tape, feed_forward(tape, layer, x, x, kNone), block.feed_forward_norm);
}

namespace {

struct NewTokens {
  std::vector<std::int32_t> positions, counts;
  std::vector<std::int32_t> last;  // where each row's last token stands among all
  bool is_first = true;
};

NewTokens check_new_tokens(const DecodingCache& cache, const Shape& ids,
                           const std::vector<std::int32_t>& counts, MaskKind mask) {
  const std::int64_t rows = cache.rows();
  require(ids.dimensions() == 2 && ids[0] == rows && ids[1] > 0,
          "[next_logits] expected ids [rows, added] of the cache's ", rows, " rows, got ", ids);
  require(counts.empty() || static_cast<std::int64_t>(counts.size()) == rows,
          "[next_logits] expected a count for each of ", rows, " rows, got ", counts.size());
  const std::int64_t added = ids[1];
  NewTokens result;
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    const std::int64_t length = cache.lengths()[row];
    const std::int64_t count = counts.empty() ? added : counts[row];
    require(count >= 0 && count <= added, "[next_logits] expected counts in [0, ", added, "], got ",
            count, " for row ", row);
    require(count == 0 || length + added <= cache.capacity(), "[next_logits] expected at most ",
            cache.capacity() - length, " tokens for row ", row, ", which holds ", length, " of ",
            cache.capacity(), ", got ", added);
    result.is_first = result.is_first && length == 0;
    // A row without new tokens may be full, and padding needs a position, too.
    result.positions.push_back(count == 0 ? 0 : static_cast<std::int32_t>(length));
    result.counts.push_back(static_cast<std::int32_t>(count));
    result.last.push_back(static_cast<std::int32_t>(static_cast<std::int64_t>(row) * added +
                                                    std::max<std::int64_t>(count, 1) - 1));
  }
  for (std::size_t row = 0; row < result.counts.size(); ++row) {
    require(mask != MaskKind::prefix || result.is_first || cache.lengths()[row] > 0 ||
                result.counts[row] <= 1,
            "[next_logits] expected the prompts of a prefix-masked model in one call, got the ",
            "first tokens of row ", row, " beside others that have begun");
  }
  return result;
}

}  // namespace

Tensor Transformer::next_logits(const Tensor& ids, DecodingCache& cache,
                                const std::vector<std::int32_t>& counts) const {
  const NewTokens tokens = check_new_tokens(cache, ids.shape(), counts, config_.mask);
  const std::int64_t rows = ids.size(0), added = ids.size(1);
  Tape tape(device_, Tape::Mode::inference);
  // One copy brings all of it to the device.
  std::vector<std::int32_t> words = tokens.positions;
  words.insert(words.end(), tokens.counts.begin(), tokens.counts.end());
  words.insert(words.end(), tokens.last.begin(), tokens.last.end());
  const Tensor of_rows = Tensor::from(device_, {3 * rows}, words, MemoryCategory::inputs);
  const CachedPass pass{cache, of_rows.part(0, {rows}), of_rows.part(rows, {rows}),
                        tokens.is_first};
  const bool pre = config_.norm_placement == NormPlacement::pre;
  Variable x = embedding(tape, ids, token_table_, position_table_, pass.positions);
  if (!pre) x = normalize(tape, x, outer_norm_);
  for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
    x = run_cached_block(tape, layer, x, pass);
  }
  if (added > 1) {
    // A table's rows by their numbers.
    x = embedding(tape, of_rows.part(2 * rows, {rows, 1}),
                  Variable(x.data().reshaped({rows * added, config_.width})), Variable());
  }
  if (pre) x = normalize(tape, x, outer_norm_);
  const Tensor logits = logits_of(tape, x).data().reshaped({rows, config_.vocabulary});
  for (std::size_t row = 0; row < tokens.counts.size(); ++row) {
    cache.lengths_[row] += tokens.counts[row];
  }
  return logits;
}

}  // namespace obverse::engine

// What a model keeps of the texts that it continues, so that each new token costs one token's work:
// the keys and values of all tokens read so far, of every layer.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/model/transformer.h"

namespace obverse::engine {

// Filled by Transformer::next_logits. Rows are texts; each has a length of its own.
class DecodingCache {
 public:
  // Room for `capacity` tokens in each of `rows` rows, all of them empty. All its memory is taken
  // now: 2 * layers * rows * capacity * key/value width elements of the model's type. REQUIRES: the
  // model's mask is causal or prefix, rows > 0, 0 < capacity <= the model's context.
  DecodingCache(const Transformer& model, std::int64_t rows, std::int64_t capacity);

  std::int64_t rows() const { return static_cast<std::int64_t>(lengths_.size()); }
  std::int64_t capacity() const { return capacity_; }
  // Tokens in each row.
  const std::vector<std::int64_t>& lengths() const { return lengths_; }
  // Empties all rows.
  void clear();

 private:
  friend class Transformer;
  struct Layer {
    Tensor key, value;  // [rows, capacity, key_value_heads, head_size]
  };
  std::int64_t capacity_;
  std::vector<Layer> layers_;
  std::vector<std::int64_t> lengths_;
};

}  // namespace obverse::engine

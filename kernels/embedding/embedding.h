// Token embedding plus, where a table is given, a learned position embedding: out[t] =
// tokens[id[t]] + positions[t mod sequence + first position of the row]. Backward is deterministic
// whatever the thread count: a column of the tables belongs to one thread, which adds the tokens in
// order.
#pragma once

#include <cstdint>

#include "kernels/core/bf16.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

template <typename T>
struct EmbeddingForward {
  std::int64_t batch = 0, sequence = 0, width = 0;
  std::int64_t vocabulary = 0;
  Span<const std::int32_t> ids;  // [batch, sequence]; REQUIRES: 0 <= id < vocabulary, checked
  Span<const T> token_table;     // [vocabulary, width]
  Span<const T> position_table;  // [context, width] with context >= sequence, or empty
  // [batch], or empty: 0; REQUIRES: 0 <= first and first + sequence <= context, checked
  Span<const std::int32_t> first_positions;
  Span<T> out;  // [batch, sequence, width]
};

template <typename T>
struct EmbeddingBackward {
  std::int64_t batch = 0, sequence = 0, width = 0;
  std::int64_t vocabulary = 0;
  Span<const std::int32_t> ids;                  // [batch, sequence]
  Span<const std::int32_t> first_positions;      // [batch], or empty
  Span<const T> output_gradient;                 // [batch, sequence, width]
  Span<Accumulator<T>> token_table_gradient;     // [vocabulary, width], added to
  Span<Accumulator<T>> position_table_gradient;  // [context, width], added to, or empty
};

namespace cpu {
template <typename T>
void embedding_forward(const EmbeddingForward<T>& arguments);
template <typename T>
void embedding_backward(const EmbeddingBackward<T>& arguments);
}  // namespace cpu

// Asynchronous, for float and bf16. Ids and first positions are in device memory, where nobody can
// throw: what is out of range gives a row of NaNs forward, so that the loss shows it, and nothing
// backward, which sorts the tokens by id in scratch memory of the stream and adds up those of one
// id in order, the same bits on every run.
namespace cuda {
class Stream;
template <typename T>
void embedding_forward(const EmbeddingForward<T>& arguments, Stream& stream);
template <typename T>
void embedding_backward(const EmbeddingBackward<T>& arguments, Stream& stream);
}  // namespace cuda

}  // namespace obverse::kernels

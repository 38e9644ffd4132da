#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/core/partition.h"
#include "kernels/embedding/embedding.h"
#include "kernels/embedding/embedding_check.h"

namespace obverse::kernels::cpu {
namespace {

template <typename Arguments>
void check_ids(const Arguments& arguments) {
  for (std::int64_t token = 0; token < arguments.ids.size(); ++token) {
    const std::int64_t id = arguments.ids[token];
    require(id >= 0 && id < arguments.vocabulary,
            "[embedding] expected ids of at least 0 and below ", arguments.vocabulary, ", got ", id,
            " at token ", token);
  }
}

template <typename Arguments>
void check_first_positions(const Arguments& arguments, std::int64_t position_elements) {
  if (position_elements == 0) return;
  const std::int64_t context = position_elements / arguments.width;
  for (const std::int32_t first : arguments.first_positions) {
    require(first >= 0 && first + arguments.sequence <= context,
            "[embedding] expected first_positions of at least 0 and, with ", arguments.sequence,
            " tokens, at most ", context - arguments.sequence, ", got ", first);
  }
}

// The positions of a batch's tokens from `token` on, one after another without a division for each.
class Positions {
 public:
  Positions(Span<const std::int32_t> firsts, std::int64_t sequence, std::int64_t token)
      : firsts_(firsts), sequence_(sequence) {
    if (sequence == 0) return;
    row_ = token / sequence;
    within_ = token % sequence;
  }
  std::int64_t next() {
    const std::int64_t position = within_ + (firsts_.empty() ? 0 : firsts_[row_]);
    if (++within_ == sequence_) {
      within_ = 0;
      ++row_;
    }
    return position;
  }

 private:
  Span<const std::int32_t> firsts_;
  std::int64_t sequence_, row_ = 0, within_ = 0;
};

}  // namespace

template <typename T>
void embedding_forward(const EmbeddingForward<T>& arguments) {
  check_embedding(arguments);
  check_ids(arguments);
  check_first_positions(arguments, arguments.position_table.size());
  const std::int64_t width = arguments.width;
  const bool positions = !arguments.position_table.empty();
  parallel_rows(arguments.ids.size(), width, [&](std::int64_t begin, std::int64_t end) {
    Positions walk(arguments.first_positions, arguments.sequence, begin);
    for (std::int64_t token = begin; token < end; ++token) {
      const T* source = arguments.token_table.subspan(arguments.ids[token] * width, width).data();
      T* out = arguments.out.subspan(token * width, width).data();
      if (positions) {
        const T* offset = arguments.position_table.subspan(walk.next() * width, width).data();
#pragma omp simd
        for (std::int64_t i = 0; i < width; ++i) out[i] = source[i] + offset[i];
      } else {
#pragma omp simd
        for (std::int64_t i = 0; i < width; ++i) out[i] = source[i];
      }
    }
  });
}

template <typename T>
void embedding_backward(const EmbeddingBackward<T>& arguments) {
  check_embedding(arguments);
  check_ids(arguments);
  check_first_positions(arguments, arguments.position_table_gradient.size());
  const std::int64_t tokens = arguments.ids.size(), width = arguments.width;
  const bool positions = !arguments.position_table_gradient.empty();
  // Threads own columns, not table rows: a batch full of one common token would leave all work to
  // that row's owner.
  parallel_columns(tokens, width, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t count = end - begin;
    Positions walk(arguments.first_positions, arguments.sequence, 0);
    for (std::int64_t token = 0; token < tokens; ++token) {
      const T* gradient = arguments.output_gradient.subspan(token * width + begin, count).data();
      const std::int64_t row = arguments.ids[token] * width + begin;
      T* token_row = arguments.token_table_gradient.subspan(row, count).data();
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) token_row[i] += gradient[i];
      if (!positions) continue;
      T* position_row =
          arguments.position_table_gradient.subspan(walk.next() * width + begin, count).data();
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) position_row[i] += gradient[i];
    }
  });
}

template void embedding_forward(const EmbeddingForward<float>&);
template void embedding_forward(const EmbeddingForward<double>&);
template void embedding_backward(const EmbeddingBackward<float>&);
template void embedding_backward(const EmbeddingBackward<double>&);

}  // namespace obverse::kernels::cpu

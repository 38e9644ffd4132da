#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/attention/attention.h"
#include "kernels/attention/attention_check.h"
#include "kernels/core/check.h"
#include "kernels/core/division.h"
#include "kernels/core/math.h"
#include "kernels/core/parallel.h"
#include "kernels/core/scratch.h"
#include "kernels/core/small_matmul.h"
#include "kernels/core/transpose.h"
#include "kernels/core/vector.h"

namespace obverse::kernels::cpu {
namespace {

// Query rows whose scores exist at a time: 64 rows against 1024 keys are 256 KiB, inside a
// second-level cache.
constexpr std::int64_t kTile = 64;
constexpr std::int64_t kBlock = kSmallMatmulRows;
static_assert(kTile % kBlock == 0);

using Visibility = AttentionVisibility<std::int64_t>;

template <typename Arguments>
Visibility visibility_of(const Arguments& x, std::int64_t batch) {
  const std::int64_t sequence = x.shape.sequence;
  return {x.shape.mask, x.lengths.empty() ? sequence : std::int64_t{x.lengths[batch]},
          x.prefixes.empty() ? 0 : std::int64_t{x.prefixes[batch]},
          x.first_keys.empty() ? x.first_keys : x.first_keys.subspan(batch * sequence, sequence)};
}

// `rows` rows of `width` elements.
template <typename T, int lanes>
void copy_rows(const T* from, std::int64_t from_stride, std::int64_t rows, std::int64_t width,
               T* to, std::int64_t to_stride) {
  for (std::int64_t i = 0; i < rows; ++i, from += from_stride, to += to_stride) {
    copy_elements<T, lanes>(from, width, to);
  }
}

// The same, padded by zeros to whole vectors.
template <typename T, int lanes>
void copy_rows_padded(const T* from, std::int64_t from_stride, std::int64_t rows,
                      std::int64_t width, T* to, std::int64_t padded_width) {
  copy_rows<T, lanes>(from, from_stride, rows, width, to, padded_width);
  if (width == padded_width) return;
  for (std::int64_t i = 0; i < rows; ++i) {
    std::fill(to + i * padded_width + width, to + (i + 1) * padded_width, T(0));
  }
}

// One (sequence, key/value head) at a time; `lanes` elements make a vector.
template <typename T, int lanes>
struct Attention {
  static std::int64_t padded(std::int64_t count) { return round_up(count, lanes); }

  // The whole vector that an index lies in.
  static std::int64_t vector_start(std::int64_t index) { return index - index % lanes; }

  // body(index, lane) for every index of [begin, end), both multiples of lanes. Rows are short
  // in small models, where a plain loop would spend its time on what is left behind its last whole
  // vector, one by one.
  template <typename Body>
  static void for_each_lane(std::int64_t begin, std::int64_t end, const Body& body) {
    for (std::int64_t j = begin; j < end; j += lanes) {
#pragma omp simd
      for (int lane = 0; lane < lanes; ++lane) body(j + lane, lane);
    }
  }

  // A row's keys: it sees those of [first, end), in whole vectors [vectors, vectors_end).
  struct Row {
    std::int64_t first, end, vectors, vectors_end;
  };
  static Row row_of(const Visibility& visibility, std::int64_t query) {
    const std::int64_t end = visibility.keys(query);
    const std::int64_t first = end == 0 ? 0 : visibility.first_key(query);
    return {first, end, vector_start(first), padded(end)};
  }

  // What a tile of queries sees: keys of [first, end), and all of it those of [first, split), but
  // for documents. The rest is a triangle, of which every few rows take what they see alone: where
  // a sequence is as long as a tile, that halves the products. `first` and `split` are multiples of
  // lanes.
  struct Seen {
    std::int64_t first, split, end;
    std::int64_t block_ends[kTile / kBlock];  // of keys that block of queries sees
  };
  static Seen seen_by(const Visibility& visibility, std::int64_t begin, std::int64_t rows) {
    Seen seen;
    seen.first = vector_start(visibility.first_key(begin, begin + rows));
    seen.end = visibility.keys(begin, begin + rows);
    seen.split = std::max(seen.first, vector_start(visibility.keys(begin)));
    for (std::int64_t i = 0; i < rows; i += kBlock) {
      seen.block_ends[i / kBlock] = visibility.keys(begin + i, begin + std::min(i + kBlock, rows));
    }
    return seen;
  }

  // Calls visit(first row, rows, end of the keys they see) for each block of a tile's rows that
  // sees keys behind the split.
  template <typename Visit>
  static void for_each_block(const Seen& seen, std::int64_t rows, const Visit& visit) {
    for (std::int64_t i = 0; i < rows; i += kBlock) {
      const std::int64_t end = seen.block_ends[i / kBlock];
      if (end > seen.split) visit(i, std::min(kBlock, rows - i), end);
    }
  }

  // scores [rows, keys] += queries * keys, transposed.
  static void add_scores(const Seen& seen, std::int64_t rows, std::int64_t size,
                         StridedMatrix<T> query, const T* key_transposed, std::int64_t keys,
                         T* scores) {
    small_matmul<T, lanes>(rows, seen.split - seen.first, size, query, key_transposed + seen.first,
                           keys, scores + seen.first, keys);
    for_each_block(seen, rows, [&](std::int64_t i, std::int64_t count, std::int64_t end) {
      small_matmul<T, lanes>(
          count, padded(end) - seen.split, size,
          {query.data + i * query.row_stride, query.row_stride, query.column_stride},
          key_transposed + seen.split, keys, scores + i * keys + seen.split, keys);
    });
  }

  // sums [rows, width] += weights [rows, keys] * values [keys, width].
  static void add_values(const Seen& seen, std::int64_t rows, std::int64_t width, const T* weights,
                         std::int64_t keys, const T* value, T* sums) {
    small_matmul<T, lanes>(rows, width, seen.split - seen.first, {weights + seen.first, keys, 1},
                           value + seen.first * width, width, sums, width);
    for_each_block(seen, rows, [&](std::int64_t i, std::int64_t count, std::int64_t end) {
      small_matmul<T, lanes>(count, width, end - seen.split,
                             {weights + i * keys + seen.split, keys, 1}, value + seen.split * width,
                             width, sums + i * width, width);
    });
  }

  // sums [keys, width] += weights [rows, keys], transposed, * rows_of [rows, width].
  static void add_by_key(const Visibility& visibility, const Seen& seen, std::int64_t begin,
                         std::int64_t rows, std::int64_t width, const T* weights, std::int64_t keys,
                         const T* rows_of, T* sums) {
    small_matmul<T, lanes>(seen.split - seen.first, width, rows, {weights + seen.first, 1, keys},
                           rows_of, width, sums + seen.first * width, width);
    for (std::int64_t j = seen.split; j < seen.end; j += kBlock) {
      const std::int64_t from = std::max(visibility.first_query(j), begin) - begin;
      small_matmul<T, lanes>(std::min(kBlock, seen.end - j), width, rows - from,
                             {weights + from * keys + j, 1, keys}, rows_of + from * width, width,
                             sums + j * width, width);
    }
  }

  // Scales the scores that a row sees, and masks the rest of its vectors.
  static void scale_and_mask(T* scores, const Row& row, T scale, T slope, std::int64_t query) {
    constexpr T kMasked = -std::numeric_limits<T>::infinity();
    const std::int64_t end = row.end;
    for_each_lane(row.vectors, row.vectors_end,
                  [&](std::int64_t j, int) { scores[j] = j < end ? scores[j] * scale : kMasked; });
    // Apart, for rows without documents to be no slower: there it is nothing.
    std::fill(scores + row.vectors, scores + row.first, kMasked);
    if (slope == T(0)) return;
    for (std::int64_t j = row.first; j < end; ++j) {
      scores[j] -= slope * static_cast<T>(query > j ? query - j : j - query);
    }
  }

  // Elements of working memory that one (sequence, head) takes.
  static std::int64_t forward_scratch(const AttentionShape& shape) {
    const std::int64_t keys = padded(shape.sequence), width = padded(shape.head_size);
    return shape.head_size * keys + shape.sequence * width + kTile * (keys + width);
  }
  static std::int64_t backward_scratch(const AttentionShape& shape) {
    const std::int64_t keys = padded(shape.sequence), width = padded(shape.head_size);
    return 2 * shape.head_size * keys + 3 * shape.sequence * width + kTile * (2 * keys + 3 * width);
  }

  static void forward(const AttentionForward<T>& x, std::int64_t batch, std::int64_t key_head) {
    const AttentionShape& shape = x.shape;
    const std::int64_t sequence = shape.sequence, size = shape.head_size;
    const std::int64_t keys = padded(sequence), width = padded(size);
    const std::int64_t group = shape.heads / shape.key_value_heads;
    const Visibility visibility = visibility_of(x, batch);

    Scratch<T> scratch(forward_scratch(shape));
    T* key_transposed = scratch.take(size * keys);
    T* value = scratch.take(sequence * width);
    T* scores = scratch.take(kTile * keys);
    T* sums = scratch.take(kTile * width);
    copy_transposed<T, lanes>(
        x.key.elements.data() + batch * sequence * x.key.stride + key_head * size, x.key.stride,
        sequence, size, key_transposed, keys);
    copy_rows_padded<T, lanes>(
        x.value.elements.data() + batch * sequence * x.value.stride + key_head * size,
        x.value.stride, sequence, size, value, width);

    for (std::int64_t head = key_head * group; head < (key_head + 1) * group; ++head) {
      const T slope = x.slopes.empty() ? T(0) : x.slopes[head];
      for (std::int64_t begin = 0; begin < sequence; begin += kTile) {
        const std::int64_t rows = std::min(kTile, sequence - begin);
        const Seen seen = seen_by(visibility, begin, rows);
        std::fill(scores, scores + rows * keys, T(0));
        std::fill(sums, sums + rows * width, T(0));
        const T* query =
            x.query.elements.data() + (batch * sequence + begin) * x.query.stride + head * size;
        add_scores(seen, rows, size, {query, x.query.stride, 1}, key_transposed, keys, scores);
        T inverse[kTile];
        for (std::int64_t i = 0; i < rows; ++i) {
          inverse[i] = softmax_row(x, visibility, batch, head, begin + i, slope, scores + i * keys,
                                   seen.first, seen.end);
        }
        add_values(seen, rows, width, scores, keys, value, sums);
        for (std::int64_t i = 0; i < rows; ++i) {
          T* out = x.out.data() + ((batch * sequence + begin + i) * shape.heads + head) * size;
          for (std::int64_t p = 0; p < size; ++p) out[p] = sums[i * width + p] * inverse[i];
        }
      }
    }
  }

  // Turns the scores [first, seen) of a row into exponentials, zero where masked; returns 1 / their
  // sum.
  static T softmax_row(const AttentionForward<T>& x, const Visibility& visibility,
                       std::int64_t batch, std::int64_t head, std::int64_t query, T slope,
                       T* scores, std::int64_t first, std::int64_t seen) {
    const Row row = row_of(visibility, query);
    T& log_sum_exp = x.log_sum_exp[(batch * x.shape.heads + head) * x.shape.sequence + query];
    if (row.end == 0) {
      std::fill(scores + first, scores + seen, T(0));
      log_sum_exp = T(0);
      return T(0);
    }
    scale_and_mask(scores, row, static_cast<T>(x.shape.scale), slope, query);
    T largest[lanes], sums[lanes] = {};
    std::copy_n(scores + row.vectors, lanes, largest);
    for_each_lane(row.vectors, row.vectors_end, [&](std::int64_t j, int lane) {
      largest[lane] = scores[j] > largest[lane] ? scores[j] : largest[lane];
    });
    const T maximum = *std::max_element(largest, largest + lanes);
    for_each_lane(row.vectors, row.vectors_end, [&](std::int64_t j, int lane) {
      scores[j] = kernels::exp(scores[j] - maximum);
      sums[lane] += scores[j];
    });
    T sum = 0;
    for (const T part : sums) sum += part;
    clear_others(scores, row, first, seen);
    log_sum_exp = maximum + std::log(sum);
    return T(1) / sum;
  }

  // Zeros for the keys [first, seen) that are in none of the row's vectors.
  static void clear_others(T* values, const Row& row, std::int64_t first, std::int64_t seen) {
    if (first < row.vectors) std::fill(values + first, values + row.vectors, T(0));
    if (row.vectors_end < seen) std::fill(values + row.vectors_end, values + seen, T(0));
  }

  static void backward(const AttentionBackward<T>& x, std::int64_t batch, std::int64_t key_head) {
    const AttentionShape& shape = x.shape;
    const std::int64_t sequence = shape.sequence, size = shape.head_size;
    const std::int64_t keys = padded(sequence), width = padded(size);
    const std::int64_t group = shape.heads / shape.key_value_heads;
    const Visibility visibility = visibility_of(x, batch);
    const T* key_rows = x.key.elements.data() + batch * sequence * x.key.stride + key_head * size;
    const T* value_rows =
        x.value.elements.data() + batch * sequence * x.value.stride + key_head * size;

    Scratch<T> scratch(backward_scratch(shape));
    T* key_transposed = scratch.take(size * keys);
    T* value_transposed = scratch.take(size * keys);
    T* key = scratch.take(sequence * width);
    T* key_gradient = scratch.take(sequence * width);
    T* value_gradient = scratch.take(sequence * width);
    T* weights = scratch.take(kTile * keys);
    T* score_gradient = scratch.take(kTile * keys);
    T* query = scratch.take(kTile * width);
    T* query_gradient = scratch.take(kTile * width);
    T* output_gradient = scratch.take(kTile * width);
    copy_transposed<T, lanes>(key_rows, x.key.stride, sequence, size, key_transposed, keys);
    copy_transposed<T, lanes>(value_rows, x.value.stride, sequence, size, value_transposed, keys);
    copy_rows_padded<T, lanes>(key_rows, x.key.stride, sequence, size, key, width);
    std::fill(key_gradient, key_gradient + sequence * width, T(0));
    std::fill(value_gradient, value_gradient + sequence * width, T(0));

    for (std::int64_t head = key_head * group; head < (key_head + 1) * group; ++head) {
      const T slope = x.slopes.empty() ? T(0) : x.slopes[head];
      for (std::int64_t begin = 0; begin < sequence; begin += kTile) {
        const std::int64_t rows = std::min(kTile, sequence - begin);
        const Seen seen = seen_by(visibility, begin, rows);
        const std::int64_t token = batch * sequence + begin;
        copy_rows_padded<T, lanes>(x.query.elements.data() + token * x.query.stride + head * size,
                                   x.query.stride, rows, size, query, width);
        copy_rows_padded<T, lanes>(x.output_gradient.data() + (token * shape.heads + head) * size,
                                   shape.heads * size, rows, size, output_gradient, width);
        std::fill(weights, weights + rows * keys, T(0));
        std::fill(score_gradient, score_gradient + rows * keys, T(0));
        std::fill(query_gradient, query_gradient + rows * width, T(0));
        add_scores(seen, rows, size, {query, width, 1}, key_transposed, keys, weights);
        add_scores(seen, rows, size, {output_gradient, width, 1}, value_transposed, keys,
                   score_gradient);
        for (std::int64_t i = 0; i < rows; ++i) {
          score_gradient_row(x, visibility, batch, head, begin + i, slope, seen.first, seen.end,
                             output_gradient + i * width, weights + i * keys,
                             score_gradient + i * keys);
        }
        add_values(seen, rows, width, score_gradient, keys, key, query_gradient);
        add_by_key(visibility, seen, begin, rows, width, score_gradient, keys, query, key_gradient);
        add_by_key(visibility, seen, begin, rows, width, weights, keys, output_gradient,
                   value_gradient);
        copy_rows<T, lanes>(
            query_gradient, width, rows, size,
            x.query_gradient.elements.data() + token * x.query_gradient.stride + head * size,
            x.query_gradient.stride);
      }
    }
    const auto write = [&](const T* from, const HeadView<T>& to) {
      copy_rows<T, lanes>(from, width, sequence, size,
                          to.elements.data() + batch * sequence * to.stride + key_head * size,
                          to.stride);
    };
    write(key_gradient, x.key_gradient);
    write(value_gradient, x.value_gradient);
  }

  // In: `weights` holds query . key, `score_gradient` holds output_gradient . value. Out: the
  // softmax weights, and the gradient of the scores with the scale folded in; both zero where
  // masked.
  static void score_gradient_row(const AttentionBackward<T>& x, const Visibility& visibility,
                                 std::int64_t batch, std::int64_t head, std::int64_t query, T slope,
                                 std::int64_t first, std::int64_t seen, const T* output_gradient,
                                 T* weights, T* score_gradient) {
    const AttentionShape& shape = x.shape;
    const Row row = row_of(visibility, query);
    const std::int64_t token = batch * shape.sequence + query;
    const T* out = x.out.data() + (token * shape.heads + head) * shape.head_size;
    T delta = 0;  // sum over the row of weight * its gradient, which equals out . output_gradient
#pragma omp simd reduction(+ : delta)
    for (std::int64_t p = 0; p < shape.head_size; ++p) delta += out[p] * output_gradient[p];
    const T scale = static_cast<T>(shape.scale);
    const T log_sum_exp = x.log_sum_exp[(batch * shape.heads + head) * shape.sequence + query];
    scale_and_mask(weights, row, scale, slope, query);
    for_each_lane(row.vectors, row.vectors_end, [&](std::int64_t j, int) {
      weights[j] = kernels::exp(weights[j] - log_sum_exp);
      score_gradient[j] = weights[j] * (score_gradient[j] - delta) * scale;
    });
    clear_others(weights, row, first, seen);
    clear_others(score_gradient, row, first, seen);
  }
};

template <typename Arguments>
void check(const Arguments& x, const char* name) {
  check_attention(x, name);
  const AttentionShape& s = x.shape;
  if (x.lengths.empty() && x.prefixes.empty() && x.first_keys.empty()) return;
  for (std::int64_t b = 0; b < s.batch; ++b) {
    const Visibility v = visibility_of(x, b);
    require(v.length >= 0 && v.length <= s.sequence && v.prefix >= 0, "[", name,
            "] expected lengths in [0, ", s.sequence, "] and prefixes of at least 0, got ",
            v.length, " and ", v.prefix, " for sequence ", b);
    if (x.first_keys.empty()) continue;
    std::int32_t least = 0;
    for (std::int64_t i = 0; i < v.length; ++i) {
      const std::int32_t first = v.first_keys[i];
      require(first >= least && first <= i, "[", name, "] expected a first key in [", least, ", ",
              i, "] for query ", i, " of sequence ", b, ", got ", first);
      least = first;
    }
  }
}

// Calls work(batch, key head) for every pair, over the threads, each with `scratch` elements of T.
template <typename T, typename Work>
void for_each_head(const AttentionShape& shape, std::int64_t scratch, const Work& work) {
  // About 20 us of work for a thread at least: 4 * sequence^2 * head_size operations a head at 50
  // per nanosecond.
  const std::int64_t group = shape.heads / shape.key_value_heads;
  const std::int64_t operations = 4 * group * shape.sequence * shape.sequence * shape.head_size;
  parallel_for(
      shape.batch * shape.key_value_heads, 1000000 / (operations + 1) + 1,
      [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          work(i / shape.key_value_heads, i % shape.key_value_heads);
        }
      },
      [scratch] { Scratch<T>::reserve(scratch); });
}

// Short sequences and small heads fill half a widest vector at best; half-width vectors waste less.
bool wants_narrow_vectors(const AttentionShape& shape, int lanes) {
  return shape.sequence <= lanes / 2 || shape.head_size <= lanes / 2;
}

}  // namespace

template <typename T>
void attention_forward(const AttentionForward<T>& x) {
  check(x, "attention_forward");
  constexpr int kLanes = 64 / sizeof(T);
  const bool narrow = wants_narrow_vectors(x.shape, kLanes);
  const std::int64_t scratch = narrow ? Attention<T, kLanes / 2>::forward_scratch(x.shape)
                                      : Attention<T, kLanes>::forward_scratch(x.shape);
  for_each_head<T>(x.shape, scratch, [&](std::int64_t batch, std::int64_t key_head) {
    narrow ? Attention<T, kLanes / 2>::forward(x, batch, key_head)
           : Attention<T, kLanes>::forward(x, batch, key_head);
  });
}

template <typename T>
void attention_backward(const AttentionBackward<T>& x) {
  check(x, "attention_backward");
  constexpr int kLanes = 64 / sizeof(T);
  const bool narrow = wants_narrow_vectors(x.shape, kLanes);
  const std::int64_t scratch = narrow ? Attention<T, kLanes / 2>::backward_scratch(x.shape)
                                      : Attention<T, kLanes>::backward_scratch(x.shape);
  for_each_head<T>(x.shape, scratch, [&](std::int64_t batch, std::int64_t key_head) {
    narrow ? Attention<T, kLanes / 2>::backward(x, batch, key_head)
           : Attention<T, kLanes>::backward(x, batch, key_head);
  });
}

template void attention_forward(const AttentionForward<float>&);
template void attention_forward(const AttentionForward<double>&);
template void attention_backward(const AttentionBackward<float>&);
template void attention_backward(const AttentionBackward<double>&);

}  // namespace obverse::kernels::cpu

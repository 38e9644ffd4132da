#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/core/division.h"
#include "kernels/core/partition.h"
#include "kernels/rotary/rotary.h"

namespace obverse::kernels::cpu {
namespace {

// Sines and cosines are tabulated for this many positions and pairs at a time, on the stack.
constexpr std::int64_t kPositions = 32;
constexpr std::int64_t kPairs = 64;

template <typename T>
struct AngleTable {
  T cosine[kPositions][kPairs];
  T sine[kPositions][kPairs];
};

// Exact at the first position of the block, then turned by one step's angle a position: a hundred
// times cheaper than calling sin and cos for each, and 32 steps in double lose about 1e-14. Blocks
// begin at fixed positions, so that the values do not depend on how the work is split.
template <typename T>
void fill_table(const Rotary<T>& arguments, std::int64_t block, std::int64_t first_pair,
                std::int64_t pairs, AngleTable<T>& table) {
  const double start = static_cast<double>(block * kPositions);
  const double direction = arguments.inverse ? -1.0 : 1.0;
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    const double exponent =
        -2.0 * static_cast<double>(first_pair + pair) / static_cast<double>(arguments.head_size);
    const double step = direction * std::pow(arguments.base, exponent);
    const double step_cosine = std::cos(step), step_sine = std::sin(step);
    double cosine = std::cos(start * step), sine = std::sin(start * step);
    const std::int64_t end = std::min(kPositions, arguments.sequence - block * kPositions);
    for (std::int64_t position = 0; position < end; ++position) {
      table.cosine[position][pair] = static_cast<T>(cosine);
      table.sine[position][pair] = static_cast<T>(sine);
      const double turned = cosine * step_cosine - sine * step_sine;
      sine = sine * step_cosine + cosine * step_sine;
      cosine = turned;
    }
  }
}

// Rotates `pairs` pairs of every head of one token. kConstantPairs is their number where the
// compiler is to know it.
template <std::int64_t kConstantPairs, typename T>
void rotate_token(const Rotary<T>& arguments, std::int64_t token, std::int64_t first_pair,
                  std::int64_t runtime_pairs, const T* cosine, const T* sine) {
  const std::int64_t pairs = kConstantPairs > 0 ? kConstantPairs : runtime_pairs;
  const std::int64_t half = arguments.head_size / 2;
  T* values =
      arguments.values.subspan(token * arguments.stride, arguments.heads * arguments.head_size)
          .data();
  for (std::int64_t head = 0; head < arguments.heads; ++head) {
    T* first = values + head * arguments.head_size + first_pair;
    T* second = first + half;
#pragma omp simd
    for (std::int64_t pair = 0; pair < pairs; ++pair) {
      const T a = first[pair], b = second[pair];
      first[pair] = a * cosine[pair] - b * sine[pair];
      second[pair] = b * cosine[pair] + a * sine[pair];
    }
  }
}

// Work items are (block of positions, sequence of the batch), the blocks outermost so that a table
// serves many items.
template <std::int64_t kConstantPairs, typename T>
void rotate_items(const Rotary<T>& arguments, std::int64_t begin, std::int64_t end,
                  std::int64_t first_pair, std::int64_t pairs) {
  AngleTable<T> table;
  std::int64_t tabulated = -1;
  for (std::int64_t item = begin; item < end; ++item) {
    const std::int64_t block = item / arguments.batch, sequence = item % arguments.batch;
    if (block != tabulated) fill_table(arguments, block, first_pair, pairs, table);
    tabulated = block;
    const std::int64_t positions = std::min(kPositions, arguments.sequence - block * kPositions);
    for (std::int64_t position = 0; position < positions; ++position) {
      const std::int64_t token = sequence * arguments.sequence + block * kPositions + position;
      rotate_token<kConstantPairs>(arguments, token, first_pair, pairs, table.cosine[position],
                                   table.sine[position]);
    }
  }
}

}  // namespace

template <typename T>
void rotary(const Rotary<T>& arguments) {
  const std::int64_t tokens = arguments.batch * arguments.sequence;
  const std::int64_t row = arguments.heads * arguments.head_size;
  require(arguments.batch >= 0 && arguments.sequence >= 0 && arguments.heads >= 0,
          "[rotary] expected batch, sequence and heads of at least 0, got ", arguments.batch, ", ",
          arguments.sequence, " and ", arguments.heads);
  require(arguments.head_size > 0 && arguments.head_size % 2 == 0,
          "[rotary] expected an even head_size above 0, got ", arguments.head_size);
  require(arguments.stride >= row, "[rotary] expected a stride of at least ", row, ", got ",
          arguments.stride);
  require(arguments.base > 0, "[rotary] expected a base above 0, got ", arguments.base);
  const std::int64_t least = tokens == 0 ? 0 : (tokens - 1) * arguments.stride + row;
  require(arguments.values.size() >= least, "[rotary] expected values of at least ", least,
          " elements, got ", arguments.values.size());
  const std::int64_t blocks = quotient_up(arguments.sequence, kPositions);
  const std::int64_t half = arguments.head_size / 2;
  parallel_rows(blocks * arguments.batch, kPositions * row,
                [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t first = 0; first < half; first += kPairs) {
                    const std::int64_t pairs = std::min(kPairs, half - first);
                    // At the usual head sizes of small models the loop's own bookkeeping would cost
                    // more than the arithmetic.
                    if (pairs == 8) {
                      rotate_items<8>(arguments, begin, end, first, pairs);
                    } else if (pairs == 16) {
                      rotate_items<16>(arguments, begin, end, first, pairs);
                    } else if (pairs == 32) {
                      rotate_items<32>(arguments, begin, end, first, pairs);
                    } else {
                      rotate_items<0>(arguments, begin, end, first, pairs);
                    }
                  }
                });
}

template void rotary(const Rotary<float>&);
template void rotary(const Rotary<double>&);

}  // namespace obverse::kernels::cpu

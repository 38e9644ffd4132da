// C = initial + A * B on the calling thread, for the products of a training step: a few hundred to
// a few thousand rows by tens to a few thousand columns, where a BLAS spends a sizeable part of its
// time on packing and dispatch. The loops are those of Goto and van de Geijn 2008, "Anatomy of
// High-Performance Matrix Multiplication", with two changes: A is read where it lies whenever its
// rows are contiguous (six rows at a time occupy six ways of a cache set even at the worst stride),
// and what C starts from is read by the first block of the depth, so that a bias or a residual
// costs no pass of its own.
//
// Sums run over the depth in one order, whatever part of C a caller asks for: a split of rows or
// columns over threads changes no bit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/core/scratch.h"
#include "kernels/core/small_matmul.h"
#include "kernels/core/transpose.h"
#include "kernels/core/vector.h"

namespace obverse::kernels {

template <typename T>
struct PanelMatmul {
  std::int64_t m, n, k;
  StridedMatrix<T> a;  // [m, k]; one of the strides is 1
  StridedMatrix<T> b;  // [k, n]; one of the strides is 1
  // What C starts from: element (i, j) is initial[i * initial_stride + j]. nullptr: zeros. A stride
  // of 0 is one row for all (a bias). May be C itself.
  const T* initial;
  std::int64_t initial_stride;
  T* c;
  std::int64_t c_stride;
};

namespace detail {

// The registers' tile: kRows x (kVectors * lanes) sums. With 32 registers: 24 sums, 4 vectors of B
// and one broadcast element of A, hence 10 loads for 24 multiply-adds.
constexpr int kPanelRows = 6;
constexpr int kPanelVectors = 4;
// Depth of a block: a panel of B (depth x 4 vectors of 64 bytes) is 64 KiB, read from the second
// cache once a tile, at some 10 bytes a cycle. A depth of 128 keeps it in the nearest cache, but
// reads and writes C twice as often: 5 to 10 % slower where C is wide (AMD Zen 4).
constexpr std::int64_t kPanelDepth = 256;
// Rows of A a block, a multiple of the tile's: with the depth 192 KiB, which stay in the second
// cache while the panels of B go by.
constexpr std::int64_t kPanelBlockRows = 192;
// Columns of B packed at a time: at most 1 MiB of scratch.
constexpr std::int64_t kPanelBlockColumns = 1024;

// A's element (row i, depth p) is a[i * row_stride + p * depth_stride].
template <typename T, int lanes, int rows, int vectors>
[[gnu::always_inline]] inline void panel_tile(std::int64_t depth, const T* a,
                                              std::int64_t row_stride, std::int64_t depth_stride,
                                              const T* panel, const T* initial,
                                              std::int64_t initial_stride, T* c,
                                              std::int64_t c_stride) {
  using V = Vector<T, lanes>;
  // In a training step the operands come from the second cache or beyond. The tile of C is asked
  // for a whole depth before it is written, and the next rows of A one tile ahead, a line of each
  // as the line before it is used up: all at once they would hold up the tile's own loads.
  constexpr std::int64_t kLine = 64 / sizeof(T);
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < vectors; ++j) __builtin_prefetch(c + i * c_stride + j * lanes, 1);
  }
  V sums[rows][vectors];
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < vectors; ++j) {
      sums[i][j] =
          initial == nullptr ? V{} : load<T, lanes>(initial + i * initial_stride + j * lanes);
    }
  }
  const auto add_products = [&](std::int64_t steps) __attribute__((always_inline)) {
    for (std::int64_t p = 0; p < steps; ++p) {
      V row[vectors];
      for (int j = 0; j < vectors; ++j) row[j] = load<T, lanes>(panel + j * lanes);
      panel += vectors * lanes;
      for (int i = 0; i < rows; ++i) {
        const T scale = a[i * row_stride];
        for (int j = 0; j < vectors; ++j) sums[i][j] += scale * row[j];
      }
      a += depth_stride;
    }
  };
  if (depth_stride == 1) {
    for (; depth >= kLine; depth -= kLine) {
      for (int i = rows; i < 2 * rows; ++i) __builtin_prefetch(a + i * row_stride, 0);
      add_products(kLine);
    }
  }
  add_products(depth);
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < vectors; ++j) store<T, lanes>(c + i * c_stride + j * lanes, sums[i][j]);
  }
}

// One panel of B (`columns` wide, padded to `vectors` vectors) for all rows of a block.
template <typename T, int lanes, int vectors>
void panel_rows(const PanelMatmul<T>& x, std::int64_t columns, std::int64_t depth, const T* panel) {
  constexpr std::int64_t kWidth = vectors * lanes;
  const bool partial = columns < kWidth;
  const auto tile = [&]<int rows>(std::int64_t i) {
    const T* a = x.a.data + i * x.a.row_stride;
    const T* initial = x.initial == nullptr ? nullptr : x.initial + i * x.initial_stride;
    T* c = x.c + i * x.c_stride;
    if (!partial) {
      // Two calls, so that the depth's stride is a constant where it can be.
      if (x.a.column_stride == 1) {
        panel_tile<T, lanes, rows, vectors>(depth, a, x.a.row_stride, 1, panel, initial,
                                            x.initial_stride, c, x.c_stride);
      } else {
        panel_tile<T, lanes, rows, vectors>(depth, a, x.a.row_stride, x.a.column_stride, panel,
                                            initial, x.initial_stride, c, x.c_stride);
      }
      return;
    }
    alignas(64) T whole[rows * kWidth] = {};
    if (initial != nullptr) {
      for (int row = 0; row < rows; ++row) {
        std::memcpy(whole + row * kWidth, initial + row * x.initial_stride, sizeof(T) * columns);
      }
    }
    panel_tile<T, lanes, rows, vectors>(depth, a, x.a.row_stride, x.a.column_stride, panel, whole,
                                        kWidth, whole, kWidth);
    for (int row = 0; row < rows; ++row) {
      std::memcpy(c + row * x.c_stride, whole + row * kWidth, sizeof(T) * columns);
    }
  };
  std::int64_t i = 0;
  // What is left over is 4 + 4 rather than 6 + 2: a tile of two rows waits for its own sums.
  while (x.m - i >= kPanelRows && x.m - i != 8) {
    tile.template operator()<kPanelRows>(i);
    i += kPanelRows;
  }
  while (i < x.m) {
    const std::int64_t left = x.m - i;
    if (left >= 4) {
      tile.template operator()<4>(i);
      i += 4;
    } else if (left >= 2) {
      tile.template operator()<2>(i);
      i += 2;
    } else {
      tile.template operator()<1>(i);
      i += 1;
    }
  }
}

// Rows that lie a page or more apart, where the processor foresees nothing: some are asked for
// ahead.
template <typename T, int lanes>
void copy_far_rows(const T* from, std::int64_t from_stride, std::int64_t rows, std::int64_t width,
                   T* to, std::int64_t to_stride) {
  constexpr std::int64_t kLine = 64 / sizeof(T), kAhead = 8;
  for (std::int64_t p = 0; p < rows; ++p, from += from_stride, to += to_stride) {
    if (p + kAhead < rows) {
      for (std::int64_t i = 0; i < width; i += kLine) {
        __builtin_prefetch(from + kAhead * from_stride + i, 0);
      }
    }
    copy_elements<T, lanes>(from, width, to);
  }
}

// panel[p][j] = b[p, j] for `columns` columns, zeros up to `width`.
template <typename T, int lanes>
void pack_panel(StridedMatrix<T> b, std::int64_t depth, std::int64_t columns, std::int64_t width,
                T* panel) {
  if (b.column_stride == 1) {
    for (std::int64_t p = 0; p < depth; ++p) {
      T* to = panel + p * width;
      copy_elements<T, lanes>(b.data + p * b.row_stride, columns, to);
      for (std::int64_t j = columns; j < width; ++j) to[j] = 0;
    }
    return;
  }
  copy_transposed<T, lanes>(b.data, b.column_stride, columns, depth, panel, width);
}

}  // namespace detail

// Elements of working memory that a product of any part of C takes at most.
template <typename T>
std::int64_t panel_matmul_scratch(std::int64_t n, std::int64_t k) {
  using namespace detail;
  constexpr std::int64_t kAlignment = 64 / sizeof(T);
  const std::int64_t columns =
      std::min(kPanelBlockColumns, (n + kAlignment) / kAlignment * kAlignment);
  return std::min(kPanelDepth, k) * (columns + kPanelBlockRows + kAlignment) + kAlignment;
}

template <typename T, int lanes>
void panel_matmul(const PanelMatmul<T>& x) {
  using namespace detail;
  constexpr std::int64_t kWidth = kPanelVectors * lanes;
  constexpr std::int64_t kAlignment = 64 / sizeof(T);
  const std::int64_t depth_blocks =
      std::max<std::int64_t>(1, (x.k + kPanelDepth - 1) / kPanelDepth);
  const std::int64_t most_depth = (x.k + depth_blocks - 1) / depth_blocks;
  const std::int64_t most_columns = std::min(kPanelBlockColumns, (x.n + lanes - 1) / lanes * lanes);
  // The elements of a transposed A that a tile reads lie one line each at a long stride: they fall
  // into few sets of the nearest cache and each into a page of its own. A copy with a stride of
  // neither kind pays where more than one panel reads it.
  constexpr std::int64_t kCopyStride = kPanelBlockRows + kAlignment;
  const bool copy_a = x.a.column_stride * sizeof(T) >= 4096 && x.n > kWidth;
  const std::int64_t copy_elements = copy_a ? most_depth * kCopyStride : 0;
  Scratch<T> scratch(panel_matmul_scratch<T>(x.n, x.k));
  T* packed = scratch.take(most_depth * most_columns + kAlignment);
  packed +=
      (kAlignment - reinterpret_cast<std::uintptr_t>(packed) / sizeof(T) % kAlignment) % kAlignment;
  T* copied = scratch.take(copy_elements);
  for (std::int64_t column = 0; column < x.n; column += kPanelBlockColumns) {
    const std::int64_t block_columns = std::min(kPanelBlockColumns, x.n - column);
    std::int64_t begin = 0;
    do {
      const std::int64_t depth = std::min(most_depth, x.k - begin);
      const StridedMatrix<T> b{x.b.data + begin * x.b.row_stride + column * x.b.column_stride,
                               x.b.row_stride, x.b.column_stride};
      for (std::int64_t j = 0; j < block_columns; j += kWidth) {
        const std::int64_t columns = std::min(kWidth, block_columns - j);
        pack_panel<T, lanes>({b.data + j * b.column_stride, b.row_stride, b.column_stride}, depth,
                             columns, (columns + lanes - 1) / lanes * lanes, packed + j * depth);
      }
      for (std::int64_t row = 0; row < x.m; row += kPanelBlockRows) {
        PanelMatmul<T> block = x;
        block.m = std::min(kPanelBlockRows, x.m - row);
        block.a.data = x.a.data + row * x.a.row_stride + begin * x.a.column_stride;
        if (copy_a) {
          copy_far_rows<T, lanes>(block.a.data, x.a.column_stride, depth, block.m, copied,
                                  kCopyStride);
          block.a = {copied, 1, kCopyStride};
        }
        for (std::int64_t j = 0; j < block_columns; j += kWidth) {
          const std::int64_t columns = std::min(kWidth, block_columns - j);
          block.c = x.c + row * x.c_stride + column + j;
          if (begin > 0) {
            block.initial = block.c;
            block.initial_stride = x.c_stride;
          } else if (x.initial != nullptr) {
            block.initial = x.initial + row * x.initial_stride + column + j;
          }
          const T* panel = packed + j * depth;
          switch ((columns + lanes - 1) / lanes) {
            case 1:
              panel_rows<T, lanes, 1>(block, columns, depth, panel);
              break;
            case 2:
              panel_rows<T, lanes, 2>(block, columns, depth, panel);
              break;
            case 3:
              panel_rows<T, lanes, 3>(block, columns, depth, panel);
              break;
            default:
              panel_rows<T, lanes, kPanelVectors>(block, columns, depth, panel);
          }
        }
      }
      begin += depth;
    } while (begin < x.k);
  }
}

}  // namespace obverse::kernels

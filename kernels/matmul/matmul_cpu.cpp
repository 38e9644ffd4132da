#include <cblas.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/core/division.h"
#include "kernels/core/parallel.h"
#include "kernels/matmul/few_rows_matmul.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/matmul_check.h"
#include "kernels/matmul/panel_matmul.h"

namespace obverse::kernels::cpu {
namespace {

// OpenBLAS built on its own threads does not see our teams and would start a second one inside
// each: one thread each then. The OpenMP build looks at omp_in_parallel() and needs nothing (its
// setter would change this thread's team size).
void keep_openblas_to_the_calling_thread() {
  static const bool done = [] {
    constexpr int kOpenMp = 2;
    if (openblas_get_parallel() != kOpenMp) openblas_set_num_threads(1);
    return true;
  }();
  (void)done;
}

[[maybe_unused]] void gemm(CBLAS_TRANSPOSE transpose_a, CBLAS_TRANSPOSE transpose_b, int m, int n,
                           int k, const float* a, int a_stride, const float* b, int b_stride,
                           float beta, float* c, int c_stride) {
  cblas_sgemm(CblasRowMajor, transpose_a, transpose_b, m, n, k, 1.0f, a, a_stride, b, b_stride,
              beta, c, c_stride);
}

void gemm(CBLAS_TRANSPOSE transpose_a, CBLAS_TRANSPOSE transpose_b, int m, int n, int k,
          const double* a, int a_stride, const double* b, int b_stride, double beta, double* c,
          int c_stride) {
  cblas_dgemm(CblasRowMajor, transpose_a, transpose_b, m, n, k, 1.0, a, a_stride, b, b_stride, beta,
              c, c_stride);
}

// A rectangle of the output: the part of one thread.
struct Block {
  std::int64_t row, rows, column, columns;
};

// Whether panel_matmul() computes this type's products. Side by side with OpenBLAS 0.3.21 on the
// shapes of training steps (width 64 to 256, 512 to 2048 rows), AVX-512 and one thread, it takes
// .85 to 1 of the time. With AVX2 it would take up to 1.3 of it, so that OpenBLAS computes there,
// and so it does for double, which checks gradients and need not be fast.
#ifdef __AVX512F__
template <typename T>
constexpr bool kPanels = std::is_same_v<T, float>;
#else
template <typename T>
constexpr bool kPanels = false;
#endif

// Whether few_rows_matmul() computes a product. Of float with AVX-512 and one thread, weights of
// 768 to 8192 rows and 256 to 1024 columns, it takes .3 to .5 of the panels' time for one row, .55
// to .9 for two and three, and more for four. Double checks gradients and need not be fast.
template <typename T>
bool has_few_rows(const Matmul<T>& x) {
  return std::is_same_v<T, float> && !x.transpose_a && x.transpose_b && x.m <= 3;
}

// product = initial + a * b in one rectangle. `initial` is empty (zeros), one row for all rows (a
// bias), or of the shape of the product, and then perhaps the product itself.
template <typename T>
void multiply_from(const Matmul<T>& x, const Block& block, const T* initial,
                   std::int64_t initial_stride, T* product) {
  const T* a = x.a.data() + (x.transpose_a ? block.row : block.row * x.k);
  const T* b = x.b.data() + (x.transpose_b ? block.column * x.k : block.column);
  T* out = product + block.row * x.n + block.column;
  const T* from =
      initial == nullptr ? nullptr : initial + block.row * initial_stride + block.column;
  if (has_few_rows(x)) {
#ifdef __AVX512F__
    constexpr int kVectorBytes = 64;
#else
    constexpr int kVectorBytes = 32;
#endif
    few_rows_matmul<T, kVectorBytes / sizeof(T)>(
        {block.rows, block.columns, x.k, a, b, from, initial_stride, out, x.n});
    return;
  }
  if constexpr (kPanels<T>) {
    panel_matmul<T, 64 / sizeof(T)>(
        {.m = block.rows,
         .n = block.columns,
         .k = x.k,
         .a = x.transpose_a ? StridedMatrix<T>{a, 1, x.m} : StridedMatrix<T>{a, x.k, 1},
         .b = x.transpose_b ? StridedMatrix<T>{b, 1, x.k} : StridedMatrix<T>{b, x.n, 1},
         .initial = from,
         .initial_stride = initial_stride,
         .c = out,
         .c_stride = x.n});
  } else {
    if (from != nullptr && from != out) {
      for (std::int64_t i = 0; i < block.rows; ++i) {
        std::memcpy(out + i * x.n, from + i * initial_stride, sizeof(T) * block.columns);
      }
    }
    gemm(x.transpose_a ? CblasTrans : CblasNoTrans, x.transpose_b ? CblasTrans : CblasNoTrans,
         static_cast<int>(block.rows), static_cast<int>(block.columns), static_cast<int>(x.k), a,
         static_cast<int>(x.transpose_a ? x.m : x.k), b,
         static_cast<int>(x.transpose_b ? x.k : x.n), T(from == nullptr ? 0 : 1), out,
         static_cast<int>(x.n));
  }
}

// out = bias + residual: what the product is then added to.
template <typename T>
void add_bias_to_residual(const Matmul<T>& x, const Block& block) {
  const T* bias = x.bias.data() + block.column;
  for (std::int64_t i = block.row; i < block.row + block.rows; ++i) {
    T* out = x.out.data() + i * x.n + block.column;
    const T* residual = x.residual.data() + i * x.n + block.column;
    for (std::int64_t j = 0; j < block.columns; ++j) out[j] = bias[j] + residual[j];
  }
}

template <ActivationKind kind, typename T>
void activate_rows(const Matmul<T>& x, const Block& block, const T* product) {
  for (std::int64_t i = block.row; i < block.row + block.rows; ++i) {
    const T* pre = product + i * x.n + block.column;
    T* out = x.out.data() + i * x.n + block.column;
    if (x.residual.empty()) {
#pragma omp simd
      for (std::int64_t j = 0; j < block.columns; ++j) out[j] = activate<kind>(pre[j]);
    } else {
      const T* residual = x.residual.data() + i * x.n + block.column;
#pragma omp simd
      for (std::int64_t j = 0; j < block.columns; ++j) {
        out[j] = activate<kind>(pre[j]) + residual[j];
      }
    }
  }
}

template <typename T>
void multiply(const Matmul<T>& x, const Block& block) {
  const bool activated = x.activation != ActivationKind::none;
  T* product = activated && !x.pre_activation.empty() ? x.pre_activation.data() : x.out.data();
  const bool adds_residual = !activated && !x.residual.empty();
  if (adds_residual && !x.bias.empty()) {
    add_bias_to_residual(x, block);
    multiply_from(x, block, x.out.data(), x.n, product);
  } else if (adds_residual) {
    multiply_from(x, block, x.residual.data(), x.n, product);
  } else if (!x.bias.empty()) {
    multiply_from(x, block, x.bias.data(), 0, product);
  } else {
    multiply_from(x, block, x.accumulate ? x.out.data() : nullptr, x.n, product);
  }
  if (x.activation == ActivationKind::gelu) {
    activate_rows<ActivationKind::gelu>(x, block, product);
  } else if (x.activation == ActivationKind::relu2) {
    activate_rows<ActivationKind::relu2>(x, block, product);
  }
}

// The least that a thread is woken for: about 40 us, several times what waking a team costs. Few
// rows do little with each element that they read.
template <typename T>
double least_operations(const Matmul<T>& x) {
  return has_few_rows(x) ? 1e6 : 4e6;
}

// Of one product.
template <typename T>
double operations(const Matmul<T>& x) {
  return 2.0 * static_cast<double>(x.m) * static_cast<double>(x.n) *
         static_cast<double>(std::max<std::int64_t>(1, x.k));
}

// A grid of blocks over the output.
struct Division {
  std::int64_t rows, columns;  // of a block, but for the last ones
  std::int64_t row_blocks, column_blocks;

  template <typename T>
  Block block(const Matmul<T>& x, std::int64_t index) const {
    const std::int64_t row = index / column_blocks * rows;
    const std::int64_t column = index % column_blocks * columns;
    return {row, std::min(rows, x.m - row), column, std::min(columns, x.n - column)};
  }
};

// One block a thread: more of them, so that a slow thread does fewer, cost 5 % of a product in
// packing (Intel Emerald Rapids, two threads). Of the grids of about that many blocks, the one that
// keeps a thread busy for the shortest time, and of those the one that moves the fewest elements:
// every block packs its columns of B and reads its rows of A, of which panel_matmul() copies those
// of a transposed one, OpenBLAS any. Copying an element costs about twice what reading one does.
template <typename T>
Division divide(const Matmul<T>& x) {
  constexpr std::int64_t kRowUnit = detail::kPanelRows, kColumnUnit = 64;
  const std::int64_t threads = quotient_up(thread_count(), x.batch);  // for each matrix of a batch
  const auto wanted = static_cast<std::int64_t>(
      std::min(static_cast<double>(threads), operations(x) / least_operations(x)));
  Division best{x.m, x.n, 1, 1};
  std::int64_t shortest = -1, least = -1;
  for (std::int64_t tried = 1; tried <= wanted; ++tried) {
    Division division;
    division.columns = round_up(quotient_up(x.n, tried), kColumnUnit);
    division.column_blocks = quotient_up(x.n, division.columns);
    const std::int64_t row_blocks = quotient_up(wanted, division.column_blocks);
    division.rows = round_up(quotient_up(x.m, row_blocks), kRowUnit);
    division.row_blocks = quotient_up(x.m, division.rows);
    const std::int64_t cost_of_a = x.transpose_a || !kPanels<T> ? 3 : 1;
    const std::int64_t moved =
        2 * division.row_blocks * x.k * x.n + cost_of_a * division.column_blocks * x.m * x.k;
    const std::int64_t rounds = quotient_up(division.row_blocks * division.column_blocks, threads);
    const std::int64_t longest = rounds * division.rows * division.columns;
    if (shortest < 0 || longest < shortest || (longest == shortest && moved < least)) {
      best = division;
      shortest = longest;
      least = moved;
    }
  }
  return best;
}

// One product of a batch.
template <typename T>
Matmul<T> matrix_of(const Matmul<T>& x, std::int64_t index) {
  const auto part = [&]<typename U>(Span<U> all, std::int64_t stride, std::int64_t elements) {
    return all.empty() ? all : all.subspan(index * batch_stride(stride, elements), elements);
  };
  Matmul<T> one = x;
  one.a = part(x.a, x.a_stride, x.m * x.k);
  one.b = part(x.b, x.b_stride, x.k * x.n);
  one.residual = part(x.residual, x.out_stride, x.m * x.n);
  one.pre_activation = part(x.pre_activation, x.out_stride, x.m * x.n);
  one.out = part(x.out, x.out_stride, x.m * x.n);
  return one;
}

}  // namespace

template <typename T>
void matmul(const Matmul<T>& x) {
  check_matmul(x);
  if (x.m == 0 || x.n == 0 || x.batch == 0) return;
  if constexpr (!kPanels<T>) keep_openblas_to_the_calling_thread();
  const Division division = divide(x);
  const std::int64_t blocks = division.row_blocks * division.column_blocks;
  // Small products of a batch go to a thread together until they are worth waking it.
  const auto grain =
      x.batch == 1 ? std::int64_t{1}
                   : 1 + static_cast<std::int64_t>(least_operations(x) *
                                                   static_cast<double>(blocks) / operations(x));
  parallel_for(
      x.batch * blocks, grain,
      [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const Matmul<T> one = matrix_of(x, i / blocks);
          multiply(one, division.block(one, i % blocks));
        }
      },
      [&] {
        if constexpr (kPanels<T>) Scratch<T>::reserve(panel_matmul_scratch<T>(x.n, x.k));
      });
}

template void matmul(const Matmul<float>&);
template void matmul(const Matmul<double>&);

}  // namespace obverse::kernels::cpu

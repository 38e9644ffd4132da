#include "kernels/matmul/cublas_call.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/core/bf16.h"
#include "kernels/core/span.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using kernels::ActivationKind;
using kernels::bf16;
using kernels::kDenseBatch;
using kernels::Matmul;
using kernels::Span;
using kernels::cuda::cublas_plan_for;
using kernels::cuda::CublasCall;
using kernels::cuda::CublasPlan;

constexpr float kUntouched = 77.0f;

template <typename T>
T& at(std::vector<T>& values, std::int64_t index) {
  return values.at(static_cast<std::size_t>(index));
}

// Small integers, of which sums and products are the same in any order and precision.
template <typename T>
std::vector<T> integers(std::int64_t count, std::int64_t seed) {
  std::vector<T> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(T(static_cast<float>((i * 5 + seed * 3 + i / 7) % 7 - 3)));
  }
  return values;
}

// What the library's manual says that a call does, and takes.
template <typename T, typename C>
void do_call(const CublasCall& x, std::vector<T>& a, std::vector<T>& b, std::vector<C>& c) {
  REQUIRE(x.lda >= std::max(1, x.transpose_a ? x.k : x.m));
  REQUIRE(x.ldb >= std::max(1, x.transpose_b ? x.n : x.k));
  REQUIRE(x.ldc >= std::max(1, x.m));
  for (std::int64_t matrix = 0; matrix < x.batch; ++matrix) {
    for (std::int64_t column = 0; column < x.n; ++column) {
      for (std::int64_t row = 0; row < x.m; ++row) {
        float sum = 0.0f;
        for (std::int64_t p = 0; p < x.k; ++p) {
          const std::int64_t in_a = x.transpose_a ? row * x.lda + p : p * x.lda + row;
          const std::int64_t in_b = x.transpose_b ? p * x.ldb + column : column * x.ldb + p;
          sum += static_cast<float>(at(a, matrix * x.stride_a + in_a)) *
                 static_cast<float>(at(b, matrix * x.stride_b + in_b));
        }
        C& out = at(c, matrix * x.stride_c + column * x.ldc + row);
        out = C(x.beta == 0.0f ? sum : sum + x.beta * static_cast<float>(out));
      }
    }
  }
}

enum class Residual { none, apart, in_place };

struct Case {
  std::int64_t m, n, k, batch;
  bool transpose_a, transpose_b;
  std::int64_t a_gap = 0, b_gap = 0, out_gap = 0;  // -1: one matrix for the whole batch
  bool bias = false;
  Residual residual = Residual::none;
  ActivationKind activation = ActivationKind::none;
  bool accumulate = false;

  std::string text() const {
    std::ostringstream out;
    out << "m " << m << " n " << n << " k " << k << " batch " << batch << " transpose "
        << transpose_a << transpose_b << " gaps " << a_gap << " " << b_gap << " " << out_gap
        << " bias " << bias << " residual " << static_cast<int>(residual) << " activation "
        << static_cast<int>(activation) << " accumulate " << accumulate;
    return out.str();
  }
};

// Carries a plan out as matmul_cublas() does, and compares with plain loops.
template <typename T, typename Out>
void check_case(const Case& of) {
  const auto stride = [](std::int64_t elements, std::int64_t gap) {
    return gap < 0 ? 0 : elements + gap;
  };
  const std::int64_t elements = of.m * of.n;
  const std::int64_t a_stride = stride(of.m * of.k, of.a_gap);
  const std::int64_t b_stride = stride(of.k * of.n, of.b_gap);
  const std::int64_t out_stride = elements + of.out_gap;
  const std::int64_t out_extent = (of.batch - 1) * out_stride + elements;
  auto a = integers<T>((of.batch - 1) * a_stride + of.m * of.k, 1);
  auto b = integers<T>((of.batch - 1) * b_stride + of.k * of.n, 2);
  auto bias = integers<T>(of.n, 3);
  auto added = integers<Out>(out_extent, 4);
  std::vector<Out> out(static_cast<std::size_t>(out_extent), Out(kUntouched));
  if (of.accumulate || of.residual == Residual::in_place) out = added;
  std::vector<Out> expected = out;
  const auto finished = [&](float sum, std::int64_t column, float residual) {
    if (of.bias) sum += static_cast<float>(at(bias, column));
    if (of.activation == ActivationKind::relu2) sum = sum < 0.0f ? 0.0f : sum * sum;
    return Out(sum + residual);
  };
  const bool adds = of.accumulate || of.residual != Residual::none;
  for (std::int64_t matrix = 0; matrix < of.batch; ++matrix) {
    for (std::int64_t i = 0; i < elements; ++i) {
      const std::int64_t row = i / of.n, column = i % of.n;
      float sum = 0.0f;
      for (std::int64_t p = 0; p < of.k; ++p) {
        const std::int64_t in_a = of.transpose_a ? p * of.m + row : row * of.k + p;
        const std::int64_t in_b = of.transpose_b ? column * of.k + p : p * of.n + column;
        sum += static_cast<float>(at(a, matrix * a_stride + in_a)) *
               static_cast<float>(at(b, matrix * b_stride + in_b));
      }
      const std::int64_t place = matrix * out_stride + i;
      at(expected, place) =
          finished(sum, column, adds ? static_cast<float>(at(added, place)) : 0.0f);
    }
  }

  Matmul<T, Out> x{.m = of.m,
                   .n = of.n,
                   .k = of.k,
                   .transpose_a = of.transpose_a,
                   .transpose_b = of.transpose_b};
  x.a = {a.data(), static_cast<std::int64_t>(a.size())};
  x.b = {b.data(), static_cast<std::int64_t>(b.size())};
  x.out = {out.data(), out_extent};
  if (of.bias) x.bias = {bias.data(), of.n};
  if (of.residual == Residual::apart) x.residual = {added.data(), out_extent};
  if (of.residual == Residual::in_place) x.residual = x.out;
  x.activation = of.activation;
  std::vector<Out> saved;
  if (of.activation != ActivationKind::none) {
    saved.resize(out.size());
    x.pre_activation = {saved.data(), out_extent};
  }
  x.accumulate = of.accumulate;
  x.batch = of.batch;
  x.a_stride = of.a_gap == 0 ? kDenseBatch : a_stride;
  x.b_stride = of.b_gap == 0 ? kDenseBatch : b_stride;
  x.out_stride = of.out_gap == 0 ? kDenseBatch : out_stride;
  kernels::check_matmul_on_cuda(x);

  const CublasPlan plan = cublas_plan_for(x);
  std::ostringstream call;
  call << plan.call;
  INFO(of.text() << ", by " << call.str());
  if (plan.copies_residual) out = added;
  std::vector<float> scratch(static_cast<std::size_t>(plan.to_scratch ? of.batch * elements : 0));
  if (plan.to_scratch) {
    do_call(plan.call, b, a, scratch);
  } else {
    do_call(plan.call, b, a, out);
  }
  if (plan.finishes) {
    // Only floats are unrounded, and [batch, m, n] is how matmul_finish() takes them.
    REQUIRE((plan.to_scratch || (std::is_same_v<Out, float> && out_stride == elements) ||
             (std::is_same_v<Out, float> && of.batch == 1)));
    for (std::int64_t i = 0; i < of.batch * elements; ++i) {
      const std::int64_t place = i / elements * out_stride + i % elements;
      const float sum = plan.to_scratch ? at(scratch, i) : static_cast<float>(at(out, i));
      float residual = 0.0f;
      if (of.residual == Residual::apart) residual = static_cast<float>(at(added, place));
      if (of.residual == Residual::in_place) residual = static_cast<float>(at(out, place));
      at(out, place) = finished(sum, i % of.n, residual);
    }
  }
  for (std::int64_t i = 0; i < out_extent; ++i) {
    if (static_cast<float>(at(out, i)) == static_cast<float>(at(expected, i))) continue;
    FAIL_CHECK("out[" << i << "]: expected " << static_cast<float>(at(expected, i)) << ", got "
                      << static_cast<float>(at(out, i)));
    return;
  }
  SUCCEED();
}

template <typename T, typename Out>
void check_all() {
  struct Gaps {
    std::int64_t batch, a, b, out;
  };
  for (const Gaps& gaps : {Gaps{1, 0, 0, 0}, Gaps{3, 0, 0, 0}, Gaps{3, 5, 0, 2}, Gaps{2, -1, 3, 0},
                           Gaps{3, 1, -1, 4}}) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        for (const auto& [m, n, k] :
             {std::array<std::int64_t, 3>{2, 5, 3}, {4, 1, 6}, {1, 3, 1}, {3, 3, 3}}) {
          Case x{.m = m,
                 .n = n,
                 .k = k,
                 .batch = gaps.batch,
                 .transpose_a = transpose_a,
                 .transpose_b = transpose_b,
                 .a_gap = gaps.a,
                 .b_gap = gaps.b,
                 .out_gap = gaps.out};
          x.accumulate = true;
          check_case<T, Out>(x);
          x.accumulate = false;
          for (const bool bias : {false, true}) {
            for (const Residual residual : {Residual::none, Residual::apart, Residual::in_place}) {
              for (const auto activation : {ActivationKind::none, ActivationKind::relu2}) {
                x.bias = bias;
                x.residual = residual;
                x.activation = activation;
                check_case<T, Out>(x);
              }
            }
          }
        }
      }
    }
  }
}

TEST_CASE("cuBLAS's calls and what surrounds them make the products", "[cublas_call]") {
  SECTION("of floats") { check_all<float, float>(); }
  SECTION("of bf16") { check_all<bf16, bf16>(); }
  SECTION("of bf16, in floats") { check_all<bf16, float>(); }
}

TEST_CASE("a dense layer's product is one call of cuBLAS", "[cublas_call]") {
  Matmul<bf16> x{.m = 8, .n = 4, .k = 3, .transpose_b = true};
  std::vector<bf16> elements(64);
  const auto call = [&] {
    std::ostringstream out;
    out << cublas_plan_for(x).call;
    return out.str();
  };
  CHECK(call() == "op TN m 4 n 8 k 3 lda 3 ldb 3 ldc 4 strides 12 24 32 batch 1 beta 0");
  CHECK_FALSE(cublas_plan_for(x).finishes);
  x.accumulate = true;
  CHECK(call() == "op TN m 4 n 8 k 3 lda 3 ldb 3 ldc 4 strides 12 24 32 batch 1 beta 1");
  CHECK_FALSE(cublas_plan_for(x).finishes);
  x.accumulate = false;
  x.out = {elements.data(), 32};
  x.residual = x.out;
  CHECK(cublas_plan_for(x).call.beta == 1.0f);
  CHECK_FALSE(cublas_plan_for(x).copies_residual);
  x.residual = {elements.data() + 32, 32};
  CHECK(cublas_plan_for(x).copies_residual);
  CHECK_FALSE(cublas_plan_for(x).finishes);
  // Sums stay unrounded until the epilogue is through.
  x.bias = {elements.data(), 4};
  CHECK(cublas_plan_for(x).to_scratch);
  CHECK(cublas_plan_for(x).finishes);
  CHECK(cublas_plan_for(x).call.beta == 0.0f);
  Matmul<bf16, float> wide{.m = 8, .n = 4, .k = 3};
  wide.bias = x.bias;
  CHECK(cublas_plan_for(wide).finishes);
  CHECK_FALSE(cublas_plan_for(wide).to_scratch);
}

}  // namespace
}  // namespace obverse::tests

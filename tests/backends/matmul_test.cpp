#include "kernels/matmul/matmul.h"

#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/support/catch.h"

#ifndef OBVERSE_BACKEND_CPU
#include "kernels/matmul/matmul_finish.h"
#include "kernels/matmul/matmul_tiles.h"
#endif
#if defined(OBVERSE_BACKEND_CUDA) && defined(OBVERSE_WITH_CUBLAS)
#include <thread>

#include "kernels/core/graph.h"
#endif

namespace obverse::tests {
namespace {

using kernels::ActivationKind;
using kernels::Matmul;

struct Sizes {
  std::int64_t m, n, k;
};

enum class Residual { none, apart, in_place };

// One call, told by values; tests change what they are about.
struct Case {
  Sizes sizes{};
  bool transpose_a = false, transpose_b = false;
  bool bias = false;
  Residual residual = Residual::none;
  ActivationKind activation = ActivationKind::none;
  bool saves = false, accumulate = false;
  std::int64_t shift = 0;  // elements by which every buffer starts past its alignment
  std::int64_t batch = 1;
  bool shared_b = false;  // one b for the whole batch
  std::int64_t gap = 0;   // elements between the matrices of a batch

  std::string text() const {
    std::ostringstream out;
    out << "m " << sizes.m << " n " << sizes.n << " k " << sizes.k << " transpose " << transpose_a
        << transpose_b << " bias " << bias << " residual " << static_cast<int>(residual)
        << " activation " << static_cast<int>(activation) << " saves " << saves << " accumulate "
        << accumulate << " shift " << shift << " batch " << batch << " shared b " << shared_b
        << " gap " << gap;
    return out.str();
  }
};

template <typename T>
double value_of(const T& element) {
  return static_cast<double>(static_cast<float>(element));
}

double activate(ActivationKind kind, double x) {
  if (kind == ActivationKind::gelu) {
    return 0.5 * x * (1.0 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  }
  if (kind == ActivationKind::relu2) return x > 0.0 ? x * x : 0.0;
  return x;
}

// The orders in which plain sums run over the depth: up and down, from eight places on. Any of them
// is a plain sum in its precision, and which of them errs least is chance.
constexpr int kOrders = 16;
std::int64_t in_order(int order, std::int64_t step, std::int64_t depth) {
  const std::int64_t up = order % 2 == 0 ? step : depth - 1 - step;
  return (up + order / 2 * depth / 8) % depth;
}

// The whole case in plain loops: in double, or with sums in float and results rounded to Out. A
// plain sum runs over the depth one by one, as long as any kernel's.
template <typename T, typename Out>
struct Inputs {
  std::int64_t a_stride, b_stride, out_stride;
  std::vector<T> a, b, bias;
  std::vector<Out> before;  // in `out`, and the residual

  explicit Inputs(const Case& x)
      : a_stride(x.sizes.m * x.sizes.k + x.gap),
        b_stride(x.shared_b ? 0 : x.sizes.k * x.sizes.n + x.gap),
        out_stride(x.sizes.m * x.sizes.n + x.gap),
        a(normal_in<T>(extent(x, a_stride, x.sizes.m * x.sizes.k), 1)),
        b(normal_in<T>(extent(x, b_stride, x.sizes.k * x.sizes.n), 2)),
        bias(normal_in<T>(x.sizes.n, 3)),
        before(normal_in<Out>(out_extent(x), 4)) {}

  static std::int64_t extent(const Case& x, std::int64_t stride, std::int64_t elements) {
    return (x.batch - 1) * stride + elements;
  }
  std::int64_t out_extent(const Case& x) const {
    return extent(x, out_stride, x.sizes.m * x.sizes.n);
  }

  // Calls each(index in out, sum, bias, residual or what is accumulated on).
  template <typename Sum, typename Each>
  void for_each(const Case& x, const Each& each, int order = 0) const {
    const auto& [m, n, k] = x.sizes;
    const bool adds = x.residual != Residual::none || x.accumulate;
    for (std::int64_t matrix = 0; matrix < x.batch; ++matrix) {
      std::vector<Sum> left, right;  // [m, k] and [n, k]
      for (std::int64_t i = 0; i < m * k; ++i) {
        const std::int64_t at = x.transpose_a ? i % k * m + i / k : i;
        left.push_back(Sum(value_of(a[static_cast<std::size_t>(matrix * a_stride + at)])));
      }
      for (std::int64_t j = 0; j < n * k; ++j) {
        const std::int64_t at = x.transpose_b ? j : j % k * n + j / k;
        right.push_back(Sum(value_of(b[static_cast<std::size_t>(matrix * b_stride + at)])));
      }
      for (std::int64_t i = 0; i < m * n; ++i) {
        Sum sum = 0;
        for (std::int64_t step = 0; step < k; ++step) {
          const std::int64_t p = in_order(order, step, k);
          sum += left[static_cast<std::size_t>(i / n * k + p)] *
                 right[static_cast<std::size_t>(i % n * k + p)];
        }
        const auto at = static_cast<std::size_t>(matrix * out_stride + i);
        each(at, sum, x.bias ? Sum(value_of(bias[static_cast<std::size_t>(i % n)])) : Sum(0),
             adds ? Sum(value_of(before[at])) : Sum(0));
      }
    }
  }
};

template <typename T, typename Out>
struct Results {
  std::vector<Out> out, saved;
};

// A buffer whose span starts `shift` elements in.
template <typename T>
struct Shifted {
  Buffer<T> buffer;
  std::int64_t shift, count;

  Shifted(const std::vector<T>& values, std::int64_t by)
      : shift(by), count(static_cast<std::int64_t>(values.size())) {
    std::vector<T> all(static_cast<std::size_t>(by), T(0.0f));
    all.insert(all.end(), values.begin(), values.end());
    buffer = Buffer<T>(all);
  }
  static Shifted poisoned(std::int64_t count, std::int64_t by) {
    Shifted shifted({}, 0);
    shifted.buffer = Buffer<T>::poisoned(count + by);
    shifted.shift = by;
    shifted.count = count;
    return shifted;
  }
  kernels::Span<T> span() { return buffer.span().subspan(shift, count); }
  std::vector<T> to_vector() {
    const std::vector<T> all = buffer.to_vector();
    return {all.begin() + shift, all.end()};
  }
};

// Who does the work: matmul() with its own choice of tiles, or whom one more argument names.
template <typename T, typename Out>
void start(const Case&, const Inputs<T, Out>&, const Matmul<T, Out>& product) {
  OBVERSE_RUN(matmul, product);
}

#ifndef OBVERSE_BACKEND_CPU
template <typename T, typename Out>
void start(const Case&, const Inputs<T, Out>&, const Matmul<T, Out>& product,
           const kernels::cuda::MatmulTiles& tiles) {
  OBVERSE_RUN(matmul, product, tiles);
}

// matmul_finish(), with so many equal parts of sums that are made here; or with one that is `out`.
struct Finish {
  int parts = 1;
  bool in_out = false;
};
template <typename T, typename Out>
void start(const Case& x, const Inputs<T, Out>& inputs, const Matmul<T, Out>& product,
           const Finish& finish) {
  const std::int64_t elements = x.sizes.m * x.sizes.n;
  std::vector<float> parts(static_cast<std::size_t>(x.batch * finish.parts * elements));
  inputs.template for_each<float>(x, [&](std::size_t at, float sum, float, float) {
    const std::int64_t matrix = static_cast<std::int64_t>(at) / inputs.out_stride;
    const std::int64_t i = static_cast<std::int64_t>(at) % inputs.out_stride;
    for (int part = 0; part < finish.parts; ++part) {
      parts[static_cast<std::size_t>((matrix * finish.parts + part) * elements + i)] =
          sum / static_cast<float>(finish.parts);
    }
  });
  Shifted<float> shifted(parts, x.shift);
  if (!finish.in_out) {
    OBVERSE_RUN(matmul_finish, product, shifted.span(), finish.parts);
  } else if constexpr (std::is_same_v<Out, float>) {
    kernels::cuda::copy_on_device(test_stream(), product.out.data(), shifted.span().data(),
                                  parts.size() * sizeof(float));
    OBVERSE_RUN(matmul_finish, product, product.out, 1);
  }
}
#endif

#if defined(OBVERSE_BACKEND_CUDA) && defined(OBVERSE_WITH_CUBLAS)
struct Cublas {};
template <typename T, typename Out>
void start(const Case&, const Inputs<T, Out>&, const Matmul<T, Out>& product, const Cublas&) {
  OBVERSE_RUN(matmul_cublas, product);
}
#endif

template <typename T, typename Out, typename... Whom>
Results<T, Out> run(const Case& x, const Inputs<T, Out>& inputs, const Whom&... whom) {
  const std::int64_t elements = inputs.out_extent(x);
  Shifted<T> a(inputs.a, x.shift), b(inputs.b, x.shift), bias(inputs.bias, x.shift);
  Shifted<Out> residual(inputs.before, x.shift);
  auto saved = Shifted<Out>::poisoned(elements, x.shift);
  auto out = x.accumulate || x.residual == Residual::in_place
                 ? Shifted<Out>(inputs.before, x.shift)
                 : Shifted<Out>::poisoned(elements, x.shift);
  Matmul<T, Out> product{.m = x.sizes.m,
                         .n = x.sizes.n,
                         .k = x.sizes.k,
                         .transpose_a = x.transpose_a,
                         .transpose_b = x.transpose_b};
  product.a = a.span();
  product.b = b.span();
  if (x.bias) product.bias = bias.span();
  if (x.residual == Residual::apart) product.residual = residual.span();
  if (x.residual == Residual::in_place) product.residual = out.span();
  product.activation = x.activation;
  if (x.saves) product.pre_activation = saved.span();
  product.accumulate = x.accumulate;
  product.out = out.span();
  product.batch = x.batch;
  if (x.gap > 0) {
    product.a_stride = inputs.a_stride;
    product.out_stride = inputs.out_stride;
  }
  if (x.gap > 0 || x.shared_b) product.b_stride = inputs.b_stride;
  start(x, inputs, product, whom...);
  return {out.to_vector(), x.saves ? saved.to_vector() : std::vector<Out>()};
}

template <typename T, typename Out, typename... Whom>
void check_case(const Case& x, const Whom&... whom) {
  INFO(x.text());
  const Inputs<T, Out> inputs(x);
  const Results<T, Out> results = run(x, inputs, whom...);
  std::vector<Out> out, saved;
  std::vector<double> exact, exact_saved;
  const auto pick = [&](std::size_t at) {
    out.push_back(results.out[at]);
    if (x.saves) saved.push_back(results.saved[at]);
  };
  inputs.template for_each<double>(x, [&](std::size_t at, double sum, double bias, double added) {
    pick(at);
    exact_saved.push_back(sum + bias);
    exact.push_back(activate(x.activation, sum + bias) + added);
  });
  // Of the plain results in each order the one that is farther off, element by element.
  std::vector<Out> plain, plain_saved;
  const auto keep_worst = [](std::vector<Out>& worst, const std::vector<double>& right,
                             std::size_t at, Out value) {
    const auto error = [&](Out of) { return std::abs(static_cast<double>(of) - right[at]); };
    if (at == worst.size()) {
      worst.push_back(value);
    } else if (error(value) > error(worst[at])) {
      worst[at] = value;
    }
  };
  for (int order = 0; order < kOrders; ++order) {
    std::size_t at = 0;
    inputs.template for_each<float>(
        x,
        [&](std::size_t, float sum, float bias, float added) {
          const float before = sum + bias;
          const auto activated =
              static_cast<float>(activate(x.activation, static_cast<double>(before)));
          keep_worst(plain_saved, exact_saved, at, Out(before));
          keep_worst(plain, exact, at, Out(activated + added));
          ++at;
        },
        order);
  }
  check_flash_rule(out, plain, exact, "out");
  if (x.saves && x.activation != ActivationKind::none) {
    check_flash_rule(saved, plain_saved, exact_saved, "pre_activation");
  }
  // Nothing between the matrices of a batch is written.
  const auto [m, n, k] = x.sizes;
  for (std::int64_t i = 0; i < inputs.out_extent(x); ++i) {
    if (i % inputs.out_stride < m * n) continue;
    const auto at = static_cast<std::size_t>(i);
    const bool kept = x.accumulate || x.residual == Residual::in_place;
    if (kept ? value_of(results.out[at]) == value_of(inputs.before[at])
             : std::isnan(value_of(results.out[at]))) {
      continue;
    }
    FAIL_CHECK("out[" << i << "] lies between matrices and was written");
    return;
  }
}

template <typename T, typename... Whom>
void check_orientations(Case x, const Whom&... whom) {
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      x.transpose_a = transpose_a;
      x.transpose_b = transpose_b;
      check_case<T, T>(x, whom...);
    }
  }
}

// Tiny, odd, thin, exactly one tile, past its edges by whole vectors and by parts of one; depths
// from less than one mma to more than the pipeline holds.
constexpr Sizes kSizes[] = {{1, 1, 1},    {1, 200, 3},     {17, 33, 65},  {64, 614, 64},
                            {64, 64, 32}, {128, 128, 128}, {100, 72, 200}};

TEMPLATE_TEST_CASE("matmul reads each operand in both orientations", "[matmul]",
                   OBVERSE_BACKEND_TYPES) {
  for (const Sizes& sizes : kSizes) check_orientations<TestType>({.sizes = sizes});
}

TEMPLATE_TEST_CASE("matmul takes buffers that start anywhere", "[matmul]", OBVERSE_BACKEND_TYPES) {
  for (const Sizes& sizes : {Sizes{24, 40, 72}, Sizes{17, 33, 65}}) {
    check_orientations<TestType>({.sizes = sizes,
                                  .bias = true,
                                  .residual = Residual::apart,
                                  .activation = ActivationKind::gelu,
                                  .saves = true,
                                  .shift = 1});
  }
}

TEMPLATE_TEST_CASE("matmul applies every epilogue", "[matmul]", OBVERSE_BACKEND_TYPES) {
  for (const Sizes& sizes : {Sizes{24, 72, 40}, Sizes{19, 37, 21}}) {
    for (const bool bias : {false, true}) {
      for (const Residual residual : {Residual::none, Residual::apart, Residual::in_place}) {
        Case x{.sizes = sizes, .transpose_b = true, .bias = bias, .residual = residual};
        check_case<TestType, TestType>(x);
        for (const auto activation : {ActivationKind::gelu, ActivationKind::relu2}) {
          for (const bool saves : {false, true}) {
            if (residual == Residual::in_place && !saves) continue;
            x.activation = activation;
            x.saves = saves;
            check_case<TestType, TestType>(x);
          }
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("matmul of no depth is its epilogue of zeros", "[matmul]",
                   OBVERSE_BACKEND_TYPES) {
  for (const Sizes& sizes : {Sizes{3, 5, 0}, Sizes{16, 72, 0}}) {
    check_case<TestType, TestType>({.sizes = sizes});
    check_case<TestType, TestType>({.sizes = sizes,
                                    .bias = true,
                                    .residual = Residual::apart,
                                    .activation = ActivationKind::gelu,
                                    .saves = true});
    check_case<TestType, TestType>({.sizes = sizes, .accumulate = true});
  }
}

TEMPLATE_TEST_CASE("matmul without rows or columns does nothing", "[matmul]",
                   OBVERSE_BACKEND_TYPES) {
  for (const Sizes& sizes : {Sizes{0, 5, 3}, Sizes{5, 0, 3}, Sizes{0, 0, 0}}) {
    check_orientations<TestType>(
        {.sizes = sizes, .bias = true, .residual = Residual::apart, .batch = 2});
  }
}

TEMPLATE_TEST_CASE("matmul adds to what is there", "[matmul]", OBVERSE_BACKEND_TYPES) {
  for (const Sizes& sizes : {Sizes{24, 72, 40}, Sizes{19, 37, 21}}) {
    check_case<TestType, TestType>({.sizes = sizes, .transpose_a = true, .accumulate = true});
  }
}

TEMPLATE_TEST_CASE("matmul computes batches", "[matmul]", OBVERSE_BACKEND_TYPES) {
  for (const Sizes& sizes : {Sizes{24, 40, 72}, Sizes{19, 37, 21}, Sizes{5, 8, 0}}) {
    for (const std::int64_t gap : {0, 8, 3}) {
      check_case<TestType, TestType>({.sizes = sizes, .batch = 3, .gap = gap});
      check_case<TestType, TestType>({.sizes = sizes,
                                      .transpose_b = true,
                                      .bias = true,
                                      .residual = Residual::in_place,
                                      .activation = ActivationKind::gelu,
                                      .saves = true,
                                      .batch = 2,
                                      .shared_b = true,
                                      .gap = gap});
      check_case<TestType, TestType>(
          {.sizes = sizes, .transpose_a = true, .accumulate = true, .batch = 2, .gap = gap});
    }
  }
}

TEMPLATE_TEST_CASE("matmul names wrong arguments on every backend", "[matmul]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  Buffer<T> six(normal_in<T>(6, 1)), twelve(normal_in<T>(12, 2)), eight(normal_in<T>(8, 3));
  Matmul<T> x{.m = 2, .n = 4, .k = 3};
  x.a = six.span();
  x.b = twelve.span();
  x.out = eight.span();
  const auto message = [&] { return error_of([&] { OBVERSE_RUN(matmul, x); }); };
  CHECK(message() == "nothing thrown");
  x.out = six.span();
  CHECK(message() == "[matmul] expected out of 8 elements (m = 2, n = 4, k = 3), got 6");
  x.out = eight.span();
  x.batch = 2;
  CHECK(message() == "[matmul] expected a of 12 elements (m = 2, n = 4, k = 3, batch = 2), got 6");
  x.a_stride = 0;
  CHECK(message() == "[matmul] expected b of 24 elements (m = 2, n = 4, k = 3, batch = 2), got 12");
  x.b_stride = -2;
  CHECK(message() ==
        "[matmul] expected strides of at least 0 or kDenseBatch, got a_stride = 0, b_stride = -2");
  x.b_stride = 0;
  x.out_stride = 7;
  CHECK(message() == "[matmul] expected out_stride of at least 8 or kDenseBatch, got 7");
  x.batch = -1;
  CHECK(message() == "[matmul] expected a batch of at least 0, got -1");
  x.batch = 0;
  x.a = {};
  x.b = {};
  x.out = {};
  CHECK(message() == "nothing thrown");
#ifndef OBVERSE_BACKEND_CPU
  x.batch = 65536;
  x.out_stride = 8;
  x.a = six.span();
  x.a_stride = 0;
  x.b = twelve.span();
  x.out = kernels::Span<T>(eight.span().data(), 65536 * 8);
  CHECK(message() == "[matmul] expected a batch of at most 65535 on CUDA, got 65536");
#endif
}

#ifndef OBVERSE_BACKEND_CPU

using kernels::cuda::MatmulTile;
using kernels::cuda::MatmulTiles;

template <typename T>
std::vector<MatmulTile> tiles_of() {
  if (sizeof(T) == 4) return {MatmulTile::small, MatmulTile::medium};
  return {MatmulTile::small, MatmulTile::medium, MatmulTile::large};
}

// Past each edge of a tile and one step more than the pipeline's four stages, so that a stage is
// filled again.
TEMPLATE_TEST_CASE("matmul is right with every tile", "[matmul]", OBVERSE_BACKEND_TYPES) {
  const std::int64_t depth = sizeof(TestType) == 2 ? 32 : 8;
  for (const MatmulTile tile : tiles_of<TestType>()) {
    INFO("tile " << static_cast<int>(tile));
    const MatmulTiles tiles{tile, 1};
    check_orientations<TestType>({.sizes = {136, 264, 5 * depth + 8}}, tiles);
    check_case<TestType, TestType>({.sizes = {131, 259, 5 * depth + 3},
                                    .transpose_b = true,
                                    .bias = true,
                                    .residual = Residual::in_place,
                                    .activation = ActivationKind::gelu,
                                    .saves = true,
                                    .shift = 1},
                                   tiles);
  }
}

TEMPLATE_TEST_CASE("matmul splits the depth", "[matmul]", OBVERSE_BACKEND_TYPES) {
  for (const MatmulTile tile : {MatmulTile::small, MatmulTile::medium}) {
    for (const int splits : {2, 3, 1000}) {
      INFO("tile " << static_cast<int>(tile) << " splits " << splits);
      const MatmulTiles tiles{tile, splits};
      check_case<TestType, TestType>({.sizes = {24, 72, 200},
                                      .transpose_a = true,
                                      .bias = true,
                                      .residual = Residual::in_place,
                                      .activation = ActivationKind::gelu,
                                      .saves = true,
                                      .batch = 2,
                                      .gap = 8},
                                     tiles);
      check_case<TestType, TestType>({.sizes = {19, 37, 131}, .accumulate = true}, tiles);
    }
  }
  check_case<TestType, TestType>({.sizes = {16, 16, 0}, .bias = true},
                                 MatmulTiles{MatmulTile::small, 4});
}

TEST_CASE("matmul of bf16 keeps its sums in float where out is float", "[matmul]") {
  using kernels::bf16;
  for (const Sizes& sizes : {Sizes{24, 72, 40}, Sizes{19, 37, 21}, Sizes{72, 64, 520}}) {
    Case x{.sizes = sizes, .transpose_a = true, .accumulate = true};
    check_case<bf16, float>(x);
    check_case<bf16, float>(x, MatmulTiles{MatmulTile::small, 3});
    x.accumulate = false;
    x.bias = true;
    x.residual = Residual::in_place;
    x.activation = ActivationKind::gelu;
    x.saves = true;
    check_case<bf16, float>(x);
  }
  for (const MatmulTile tile : tiles_of<bf16>()) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        check_case<bf16, float>(
            {.sizes = {65, 72, 72}, .transpose_a = transpose_a, .transpose_b = transpose_b},
            MatmulTiles{tile, 1});
      }
    }
  }
}

TEMPLATE_TEST_CASE("matmul gives the same bits on every run", "[matmul]", OBVERSE_BACKEND_TYPES) {
  for (const MatmulTile tile : tiles_of<TestType>()) {
    for (const int splits : {1, 3}) {
      const Case x{.sizes = {72, 136, 200},
                   .transpose_b = true,
                   .bias = true,
                   .residual = Residual::apart,
                   .activation = ActivationKind::gelu};
      const Inputs<TestType, TestType> inputs(x);
      const MatmulTiles tiles{tile, splits};
      const auto first = run(x, inputs, tiles);
      INFO("tile " << static_cast<int>(tile) << " splits " << splits);
      for_schedules([&] { check_same_bits(run(x, inputs, tiles).out, first.out, "out"); }, 10);
    }
  }
}

template <typename T, typename Out>
void check_finish() {
  // By whole vectors and by single elements.
  for (const Sizes& sizes : {Sizes{12, 40, 16}, Sizes{9, 29, 16}}) {
    for (const std::int64_t shift : {0, 1}) {
      for (const bool bias : {false, true}) {
        for (const Residual residual : {Residual::none, Residual::apart, Residual::in_place}) {
          for (const auto activation : {ActivationKind::none, ActivationKind::gelu}) {
            Case x{.sizes = sizes,
                   .bias = bias,
                   .residual = residual,
                   .activation = activation,
                   .saves = activation != ActivationKind::none,
                   .shift = shift};
            check_case<T, Out>(x, Finish{});
            if constexpr (std::is_same_v<Out, float>) {
              if (residual != Residual::in_place) check_case<T, Out>(x, Finish{.in_out = true});
            }
            x.batch = 2;
            x.gap = 8 * (1 - shift) + shift;
            check_case<T, Out>(x, Finish{.parts = 2});
          }
        }
      }
    }
  }
  check_case<T, Out>({.sizes = {19, 37, 3}, .accumulate = true}, Finish{});
  check_case<T, Out>({.sizes = {16, 72, 0}, .bias = true, .residual = Residual::apart, .batch = 2},
                     Finish{.parts = 0});
}

TEST_CASE("matmul_finish ends sums that lie in memory", "[matmul]") {
  SECTION("of floats") { check_finish<float, float>(); }
  SECTION("of bf16") { check_finish<bf16, bf16>(); }
  SECTION("of bf16, in floats") { check_finish<bf16, float>(); }
}

// As where our own kernels end: the activation is given what pre_activation was rounded from.
TEST_CASE("matmul_finish rounds each result once", "[matmul]") {
  constexpr std::int64_t kColumns = 5000;  // several blocks
  const auto sums = normal_in<float>(kColumns, 1);
  const auto bias = normal_in<bf16>(kColumns, 2);
  std::vector<bf16> expected, expected_saved;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const float before = sums[i] + static_cast<float>(bias[i]);
    expected_saved.emplace_back(before);
    expected.emplace_back(before < 0.0f ? 0.0f : before * before);
  }
  Buffer<bf16> biases(bias);
  for (const std::int64_t shift : {0, 1}) {  // of the parts alone
    Shifted<float> parts(sums, shift);
    for_schedules([&] {
      auto out = Buffer<bf16>::poisoned(kColumns), saved = Buffer<bf16>::poisoned(kColumns);
      Matmul<bf16> x{.m = 1, .n = kColumns, .k = 1};
      x.bias = biases.span();
      x.activation = ActivationKind::relu2;
      x.pre_activation = saved.span();
      x.out = out.span();
      OBVERSE_RUN(matmul_finish, x, parts.span(), 1);
      check_same_bits(out.to_vector(), expected, "out");
      check_same_bits(saved.to_vector(), expected_saved, "pre_activation");
    });
  }
  Shifted<float> parts(sums, 0);
  Matmul<bf16> x{.m = 2, .n = kColumns, .k = 1};
  CHECK(error_of([&] { OBVERSE_RUN(matmul_finish, x, parts.span(), 1); }) ==
        "[matmul_finish] expected parts of 10000 elements, got 5000");
}

TEST_CASE("matmul says which tiles float has", "[matmul]") {
  Buffer<float> one(std::vector<float>{1.0f});
  Matmul<float> x{.m = 1, .n = 1, .k = 1};
  x.a = one.span();
  x.b = one.span();
  x.out = one.span();
  CHECK(error_of([&] {
          OBVERSE_RUN(matmul, x, MatmulTiles{MatmulTile::large, 1});
        }) == "[matmul] expected a small or medium tile for float, got a large one");
}

#endif

#if defined(OBVERSE_BACKEND_CUDA) && defined(OBVERSE_WITH_CUBLAS)

template <typename T, typename Out>
void check_cublas() {
  for (const Sizes& sizes : kSizes) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        check_case<T, Out>({.sizes = sizes, .transpose_a = transpose_a, .transpose_b = transpose_b},
                           Cublas{});
      }
    }
  }
  for (const Sizes& sizes : {Sizes{24, 72, 40}, Sizes{19, 37, 21}, Sizes{5, 8, 0}}) {
    for (const std::int64_t batch : {1, 3}) {
      for (const std::int64_t gap : {0, 8, 3}) {
        for (const std::int64_t shift : {0, 1}) {
          Case x{.sizes = sizes,
                 .transpose_a = true,
                 .accumulate = true,
                 .shift = shift,
                 .batch = batch,
                 .shared_b = gap == 8,
                 .gap = gap};
          check_case<T, Out>(x, Cublas{});
          x.accumulate = false;
          for (const bool bias : {false, true}) {
            for (const Residual residual : {Residual::none, Residual::apart, Residual::in_place}) {
              for (const auto activation : {ActivationKind::none, ActivationKind::gelu}) {
                x.bias = bias;
                x.residual = residual;
                x.activation = activation;
                x.saves = activation != ActivationKind::none;
                check_case<T, Out>(x, Cublas{});
              }
            }
          }
        }
      }
    }
  }
}

TEST_CASE("matmul_cublas gives what matmul gives", "[matmul]") {
  SECTION("of floats") { check_cublas<float, float>(); }
  SECTION("of bf16") { check_cublas<bf16, bf16>(); }
  SECTION("of bf16, in floats") { check_cublas<bf16, float>(); }
}

// A layer with all of the epilogue on a stream of its own.
struct CublasLayer {
  static constexpr std::int64_t kSide = 256;
  kernels::cuda::Stream stream;
  kernels::cuda::DeviceArray<bf16> a{stream, kSide*kSide}, b{stream, kSide*kSide},
      bias{stream, kSide}, residual{stream, kSide*kSide}, out{stream, kSide*kSide};

  explicit CublasLayer(std::uint64_t seed) {
    for (const auto& [array, number] : {std::pair{&a, 0}, {&b, 1}, {&bias, 2}, {&residual, 3}}) {
      const auto values = normal_in<bf16>(array->size(), 4 * seed + static_cast<unsigned>(number));
      kernels::cuda::copy_to_device(stream, array->span().data(), values.data(),
                                    values.size() * sizeof(bf16));
    }
  }
  void multiply() {
    Matmul<bf16> x{.m = kSide, .n = kSide, .k = kSide, .transpose_b = true};
    x.a = a.span();
    x.b = b.span();
    x.bias = bias.span();
    x.residual = residual.span();
    x.activation = ActivationKind::gelu;
    x.out = out.span();
    kernels::cuda::matmul_cublas(x, stream);
  }
  std::vector<bf16> result() {
    std::vector<bf16> values(static_cast<std::size_t>(out.size()));
    kernels::cuda::copy_to_host(stream, values.data(), out.span().data(),
                                values.size() * sizeof(bf16));
    kernels::cuda::fill_bytes(stream, out.span().data(), 0xFF, values.size() * sizeof(bf16));
    return values;
  }
};

TEST_CASE("matmul_cublas is recorded from a stream's second product on", "[matmul]") {
  CublasLayer layer(1);
  const auto record = [&] {
    return kernels::cuda::Graph::record(layer.stream, [&] { layer.multiply(); });
  };
  CHECK(error_of([&] { record(); }) ==
        "[matmul] expected cuBLAS's first product on a stream outside of a recording");
  layer.multiply();
  const std::vector<bf16> expected = layer.result();
  const kernels::cuda::Graph graph = record();
  for (int i = 0; i < 3; ++i) {
    graph.replay(layer.stream);
    check_same_bits(layer.result(), expected, "out");
  }
}

// Streams come and go, so that handles are taken over from some that are gone.
TEST_CASE("matmul_cublas works on several streams at a time", "[matmul]") {
  constexpr std::size_t kThreads = 4;
  std::vector<std::vector<std::vector<bf16>>> results(kThreads);
  std::vector<std::vector<bf16>> alone;
  for (std::size_t i = 0; i < kThreads; ++i) {
    CublasLayer layer(i);
    layer.multiply();
    alone.push_back(layer.result());
  }
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&results, i] {
      for (int repeat = 0; repeat < 5; ++repeat) {
        CublasLayer layer(i);
        for (int turn = 0; turn < 20; ++turn) layer.multiply();
        results[i].push_back(layer.result());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < kThreads; ++i) {
    for (const auto& result : results[i]) check_same_bits(result, alone[i], "out");
  }
}

#endif

}  // namespace
}  // namespace obverse::tests

// A dense layer's three products in bf16, beside cuBLAS: out = a w', the gradient of a, that of w.
#include "kernels/matmul/matmul.h"

#include <cstdint>
#include <string>
#include <vector>

#include "bench/cuda/device_bench.h"

namespace obverse::bench {
namespace {

using kernels::bf16;
using kernels::Matmul;
using kernels::cuda::DeviceArray;

struct Product {
  const char* direction;
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
};

struct Set {
  DeviceArray<bf16> a, b, out;
};

// Where set 0's operands lie in the pool.
constexpr std::int64_t kOffsetA = 0, kOffsetB = 1234567, kOffsetOfSet = 7654321;

Matmul<bf16> arguments_of(const Product& product, const Set& set) {
  Matmul<bf16> x;
  x.m = product.m;
  x.n = product.n;
  x.k = product.k;
  x.transpose_a = product.transpose_a;
  x.transpose_b = product.transpose_b;
  x.a = set.a.span();
  x.b = set.b.span();
  x.out = set.out.span();
  return x;
}

double error_of(DeviceBench& bench, const NormalPool<bf16>& pool, const Product& product,
                const Set& set) {
  const auto& [direction, m, n, k, transpose_a, transpose_b] = product;
  const auto indices = sample_indices(256, m * n);
  std::vector<double> expected;
  for (const std::int64_t index : indices) {
    const std::int64_t row = index / n, column = index % n;
    double sum = 0.0;
    for (std::int64_t i = 0; i < k; ++i) {
      sum += pool.at(kOffsetA, transpose_a ? i * m + row : row * k + i) *
             pool.at(kOffsetB, transpose_b ? column * k + i : i * n + column);
    }
    expected.push_back(sum);
  }
  return relative_error(bench.read(set.out.span(), indices), expected);
}

void measure(DeviceBench& bench, const NormalPool<bf16>& pool, const std::string& shape,
             const Product& product) {
  auto& stream = bench.stream();
  const std::int64_t a_count = product.m * product.k, b_count = product.k * product.n;
  const std::int64_t out_count = product.m * product.n;
  std::vector<Set> sets;
  for (std::int64_t i = 0;
       i < bench.sets(static_cast<double>(a_count + b_count + out_count) * sizeof(bf16)); ++i) {
    sets.push_back({pool.array(stream, a_count, kOffsetA + i * kOffsetOfSet),
                    pool.array(stream, b_count, kOffsetB + i * kOffsetOfSet),
                    DeviceArray<bf16>(stream, out_count)});
  }
  const auto set_of = [&](std::int64_t turn) -> const Set& {
    return sets[static_cast<std::size_t>(turn) % sets.size()];
  };
  const std::vector<std::string> providers{"own", "cublas"};
  const std::vector<std::function<void(std::int64_t)>> bodies{
      [&](std::int64_t turn) {
        kernels::cuda::matmul(arguments_of(product, set_of(turn)), stream);
      },
      [&](std::int64_t turn) {
        kernels::cuda::matmul_cublas(arguments_of(product, set_of(turn)), stream);
      }};
  std::vector<double> errors;
  for (const auto& body : bodies) {
    bench.poison(sets[0].out);
    body(0);
    errors.push_back(error_of(bench, pool, product, sets[0]));
  }
  const std::vector<Timing> timings = bench.time_in_turn(bodies);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    bench.report().add({.operation = "matmul",
                        .provider = providers[i],
                        .direction = product.direction,
                        .shape = shape,
                        .device = "cuda",
                        .seconds = timings[i],
                        .work = 2.0 * static_cast<double>(product.m) *
                                static_cast<double>(product.n) * static_cast<double>(product.k),
                        .counts_flops = true,
                        .ceiling = "cublas",
                        .ceiling_rate = bench.product_rate(),
                        .error = errors[i]});
  }
}

}  // namespace

void bench_matmul_on_device(DeviceBench& bench) {
  auto shapes = bench.report().shapes().matmul;
  if (shapes.empty()) shapes = default_matmul_shapes();
  const NormalPool<bf16> pool(bench.stream(), 1);
  for (const MatmulSizes& sizes : shapes) {
    const auto [m, n, k] = sizes;
    for (const Product& product :
         {Product{"forward", m, n, k, false, true}, Product{"dgrad", m, k, n, false, false},
          Product{"wgrad", n, k, m, true, false}}) {
      const std::string kernel = std::string("matmul_") + product.direction;
      if (!bench.report().wanted(kernel, sizes.name())) continue;
      guarded(bench.report(), kernel, sizes.name(),
              [&] { measure(bench, pool, sizes.name(), product); });
    }
  }
}

}  // namespace obverse::bench

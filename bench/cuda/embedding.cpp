// Embedding of tokens whose ids are as unequally frequent as words, forward and backward, against
// the rate of a plain copy. Of the tables, bytes are those of the rows that the tokens name.
#include "kernels/embedding/embedding.h"

#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "bench/cuda/pointwise.h"

namespace obverse::bench {
namespace {

using kernels::bf16;
using kernels::cuda::DeviceArray;

struct Sizes {
  std::int64_t batch, sequence, width, vocabulary;
  std::int64_t tokens() const { return batch * sequence; }
  std::string name() const { return shape_name(batch, sequence, width, vocabulary); }
};
// GPT-2 124M's of 8192 and 65536 tokens, and a study's.
constexpr Sizes kSizes[] = {{8, 1024, 768, 50304}, {64, 1024, 768, 50304}, {64, 8, 64, 614}};

// The frequency of id i is about 1 / (i + 1), as Zipf found of words.
std::vector<std::int32_t> zipf_ids(const Sizes& sizes) {
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < sizes.tokens(); ++i) {
    const double place = kernels::uniform({.step = 300}, static_cast<std::uint64_t>(i));
    ids.push_back(
        static_cast<std::int32_t>(std::pow(static_cast<double>(sizes.vocabulary), place)) - 1);
  }
  return ids;
}

template <typename T>
struct Bench {
  DeviceBench& device;
  const NormalPool<T>& pool;
  Sizes sizes;
  std::vector<std::int32_t> ids = zipf_ids(sizes);
  DeviceArray<std::int32_t> ids_on_device{device.stream(), sizes.tokens()};

  static constexpr std::int64_t kTable = 1234567, kPositions = 2345678;  // places in the pool

  std::int64_t elements() const { return sizes.tokens() * sizes.width; }
  double rows() const {  // of the tables
    return static_cast<double>(std::set<std::int32_t>(ids.begin(), ids.end()).size()) +
           static_cast<double>(sizes.sequence);
  }
  template <typename Call>
  void fill(Call& x) const {
    x.batch = sizes.batch;
    x.sequence = sizes.sequence;
    x.width = sizes.width;
    x.vocabulary = sizes.vocabulary;
    x.ids = ids_on_device.span();
  }
  std::int64_t id(std::int64_t token) const { return ids[static_cast<std::size_t>(token)]; }

  // `body` has run once, for set 0.
  template <typename Body>
  void report(const char* direction, double bytes, double error, const Body& body) const {
    device.report().add({.operation = "embedding",
                         .provider = "own",
                         .direction = std::string(direction) + "_" + kTypeName<T>,
                         .shape = sizes.name(),
                         .device = "cuda",
                         .seconds = device.time_in_turn({body})[0],
                         .work = bytes,
                         .ceiling = "copy",
                         .ceiling_rate = device.copy_rate(),
                         .error = error});
  }

  void forward() const {
    auto& stream = device.stream();
    const auto table = pool.array(stream, sizes.vocabulary * sizes.width, kTable);
    const auto positions = pool.array(stream, sizes.sequence * sizes.width, kPositions);
    const double out_bytes = static_cast<double>(elements()) * sizeof(T);
    std::vector<DeviceArray<T>> out;
    for (std::int64_t i = 0; i < device.sets(out_bytes); ++i) {
      out.emplace_back(stream, elements());
      device.poison(out.back());
    }
    kernels::EmbeddingForward<T> x;
    fill(x);
    x.token_table = table.span();
    x.position_table = positions.span();
    const auto body = [&](std::int64_t turn) {
      x.out = out[static_cast<std::size_t>(turn) % out.size()].span();
      kernels::cuda::embedding_forward(x, stream);
    };
    body(0);
    const auto indices = sample_indices(256, elements());
    std::vector<double> expected;
    for (const std::int64_t i : indices) {
      const std::int64_t token = i / sizes.width, column = i % sizes.width;
      expected.push_back(pool.at(kTable, id(token) * sizes.width + column) +
                         pool.at(kPositions, token % sizes.sequence * sizes.width + column));
    }
    const double error = relative_error(device.read(out[0].span(), indices), expected);
    report("forward", out_bytes + rows() * static_cast<double>(sizes.width) * sizeof(T), error,
           body);
  }

  void backward() const {
    auto& stream = device.stream();
    const DeviceArray<float> table(stream, sizes.vocabulary * sizes.width);
    const DeviceArray<float> positions(stream, sizes.sequence * sizes.width);
    for (const auto* array : {&table, &positions}) {
      kernels::cuda::fill_bytes(stream, array->span().data(), 0,
                                static_cast<std::size_t>(array->size()) * sizeof(float));
    }
    const double in_bytes = static_cast<double>(elements()) * sizeof(T);
    std::vector<DeviceArray<T>> gradients;
    for (std::int64_t i = 0; i < device.sets(in_bytes); ++i) {
      gradients.push_back(pool.array(stream, elements(), i * 7654321));
    }
    kernels::EmbeddingBackward<T> x;
    fill(x);
    x.token_table_gradient = table.span();
    x.position_table_gradient = positions.span();
    const auto body = [&](std::int64_t turn) {
      x.output_gradient = gradients[static_cast<std::size_t>(turn) % gradients.size()].span();
      kernels::cuda::embedding_backward(x, stream);
    };
    body(0);
    // Where sampled tokens went.
    std::vector<std::int64_t> indices;
    std::vector<double> expected;
    for (const std::int64_t i : sample_indices(256, elements())) {
      const std::int64_t column = i % sizes.width, row = id(i / sizes.width);
      double sum = 0.0;
      for (std::int64_t token = 0; token < sizes.tokens(); ++token) {
        if (id(token) == row) sum += pool.at(0, token * sizes.width + column);
      }
      indices.push_back(row * sizes.width + column);
      expected.push_back(sum);
    }
    const double error = relative_error(device.read(table.span(), indices), expected);
    report("backward", in_bytes + 2.0 * rows() * static_cast<double>(sizes.width) * sizeof(float),
           error, body);
  }

  void run() {
    kernels::cuda::copy_to_device(device.stream(), ids_on_device.span().data(), ids.data(),
                                  ids.size() * sizeof(std::int32_t));
    for (const bool is_forward : {true, false}) {
      const std::string kernel =
          std::string(is_forward ? "embedding_forward_" : "embedding_backward_") + kTypeName<T>;
      if (!device.report().wanted(kernel, sizes.name())) continue;
      guarded(device.report(), kernel, sizes.name(), [&] { is_forward ? forward() : backward(); });
    }
  }
};

template <typename T>
void measure(DeviceBench& bench) {
  const NormalPool<T> pool(bench.stream(), 1);
  for (const Sizes& sizes : kSizes) Bench<T>{bench, pool, sizes}.run();
}

}  // namespace

void bench_embedding_on_device(DeviceBench& bench) {
  measure<float>(bench);
  measure<bf16>(bench);
}

}  // namespace obverse::bench

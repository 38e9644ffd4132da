// Attention in bf16, causal and full: forward, backward with atomic additions, which is what others
// do by default, and the deterministic backward.
#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bench/cuda/device_bench.h"

namespace obverse::bench {
namespace {

using kernels::AttentionMask;
using kernels::bf16;
using kernels::Span;
using kernels::cuda::DeviceArray;

using Pool = NormalPool<bf16>;

// Where set 0's arrays lie in the pool.
constexpr std::int64_t kQuery = 0, kKey = 1234567, kValue = 2345678, kOutputGradient = 3456789;
constexpr std::int64_t kOffsetOfSet = 7654321;

struct Set {
  DeviceArray<bf16> query, key, value, out, output_gradient;
  DeviceArray<float> log_sum_exp;
  DeviceArray<bf16> query_gradient, key_gradient, value_gradient;

  Set(kernels::cuda::Stream& stream, const Pool& pool, const AttentionSizes& sizes,
      std::int64_t offset)
      : query(pool.array(stream, queries(sizes), kQuery + offset)),
        key(pool.array(stream, keys(sizes), kKey + offset)),
        value(pool.array(stream, keys(sizes), kValue + offset)),
        out(stream, queries(sizes)),
        output_gradient(pool.array(stream, queries(sizes), kOutputGradient + offset)),
        log_sum_exp(stream, sizes.batch * sizes.heads * sizes.sequence),
        query_gradient(stream, queries(sizes)),
        key_gradient(stream, keys(sizes)),
        value_gradient(stream, keys(sizes)) {}

  static std::int64_t queries(const AttentionSizes& s) {
    return s.batch * s.sequence * s.heads * s.head_size;
  }
  static std::int64_t keys(const AttentionSizes& s) {
    return s.batch * s.sequence * s.key_value_heads * s.head_size;
  }
  static double bytes(const AttentionSizes& s) {
    return static_cast<double>(4 * queries(s) + 4 * keys(s)) * sizeof(bf16);
  }
};

struct Case {
  AttentionSizes sizes;
  AttentionMask mask;

  kernels::AttentionShape shape() const {
    return {.batch = sizes.batch,
            .sequence = sizes.sequence,
            .heads = sizes.heads,
            .key_value_heads = sizes.key_value_heads,
            .head_size = sizes.head_size,
            .mask = mask,
            .scale = scale()};
  }
  double scale() const { return 1.0 / std::sqrt(static_cast<double>(sizes.head_size)); }
  std::string name() const {
    return sizes.name() + (mask == AttentionMask::causal ? " causal" : " full");
  }
  // Of one product of the scores' size, half of which a causal mask hides.
  double product_flops() const {
    return 2.0 * static_cast<double>(Set::queries(sizes)) * static_cast<double>(sizes.sequence) *
           (mask == AttentionMask::causal ? 0.5 : 1.0);
  }
  std::int64_t query_stride() const { return sizes.heads * sizes.head_size; }
  std::int64_t key_stride() const { return sizes.key_value_heads * sizes.head_size; }
};

// A call of either direction with what both have.
template <typename Call>
Call call_of(const Case& x, const Set& set) {
  Call call;
  call.shape = x.shape();
  call.query = {set.query.span(), x.query_stride()};
  call.key = {set.key.span(), x.key_stride()};
  call.value = {set.value.span(), x.key_stride()};
  call.out = set.out.span();
  call.log_sum_exp = set.log_sum_exp.span();
  return call;
}

void forward(const Case& x, const Set& set, kernels::cuda::Stream& stream) {
  const auto call = call_of<kernels::AttentionForward<bf16>>(x, set);
  kernels::cuda::attention_forward(call, stream);
}

void backward(const Case& x, const Set& set, bool deterministic, kernels::cuda::Stream& stream) {
  auto call = call_of<kernels::AttentionBackward<bf16>>(x, set);
  call.output_gradient = set.output_gradient.span();
  call.query_gradient = {set.query_gradient.span(), x.query_stride()};
  call.key_gradient = {set.key_gradient.span(), x.key_stride()};
  call.value_gradient = {set.value_gradient.span(), x.key_stride()};
  call.deterministic = deterministic;
  kernels::cuda::attention_backward(call, stream);
}

// ---- What set 0 should hold, in double, for some rows ----

// Rows of one query head, and of the key/value head that it reads, straight from the pool.
class Head {
 public:
  Head(const Pool& pool, const Case& x, std::int64_t batch, std::int64_t head)
      : pool_(pool),
        x_(x),
        first_token_(batch * x.sizes.sequence),
        query_column_(head * x.sizes.head_size),
        key_column_(head / (x.sizes.heads / x.sizes.key_value_heads) * x.sizes.head_size) {}

  double query(std::int64_t row, std::int64_t i) const {
    return pool_.at(kQuery, query_index(row) + i);
  }
  double key(std::int64_t row, std::int64_t i) const { return pool_.at(kKey, key_index(row) + i); }
  double value(std::int64_t row, std::int64_t i) const {
    return pool_.at(kValue, key_index(row) + i);
  }
  double output_gradient(std::int64_t row, std::int64_t i) const {
    return pool_.at(kOutputGradient, query_index(row) + i);
  }
  std::int64_t query_index(std::int64_t row) const {
    return (first_token_ + row) * x_.query_stride() + query_column_;
  }
  std::int64_t key_index(std::int64_t row) const {
    return (first_token_ + row) * x_.key_stride() + key_column_;
  }

  // How many keys query `row` sees.
  std::int64_t visible(std::int64_t row) const {
    return x_.mask == AttentionMask::causal ? row + 1 : x_.sizes.sequence;
  }
  double score(std::int64_t query_row, std::int64_t key_row) const {
    double sum = 0.0;
    for (std::int64_t i = 0; i < x_.sizes.head_size; ++i)
      sum += query(query_row, i) * key(key_row, i);
    return sum * x_.scale();
  }
  double dot_value(std::int64_t query_row, std::int64_t key_row) const {
    double sum = 0.0;
    for (std::int64_t i = 0; i < x_.sizes.head_size; ++i) {
      sum += output_gradient(query_row, i) * value(key_row, i);
    }
    return sum;
  }

  // A row's softmax over the keys that it sees.
  std::vector<double> weights(std::int64_t row) const {
    std::vector<double> result;
    double maximum = -INFINITY, sum = 0.0;
    for (std::int64_t j = 0; j < visible(row); ++j) {
      result.push_back(score(row, j));
      maximum = std::max(maximum, result.back());
    }
    for (double& weight : result) sum += weight = std::exp(weight - maximum);
    for (double& weight : result) weight /= sum;
    return result;
  }

 private:
  const Pool& pool_;
  const Case& x_;
  std::int64_t first_token_, query_column_, key_column_;
};

// Rows of an array that the kernels wrote, beside what they should be.
struct Rows {
  std::vector<std::int64_t> indices;  // of elements
  std::vector<double> expected;

  void add(std::int64_t first_index, const std::vector<double>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      indices.push_back(first_index + static_cast<std::int64_t>(i));
      expected.push_back(row[i]);
    }
  }
};

// Some rows of a sequence, its ends among them.
std::vector<std::int64_t> sample_rows(std::int64_t sequence) {
  std::vector<std::int64_t> rows{0};
  for (const std::int64_t row : {sequence / 3, sequence / 2, sequence - 1}) {
    if (row > rows.back()) rows.push_back(row);
  }
  return rows;
}

double forward_error(DeviceBench& bench, const Pool& pool, const Case& x, const Set& set) {
  Rows out;
  for (const auto& [batch, head] :
       {std::pair<std::int64_t, std::int64_t>{0, 0}, {x.sizes.batch - 1, x.sizes.heads - 1}}) {
    const Head of_head(pool, x, batch, head);
    for (const std::int64_t row : sample_rows(x.sizes.sequence)) {
      const auto weights = of_head.weights(row);
      std::vector<double> mixed(static_cast<std::size_t>(x.sizes.head_size));
      for (std::size_t j = 0; j < weights.size(); ++j) {
        for (std::size_t i = 0; i < mixed.size(); ++i) {
          mixed[i] += weights[j] *
                      of_head.value(static_cast<std::int64_t>(j), static_cast<std::int64_t>(i));
        }
      }
      out.add(of_head.query_index(row), mixed);
    }
  }
  return relative_error(bench.read(set.out.span(), out.indices), out.expected);
}

// Query gradients of some rows of the last head, from scratch; key and value gradients of some rows
// of the last key/value head, with the softmax taken from the log-sum-exp that forward wrote.
double backward_error(DeviceBench& bench, const Pool& pool, const Case& x, const Set& set) {
  const std::int64_t batch = x.sizes.batch - 1, sequence = x.sizes.sequence;
  const auto size = static_cast<std::size_t>(x.sizes.head_size);
  Rows query_rows, key_rows, value_rows;
  const Head last(pool, x, batch, x.sizes.heads - 1);
  for (const std::int64_t row : sample_rows(sequence)) {
    const auto weights = last.weights(row);
    std::vector<double> slopes(weights.size()), gradient(size);  // of the loss by each weight
    double mean = 0.0;
    for (std::size_t j = 0; j < weights.size(); ++j) {
      slopes[j] = last.dot_value(row, static_cast<std::int64_t>(j));
      mean += weights[j] * slopes[j];
    }
    for (std::size_t j = 0; j < weights.size(); ++j) {
      const double by_score = weights[j] * (slopes[j] - mean) * x.scale();
      for (std::size_t i = 0; i < size; ++i) {
        gradient[i] +=
            by_score * last.key(static_cast<std::int64_t>(j), static_cast<std::int64_t>(i));
      }
    }
    query_rows.add(last.query_index(row), gradient);
  }
  std::vector<bf16> out(static_cast<std::size_t>(set.out.size()));
  std::vector<float> log_sum_exp(static_cast<std::size_t>(set.log_sum_exp.size()));
  kernels::cuda::copy_to_host(bench.stream(), out.data(), set.out.span().data(),
                              out.size() * sizeof(bf16));
  kernels::cuda::copy_to_host(bench.stream(), log_sum_exp.data(), set.log_sum_exp.span().data(),
                              log_sum_exp.size() * sizeof(float));
  const std::int64_t group = x.sizes.heads / x.sizes.key_value_heads;
  for (const std::int64_t key : sample_rows(sequence)) {
    std::vector<double> key_gradient(size), value_gradient(size);
    for (std::int64_t head = x.sizes.heads - group; head < x.sizes.heads; ++head) {
      const Head of_head(pool, x, batch, head);
      for (std::int64_t row = x.mask == AttentionMask::causal ? key : 0; row < sequence; ++row) {
        double mean = 0.0;
        for (std::size_t i = 0; i < size; ++i) {
          const std::int64_t at = of_head.query_index(row) + static_cast<std::int64_t>(i);
          mean += static_cast<double>(out[static_cast<std::size_t>(at)]) *
                  of_head.output_gradient(row, static_cast<std::int64_t>(i));
        }
        const auto at = static_cast<std::size_t>((batch * x.sizes.heads + head) * sequence + row);
        const double weight = std::exp(of_head.score(row, key) - log_sum_exp[at]);
        const double by_score = weight * (of_head.dot_value(row, key) - mean) * x.scale();
        for (std::size_t i = 0; i < size; ++i) {
          const auto column = static_cast<std::int64_t>(i);
          key_gradient[i] += by_score * of_head.query(row, column);
          value_gradient[i] += weight * of_head.output_gradient(row, column);
        }
      }
    }
    key_rows.add(last.key_index(key), key_gradient);
    value_rows.add(last.key_index(key), value_gradient);
  }
  double error = 0.0;
  for (const auto& [rows, array] :
       {std::pair<const Rows&, Span<bf16>>{query_rows, set.query_gradient.span()},
        {key_rows, set.key_gradient.span()},
        {value_rows, set.value_gradient.span()}}) {
    const double of_array = relative_error(bench.read(array, rows.indices), rows.expected);
    if (!(of_array <= error)) error = of_array;  // a NaN stays
  }
  return error;
}

// ---- Measuring ----

struct Direction {
  std::string name;
  double products;  // of the scores' size that the result needs, whatever the kernel does
  bool deterministic = false;
};

void measure(DeviceBench& bench, const Pool& pool, const Case& x, const Direction& direction) {
  auto& stream = bench.stream();
  std::vector<Set> sets;
  for (std::int64_t i = 0; i < bench.sets(Set::bytes(x.sizes)); ++i) {
    sets.emplace_back(stream, pool, x.sizes, i * kOffsetOfSet);
    forward(x, sets.back(), stream);
  }
  const bool is_forward = direction.name == "forward";
  const auto body = [&](std::int64_t turn) {
    const Set& set = sets[static_cast<std::size_t>(turn) % sets.size()];
    if (is_forward) {
      forward(x, set, stream);
    } else {
      backward(x, set, direction.deterministic, stream);
    }
  };
  if (is_forward) {
    bench.poison(sets[0].out);
  } else {
    bench.poison(sets[0].query_gradient);
    bench.poison(sets[0].key_gradient);
    bench.poison(sets[0].value_gradient);
  }
  body(0);
  const double error =
      is_forward ? forward_error(bench, pool, x, sets[0]) : backward_error(bench, pool, x, sets[0]);
  bench.report().add({.operation = "attention",
                      .provider = "own",
                      .direction = direction.name,
                      .shape = x.name(),
                      .device = "cuda",
                      .seconds = bench.time_in_turn({body})[0],
                      .work = direction.products * x.product_flops(),
                      .counts_flops = true,
                      .ceiling = "cublas",
                      .ceiling_rate = bench.product_rate(),
                      .error = error});
}

}  // namespace

void bench_attention_on_device(DeviceBench& bench) {
  auto shapes = bench.report().shapes().attention;
  if (shapes.empty()) shapes = default_attention_shapes();
  const Pool pool(bench.stream(), 1);
  const Direction directions[] = {
      {"forward", 2}, {"backward", 5}, {"backward_deterministic", 5, true}};
  for (const AttentionSizes& sizes : shapes) {
    for (const AttentionMask mask : {AttentionMask::bidirectional, AttentionMask::causal}) {
      const Case x{sizes, mask};
      for (const Direction& direction : directions) {
        const std::string kernel = "attention_" + direction.name;
        if (!bench.report().wanted(kernel, x.name())) continue;
        guarded(bench.report(), kernel, x.name(), [&] { measure(bench, pool, x, direction); });
      }
    }
  }
}

}  // namespace obverse::bench

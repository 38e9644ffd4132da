#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_values.h"
#include "tests/support/threads.h"

namespace obverse::tests {
namespace {

using kernels::AttentionMask;
using kernels::AttentionShape;
using kernels::HeadView;

struct Case {
  AttentionShape shape;
  std::vector<std::int32_t> lengths, prefixes;
  bool alibi = false;
  std::vector<std::int32_t> first_keys = {};

  std::int64_t heads_in_all() const { return shape.heads + 2 * shape.key_value_heads; }
  // Tokens further apart than one packed projection is wide.
  std::int64_t stride() const { return heads_in_all() * shape.head_size + 3; }
  std::int64_t tokens() const { return shape.batch * shape.sequence; }
  std::int64_t outputs() const { return tokens() * shape.heads * shape.head_size; }
  std::string text() const {
    return "sequence " + std::to_string(shape.sequence) + " head_size " +
           std::to_string(shape.head_size) + " mask " + std::to_string(int(shape.mask)) +
           " heads " + std::to_string(shape.heads) + "/" + std::to_string(shape.key_value_heads) +
           " lengths " + std::to_string(lengths.size()) + " alibi " + std::to_string(alibi) +
           " documents " + std::to_string(!first_keys.empty());
  }
  std::int64_t first_key(std::int64_t batch, std::int64_t query) const {
    return first_keys.empty() ? 0 : first_keys[std::size_t(batch * shape.sequence + query)];
  }
};

template <typename T>
std::vector<T> slopes_of(const Case& c) {
  std::vector<T> slopes;
  for (std::int64_t h = 0; c.alibi && h < c.shape.heads; ++h) {
    slopes.push_back(T(1) / static_cast<T>(2 << h));
  }
  return slopes;
}

template <typename T, typename Arguments, typename Element>
void set_views(const Case& c, kernels::Span<Element> packed, Arguments& query, Arguments& key,
               Arguments& value) {
  const std::int64_t queries = c.shape.heads * c.shape.head_size;
  const std::int64_t keys = c.shape.key_value_heads * c.shape.head_size;
  const auto from = [&](std::int64_t offset) {
    return Arguments{packed.subspan(offset, packed.size() - offset), c.stride()};
  };
  query = from(0);
  key = from(queries);
  value = from(queries + keys);
}

template <typename T>
struct Result {
  std::vector<T> out, log_sum_exp, gradient;  // the gradient is packed as the input is
};

template <typename T>
Result<T> run(const Case& c, const std::vector<T>& packed, const std::vector<T>& output_gradient) {
  constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();
  const auto slopes = slopes_of<T>(c);
  Result<T> result{std::vector<T>(static_cast<std::size_t>(c.outputs()), kNaN),
                   std::vector<T>(static_cast<std::size_t>(c.tokens() * c.shape.heads), kNaN),
                   std::vector<T>(packed.size(), T(77))};
  kernels::AttentionForward<T> forward;
  forward.shape = c.shape;
  set_views<T>(c, span(packed), forward.query, forward.key, forward.value);
  forward.lengths = span(c.lengths);
  forward.prefixes = span(c.prefixes);
  forward.first_keys = span(c.first_keys);
  forward.slopes = span(slopes);
  forward.out = span(result.out);
  forward.log_sum_exp = span(result.log_sum_exp);
  kernels::cpu::attention_forward(forward);
  if (output_gradient.empty()) return result;
  kernels::AttentionBackward<T> backward;
  backward.shape = c.shape;
  set_views<T>(c, span(packed), backward.query, backward.key, backward.value);
  backward.lengths = span(c.lengths);
  backward.prefixes = span(c.prefixes);
  backward.first_keys = span(c.first_keys);
  backward.slopes = span(slopes);
  backward.out = span(std::as_const(result.out));
  backward.log_sum_exp = span(std::as_const(result.log_sum_exp));
  backward.output_gradient = span(output_gradient);
  set_views<T>(c, span(result.gradient), backward.query_gradient, backward.key_gradient,
               backward.value_gradient);
  kernels::cpu::attention_backward(backward);
  return result;
}

// The full score matrix in double. Beside every result stands its magnitude, the sum of the
// absolute values of what was added up, from which a bound on the rounding error follows.
struct Reference {
  std::vector<double> out, out_magnitude, log_sum_exp, gradient, gradient_magnitude;
  double largest_score = 1.0;  // of the scores' magnitudes

  template <typename T>
  Reference(const Case& c, const std::vector<T>& packed, const std::vector<T>& output_gradient)
      : out(static_cast<std::size_t>(c.outputs())),
        out_magnitude(out),
        log_sum_exp(static_cast<std::size_t>(c.tokens() * c.shape.heads)),
        gradient(packed.size()),
        gradient_magnitude(packed.size()) {
    const AttentionShape& s = c.shape;
    const auto slopes = slopes_of<double>(c);
    for (std::int64_t b = 0; b < s.batch; ++b) {
      for (std::int64_t h = 0; h < s.heads; ++h) {
        for (std::int64_t i = 0; i < s.sequence; ++i)
          row(c, packed, output_gradient, slopes, b, h, i);
      }
    }
  }

 private:
  template <typename T>
  void row(const Case& c, const std::vector<T>& packed, const std::vector<T>& output_gradient,
           const std::vector<double>& slopes, std::int64_t b, std::int64_t h, std::int64_t i) {
    const AttentionShape& s = c.shape;
    const std::int64_t length = c.lengths.empty() ? s.sequence : c.lengths[std::size_t(b)];
    if (i >= length) return;
    const std::int64_t key_head = s.heads + h / (s.heads / s.key_value_heads);
    const auto at = [&](std::int64_t token, std::int64_t head) {
      return static_cast<std::size_t>((b * s.sequence + token) * c.stride() + head * s.head_size);
    };
    const auto size = static_cast<std::size_t>(s.head_size);
    const std::size_t q = at(i, h);
    const auto o = static_cast<std::size_t>(((b * s.sequence + i) * s.heads + h) * s.head_size);
    std::vector<double> weights(static_cast<std::size_t>(s.sequence), 0.0);
    double sum = 0.0, largest = -1e300;
    for (const bool second : {false, true}) {
      for (std::int64_t j = 0; j < length; ++j) {
        const bool visible = s.mask == AttentionMask::bidirectional || j <= i ||
                             (s.mask == AttentionMask::prefix && j < c.prefixes[std::size_t(b)]);
        if (!visible || j < c.first_key(b, i)) continue;
        double& weight = weights[std::size_t(j)];
        if (second) {
          weight = std::exp(weight - largest);
          sum += weight;
          continue;
        }
        const std::size_t k = at(j, key_head);
        const double bias =
            c.alibi ? slopes[std::size_t(h)] * static_cast<double>(std::abs(i - j)) : 0.0;
        double magnitude = bias;
        for (std::size_t p = 0; p < size; ++p) {
          weight += s.scale * packed[q + p] * packed[k + p];
          magnitude += std::abs(s.scale * packed[q + p] * packed[k + p]);
        }
        weight -= bias;
        largest = std::max(largest, weight);
        largest_score = std::max(largest_score, magnitude);
      }
    }
    log_sum_exp[std::size_t((b * s.heads + h) * s.sequence + i)] = largest + std::log(sum);
    double delta = 0.0, delta_magnitude = 0.0;
    for (std::size_t p = 0; p < size; ++p) {
      for (std::int64_t j = 0; j < length; ++j) {
        const double term =
            weights[std::size_t(j)] / sum * packed[at(j, key_head + s.key_value_heads) + p];
        out[o + p] += term;
        out_magnitude[o + p] += std::abs(term);
      }
      delta += out[o + p] * output_gradient[o + p];
      delta_magnitude += out_magnitude[o + p] * std::abs(double(output_gradient[o + p]));
    }
    for (std::int64_t j = 0; j < length; ++j) {
      const double weight = weights[std::size_t(j)] / sum;
      if (weight == 0.0) continue;
      const std::size_t k = at(j, key_head), v = at(j, key_head + s.key_value_heads);
      double product = 0.0, magnitude = delta_magnitude;
      for (std::size_t p = 0; p < size; ++p) {
        const double upstream = output_gradient[o + p];
        product += upstream * packed[v + p];
        magnitude += std::abs(upstream * packed[v + p]);
        gradient[v + p] += weight * upstream;
        gradient_magnitude[v + p] += weight * std::abs(upstream);
      }
      const double score = weight * (product - delta) * s.scale;
      const double score_magnitude = weight * magnitude * s.scale;
      for (std::size_t p = 0; p < size; ++p) {
        gradient[q + p] += score * packed[k + p];
        gradient[k + p] += score * packed[q + p];
        gradient_magnitude[q + p] += score_magnitude * std::abs(double(packed[k + p]));
        gradient_magnitude[k + p] += score_magnitude * std::abs(double(packed[q + p]));
      }
    }
  }
};

template <typename T>
void check_within(const std::vector<T>& actual, const std::vector<double>& expected,
                  const std::vector<double>& magnitude, double error, const char* what) {
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (!(std::abs(double(actual[i]) - expected[i]) <= error * magnitude[i])) {
      FAIL_CHECK(what << "[" << i << "]: expected " << expected[i] << ", got " << actual[i]
                      << ", bound " << error * magnitude[i]);
      return;
    }
  }
  SUCCEED();
}

template <typename T>
void check_case(const Case& c) {
  const AttentionShape& s = c.shape;
  const auto packed = normal_values<T>(c.tokens() * c.stride(), 1);
  const auto output_gradient = normal_values<T>(c.outputs(), 2);
  const Result<T> result = run(c, packed, output_gradient);
  const Reference reference(c, packed, output_gradient);
  // A score of head_size products, scaled, biased and less the row's maximum or log-sum-exp, is off
  // by score_error, absolutely; its exponential by as much, relatively, and by a few units of its
  // own; the sum of a row rounds once a key. What is summed after that rounds once a term.
  const double half = 0.5 * unit<T>();
  const double score_error = half * static_cast<double>(s.head_size + 6) * reference.largest_score;
  const double keys = half * static_cast<double>(s.sequence);
  const double weight_error = 2.0 * score_error + keys + 8.0 * half;
  INFO(c.text());
  check_within(result.out, reference.out, reference.out_magnitude, weight_error + keys + 2 * half,
               "out");
  check_close(result.log_sum_exp, reference.log_sum_exp, score_error + keys + 4.0 * half, 1.0,
              "log_sum_exp");
  // Of the gradient, a head's group adds to one key, hence the terms times heads.
  std::vector<T> gradient = result.gradient;
  const auto gap = static_cast<std::size_t>(c.heads_in_all() * s.head_size);
  bool gap_untouched = true;
  for (std::size_t token = 0; token < static_cast<std::size_t>(c.tokens()); ++token) {
    for (std::size_t i = gap; i < static_cast<std::size_t>(c.stride()); ++i) {
      T& value = gradient[token * static_cast<std::size_t>(c.stride()) + i];
      gap_untouched = gap_untouched && value == T(77);
      value = T(0);
    }
  }
  CHECK(gap_untouched);
  check_within(gradient, reference.gradient, reference.gradient_magnitude,
               2.0 * weight_error + keys * static_cast<double>(s.heads + 1) +
                   half * static_cast<double>(2 * s.head_size + 8),
               "gradient");
}

Case make_case(std::int64_t sequence, std::int64_t head_size, AttentionMask mask, int variant) {
  Case c;
  constexpr std::pair<int, int> kHeads[] = {{2, 1}, {1, 1}, {2, 2}, {4, 2}, {3, 1}};
  const auto [heads, key_value_heads] = kHeads[variant % 5];
  c.shape = {2,
             sequence,
             heads,
             key_value_heads,
             head_size,
             mask,
             1.0 / std::sqrt(static_cast<double>(head_size))};
  const auto n = static_cast<std::int32_t>(sequence);
  if (variant % 3 == 1) c.lengths = {n / 2, n};
  if (variant % 3 == 2) c.lengths = {n, std::max(1, n - 1)};
  if (mask == AttentionMask::prefix) c.prefixes = {n / 3 + 1, variant % 2 == 0 ? 0 : n + 1};
  c.alibi = variant % 2 == 1;
  return c;
}

constexpr AttentionMask kMasks[] = {AttentionMask::causal, AttentionMask::bidirectional,
                                    AttentionMask::prefix};

TEMPLATE_TEST_CASE("attention equals plain loops", "[attention]", float, double) {
  int variant = 0;
  for (const std::int64_t head_size : {1, 3, 8, 16, 32, 64, 80}) {
    for (const std::int64_t sequence : {1, 2, 7, 8, 17, 64, 65, 130}) {
      for (const AttentionMask mask : kMasks) {
        check_case<TestType>(make_case(sequence, head_size, mask, variant++));
      }
    }
  }
}

// Documents of these lengths, one behind the other and from the first again; every sequence starts
// with another of them.
std::vector<std::int32_t> documents_of(const AttentionShape& shape,
                                       const std::vector<std::int32_t>& lengths) {
  std::vector<std::int32_t> first_keys;
  for (std::int64_t b = 0; b < shape.batch; ++b) {
    auto next = static_cast<std::size_t>(b);
    std::int32_t start = 0;
    for (std::int32_t i = 0; i < shape.sequence; ++i) {
      if (i == start + lengths[next % lengths.size()]) {
        start = i;
        ++next;
      }
      first_keys.push_back(start);
    }
  }
  return first_keys;
}

Case with_documents(std::int64_t sequence, std::int64_t head_size, int variant,
                    const std::vector<std::int32_t>& lengths) {
  Case c = make_case(sequence, head_size, AttentionMask::causal, variant);
  c.first_keys = documents_of(c.shape, lengths);
  return c;
}

TEMPLATE_TEST_CASE("attention over documents equals plain loops", "[attention]", float, double) {
  int variant = 0;
  for (const std::int64_t head_size : {3, 16, 64}) {
    for (const std::int64_t sequence : {1, 7, 65, 150}) {
      // Inside of a vector, of a tile, and longer than a tile; every token one of its own; and one.
      for (const auto& lengths : {std::vector<std::int32_t>{3, 1, 20, 5}, {70, 13}, {1}, {1000}}) {
        check_case<TestType>(with_documents(sequence, head_size, variant++, lengths));
      }
    }
  }
}

TEST_CASE("attention over documents is what each of them gives alone", "[attention]") {
  const Case packed_case = with_documents(100, 16, 0, {30, 64, 6});
  const auto packed = normal_values<double>(packed_case.tokens() * packed_case.stride(), 1);
  const auto upstream = normal_values<double>(packed_case.outputs(), 2);
  const Result<double> together = run(packed_case, packed, upstream);
  const std::int64_t width = packed_case.shape.heads * packed_case.shape.head_size;
  const auto part = [](const std::vector<double>& values, std::int64_t first, std::int64_t count,
                       std::int64_t stride) {
    const auto begin = values.begin() + first * stride;
    return std::vector<double>(begin, begin + count * stride);
  };
  std::int64_t first = 0;
  for (const std::int64_t length : {30, 64, 6}) {
    Case c = packed_case;
    c.shape.batch = 1;
    c.shape.sequence = length;
    c.first_keys = {};
    const Result<double> alone =
        run(c, part(packed, first, length, c.stride()), part(upstream, first, length, width));
    check_close(part(together.out, first, length, width), alone.out, 1e-14, 1.0, "out");
    check_close(part(together.gradient, first, length, c.stride()), alone.gradient, 1e-14, 1.0,
                "gradient");
    first += length;
  }
}

TEST_CASE("attention backward equals central differences", "[attention]") {
  int variant = 0;
  for (const auto& [sequence, head_size] : {std::pair(1, 1), {2, 3}, {7, 4}, {9, 8}}) {
    for (const AttentionMask mask : kMasks) {
      for (int i = 0; i < 3; ++i) {
        Case c = make_case(sequence, head_size, mask, variant++);
        if (mask == AttentionMask::causal && i > 0) c.first_keys = documents_of(c.shape, {2, 1, 3});
        auto packed = normal_values<double>(c.tokens() * c.stride(), 1);
        const auto weights = normal_values<double>(c.outputs(), 2);
        auto gradient = run(c, packed, weights).gradient;
        for (double& value : gradient) {
          if (value == 77.0) value = 0.0;  // between the tokens
        }
        INFO(c.text());
        check_gradient(
            packed, [&] { return dot(run(c, packed, {}).out, weights); }, gradient, "gradient");
      }
    }
  }
}

TEST_CASE("attention gives zeros and no gradient behind a sequence's end", "[attention]") {
  for (const AttentionMask mask : kMasks) {
    Case c{{3, 70, 2, 1, 8, mask, 0.35}, {0, 3, 70}, {}, false};
    if (mask == AttentionMask::prefix) c.prefixes = {5, 70, 0};
    const auto packed = normal_values<float>(c.tokens() * c.stride(), 1);
    const Result<float> result = run(c, packed, normal_values<float>(c.outputs(), 2));
    bool zeros = true, others = true;
    for (std::int64_t token = 0; token < c.tokens(); ++token) {
      const bool padding = token % 70 >= c.lengths[static_cast<std::size_t>(token / 70)];
      for (std::int64_t i = 0; i < 16; ++i) {
        const float value = result.out[static_cast<std::size_t>(token * 16 + i)];
        (padding ? zeros : others) &= (value == 0.0f) == padding;
      }
      for (std::int64_t i = 0; i < 32; ++i) {
        const float value = result.gradient[static_cast<std::size_t>(token * c.stride() + i)];
        if (padding) zeros = zeros && value == 0.0f;
      }
    }
    CHECK(zeros);
    CHECK(others);
  }
}

TEST_CASE("attention has the same bits with one thread and with two", "[attention]") {
  Case c = make_case(130, 64, AttentionMask::causal, 3);
  c.shape.batch = 3;
  c.lengths = {};
  const auto packed = normal_values<float>(c.tokens() * c.stride(), 1);
  const auto output_gradient = normal_values<float>(c.outputs(), 2);
  const auto with = [&](int threads) {
    const WithThreads with_threads(threads);
    return run(c, packed, output_gradient);
  };
  const auto one = with(1), two = with(2);
  check_same_bits(two.out, one.out, "out");
  check_same_bits(two.log_sum_exp, one.log_sum_exp, "log_sum_exp");
  check_same_bits(two.gradient, one.gradient, "gradient");
}

// Inside a nested region or under a thread limit OpenMP gives fewer threads than asked for.
TEST_CASE("attention leaves nothing out where the team is smaller than asked for", "[attention]") {
  const Case c = make_case(130, 64, AttentionMask::causal, 3);
  const auto packed = normal_values<float>(c.tokens() * c.stride(), 1);
  const auto expected = run(c, packed, {});
  const WithThreads with_threads(2);
  const int levels = omp_get_max_active_levels();
  omp_set_max_active_levels(0);
  const auto actual = run(c, packed, {});
  omp_set_max_active_levels(levels);
  check_same_bits(actual.out, expected.out, "out");
}

}  // namespace
}  // namespace obverse::tests

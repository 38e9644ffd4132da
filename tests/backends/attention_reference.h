// One call of attention told by values, and what a plain computation makes of it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/attention/attention.h"

namespace obverse::tests {

using kernels::AttentionMask;
using kernels::AttentionShape;

struct AttentionCase {
  AttentionShape shape;
  std::vector<std::int32_t> lengths, prefixes;
  bool alibi = false;
  std::int64_t gap = 0;    // between the tokens of the packed projection
  std::int64_t start = 0;  // before the first of them
  std::vector<std::int32_t> first_keys = {};

  std::int64_t stride() const {
    return (shape.heads + 2 * shape.key_value_heads) * shape.head_size + gap;
  }
  std::int64_t tokens() const { return shape.batch * shape.sequence; }
  std::int64_t packed_size() const { return start + tokens() * stride(); }
  std::int64_t rows() const { return tokens() * shape.heads; }
  std::int64_t outputs() const { return rows() * shape.head_size; }
  std::int64_t length(std::int64_t batch) const {
    if (lengths.empty()) return shape.sequence;
    return std::clamp<std::int64_t>(lengths[static_cast<std::size_t>(batch)], 0, shape.sequence);
  }
  bool sees(std::int64_t batch, std::int64_t query, std::int64_t key) const {
    if (query >= length(batch) || key >= length(batch)) return false;
    if (!first_keys.empty()) {
      const std::int32_t first =
          first_keys[static_cast<std::size_t>(batch * shape.sequence + query)];
      if (key < std::min<std::int64_t>(first, query)) return false;
    }
    if (shape.mask == AttentionMask::bidirectional || key <= query) return true;
    return shape.mask == AttentionMask::prefix && key < prefixes[static_cast<std::size_t>(batch)];
  }
  std::vector<float> slopes() const {
    std::vector<float> result;
    for (std::int64_t h = 0; alibi && h < shape.heads; ++h) {
      result.push_back(1.0f / static_cast<float>(2 << h));
    }
    return result;
  }
  std::string text() const {
    const auto list = [](const std::vector<std::int32_t>& values) {
      std::string result;
      for (const std::int32_t value : values) result += " " + std::to_string(value);
      return result.empty() ? " none" : result;
    };
    return "batch " + std::to_string(shape.batch) + ", sequence " + std::to_string(shape.sequence) +
           ", heads " + std::to_string(shape.heads) + "/" + std::to_string(shape.key_value_heads) +
           ", head_size " + std::to_string(shape.head_size) + ", mask " +
           std::to_string(static_cast<int>(shape.mask)) + ", lengths" + list(lengths) +
           ", prefixes" + list(prefixes) + ", alibi " + std::to_string(alibi) + ", gap " +
           std::to_string(gap) + ", start " + std::to_string(start) + ", documents " +
           std::to_string(!first_keys.empty());
  }
};

inline AttentionCase make_case(std::int64_t head_size, std::int64_t sequence, AttentionMask mask,
                               std::int64_t heads = 1, std::int64_t key_value_heads = 1,
                               std::int64_t batch = 1) {
  AttentionCase c;
  c.shape = {batch,
             sequence,
             heads,
             key_value_heads,
             head_size,
             mask,
             1.0 / std::sqrt(static_cast<double>(head_size))};
  if (mask == AttentionMask::prefix) {
    // Inside of a block, none, and more than there is.
    for (std::int64_t b = 0; b < batch; ++b) {
      const std::int64_t prefixes[] = {sequence / 3 + 1, 0, sequence + 1};
      c.prefixes.push_back(static_cast<std::int32_t>(prefixes[b % 3]));
    }
  }
  return c;
}

// Gives every sequence documents of these lengths, one behind the other and from the first again.
inline void set_documents(AttentionCase& c, const std::vector<std::int32_t>& lengths) {
  c.first_keys.clear();
  for (std::int64_t b = 0; b < c.shape.batch; ++b) {
    auto next = static_cast<std::size_t>(b);  // every sequence starts with another
    std::int32_t start = 0;
    for (std::int32_t i = 0; i < c.shape.sequence; ++i) {
      if (i == start + lengths[next % lengths.size()]) {
        start = i;
        ++next;
      }
      c.first_keys.push_back(start);
    }
  }
}

// Every step of attention with the whole score matrix, as one would write it down. In double it is
// the reference; with each array rounded to T, sums being kept in float, it is what one would get
// from plain operations in that type.
template <typename T, typename Real>
struct Plain {
  std::vector<Real> out, log_sum_exp, gradient;  // the gradient is packed as the input is

  static Real rounded(Real value) {
    if constexpr (std::is_same_v<Real, double>) {
      return value;
    } else {
      return static_cast<Real>(T(value));
    }
  }

  Plain(const AttentionCase& c, const std::vector<T>& packed, const std::vector<T>& output_gradient)
      : out(static_cast<std::size_t>(c.outputs())),
        log_sum_exp(static_cast<std::size_t>(c.rows())),
        gradient(packed.size()) {
    const AttentionShape& s = c.shape;
    const auto slopes = c.slopes();
    const auto scale = static_cast<Real>(s.scale);
    const auto size = static_cast<std::size_t>(s.head_size);
    std::vector<Real> p(static_cast<std::size_t>(s.sequence));
    for (std::int64_t b = 0; b < s.batch; ++b) {
      for (std::int64_t h = 0; h < s.heads; ++h) {
        const std::int64_t key_head = s.heads + h / (s.heads / s.key_value_heads);
        const auto at = [&](std::int64_t token, std::int64_t head) {
          return static_cast<std::size_t>(c.start + (b * s.sequence + token) * c.stride() +
                                          head * s.head_size);
        };
        for (std::int64_t i = 0; i < s.sequence; ++i) {
          if (!c.sees(b, i, i)) continue;
          const auto o = static_cast<std::size_t>((b * s.sequence + i) * s.heads + h) * size;
          const std::size_t q = at(i, h);
          std::vector<std::int64_t> keys;
          for (std::int64_t j = 0; j < s.sequence; ++j) {
            if (c.sees(b, i, j)) keys.push_back(j);
          }
          Real largest = -INFINITY, sum = 0;
          for (const std::int64_t j : keys) {
            Real& score = p[static_cast<std::size_t>(j)];
            score = rounded(scale * rounded(dot(&packed[q], &packed[at(j, key_head)], size)));
            if (c.alibi) {
              score = rounded(score - Real(slopes[static_cast<std::size_t>(h)]) *
                                          static_cast<Real>(std::abs(i - j)));
            }
            largest = std::max(largest, score);
          }
          for (const std::int64_t j : keys) {
            sum += std::exp(p[static_cast<std::size_t>(j)] - largest);
          }
          log_sum_exp[static_cast<std::size_t>((b * s.heads + h) * s.sequence + i)] =
              largest + std::log(sum);
          for (const std::int64_t j : keys) {
            Real& weight = p[static_cast<std::size_t>(j)];
            weight = rounded(std::exp(weight - largest) / sum);
            const std::size_t v = at(j, key_head + s.key_value_heads);
            for (std::size_t d = 0; d < size; ++d) out[o + d] += weight * Real(packed[v + d]);
          }
          // From the end, unlike the products with values below: a row with one key then has the
          // rounding error that one of any length has.
          Real delta = 0;
          for (std::size_t d = size; d-- > 0;) {
            out[o + d] = rounded(out[o + d]);
            if (!output_gradient.empty()) delta += out[o + d] * Real(output_gradient[o + d]);
          }
          if (output_gradient.empty()) continue;
          for (const std::int64_t j : keys) {
            const Real weight = p[static_cast<std::size_t>(j)];
            const std::size_t k = at(j, key_head), v = at(j, key_head + s.key_value_heads);
            const Real upstream = rounded(dot(&output_gradient[o], &packed[v], size));
            const Real score = rounded(scale * rounded(weight * (upstream - delta)));
            for (std::size_t d = 0; d < size; ++d) {
              gradient[v + d] += weight * Real(output_gradient[o + d]);
              gradient[q + d] += score * Real(packed[k + d]);
              gradient[k + d] += score * Real(packed[q + d]);
            }
          }
        }
      }
    }
    for (Real& value : gradient) value = rounded(value);
  }

 private:
  static Real dot(const T* a, const T* b, std::size_t size) {
    Real sum = 0;
    for (std::size_t d = 0; d < size; ++d) sum += Real(a[d]) * Real(b[d]);
    return sum;
  }
};

}  // namespace obverse::tests

// A call of attention on the backend under test, and its check against the plain computation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "kernels/attention/attention.h"
#include "tests/backends/attention_reference.h"
#include "tests/backends/backend.h"
#include "tests/support/catch.h"

namespace obverse::tests {

using kernels::Accumulator;

// Device copies of a case's arrays.
template <typename T>
class AttentionRun {
 public:
  AttentionRun(const AttentionCase& c, const std::vector<T>& packed)
      : case_(c),
        packed_(packed),
        lengths_(c.lengths),
        prefixes_(c.prefixes),
        first_keys_(c.first_keys),
        slopes_(c.slopes()),
        out_(Buffer<T>::poisoned(c.outputs())),
        log_sum_exp_(Buffer<Accumulator<T>>::poisoned(c.rows())) {}

  void forward() {
    kernels::AttentionForward<T> x;
    set_common(x);
    x.out = out_.span();
    x.log_sum_exp = log_sum_exp_.span();
    OBVERSE_RUN(attention_forward, x);
  }
  std::vector<T> out() { return out_.to_vector(); }
  std::vector<Accumulator<T>> log_sum_exp() { return log_sum_exp_.to_vector(); }

  // REQUIRES: forward() before.
  std::vector<T> gradient(const std::vector<T>& output_gradient, bool deterministic) {
    Buffer<T> upstream(output_gradient);
    auto packed = Buffer<T>::poisoned(packed_.span().size());
    kernels::AttentionBackward<T> x;
    set_common(x);
    x.out = out_.span();
    x.log_sum_exp = log_sum_exp_.span();
    x.output_gradient = upstream.span();
    set_views(packed.span(), x.query_gradient, x.key_gradient, x.value_gradient);
    x.deterministic = deterministic;
    OBVERSE_RUN(attention_backward, x);
    return packed.to_vector();
  }

 private:
  template <typename View>
  void set_views(kernels::Span<T> packed, View& query, View& key, View& value) const {
    const AttentionShape& s = case_.shape;
    const auto from = [&](std::int64_t head) {
      const std::int64_t offset = case_.start + head * s.head_size;
      return View{packed.subspan(offset, packed.size() - offset), case_.stride()};
    };
    query = from(0);
    key = from(s.heads);
    value = from(s.heads + s.key_value_heads);
  }
  template <typename Arguments>
  void set_common(Arguments& x) {
    x.shape = case_.shape;
    set_views(packed_.span(), x.query, x.key, x.value);
    x.lengths = lengths_.span();
    x.prefixes = prefixes_.span();
    x.first_keys = first_keys_.span();
    x.slopes = slopes_.span();
  }

  AttentionCase case_;
  Buffer<T> packed_;
  Buffer<std::int32_t> lengths_, prefixes_, first_keys_;
  Buffer<Accumulator<T>> slopes_;
  Buffer<T> out_;
  Buffer<Accumulator<T>> log_sum_exp_;
};

template <typename T>
std::vector<T> in_type(const std::vector<float>& values) {
  std::vector<T> result;
  for (const float value : values) result.emplace_back(value);
  return result;
}

// Whether what belongs to no token is as it was, and sets it to zero.
template <typename T>
bool take_out_gaps(const AttentionCase& c, std::vector<T>& packed) {
  bool untouched = true;
  const auto take_out = [&](std::int64_t i) {
    T& value = packed[static_cast<std::size_t>(i)];
    untouched = untouched && std::isnan(static_cast<double>(value));
    value = T(0.0f);
  };
  for (std::int64_t i = 0; i < c.start; ++i) take_out(i);
  for (std::int64_t token = 0; token < c.tokens(); ++token) {
    for (std::int64_t i = c.stride() - c.gap; i < c.stride(); ++i) {
      take_out(c.start + token * c.stride() + i);
    }
  }
  return untouched;
}

// Products in float take long to emulate: fewer and shorter sequences must do.
template <typename T>
#ifdef OBVERSE_BACKEND_EMULATED
inline constexpr bool kIsSlow = std::is_same_v<T, float>;
#else
inline constexpr bool kIsSlow = false;
#endif

enum class Direction { forward, both, both_in_every_mode };

// Makes NaNs of the tokens at or past their sequence's length, each `stride` elements from `start`
// on. The CPU kernels multiply what is masked by zero, so there the values must be finite.
template <typename T>
void poison_past_lengths(const AttentionCase& c, std::vector<T>& values, std::int64_t start,
                         std::int64_t stride) {
  if (kOnCpu || values.empty()) return;
  for (std::int64_t b = 0; b < c.shape.batch; ++b) {
    const auto row = [&](std::int64_t token) {
      return values.begin() + start + (b * c.shape.sequence + token) * stride;
    };
    std::fill(row(c.length(b)), row(c.shape.sequence), T(NAN));
  }
}

template <typename T>
void check_case(const AttentionCase& c, Direction direction = Direction::both) {
  INFO(c.text());
  const bool both = direction != Direction::forward;
  auto packed = normal_in<T>(c.packed_size(), 1);
  auto output_gradient = both ? normal_in<T>(c.outputs(), 2) : std::vector<T>();
  poison_past_lengths(c, packed, c.start, c.stride());
  poison_past_lengths(c, output_gradient, 0, c.shape.heads * c.shape.head_size);
  const Plain<T, double> reference(c, packed, output_gradient);
  const Plain<T, float> plain(c, packed, output_gradient);
  AttentionRun<T> run(c, packed);
  run.forward();
  check_flash_rule(run.out(), in_type<T>(plain.out), reference.out, "out");
  // Products of bf16 are exact in float, so one bound serves all types.
  check_close(run.log_sum_exp(), reference.log_sum_exp, 1e-5, 1.0, "log_sum_exp");
  if (direction == Direction::forward) return;
  for (const bool deterministic : {true, false}) {
    // In float the CUDA kernels have no second way.
    if (!deterministic && kIsSlow<T> && direction == Direction::both) continue;
    auto gradient = run.gradient(output_gradient, deterministic);
    CHECK(take_out_gaps(c, gradient));
    check_flash_rule(gradient, in_type<T>(plain.gradient), reference.gradient,
                     deterministic ? "gradient" : "gradient in any order");
  }
}

}  // namespace obverse::tests

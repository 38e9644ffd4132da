// What the tests of layer_norm and rms_norm share: a call told by values, what a plain computation
// makes of it, and the checks. An Operation has kCentered and calls its kernels with arrays.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/backends/guarded.h"
#include "tests/support/catch.h"

namespace obverse::tests {

using kernels::Span;

// Each output may lie where an input does.
enum class Place { apart, input, residual };

// How many elements past an aligned address each array starts.
struct NormShifts {
  std::int64_t input = 0, residual = 0, sum = 0, gain = 0, bias = 0, out = 0;
};

struct NormCase {
  std::int64_t groups = 1, rows = 1, width = 1;
  std::int64_t gap = 0;  // elements between groups
  bool bias = true, residual = false;
  Place sum = Place::apart, out = Place::apart;
  // Of backward, "input" stands for output_gradient and "out" for input_gradient.
  NormShifts shifts{};

  std::int64_t all_rows() const { return groups * rows; }
  std::int64_t stride() const { return rows * width + gap; }
  std::int64_t size() const { return groups * stride(); }
  std::int64_t offset(std::int64_t row) const { return row / rows * stride() + row % rows * width; }
  // Whether element i of an array is of a row, not of a gap.
  bool is_of_a_row(std::int64_t i) const { return i % stride() < rows * width; }
  std::string text() const {
    return std::to_string(groups) + " x " + std::to_string(rows) + " x " + std::to_string(width) +
           ", gap " + std::to_string(gap) + ", bias " + std::to_string(bias) + ", residual " +
           std::to_string(residual);
  }
};

// Arrays of one call, as the kernels get them; forward's, then backward's.
template <typename T>
struct NormForwardArrays {
  double epsilon;
  Span<const T> input, residual;
  Span<T> sum;
  Span<const T> gain, bias;
  Span<T> out;
  Span<float> mean, inverse;
};
template <typename T>
struct NormBackwardArrays {
  Span<const T> input, gain;
  Span<const float> mean, inverse;
  Span<const T> output_gradient, residual_gradient;
  Span<T> input_gradient;
  Span<float> gain_gradient, bias_gradient;
};

inline constexpr double kNormEpsilon = 1e-3;

// Inputs of both directions. Not centered, and not of deviation 1, so that both matter.
template <typename T>
struct NormInputs {
  explicit NormInputs(const NormCase& c)
      : input(normal_in<T>(c.size(), 1)),
        residual(normal_in<T>(c.residual ? c.size() : 0, 2)),
        gain(normal_in<T>(c.width, 3)),
        bias(normal_in<T>(c.bias ? c.width : 0, 4)),
        output_gradient(normal_in<T>(c.size(), 5)),
        residual_gradient(normal_in<T>(c.residual ? c.size() : 0, 6)),
        gain_gradient(normal_in<float>(c.width, 7)),
        bias_gradient(normal_in<float>(c.bias ? c.width : 0, 8)) {
    for (T& value : input) value = T(static_cast<float>(value) * 0.5f + 0.75f);
  }
  std::vector<T> input, residual, gain, bias, output_gradient, residual_gradient;
  std::vector<float> gain_gradient, bias_gradient;
};

template <typename T>
std::vector<T> with_poisoned_gaps(const NormCase& c, std::vector<T> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (c.is_of_a_row(static_cast<std::int64_t>(i))) continue;
    std::memset(static_cast<void*>(&values[i]), 0xFF, sizeof(T));
  }
  return values;
}

// The rows of an array, one after another.
template <typename T>
std::vector<T> without_gaps(const NormCase& c, const std::vector<T>& values) {
  std::vector<T> result;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (c.is_of_a_row(static_cast<std::int64_t>(i))) result.push_back(values[i]);
  }
  return result;
}

// That an output's gaps still are what they were, all bits set.
template <typename T>
void check_gaps(const NormCase& c, const std::vector<T>& values, const char* what) {
  check_same_bits(with_poisoned_gaps(c, values), values, std::string("gaps of ") + what);
}

// ---- A plain computation ----

// With Real float what a plain program would get, with Real double what is true. `Out` is what
// outputs are rounded to.
template <typename Real, typename Out>
struct PlainForward {
  std::vector<Out> out;  // without gaps
  std::vector<Real> mean, inverse;
};

// x of forward: input + residual, rounded; without gaps.
template <typename T>
std::vector<T> plain_sum(const NormCase& c, const NormInputs<T>& inputs) {
  std::vector<T> x = without_gaps(c, inputs.input);
  const std::vector<T> residual = without_gaps(c, inputs.residual);
  for (std::size_t i = 0; i < residual.size(); ++i) {
    x[i] = T(static_cast<float>(x[i]) + static_cast<float>(residual[i]));
  }
  return x;
}

template <typename Real, typename Out, bool centered, typename T>
PlainForward<Real, Out> plain_forward(const NormCase& c, const NormInputs<T>& inputs) {
  PlainForward<Real, Out> result;
  const std::vector<T> all = plain_sum(c, inputs);
  const auto width = static_cast<Real>(c.width);
  for (std::int64_t row = 0; row < c.all_rows(); ++row) {
    const T* x = all.data() + row * c.width;
    Real mean = 0, squares = 0;
    for (std::int64_t i = 0; centered && i < c.width; ++i) mean += static_cast<Real>(x[i]);
    mean /= width;
    for (std::int64_t i = 0; i < c.width; ++i) {
      squares += (static_cast<Real>(x[i]) - mean) * (static_cast<Real>(x[i]) - mean);
    }
    const Real inverse = 1 / std::sqrt(squares / width + static_cast<Real>(kNormEpsilon));
    for (std::size_t i = 0; i < static_cast<std::size_t>(c.width); ++i) {
      const Real bias = centered && c.bias ? static_cast<Real>(inputs.bias[i]) : Real(0);
      const Real y = (static_cast<Real>(x[i]) - mean) * inverse;
      result.out.push_back(Out(y * static_cast<Real>(inputs.gain[i]) + bias));
    }
    result.mean.push_back(mean);
    result.inverse.push_back(inverse);
  }
  return result;
}

template <typename Real, typename Out>
struct PlainBackward {
  std::vector<Out> input;  // without gaps
  std::vector<Real> gain, bias;
};

template <typename Real, typename Out, bool centered, typename T>
PlainBackward<Real, Out> plain_backward(const NormCase& c, const NormInputs<T>& inputs,
                                        const std::vector<float>& means,
                                        const std::vector<float>& inverses) {
  const std::vector<T> all = without_gaps(c, inputs.input),
                       gradients = without_gaps(c, inputs.output_gradient),
                       residuals = without_gaps(c, inputs.residual_gradient);
  const auto count = static_cast<std::size_t>(c.width);
  PlainBackward<Real, Out> result;
  result.gain.assign(count, 0);
  result.bias.assign(inputs.bias_gradient.size(), 0);
  for (std::size_t row = 0; row < static_cast<std::size_t>(c.all_rows()); ++row) {
    const Real mean = centered ? static_cast<Real>(means[row]) : Real(0);
    const auto inverse = static_cast<Real>(inverses[row]);
    std::vector<Real> y, g;
    Real sum = 0, products = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto gradient = static_cast<Real>(gradients[row * count + i]);
      y.push_back((static_cast<Real>(all[row * count + i]) - mean) * inverse);
      g.push_back(gradient * static_cast<Real>(inputs.gain[i]));
      sum += g[i];
      products += g[i] * y[i];
      result.gain[i] += gradient * y[i];
      if (!result.bias.empty()) result.bias[i] += gradient;
    }
    const Real level = centered ? sum / static_cast<Real>(count) : Real(0);
    for (std::size_t i = 0; i < count; ++i) {
      Real value = inverse * (g[i] - level - y[i] * (products / static_cast<Real>(count)));
      if (c.residual) value += static_cast<Real>(residuals[row * count + i]);
      result.input.push_back(Out(value));
    }
  }
  for (std::size_t i = 0; i < count; ++i) result.gain[i] += inputs.gain_gradient[i];
  for (std::size_t i = 0; i < result.bias.size(); ++i) result.bias[i] += inputs.bias_gradient[i];
  return result;
}

// ---- Calls of the kernels ----

template <typename T>
struct NormForwardResult {
  std::vector<T> sum, out;  // with gaps; sum is empty without a residual
  std::vector<float> mean, inverse;
};

template <typename Operation, typename T>
NormForwardResult<T> run_norm_forward(const NormCase& c, const NormInputs<T>& inputs) {
  const std::int64_t mean_size = Operation::kCentered ? c.all_rows() : 0;
  Guarded<T> input(with_poisoned_gaps(c, inputs.input), c.shifts.input);
  Guarded<T> residual(with_poisoned_gaps(c, inputs.residual), c.shifts.residual);
  auto sum = Guarded<T>::poisoned(c.residual ? c.size() : 0, c.shifts.sum);
  Guarded<T> gain(inputs.gain, c.shifts.gain), bias(inputs.bias, c.shifts.bias);
  auto out = Guarded<T>::poisoned(c.size(), c.shifts.out);
  auto mean = Guarded<float>::poisoned(mean_size, 1);
  auto inverse = Guarded<float>::poisoned(c.all_rows(), 1);
  Guarded<T>& sum_place = c.sum == Place::input ? input : c.sum == Place::residual ? residual : sum;
  Guarded<T>& out_place = c.out == Place::input ? input : out;
  Operation::template forward<T>(
      c, {kNormEpsilon, input.span(), residual.span(), c.residual ? sum_place.span() : Span<T>(),
          gain.span(), bias.span(), out_place.span(), mean.span(), inverse.span()});
  if (c.sum != Place::input && c.out != Place::input) {
    check_same_bits(input.to_vector(), with_poisoned_gaps(c, inputs.input), "input");
  }
  return {c.residual ? sum_place.to_vector() : std::vector<T>(), out_place.to_vector(),
          mean.to_vector(), inverse.to_vector()};
}

template <typename T>
struct NormBackwardResult {
  std::vector<T> input;  // with gaps
  std::vector<float> gain, bias;
};

// The place of the input's gradient is the case's `out`.
template <typename Operation, typename T>
NormBackwardResult<T> run_norm_backward(const NormCase& c, const NormInputs<T>& inputs,
                                        const std::vector<float>& means,
                                        const std::vector<float>& inverses) {
  Guarded<T> input(with_poisoned_gaps(c, inputs.input), c.shifts.sum);
  Guarded<T> gain(inputs.gain, c.shifts.gain);
  Guarded<float> mean(means, 1), inverse(inverses, 1);
  Guarded<T> output_gradient(with_poisoned_gaps(c, inputs.output_gradient), c.shifts.input);
  Guarded<T> residual(with_poisoned_gaps(c, inputs.residual_gradient), c.shifts.residual);
  auto input_gradient = Guarded<T>::poisoned(c.size(), c.shifts.out);
  Guarded<float> gain_gradient(inputs.gain_gradient, 1), bias_gradient(inputs.bias_gradient, 1);
  Guarded<T>& place = c.out == Place::input      ? output_gradient
                      : c.out == Place::residual ? residual
                                                 : input_gradient;
  Operation::template backward<T>(
      c, {input.span(), gain.span(), mean.span(), inverse.span(), output_gradient.span(),
          residual.span(), place.span(), gain_gradient.span(), bias_gradient.span()});
  return {place.to_vector(), gain_gradient.to_vector(), bias_gradient.to_vector()};
}

// ---- Checks ----

// Of few values the largest error of a plain computation may be small by luck.
template <typename T>
void check_norm_values(const std::vector<T>& values, const std::vector<T>& same_precision,
                       const std::vector<double>& exact, const std::string& what) {
  if (exact.size() >= 64) return check_flash_rule(values, same_precision, exact, what);
  check_close(values, exact, std::is_same_v<T, bf16> ? 0x1p-7 : 16 * unit<float>(), 1.0, what);
}

template <typename Operation, typename T>
void check_norm_forward(const NormCase& c) {
  INFO(c.text());
  constexpr bool kCentered = Operation::kCentered;
  const NormInputs<T> inputs(c);
  const auto result = run_norm_forward<Operation>(c, inputs);
  const auto exact = plain_forward<double, double, kCentered>(c, inputs);
  const auto plain = plain_forward<float, T, kCentered>(c, inputs);
  check_norm_values(without_gaps(c, result.out), plain.out, exact.out, "out");
  check_gaps(c, result.out, "out");
  if (c.residual) {
    check_same_bits(without_gaps(c, result.sum), plain_sum(c, inputs), "sum");
    check_gaps(c, result.sum, "sum");
  }
  // Sums over a row round a few units of its typical element, 1.
  if (kCentered) check_close(result.mean, exact.mean, 8 * unit<float>(), 1.0, "mean");
  check_close(result.inverse, exact.inverse, 16 * unit<float>(), 0.0, "inverse");
}

// The mean and the inverse that forward saves for backward.
template <typename Operation, typename T>
std::pair<std::vector<float>, std::vector<float>> saved_for(const NormCase& c,
                                                            const NormInputs<T>& inputs) {
  NormCase without = c;
  without.residual = false;  // backward's input is the sum
  const auto plain = plain_forward<float, T, Operation::kCentered>(without, inputs);
  return {Operation::kCentered ? plain.mean : std::vector<float>(), plain.inverse};
}

template <typename Operation, typename T>
void check_norm_backward(const NormCase& c) {
  INFO(c.text());
  constexpr bool kCentered = Operation::kCentered;
  NormInputs<T> inputs(c);
  inputs.residual.clear();
  const auto [mean, inverse] = saved_for<Operation>(c, inputs);
  const auto result = run_norm_backward<Operation>(c, inputs, mean, inverse);
  const auto exact = plain_backward<double, double, kCentered>(c, inputs, mean, inverse);
  const auto plain = plain_backward<float, T, kCentered>(c, inputs, mean, inverse);
  check_norm_values(without_gaps(c, result.input), plain.input, exact.input, "input_gradient");
  check_gaps(c, result.input, "input_gradient");
  check_norm_values(result.gain, plain.gain, exact.gain, "gain_gradient");
  if (kCentered) check_norm_values(result.bias, plain.bias, exact.bias, "bias_gradient");
}

// With outputs in the places of inputs the bits are those of outputs apart.
template <typename Operation, typename T>
void check_norm_aliasing(NormCase c) {
  INFO(c.text());
  const NormInputs<T> inputs(c);
  const auto forward = run_norm_forward<Operation>(c, inputs);
  for (const auto& [sum, out] :
       {std::pair{Place::input, Place::apart}, std::pair{Place::residual, Place::apart},
        std::pair{Place::apart, Place::input}, std::pair{Place::residual, Place::input}}) {
    c.sum = sum;
    c.out = out;
    const auto result = run_norm_forward<Operation>(c, inputs);
    check_same_bits(result.out, forward.out, "out");
    check_same_bits(result.sum, forward.sum, "sum");
    check_same_bits(result.inverse, forward.inverse, "inverse");
  }
  const auto [mean, inverse] = saved_for<Operation>(c, inputs);
  c.out = Place::apart;
  const auto backward = run_norm_backward<Operation>(c, inputs, mean, inverse);
  for (const Place place : {Place::input, Place::residual}) {
    c.out = place;
    const auto result = run_norm_backward<Operation>(c, inputs, mean, inverse);
    check_same_bits(result.input, backward.input, "input_gradient");
    check_same_bits(result.gain, backward.gain, "gain_gradient");
    check_same_bits(result.bias, backward.bias, "bias_gradient");
  }
}

// Any single array may start anywhere.
template <typename Operation, typename T>
void check_norm_shifts(NormCase c) {
  for (const NormShifts& shifts :
       {NormShifts{.input = 1}, NormShifts{.residual = 2}, NormShifts{.sum = 3},
        NormShifts{.gain = 1}, NormShifts{.bias = 1}, NormShifts{.out = 3},
        NormShifts{1, 1, 1, 1, 1, 1}, NormShifts{8, 8, 8, 8, 8, 8}}) {
    c.shifts = shifts;
    check_norm_forward<Operation, T>(c);
    check_norm_backward<Operation, T>(c);
  }
}

template <typename Operation, typename T>
void check_norm_schedules(const NormCase& c) {
  INFO(c.text());
  const NormInputs<T> inputs(c);
  const auto [mean, inverse] = saved_for<Operation>(c, inputs);
  NormForwardResult<T> forward;
  NormBackwardResult<T> backward;
  for_schedules(
      [&, &mean = mean, &inverse = inverse] {
        auto now = run_norm_forward<Operation>(c, inputs);
        auto then = run_norm_backward<Operation>(c, inputs, mean, inverse);
        if (forward.out.empty()) forward = now;
        if (backward.input.empty()) backward = then;
        check_same_bits(now.out, forward.out, "out");
        check_same_bits(now.inverse, forward.inverse, "inverse");
        check_same_bits(then.input, backward.input, "input_gradient");
        check_same_bits(then.gain, backward.gain, "gain_gradient");
        check_same_bits(then.bias, backward.bias, "bias_gradient");
      },
      3);
}

// A NaN spoils its row, in backward also its column, and nothing else.
template <typename Operation, typename T>
void check_norm_nan(const NormCase& c) {
  INFO(c.text());
  NormInputs<T> inputs(c);
  const std::int64_t row = c.all_rows() / 2, column = c.width / 3;
  const auto [mean, inverse] = saved_for<Operation>(c, inputs);
  const auto at = static_cast<std::size_t>(c.offset(row) + column);
  inputs.output_gradient[at] = inputs.input[at] = T(std::numeric_limits<float>::quiet_NaN());
  const auto check_rows = [&](const std::vector<T>& with_gaps) {
    const auto values = without_gaps(c, with_gaps);
    for (std::int64_t i = 0; i < c.all_rows() * c.width; ++i) {
      REQUIRE(std::isnan(static_cast<float>(values[static_cast<std::size_t>(i)])) ==
              (i / c.width == row));
    }
  };
  const auto forward = run_norm_forward<Operation>(c, inputs);
  check_rows(forward.out);
  CHECK(std::isnan(forward.inverse[static_cast<std::size_t>(row)]));
  const auto backward = run_norm_backward<Operation>(c, inputs, mean, inverse);
  check_rows(backward.input);
  for (std::int64_t i = 0; i < c.width; ++i) {
    REQUIRE(std::isnan(backward.gain[static_cast<std::size_t>(i)]) == (i == column));
  }
}

}  // namespace obverse::tests

#include "kernels/adamw/adamw.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/core/random.h"
#include "tests/backends/backend.h"
#include "tests/backends/guarded.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using kernels::AdamW;
using kernels::AdamWSchedule;
using kernels::AdamWTensor;
using kernels::Rounding;

template <typename T, typename Gradient>
struct Types {
  using Weight = T;
  using WeightGradient = Gradient;
};
using Plain = Types<float, float>;
using Mixed = Types<float, bf16>;
using Half = Types<bf16, bf16>;
using HalfSummed = Types<bf16, float>;

template <typename T>
std::vector<double> doubles(const std::vector<T>& values) {
  std::vector<double> result;
  for (const T& value : values) result.push_back(static_cast<double>(value));
  return result;
}

template <typename T>
std::vector<T> rounded_to(const std::vector<double>& values) {
  std::vector<T> result;
  for (const double value : values) result.push_back(T(static_cast<float>(value)));
  return result;
}

template <typename T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// Elements by which each array starts past an aligned address.
struct Shifts {
  std::int64_t weight = 0, gradient = 0, first = 0, second = 0, rounded = 0;
};

template <typename T, typename Gradient>
struct State {
  std::vector<T> weight;
  std::vector<Gradient> gradient;
  std::vector<float> first, second;
  double decay = 0.0;
  Shifts shifts{};
  std::vector<bf16> rounded{};  // what the last step wrote

  bool operator==(const State& other) const {
    return same_bits(weight, other.weight) && same_bits(first, other.first) &&
           same_bits(second, other.second) && same_bits(rounded, other.rounded);
  }
};

template <typename T, typename Gradient>
using States = std::vector<State<T, Gradient>>;

template <typename T, typename Gradient>
States<T, Gradient> random_states(const std::vector<std::int64_t>& sizes) {
  States<T, Gradient> states;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    State<T, Gradient> state{normal_in<T>(sizes[i], 10 * i),
                             normal_in<Gradient>(sizes[i], 10 * i + 1),
                             normal_in<float>(sizes[i], 10 * i + 2),
                             normal_in<float>(sizes[i], 10 * i + 3), i % 2 == 0 ? 0.1 : 0.0};
    for (float& value : state.second) value *= value;
    states.push_back(state);
  }
  return states;
}

struct Settings {
  std::int64_t step = 1;
  float clip_scale = 0.5f;
  double learning_rate = 0.01;
  Rounding rounding = Rounding::nearest;
  std::uint64_t seed = 3;
  bool copies = true;  // a bf16 copy of weights in float
  bool schedule_in_memory = false;
};

template <typename T, typename Gradient>
void step(States<T, Gradient>& states, const Settings& settings) {
  struct Arrays {
    Guarded<T> weight;
    Guarded<Gradient> gradient;
    Guarded<float> first, second;
    Guarded<bf16> rounded;
  };
  const bool copies = settings.copies && !std::is_same_v<T, bf16>;
  std::vector<Arrays> arrays;
  std::vector<AdamWTensor<T, Gradient>> tensors;
  for (const State<T, Gradient>& s : states) {
    const auto count = static_cast<std::int64_t>(s.weight.size());
    arrays.push_back(
        {Guarded<T>(s.weight, s.shifts.weight), Guarded<Gradient>(s.gradient, s.shifts.gradient),
         Guarded<float>(s.first, s.shifts.first), Guarded<float>(s.second, s.shifts.second),
         Guarded<bf16>::poisoned(copies ? count : 0, s.shifts.rounded)});
    Arrays& a = arrays.back();
    tensors.push_back({a.weight.span(), a.gradient.span(), a.first.span(), a.second.span(), s.decay,
                       a.rounded.span()});
  }
  Buffer<float> clip_scale(std::vector<float>{settings.clip_scale});
  AdamW<T, Gradient> x;
  x.tensors = span(std::as_const(tensors));
  Buffer<AdamWSchedule> schedule(
      std::vector<AdamWSchedule>{{settings.learning_rate, settings.step}});
  if (settings.schedule_in_memory) {
    x.learning_rate = 77.0;  // not to be read
    x.step = 12345;
    x.schedule = schedule.span();
  } else {
    x.learning_rate = settings.learning_rate;
    x.step = settings.step;
  }
  x.clip_scale = clip_scale.span();
  x.rounding = settings.rounding;
  x.seed = settings.seed;
  OBVERSE_RUN(adamw, x);
  for (std::size_t i = 0; i < states.size(); ++i) {
    states[i].weight = arrays[i].weight.to_vector();
    states[i].first = arrays[i].first.to_vector();
    states[i].second = arrays[i].second.to_vector();
    states[i].rounded = arrays[i].rounded.to_vector();
    CHECK(same_bits(arrays[i].gradient.to_vector(), states[i].gradient));
  }
}

// Whether `value` is what `exact`, off by what float arithmetic may err, rounds to.
bool rounds_to(bf16 value, double exact, double error) {
  const auto low = static_cast<float>(bf16(static_cast<float>(exact - error)));
  const auto high = static_cast<float>(bf16(static_cast<float>(exact + error)));
  return low <= static_cast<float>(value) && static_cast<float>(value) <= high;
}

void check_rounded(const std::vector<bf16>& values, const std::vector<double>& exact,
                   double tolerance, const std::string& what) {
  REQUIRE(values.size() == exact.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (rounds_to(values[i], exact[i], tolerance * (std::abs(exact[i]) + 1.0))) continue;
    INFO(what << "[" << i << "]: expected " << exact[i] << " rounded, got "
              << static_cast<double>(values[i]));
    CHECK(false);
    return;
  }
}

// One step in double from `before`, compared with `after`.
template <typename T, typename Gradient>
void check_step(const State<T, Gradient>& before, const State<T, Gradient>& after,
                const Settings& settings) {
  const double t = static_cast<double>(settings.step), rate = settings.learning_rate;
  std::vector<double> weight, first, second;
  for (std::size_t i = 0; i < before.weight.size(); ++i) {
    const double g = settings.clip_scale * static_cast<double>(before.gradient[i]);
    const double w = static_cast<double>(before.weight[i]);
    first.push_back(0.9 * before.first[i] + 0.1 * g);
    second.push_back(0.95 * before.second[i] + 0.05 * g * g);
    weight.push_back(w - rate * (before.decay * w +
                                 first.back() / (1 - std::pow(0.9, t)) /
                                     (std::sqrt(second.back() / (1 - std::pow(0.95, t))) + 1e-8)));
  }
  check_close(after.first, first, 4 * unit<float>(), 1.0, "first_moment");
  check_close(after.second, second, 8 * unit<float>(), 0.0, "second_moment");
  if constexpr (std::is_same_v<T, bf16>) {
    check_rounded(after.weight, weight, 4 * unit<float>(), "weight");
  } else {
    check_close(after.weight, weight, 4 * unit<float>(), 1.0, "weight");
    if (settings.copies) {
      // Of the very weights that were written.
      CHECK(same_bits(after.rounded, rounded_to<bf16>(doubles(after.weight))));
    } else {
      CHECK(after.rounded.empty());
    }
  }
}

// Fewer and more than a block's elements, multiples of a group of them or not.
const std::vector<std::int64_t> kSizes{1, 15, 2048, 0, 4099, 2047, 6144};

TEMPLATE_TEST_CASE("adamw equals double arithmetic over several steps", "[adamw]", Plain, Mixed,
                   Half, HalfSummed) {
  using T = typename TestType::Weight;
  using Gradient = typename TestType::WeightGradient;
  auto states = random_states<T, Gradient>(kSizes);
  for (std::int64_t number = 1; number <= 3; ++number) {
    const Settings settings{.step = number, .copies = number != 2};
    for (std::size_t i = 0; i < states.size(); ++i) {
      states[i].gradient =
          normal_in<Gradient>(kSizes[i], 1000 * static_cast<std::uint64_t>(number) + i);
    }
    const auto before = states;
    step(states, settings);
    for (std::size_t i = 0; i < states.size(); ++i) check_step(before[i], states[i], settings);
  }
}

TEMPLATE_TEST_CASE("adamw takes the schedule from memory", "[adamw]", Plain, Mixed, Half) {
  using T = typename TestType::Weight;
  using Gradient = typename TestType::WeightGradient;
  for (const Rounding rounding : {Rounding::nearest, Rounding::stochastic}) {
    auto told = random_states<T, Gradient>({4099, 15}), read = told;
    step(told, {.step = 7, .learning_rate = 0.02, .rounding = rounding});
    step(read,
         {.step = 7, .learning_rate = 0.02, .rounding = rounding, .schedule_in_memory = true});
    for (std::size_t i = 0; i < told.size(); ++i) {
      CHECK(same_bits(told[i].weight, read[i].weight));
      CHECK(same_bits(told[i].first, read[i].first));
      CHECK(same_bits(told[i].rounded, read[i].rounded));
    }
  }
}

TEMPLATE_TEST_CASE("adamw changes nothing where the clip scale is no number", "[adamw]", Plain,
                   Mixed, Half) {
  using T = typename TestType::Weight;
  using Gradient = typename TestType::WeightGradient;
  for (const float clip_scale : {NAN, INFINITY, -INFINITY}) {
    const auto before = random_states<T, Gradient>({4099, 2048});
    auto after = before;
    step(after, {.clip_scale = clip_scale});
    for (std::size_t i = 0; i < before.size(); ++i) {
      CHECK(same_bits(before[i].weight, after[i].weight));
      CHECK(same_bits(before[i].first, after[i].first));
      CHECK(same_bits(before[i].second, after[i].second));
    }
  }
}

TEST_CASE("adamw keeps to double arithmetic when errors add up over twenty steps", "[adamw]") {
  constexpr std::int64_t kCount = 700;
  States<float, bf16> states{{normal_in<float>(kCount, 1), normal_in<bf16>(kCount, 2),
                              std::vector<float>(kCount, 0.0f), std::vector<float>(kCount, 0.0f),
                              0.1}};
  auto weight = doubles(states[0].weight);
  std::vector<double> first(weight.size()), second(weight.size());
  for (std::int64_t number = 1; number <= 20; ++number) {
    states[0].gradient = normal_in<bf16>(kCount, 100 + static_cast<std::uint64_t>(number));
    step(states, {.step = number, .clip_scale = 1.0f});
    const double t = static_cast<double>(number);
    for (std::size_t i = 0; i < weight.size(); ++i) {
      const double g = static_cast<double>(states[0].gradient[i]);
      first[i] = 0.9 * first[i] + 0.1 * g;
      second[i] = 0.95 * second[i] + 0.05 * g * g;
      const double direction = first[i] / (1 - std::pow(0.9, t)) /
                               (std::sqrt(second[i] / (1 - std::pow(0.95, t))) + 1e-8);
      weight[i] -= 0.01 * (0.1 * weight[i] + direction);
    }
  }
  check_close(states[0].weight, weight, 8 * unit<float>(), 1.0, "weight");
}

TEMPLATE_TEST_CASE("adamw takes arrays that start anywhere", "[adamw]", Plain, Mixed, Half) {
  using T = typename TestType::Weight;
  using Gradient = typename TestType::WeightGradient;
  for (const Shifts& shifts :
       {Shifts{1, 0, 0, 0, 0}, Shifts{0, 3, 0, 0, 0}, Shifts{0, 0, 2, 0, 0}, Shifts{0, 0, 0, 1, 0},
        Shifts{0, 0, 0, 0, 4}, Shifts{1, 2, 3, 4, 5}, Shifts{8, 8, 8, 8, 8}}) {
    auto states = random_states<T, Gradient>({2048, 2051});
    states[0].shifts = states[1].shifts = shifts;
    const auto before = states;
    step(states, {});
    for (std::size_t i = 0; i < states.size(); ++i) check_step(before[i], states[i], {});
  }
}

TEST_CASE("adamw updates as many tensors as there are", "[adamw]") {
  const std::int64_t count = GENERATE(0, 32, 33, 150, 1200);
  std::vector<std::int64_t> sizes;
  for (std::int64_t i = 0; i < count; ++i) {
    // Some without elements, some with several blocks.
    sizes.push_back(i % 37 == 36 ? 4100 : i % 5 == 2 ? 0 : i * 7 % 11 + 1);
  }
  auto states = random_states<float, bf16>(sizes);
  const auto before = states;
  step(states, {});
  for (std::size_t i = 0; i < states.size(); ++i) check_step(before[i], states[i], {});
}

TEST_CASE("adamw updates a tensor of many blocks", "[adamw]") {
  auto states = random_states<float, bf16>({3, 150001});
  const auto before = states;
  step(states, {});
  for (std::size_t i = 0; i < states.size(); ++i) check_step(before[i], states[i], {});
}

TEMPLATE_TEST_CASE("adamw lets no NaN and no infinity vanish", "[adamw]", Plain, Mixed, Half) {
  using T = typename TestType::Weight;
  using Gradient = typename TestType::WeightGradient;
  for (const Rounding rounding : {Rounding::nearest, Rounding::stochastic}) {
    auto states = random_states<T, Gradient>({2048, 9});
    const std::size_t odd[] = {0, 7};
    for (auto& state : states) {
      // The NaN that GPUs make: one more would be a zero.
      state.gradient[odd[0]] = Gradient(std::bit_cast<float>(0x7FFFFFFFu));
      state.gradient[odd[1]] = Gradient(std::numeric_limits<float>::infinity());
    }
    const auto before = states;
    step(states, {.rounding = rounding});
    for (std::size_t tensor = 0; tensor < states.size(); ++tensor) {
      const auto& s = states[tensor];
      CHECK(std::isnan(s.first[0]));
      CHECK(std::isnan(s.second[0]));
      CHECK(std::isinf(s.first[7]));
      CHECK(std::isinf(s.second[7]));
      for (const std::size_t i : odd) {
        CHECK(std::isnan(static_cast<float>(s.weight[i])));
        if (!s.rounded.empty()) CHECK(std::isnan(static_cast<float>(s.rounded[i])));
      }
      for (std::size_t i = 0; i < s.weight.size(); ++i) {
        if (i != odd[0] && i != odd[1]) REQUIRE(std::isfinite(static_cast<float>(s.weight[i])));
      }
    }
  }
}

TEMPLATE_TEST_CASE("adamw with a clip scale of 0 only lets moments and weights decay", "[adamw]",
                   Plain, Half) {
  using T = typename TestType::Weight;
  auto states = random_states<T, typename TestType::WeightGradient>({2500});
  const auto before = states;
  const Settings settings{.clip_scale = 0.0f};
  step(states, settings);
  check_step(before[0], states[0], settings);
  CHECK(states[0].first[3] == 0.9f * before[0].first[3]);
}

// ---- Stochastic rounding ----

// With neither gradient nor moments a step only decays: 1 becomes exactly `kDecayed`, which lies
// 0.3125 of the way from 1 down to its neighbour.
constexpr double kPart = 0.3125, kSpacing = 0x1p-8, kDecayed = 1.0 - kPart * kSpacing;

template <typename T>
States<T, bf16> ones(const std::vector<std::int64_t>& sizes) {
  States<T, bf16> states;
  for (const std::int64_t size : sizes) {
    const auto count = static_cast<std::size_t>(size);
    states.push_back({std::vector<T>(count, T(1.0f)), std::vector<bf16>(count, bf16(0.0f)),
                      std::vector<float>(count, 0.0f), std::vector<float>(count, 0.0f),
                      kPart * kSpacing});
  }
  return states;
}

template <typename T>
const std::vector<bf16>& result_of(const State<T, bf16>& state) {
  if constexpr (std::is_same_v<T, bf16>) {
    return state.weight;
  } else {
    return state.rounded;
  }
}

constexpr Settings stochastic(std::int64_t number, std::uint64_t seed) {
  return {.step = number, .learning_rate = 1.0, .rounding = Rounding::stochastic, .seed = seed};
}

TEMPLATE_TEST_CASE("adamw rounds stochastically to two neighbours with the right mean", "[adamw]",
                   float, bf16) {
  constexpr std::int64_t kCount = 60000;
  auto states = ones<TestType>({kCount});
  step(states, stochastic(1, 11));
  if constexpr (std::is_same_v<TestType, float>) {
    CHECK(static_cast<double>(states[0].weight[17]) == kDecayed);
  }
  std::int64_t down = 0;
  for (const bf16 value : result_of(states[0])) {
    if (static_cast<double>(value) != 1.0) {
      REQUIRE(static_cast<double>(value) == 1.0 - kSpacing);
      ++down;
    }
  }
  // Five standard deviations of a binomial count.
  const double expected = kPart * kCount, deviation = std::sqrt(expected * (1.0 - kPart));
  CHECK(std::abs(static_cast<double>(down) - expected) < 5.0 * deviation);
}

TEMPLATE_TEST_CASE("adamw draws by seed, step, tensor and element alone", "[adamw]", float, bf16) {
  // The second is empty but counts; the third starts anywhere, so that other code serves it than
  // the whole blocks of the first and the last.
  const std::vector<std::int64_t> sizes{2048, 0, 2050, 33, 4096};
  auto states = ones<TestType>(sizes);
  states[2].shifts = {1, 1, 1, 1, 1};
  const std::int64_t number = 70000;
  const std::uint64_t seed = 0x123456789ABCDEFull;
  step(states, stochastic(number, seed));
  for (std::size_t tensor = 0; tensor < sizes.size(); ++tensor) {
    const auto& result = result_of(states[tensor]);
    for (std::size_t i = 0; i < result.size(); ++i) {
      const auto words =
          kernels::philox({static_cast<std::uint32_t>(i / 4), static_cast<std::uint32_t>(number),
                           static_cast<std::uint32_t>(tensor),
                           static_cast<std::uint32_t>(kernels::Purpose::rounding)},
                          static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
      // Sixteen bits stand below a bf16's: the magnitude grows where they and the draw carry.
      const auto left_out = static_cast<std::uint32_t>((1.0 - kPart) * 0x1p16);
      const bool up = left_out + (words[i % 4] >> 16) >= 0x10000u;
      INFO("tensor " << tensor << ", element " << i);
      REQUIRE(static_cast<double>(result[i]) == (up ? 1.0 : 1.0 - kSpacing));
    }
  }
}

TEST_CASE("adamw rounds alike on every run and differently by seed and step", "[adamw]") {
  const auto bits_of = [](std::int64_t number, std::uint64_t seed) {
    auto states = ones<bf16>({3000});
    step(states, stochastic(number, seed));
    return states[0].weight;
  };
  const auto once = bits_of(1, 5);
  CHECK(same_bits(bits_of(1, 5), once));
  CHECK_FALSE(same_bits(bits_of(2, 5), once));
  CHECK_FALSE(same_bits(bits_of(1, 6), once));
  CHECK_FALSE(same_bits(bits_of(1, 5 + (std::uint64_t{1} << 32)), once));
}

TEST_CASE("adamw leaves alone what bf16 can hold, infinities included", "[adamw]") {
  auto states = ones<bf16>({4});
  states[0].decay = 0.0;
  const float largest = static_cast<float>(std::bit_cast<bf16>(std::uint16_t{0x7F7F}));
  const std::vector<float> values{-1.5f, std::numeric_limits<float>::infinity(), largest, -0.0f};
  for (std::size_t i = 0; i < values.size(); ++i) states[0].weight[i] = bf16(values[i]);
  const auto before = states[0].weight;
  step(states, stochastic(1, 7));
  for (std::size_t i = 0; i < values.size(); ++i) {
    CHECK(static_cast<float>(states[0].weight[i]) == static_cast<float>(before[i]));
  }
}

TEMPLATE_TEST_CASE("adamw has the same bits in every order of threads and blocks", "[adamw]", Mixed,
                   Half) {
  using T = typename TestType::Weight;
  using Gradient = typename TestType::WeightGradient;
  States<T, Gradient> expected;
  for_schedules(
      [&] {
        auto states = random_states<T, Gradient>({5000, 3, 0, 700, 2048});
        step(states, {.rounding = Rounding::stochastic});
        if (expected.empty()) expected = states;
        CHECK(states == expected);
      },
      3);
}

TEST_CASE("adamw names what is wrong and writes nothing", "[adamw]") {
  Buffer<float> weight(std::vector<float>(5, 1.0f)), first = Buffer<float>::poisoned(5),
                                                     second = Buffer<float>::poisoned(5);
  Buffer<bf16> gradient = Buffer<bf16>::poisoned(5), rounded = Buffer<bf16>::poisoned(5);
  Buffer<float> clip_scale(std::vector<float>{1.0f});
  const auto error_with = [&](const auto& change) {
    std::vector<AdamWTensor<float, bf16>> tensors{
        {weight.span(), gradient.span(), first.span(), second.span(), 0.0, rounded.span()}};
    AdamW<float, bf16> x;
    x.clip_scale = clip_scale.span();
    change(x, tensors[0]);
    x.tensors = span(std::as_const(tensors));
    return error_of([&] { OBVERSE_RUN(adamw, x); });
  };
  CHECK(error_with([](auto& x, auto&) { x.step = 0; }) ==
        "[adamw] expected a step of at least 1, got 0");
  CHECK(error_with([](auto& x, auto&) { x.step = std::int64_t{1} << 32; }) ==
        "[adamw] expected a step below 2^32, got 4294967296");
  CHECK(error_with([](auto& x, auto&) { x.beta_2 = 1.0; }) ==
        "[adamw] expected beta_1 and beta_2 of at least 0 and below 1, got 0.9 and 1");
  CHECK(error_with([](auto& x, auto&) { x.clip_scale = {}; }) ==
        "[adamw] expected clip_scale of 1 elements, got 0");
  CHECK(error_with([](auto&, auto& t) { t.gradient = t.gradient.subspan(0, 3); }) ==
        "[adamw] expected gradient of 5 elements, got 3");
  CHECK(error_with([](auto&, auto& t) { t.first_moment = {}; }) ==
        "[adamw] expected first_moment of 5 elements, got 0");
  CHECK(error_with([](auto&, auto& t) { t.second_moment = t.second_moment.subspan(0, 4); }) ==
        "[adamw] expected second_moment of 5 elements, got 4");
  CHECK(error_with([](auto&, auto& t) { t.rounded_weight = t.rounded_weight.subspan(0, 4); }) ==
        "[adamw] expected rounded_weight of 5 elements or none, got 4");
  CHECK(weight.to_vector() == std::vector<float>(5, 1.0f));

  const std::vector<AdamWTensor<bf16>> half{
      {rounded.span(), gradient.span(), first.span(), second.span(), 0.0, rounded.span()}};
  AdamW<bf16> x;
  x.tensors = span(half);
  x.clip_scale = clip_scale.span();
  CHECK(error_of([&] { OBVERSE_RUN(adamw, x); }) ==
        "[adamw] expected no rounded_weight beside weights in bf16, got 5 elements");
}

}  // namespace
}  // namespace obverse::tests

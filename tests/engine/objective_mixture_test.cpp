#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/training/objective.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using engine::Decoding;
using engine::Document;
using engine::Example;
using engine::kBeginOfText;
using engine::kEndOfText;
using engine::make_objective;
using kernels::AttentionMask;

using Ids = std::vector<std::int32_t>;

constexpr engine::TextSizes kTexts{60, 6};
const Document kDocument{{kBeginOfText, 10, 11, 12, 13, kEndOfText}, {{1, 1}, {3, 2}}};

Example example_of(const engine::Objective& objective, std::uint64_t visit) {
  Example example;
  objective.make_example(kDocument,
                         kernels::RandomSequence({3, kernels::Purpose::objective, visit}), example);
  return example;
}

TEST_CASE("a list whose items all have weights is one mixture", "[mixture]") {
  using Names = std::vector<std::string>;
  CHECK(engine::split_objectives("causal") == Names{"causal"});
  CHECK(engine::split_objectives("causal,prefix") == Names{"causal", "prefix"});
  CHECK(engine::split_objectives("causal:0.95,prefix:0.05") == Names{"causal:0.95+prefix:0.05"});
  CHECK(engine::split_objectives("causal,causal:0.95+prefix:0.05") ==
        Names{"causal", "causal:0.95+prefix:0.05"});
  CHECK(engine::split_objectives("masked_fixed:0.4") == Names{"masked_fixed:0.4"});
}

TEST_CASE("a mixture draws its objectives by weight", "[mixture]") {
  const auto mixture = make_objective("causal:3+token_reversed@1:1", kTexts);
  CHECK(mixture->mask() == AttentionMask::causal);
  constexpr int kVisits = 4000;
  int reversed = 0;
  for (std::uint64_t visit = 0; visit < kVisits; ++visit) {
    const Ids inputs = example_of(*mixture, visit).inputs;
    REQUIRE((inputs == Ids{kBeginOfText, 10, 11, 12, 13} ||
             inputs == Ids{kBeginOfText, 13, 12, 11, 10}));
    reversed += inputs[1] == 13;
  }
  CHECK(std::abs(reversed - 0.25 * kVisits) < 5.0 * std::sqrt(kVisits * 0.25 * 0.75));
}

TEST_CASE("a mixture's name is the same however its weights are written", "[mixture]") {
  CHECK(make_objective("causal:95+entity_reversed@0.5:5")->name() ==
        "causal:0.95+entity_reversed:0.05");
  CHECK(make_objective("causal:0.95+entity_reversed:0.05")->name() ==
        "causal:0.95+entity_reversed:0.05");
  const std::string thirds = make_objective("masked_fixed@0.40:1+causal:1+prefix:1")->name();
  CHECK(thirds == "masked_fixed@0.4:0.333333+causal:0.333333+prefix:0.333333");
  CHECK(make_objective(thirds)->name() == thirds);
}

TEST_CASE("own tokens are numbered one behind another", "[mixture]") {
  const auto mixture = make_objective("causal_masked@1:1+permuted:1+infilling@1:1", kTexts);
  CHECK(mixture->model_sizes(kTexts).vocabulary == 60 + 1 + 6 + 3);
  CHECK(mixture->model_sizes(kTexts).longest == 12);
  std::map<std::int32_t, int> found;
  for (std::uint64_t visit = 0; visit < 300; ++visit) {
    const Ids inputs = example_of(*mixture, visit).inputs;
    std::int32_t lowest = 100, highest = 0;
    for (const std::int32_t token : inputs) {
      if (token < 60) continue;
      lowest = std::min(lowest, token);
      highest = std::max(highest, token);
    }
    // <restore>; places 1 to 5; <prefix> to <middle>.
    REQUIRE((lowest == 60 ? highest == 60 : lowest == 62 ? highest == 66 : lowest == 67));
    if (lowest == 67) REQUIRE(highest == 69);
    ++found[lowest];
  }
  CHECK(found.size() == 3);
}

TEST_CASE("a mixture's mask gives each objective its own", "[mixture]") {
  CHECK(make_objective("masked_fixed:1+masked_uniform:1")->mask() == AttentionMask::bidirectional);
  CHECK(make_objective("causal:1+permuted:1", kTexts)->mask() == AttentionMask::causal);
  const auto mixture = make_objective("causal:1+masked_fixed@1:1+prefix:1");
  CHECK(mixture->mask() == AttentionMask::prefix);
  CHECK(mixture->allows(AttentionMask::causal));
  CHECK_FALSE(mixture->allows(AttentionMask::bidirectional));
  std::map<std::string, int> seen;
  for (std::uint64_t visit = 0; visit < 600; ++visit) {
    const Example example = example_of(*mixture, visit);
    if (example.inputs.size() == 6) {
      REQUIRE(example.inputs[1] == engine::kMask);
      REQUIRE(example.prefix == 6);  // all of it is seen both ways
      ++seen["masked"];
      continue;
    }
    const auto asked = example.targets.size() - static_cast<std::size_t>(std::count(
                                                    example.targets.begin(), example.targets.end(),
                                                    kernels::kIgnoredTarget));
    // Nothing is seen both ways but a prefix that is not asked.
    REQUIRE(example.prefix >= 1);
    REQUIRE(asked == 6 - static_cast<std::size_t>(example.prefix));
    ++seen[example.prefix > 1 ? "prefix" : "one"];
  }
  CHECK(seen["masked"] > 150);
  CHECK(seen["prefix"] > 100);
  CHECK(seen["one"] > 150);
  // Alone under its own mask nothing needs a prefix.
  CHECK(example_of(*make_objective("causal:1+token_reversed:1"), 0).prefix == 0);
}

TEST_CASE("a text that weighs 1 in all weighs as its words beside others", "[mixture]") {
  const auto mixture = make_objective("causal:1+masked_uniform:1");
  int masked = 0;
  for (std::uint64_t visit = 0; visit < 50; ++visit) {
    const Example example = example_of(*mixture, visit);
    if (example.inputs.size() < 6) {
      CHECK(example.weight == 1.0f);
      continue;
    }
    const auto asked =
        6 - std::count(example.targets.begin(), example.targets.end(), kernels::kIgnoredTarget);
    CHECK(example.weight * static_cast<float>(asked) == Approx(4.0));
    ++masked;
  }
  CHECK(masked > 10);
}

TEST_CASE("a mixture is asked as its heaviest objective is", "[mixture]") {
  const auto decoding = [](const char* name) { return make_objective(name, kTexts)->decoding(); };
  CHECK(decoding("causal:0.6+masked_uniform:0.4") == Decoding::left_to_right);
  CHECK(decoding("causal:0.4+masked_uniform:0.6") == Decoding::unmasking);
  CHECK(decoding("causal:0.5+masked_uniform:0.5") == Decoding::left_to_right);
  CHECK(decoding("masked_uniform:0.5+causal:0.5") == Decoding::unmasking);
  const Ids before{kBeginOfText, 10}, answer{11}, after{12, kEndOfText};
  engine::Reading reading;
  const auto read = [&](const char* name, bool infill) {
    make_objective(name, kTexts)->read_question(before, answer, after, infill, reading);
    return reading.example.inputs;
  };
  const Ids plain{kBeginOfText, 10, 11};
  CHECK(read("causal:0.4+prefix:0.6", false) == plain);
  CHECK(reading.example.prefix == 2);
  CHECK(read("causal:0.6+prefix:0.4", false) == plain);
  CHECK(reading.example.prefix == 1);
  CHECK(read("causal:0.6+permuted:0.4", false) == plain);
  CHECK(read("causal:0.4+permuted:0.6", false) == Ids{kBeginOfText, 61, 10, 62, 11});
}

TEST_CASE("a mixture fills gaps as its heaviest objective that can", "[mixture]") {
  CHECK_FALSE(make_objective("causal:1+prefix:1")->infills());
  const auto of = [](const char* name) { return make_objective(name, kTexts); };
  CHECK(of("causal:0.9+masked_fixed:0.1")->infills());
  CHECK(of("causal:0.9+masked_fixed:0.1")->infill_decoding() == Decoding::unmasking);
  CHECK(of("masked_fixed:0.4+infilling:0.6")->infill_decoding() == Decoding::left_to_right);
  const auto mixture = of("causal:0.6+infilling:0.1+causal_masked:0.2+masked_fixed:0.1");
  CHECK(mixture->infill_decoding() == Decoding::left_to_right);
  engine::Reading reading;
  mixture->read_question({kBeginOfText, 10}, {11}, {12, kEndOfText}, true, reading);
  CHECK(reading.example.inputs == Ids{kBeginOfText, 10, engine::kMask, 12, 63, 10});
  CHECK(reading.example.prefix == 1);
}

TEST_CASE("mixtures say what they expected", "[mixture]") {
  const auto error = [](const std::string& name) {
    return error_of([&] { make_objective(name); });
  };
  for (const char* weight : {"0", "-1", "nan", "inf"}) {
    CHECK(error(std::string("causal:1+prefix:") + weight) ==
          std::string("[objective] expected a weight above 0 behind 'prefix:', got '") + weight +
              "'");
  }
  CHECK(error("causal:1+prefix:much") ==
        "[objective] expected a number behind 'prefix:', got 'much'");
  CHECK(error("causal:1") ==
        "[objective] expected at least two weighted objectives, joined by +, got 'causal:1' alone");
  CHECK(error("masked_fixed:0.4") ==
        "[objective] expected at least two weighted objectives, joined by +, got "
        "'masked_fixed:0.4' alone; the number of an objective is written behind @: "
        "'masked_fixed@0.4'");
  for (const auto& [name, item] : {std::pair("causal+prefix:1", "causal"),
                                   {"causal:1+", ""},
                                   {"causal:1+prefix:1:2", "prefix:1:2"}}) {
    CHECK(error(name) == std::string("[objective] expected 'NAME:WEIGHT' joined by +, as in "
                                     "'causal:0.95+entity_reversed:0.05', got '") +
                             item + "' in '" + name + "'");
  }
  CHECK(error("causal:1+prefx:1").find("[objective] expected one of causal ") == 0);
  CHECK(error("causal:1+prefx:1").find(", got 'prefx'") != std::string::npos);
  CHECK(error("masked_fixed:1+masked_fixed@0.15:1") ==
        "[objective] expected each objective of a mixture once, got 'masked_fixed' twice in "
        "'masked_fixed:1+masked_fixed@0.15:1'");
  CHECK(error("causal:1+permuted:1").find("[permuted] expected the vocabulary of the texts") == 0);
  for (const auto& description : engine::objective_descriptions()) {
    CHECK(description.name.find_first_of(":+@") == std::string::npos);
  }
}

}  // namespace
}  // namespace obverse::tests

// Objectives that rearrange a text or put it behind tokens of their own: what is read, what is
// asked, and that questions are read as training reads texts.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/training/objective.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using engine::Document;
using engine::Example;
using engine::kBeginOfText;
using engine::kEndOfText;
using engine::kMask;
using kernels::kIgnoredTarget;

using Ids = std::vector<std::int32_t>;

constexpr engine::TextSizes kTexts{60, 6};
constexpr std::int32_t kOwn = 60;
// Begin, a name of one word, a word, a name of two, end.
const Document kDocument{{kBeginOfText, 10, 11, 12, 13, kEndOfText}, {{1, 1}, {3, 2}}};
const Document kBare{{10, 11, 12}, {}};

Example example_of(const engine::Objective& objective, const Document& document,
                   std::uint64_t visit) {
  Example example;
  example.inputs = {99, 99, 99};  // what a reused example holds must not show
  example.targets = {98};
  example.prefix = 7;
  example.weight = 0.5f;
  objective.make_example(document, kernels::RandomSequence({3, kernels::Purpose::objective, visit}),
                         example);
  REQUIRE(example.inputs.size() == example.targets.size());
  const engine::TextSizes needed = objective.model_sizes(kTexts);
  REQUIRE(static_cast<std::int64_t>(example.inputs.size()) <= needed.longest);
  REQUIRE(*std::max_element(example.inputs.begin(), example.inputs.end()) < needed.vocabulary);
  return example;
}

// Five standard deviations about `share` of `visits`.
bool is_near(int count, int visits, double share) {
  return std::abs(count - visits * share) <= 5.0 * std::sqrt(visits * share * (1 - share));
}

TEST_CASE("permuted asks for each token behind its place, in every order", "[objective]") {
  const auto objective = engine::make_objective("permuted", kTexts);
  CHECK(objective->model_sizes(kTexts).vocabulary == 66);
  CHECK(objective->model_sizes(kTexts).longest == 12);
  for (const bool begins : {true, false}) {
    Document document = kBare;
    if (begins) document.tokens.insert(document.tokens.begin(), kBeginOfText);
    const std::size_t first = begins ? 1 : 0;
    constexpr int kVisits = 3000;
    std::map<Ids, int> orders;
    for (std::uint64_t visit = 0; visit < kVisits; ++visit) {
      const Example example = example_of(*objective, document, visit);
      REQUIRE(example.inputs.size() == 5 + first);
      REQUIRE(example.weight == 1.0f);
      if (begins) {
        REQUIRE(example.inputs[0] == kBeginOfText);
        REQUIRE(example.targets[0] == kIgnoredTarget);
      }
      Ids order;
      for (std::size_t at = first; at < example.inputs.size(); ++at) {
        if ((at - first) % 2 == 1) {
          REQUIRE(example.inputs[at] == example.targets[at - 1]);
          REQUIRE(example.targets[at] == kIgnoredTarget);
          continue;
        }
        order.push_back(example.inputs[at] - kOwn);
        REQUIRE(example.targets[at] == document.tokens.at(static_cast<std::size_t>(order.back())));
      }
      ++orders[order];
    }
    REQUIRE(orders.size() == 6);
    for (const auto& [order, count] : orders) {
      CHECK(std::set<std::int32_t>(order.begin(), order.end()).size() == 3);
      CHECK(is_near(count, kVisits, 1.0 / 6));
    }
  }
}

TEST_CASE("infilling draws every gap and asks for it alone", "[objective]") {
  const auto objective = engine::make_objective("infilling", kTexts);
  CHECK(objective->model_sizes(kTexts).vocabulary == 63);
  CHECK(objective->model_sizes(kTexts).longest == 9);
  constexpr int kVisits = 6000;
  std::map<Ids, int> gaps;
  for (std::uint64_t visit = 0; visit < kVisits; ++visit) {
    const Example example = example_of(*objective, kDocument, visit);
    const Ids& inputs = example.inputs;
    const auto middle = std::find(inputs.begin(), inputs.end(), kOwn + 2);
    if (middle == inputs.end()) {
      REQUIRE(inputs == Ids{kBeginOfText, 10, 11, 12, 13});
      REQUIRE(example.targets == Ids{10, 11, 12, 13, kEndOfText});
      continue;
    }
    const auto suffix = std::find(inputs.begin(), middle, kOwn + 1);
    REQUIRE(inputs[0] == kBeginOfText);
    REQUIRE(inputs[1] == kOwn);
    // The parts in the text's order are the text.
    Ids words(inputs.begin() + 2, suffix);
    words.insert(words.end(), middle + 1, inputs.end());
    words.insert(words.end(), suffix + 1, middle);
    REQUIRE(words == Ids{10, 11, 12, 13});
    Ids expected(middle - inputs.begin(), kIgnoredTarget);
    expected.insert(expected.end(), middle + 1, inputs.end());
    expected.push_back(kEndOfText);
    REQUIRE(example.targets == expected);
    ++gaps[Ids(middle + 1, inputs.end())];
  }
  REQUIRE(gaps.size() == 10);
  for (const auto& [gap, count] : gaps) CHECK(is_near(count, kVisits, 0.05));
  const auto always = engine::make_objective("infilling@1", kTexts);
  CHECK(example_of(*always, {{10}, {}}, 0).inputs == Ids{kOwn, kOwn + 1, kOwn + 2, 10});
  CHECK(example_of(*always, {{kBeginOfText, kEndOfText}, {}}, 0).inputs == Ids{kBeginOfText});
}

TEST_CASE("causal_masked restores what is masked, every number of words", "[objective]") {
  for (const bool keeps : {false, true}) {
    const std::string name = keeps ? "causal_masked_source_kept" : "causal_masked";
    const auto objective = engine::make_objective(name, kTexts);
    CHECK(objective->model_sizes(kTexts).vocabulary == 61);
    CHECK(objective->model_sizes(kTexts).longest == 12);
    constexpr int kVisits = 8000;
    int plain = 0;
    std::map<int, int> counts;
    std::map<std::size_t, int> places;
    for (std::uint64_t visit = 0; visit < kVisits; ++visit) {
      const Example example = example_of(*objective, kDocument, visit);
      const Ids& inputs = example.inputs;
      if (inputs.size() == 5) {
        REQUIRE(inputs == Ids{kBeginOfText, 10, 11, 12, 13});
        REQUIRE(example.targets == Ids{10, 11, 12, 13, kEndOfText});
        ++plain;
        continue;
      }
      REQUIRE(inputs.size() == 9);
      REQUIRE(inputs[0] == kBeginOfText);
      REQUIRE(Ids(inputs.begin() + 5, inputs.end()) == Ids{kOwn, 10, 11, 12});
      REQUIRE(std::count(example.targets.begin(), example.targets.begin() + 5, kIgnoredTarget) ==
              5);
      int masked = 0;
      for (std::size_t i = 1; i <= 4; ++i) {
        const bool is_masked = inputs[i] == kMask;
        const std::int32_t token = kDocument.tokens[i];
        REQUIRE((is_masked || inputs[i] == token));
        REQUIRE(example.targets[4 + i] == (is_masked ? token : kIgnoredTarget));
        masked += is_masked;
        places[i] += is_masked;
      }
      ++counts[masked];
    }
    INFO(name);
    CHECK(is_near(plain, kVisits, 0.5));
    // Of n words every number of 0 to n is equally likely, and none becomes one.
    const int words = keeps ? 3 : 4;
    CHECK(counts.size() == static_cast<std::size_t>(words));
    for (int masked = 1; masked <= words; ++masked) {
      CHECK(is_near(counts[masked], kVisits, 0.5 * (masked == 1 ? 2.0 : 1.0) / (words + 1)));
    }
    CHECK((places[1] == 0) == keeps);
    const double share = 0.5 * (words / 2.0 + 1.0 / (words + 1)) / words;
    for (std::size_t i = keeps ? 2 : 1; i <= 4; ++i) CHECK(is_near(places[i], kVisits, share));
  }
  const auto always = engine::make_objective("causal_masked_source_kept@1", kTexts);
  const Document name_alone{{kBeginOfText, 10, kEndOfText}, {{1, 1}}};
  CHECK(example_of(*always, name_alone, 0).inputs == Ids{kBeginOfText, 10});
}

// Whether some visit reads what the question reads up to each of its places, and asks there for
// what the question asks.
bool training_asks(const engine::Objective& objective, const Document& document,
                   const engine::Reading& reading, const Ids& answer) {
  Ids places = reading.places, tokens = answer;
  REQUIRE(places.size() == answer.size());
  if (reading.end_place >= 0) {
    places.push_back(reading.end_place);
    tokens.push_back(kEndOfText);
  }
  const bool by_prefix = objective.mask() == kernels::AttentionMask::prefix;
  const Ids& read = reading.example.inputs;
  for (std::uint64_t visit = 0; visit < 4000; ++visit) {
    const Example example = example_of(objective, document, visit);
    bool same = !by_prefix || example.prefix == reading.example.prefix;
    for (std::size_t i = 0; same && i < places.size(); ++i) {
      const auto at = static_cast<std::size_t>(places[i]);
      same = at < example.inputs.size() && example.targets[at] == tokens[i] &&
             std::equal(read.begin(), read.begin() + places[i] + 1, example.inputs.begin());
    }
    if (same) return true;
  }
  return false;
}

TEST_CASE("questions are read as training reads texts", "[objective]") {
  std::vector<std::string> names = {"causal:0.6+prefix:0.4", "prefix:0.6+causal:0.4",
                                    "causal:0.5+causal_masked:0.3+masked_uniform:0.2",
                                    "identity_bridge:0.5+permuted:0.5"};
  for (const auto& description : engine::objective_descriptions())
    names.push_back(description.name);
  const Ids before{kBeginOfText, 10}, middle{11, 12}, after{13, kEndOfText};
  const Ids beginning{kBeginOfText, 10, 11}, last{12, 13}, end{kEndOfText};
  for (const std::string& name : names) {
    const auto objective = engine::make_objective(name, kTexts);
    INFO(name);
    engine::Reading reading;
    reading.example.inputs = {99};  // what a reused reading holds must not show
    reading.places = {98};
    if (objective->decoding() == engine::Decoding::left_to_right) {
      objective->read_question(beginning, last, end, false, reading);
      CHECK(reading.end_place >= 0);
      CHECK(training_asks(*objective, kDocument, reading, last));
      CHECK_FALSE(training_asks(*objective, kDocument, reading, {13, 12}));
      objective->read_question(before, middle, after, false, reading);
      CHECK(reading.end_place == -1);
      CHECK(training_asks(*objective, kDocument, reading, middle));
    }
    if (objective->infill_decoding() != engine::Decoding::left_to_right) continue;
    if (!objective->infills()) {
      CHECK_THROWS_AS(objective->read_question(before, middle, after, true, reading),
                      std::invalid_argument);
      continue;
    }
    objective->read_question(before, middle, after, true, reading);
    CHECK(training_asks(*objective, kDocument, reading, middle));
    objective->read_question(beginning, last, end, true, reading);
    CHECK(training_asks(*objective, kDocument, reading, last));
    // The source is a gap as well, but where it is never masked.
    objective->read_question({kBeginOfText}, {10}, {11, 12, 13, kEndOfText}, true, reading);
    CHECK(training_asks(*objective, kDocument, reading, {10}) ==
          (name != "causal_masked_source_kept"));
  }
}

TEST_CASE("gaps are read exactly so", "[objective]") {
  const Ids before{kBeginOfText, 10}, middle{11, 12}, after{13, kEndOfText};
  engine::Reading reading;
  const auto read = [&](const char* name) {
    engine::make_objective(name, kTexts)->read_question(before, middle, after, true, reading);
    CHECK(reading.example.targets == Ids(reading.example.inputs.size(), kIgnoredTarget));
    return reading.example.inputs;
  };
  CHECK(read("permuted") == Ids{kBeginOfText, kOwn + 1, 10, kOwn + 4, 13, kOwn + 5, kEndOfText,
                                kOwn + 2, 11, kOwn + 3, 12});
  CHECK(reading.places == Ids{7, 9});
  CHECK(reading.end_place == -1);
  CHECK(read("infilling") == Ids{kBeginOfText, kOwn, 10, kOwn + 1, 13, kOwn + 2, 11, 12});
  CHECK(reading.places == Ids{5, 6});
  CHECK(reading.end_place == 7);
  CHECK(read("causal_masked") == Ids{kBeginOfText, 10, kMask, kMask, 13, kOwn, 10, 11});
  CHECK(reading.places == Ids{6, 7});
  CHECK(reading.end_place == -1);
  const auto permuted = engine::make_objective("permuted", kTexts);
  permuted->read_question({kBeginOfText, 10}, {11}, {kEndOfText}, false, reading);
  CHECK(reading.example.inputs == Ids{kBeginOfText, kOwn + 1, 10, kOwn + 2, 11, kOwn + 3});
  CHECK(reading.places == Ids{3});
  CHECK(reading.end_place == 5);
}

TEST_CASE("objectives with tokens of their own say what they expected", "[objective]") {
  const auto permuted = engine::make_objective("permuted", kTexts);
  const Document longer{{kBeginOfText, 10, 11, 12, 13, 14, kEndOfText}, {}};
  const std::string expected =
      "[permuted] expected a text of at most 6 tokens, the longest that it has places for, got 7";
  CHECK(error_of([&] { example_of(*permuted, longer, 0); }) == expected);
  engine::Reading reading;
  CHECK(
      error_of([&] {
        permuted->read_question({kBeginOfText, 10, 11}, {12, 13}, {14, kEndOfText}, false, reading);
      }) == expected);
  CHECK(error_of([&] {
          example_of(*permuted, {{kBeginOfText}, {}}, 0);
        }) ==
        "[permuted] expected a document of at least one token behind begin-of-text, got none");
  for (const char* name : {"permuted", "infilling", "causal_masked"}) {
    const auto objective = engine::make_objective(name, kTexts);
    for (const auto& text : {std::pair(Ids{}, Ids{10}), {Ids{kBeginOfText}, Ids{}}}) {
      const std::string error =
          error_of([&] { objective->read_question(text.first, text.second, {11}, true, reading); });
      CHECK(error.find("expected text before an answer of at least one token, got ") !=
            std::string::npos);
    }
  }
}

}  // namespace
}  // namespace obverse::tests

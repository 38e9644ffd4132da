#include "engine/training/objective.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

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

constexpr engine::TextSizes kTexts{60, 40};

// The example of visit number `visit`.
Example example_of(const std::string& objective, const Document& document, std::uint64_t visit) {
  Example example;
  example.inputs = {99, 99, 99};  // what a reused example holds must not show
  example.targets = {98};
  example.prefix = 7;
  example.weight = 0.5f;
  engine::make_objective(objective, kTexts)
      ->make_example(document, kernels::RandomSequence({3, kernels::Purpose::objective, visit}),
                     example);
  return example;
}

// The text that a next-token example was cut from.
Ids text_of(const Example& example) {
  Ids text = example.inputs;
  text.push_back(example.targets.back());
  REQUIRE(example.targets == Ids(text.begin() + 1, text.end()));
  return text;
}

// Begin, a name of two tokens, two words, a name of three, a word, end.
const Document kDocument{{kBeginOfText, 10, 11, 20, 21, 12, 13, 14, 22, kEndOfText},
                         {{1, 2}, {5, 3}}};

Document document_of(std::int64_t words) {
  Document document{{kBeginOfText}, {}};
  for (std::int64_t i = 0; i < words; ++i) {
    document.tokens.push_back(static_cast<std::int32_t>(10 + i));
  }
  document.tokens.push_back(kEndOfText);
  return document;
}

TEST_CASE("causal asks for the next token at every place", "[objective]") {
  const Example example = example_of("causal", kDocument, 0);
  CHECK(example.inputs == Ids{kBeginOfText, 10, 11, 20, 21, 12, 13, 14, 22});
  CHECK(example.targets == Ids{10, 11, 20, 21, 12, 13, 14, 22, kEndOfText});
  CHECK(example.prefix == 0);
  CHECK(example.weight == 1.0f);
}

TEST_CASE("reversal keeps the frame; by entity it keeps names, too", "[objective]") {
  CHECK(text_of(example_of("token_reversed@1", kDocument, 0)) ==
        Ids{kBeginOfText, 22, 14, 13, 12, 21, 20, 11, 10, kEndOfText});
  CHECK(text_of(example_of("entity_reversed@1", kDocument, 0)) ==
        Ids{kBeginOfText, 22, 12, 13, 14, 21, 20, 10, 11, kEndOfText});
  const Document bare{{10, 11, 20, 12, 13}, {{0, 2}, {3, 2}}};
  CHECK(text_of(example_of("token_reversed@1", bare, 0)) == Ids{13, 12, 20, 11, 10});
  CHECK(text_of(example_of("entity_reversed@1", bare, 0)) == Ids{12, 13, 20, 10, 11});
  const Document least{{kBeginOfText, kEndOfText}, {}};
  CHECK(text_of(example_of("entity_reversed@1", least, 0)) == least.tokens);
}

TEST_CASE("half of the visits are reversed unless told otherwise", "[objective]") {
  constexpr int kVisits = 4000;
  for (const auto& [name, share] : {std::pair("token_reversed", 0.5),
                                    {"entity_reversed", 0.5},
                                    {"token_reversed@0.2", 0.2},
                                    {"entity_reversed@0", 0.0}}) {
    int reversed = 0;
    for (std::uint64_t visit = 0; visit < kVisits; ++visit) {
      const Ids text = text_of(example_of(name, kDocument, visit));
      if (text[1] == 22) {
        ++reversed;
      } else {
        REQUIRE(text == kDocument.tokens);
      }
    }
    INFO(name << ": " << reversed << " of " << kVisits);
    // Five standard deviations.
    CHECK(std::abs(reversed - kVisits * share) <= 5.0 * std::sqrt(kVisits * share * (1 - share)));
  }
}

TEST_CASE("segments of every length are reversed, words inside them are not", "[objective]") {
  CHECK(text_of(example_of("segment_reversed@1", document_of(0), 0)) == document_of(0).tokens);
  const Document document = document_of(3);
  const auto text = [](Ids words) {
    words.insert(words.begin(), kBeginOfText);
    words.push_back(kEndOfText);
    return words;
  };
  // Segments of one or two words: 1 + 1 + 1, 1 + 2, and 2 + 1 whatever would have been drawn next.
  std::map<Ids, double> expected{{text({10, 11, 12}), 0.5},
                                 {text({12, 11, 10}), 0.125},
                                 {text({11, 12, 10}), 0.125},
                                 {text({12, 10, 11}), 0.25}};
  constexpr int kVisits = 4000;
  std::map<Ids, int> counts;
  for (std::uint64_t visit = 0; visit < kVisits; ++visit) {
    ++counts[text_of(example_of("segment_reversed@2", document, visit))];
  }
  CHECK(counts.size() == expected.size());
  for (const auto& [words, share] : expected) {
    CHECK(std::abs(counts[words] - kVisits * share) <=
          5.0 * std::sqrt(kVisits * share * (1 - share)));
  }
}

TEST_CASE("a bridge leads back to the first entity and never shows the second", "[objective]") {
  const std::int32_t bridge = 60;
  const Example example = example_of("identity_bridge@1", kDocument, 0);
  CHECK(example.inputs == Ids{kBeginOfText, 10, 11, 20, 21, bridge, 10, 11});
  CHECK(example.targets == Ids{10, 11, 20, 21, kIgnoredTarget, 10, 11, kEndOfText});
  // What stands behind the second entity may state the fact the other way.
  const Document chain{{kBeginOfText, 10, 20, 11, 21, 10, kEndOfText}, {{1, 1}, {3, 1}, {5, 1}}};
  CHECK(example_of("identity_bridge@1", chain, 0).inputs == Ids{kBeginOfText, 10, 20, bridge, 10});
  const Document again{{kBeginOfText, 10, 20, 10, 21, 11, kEndOfText}, {{1, 1}, {3, 1}, {5, 1}}};
  CHECK(example_of("identity_bridge@1", again, 0).inputs ==
        Ids{kBeginOfText, 10, 20, 10, 21, bridge, 10});
  const Document alone{kDocument.tokens, {{1, 2}}}, same{{7, 8, 7}, {{0, 1}, {2, 1}}};
  CHECK(text_of(example_of("identity_bridge@1", alone, 0)) == alone.tokens);
  CHECK(text_of(example_of("identity_bridge@1", same, 0)) == same.tokens);
  constexpr int kVisits = 4000;
  for (const auto& [name, share] :
       {std::pair("identity_bridge", 0.5), {"identity_bridge@0.2", 0.2}}) {
    int bridged = 0;
    for (std::uint64_t visit = 0; visit < kVisits; ++visit) {
      const Ids inputs = example_of(name, kDocument, visit).inputs;
      bridged += std::count(inputs.begin(), inputs.end(), bridge) > 0;
    }
    CHECK(std::abs(bridged - kVisits * share) <= 5.0 * std::sqrt(kVisits * share * (1 - share)));
  }
}

// Checks what holds of every masked example and gives the number of masked places.
int masked_count(const Example& example, const Document& document) {
  REQUIRE(example.inputs.size() == document.tokens.size());
  REQUIRE(example.targets.size() == document.tokens.size());
  int count = 0;
  for (std::size_t i = 0; i < document.tokens.size(); ++i) {
    const bool masked = example.inputs[i] == kMask;
    REQUIRE(example.inputs[i] == (masked ? kMask : document.tokens[i]));
    REQUIRE(example.targets[i] == (masked ? document.tokens[i] : kIgnoredTarget));
    count += masked ? 1 : 0;
  }
  REQUIRE(example.inputs.front() == kBeginOfText);
  REQUIRE(example.inputs.back() == kEndOfText);
  REQUIRE(count > 0);
  return count;
}

TEST_CASE("masked_fixed masks every word at its rate", "[objective]") {
  constexpr int kVisits = 2000, kWords = 40;
  const Document document = document_of(kWords);
  for (const auto& [name, rate] :
       {std::pair("masked_fixed", 0.15), {"masked_fixed@0.4", 0.4}, {"masked_fixed@1", 1.0}}) {
    int count = 0;
    for (std::uint64_t visit = 0; visit < kVisits; ++visit) {
      const Example example = example_of(name, document, visit);
      count += masked_count(example, document);
      REQUIRE(example.weight == 1.0f);
    }
    const double words = static_cast<double>(kVisits) * kWords;
    // A visit that masks nothing masks one word instead: (1 - rate)^40 of them.
    const double expected = words * rate + kVisits * std::pow(1.0 - rate, kWords);
    INFO(name << ": " << count << " of " << words);
    CHECK(std::abs(count - expected) <= 5.0 * std::sqrt(words * rate * (1 - rate)));
  }
}

// A rate uniform in [0, 1) makes every count of 0 to n words equally likely; none becomes one.
TEST_CASE("masked_uniform masks every number of words equally often", "[objective]") {
  constexpr int kVisits = 8000, kWords = 7;
  const Document document = document_of(kWords);
  std::vector<int> counts(kWords + 1), places(kWords);
  for (std::uint64_t visit = 0; visit < kVisits; ++visit) {
    const Example example = example_of("masked_uniform", document, visit);
    const int masked = masked_count(example, document);
    ++counts[static_cast<std::size_t>(masked)];
    for (std::size_t i = 0; i < kWords; ++i) places[i] += example.inputs[i + 1] == kMask ? 1 : 0;
    REQUIRE(example.weight == 1.0f / static_cast<float>(masked));
  }
  double chi_square = 0.0;
  for (int masked = 1; masked <= kWords; ++masked) {
    const double expected = kVisits * (masked == 1 ? 2.0 : 1.0) / (kWords + 1);
    const double off = counts[static_cast<std::size_t>(masked)] - expected;
    chi_square += off * off / expected;
  }
  CHECK(chi_square < 22.46);  // 6 degrees of freedom, p = 0.001
  // Every place as often as any other: (7/2 + 1/8) / 7 of the visits.
  for (const int count : places) {
    CHECK(std::abs(count - kVisits * 0.517857) < 5.0 * std::sqrt(kVisits * 0.25));
  }
}

TEST_CASE("masked objectives cope with texts that hold no word", "[objective]") {
  const Document frame{{kBeginOfText, kEndOfText}, {}}, word{{10}, {}};
  for (const char* name : {"masked_fixed", "masked_uniform"}) {
    const Example empty = example_of(name, frame, 0);
    CHECK(empty.inputs == frame.tokens);
    CHECK(empty.targets == Ids{kIgnoredTarget, kIgnoredTarget});
    const Example one = example_of(name, word, 0);
    CHECK(one.inputs == Ids{kMask});
    CHECK(one.targets == Ids{10});
  }
}

TEST_CASE("prefix predicts what follows a prefix of any length", "[objective]") {
  constexpr int kVisits = 4500;
  std::vector<int> counts(10);
  for (std::uint64_t visit = 0; visit < kVisits; ++visit) {
    const Example example = example_of("prefix", kDocument, visit);
    REQUIRE(example.inputs == Ids{kBeginOfText, 10, 11, 20, 21, 12, 13, 14, 22});
    REQUIRE(example.prefix >= 1);
    REQUIRE(example.prefix <= 9);
    ++counts[static_cast<std::size_t>(example.prefix)];
    for (std::int32_t i = 0; i < 9; ++i) {
      const auto at = static_cast<std::size_t>(i);
      // The prefix's last token is the first that may not see its own target.
      REQUIRE(example.targets[at] ==
              (i < example.prefix - 1 ? kIgnoredTarget : kDocument.tokens[at + 1]));
    }
  }
  for (std::size_t prefix = 1; prefix <= 9; ++prefix) {
    CHECK(std::abs(counts[prefix] - 500) < 5.0 * std::sqrt(500.0));
  }
}

TEST_CASE("an example depends on its visit alone", "[objective]") {
  Document document = document_of(30);
  document.entities = {{1, 2}, {5, 3}};
  for (const auto& description : engine::objective_descriptions()) {
    const auto objective = engine::make_objective(description.name, kTexts);
    const auto draw = [&](std::uint64_t visit) {
      Example example;
      objective->make_example(
          document, kernels::RandomSequence({3, kernels::Purpose::objective, visit}), example);
      return example;
    };
    const Example first = draw(1);
    bool all_equal = true;
    for (std::uint64_t visit = 2; visit < 12; ++visit) {
      all_equal =
          all_equal && draw(visit).inputs == first.inputs && draw(visit).prefix == first.prefix;
    }
    INFO(description.name);
    CHECK(all_equal == (description.name == "causal"));
    CHECK(draw(1).inputs == first.inputs);
    CHECK(draw(1).targets == first.targets);
    CHECK(draw(1).prefix == first.prefix);
  }
}

TEST_CASE("each objective names its mask and its way to complete a text", "[objective]") {
  for (const auto& description : engine::objective_descriptions()) {
    const auto objective = engine::make_objective(description.name, kTexts);
    const bool masked = description.name.find("masked") == 0;
    INFO(description.name);
    CHECK(objective->name() == description.name);
    CHECK_FALSE(description.summary.empty());
    CHECK(objective->mask() == (masked ? kernels::AttentionMask::bidirectional
                                : description.name == "prefix" ? kernels::AttentionMask::prefix
                                                               : kernels::AttentionMask::causal));
    CHECK(objective->decoding() ==
          (masked ? engine::Decoding::unmasking : engine::Decoding::left_to_right));
  }
}

TEST_CASE("objectives say what they expected", "[objective]") {
  const auto error = [](const std::string& name) {
    return error_of([&] { engine::make_objective(name); });
  };
  CHECK(error("causl") ==
        "[objective] expected one of causal causal_masked causal_masked_source_kept "
        "identity_bridge infilling masked_fixed masked_uniform permuted prefix token_reversed "
        "entity_reversed segment_reversed, got 'causl'");
  CHECK(error("causal@0.5") == "[objective] expected no number behind 'causal', got 'causal@0.5'");
  CHECK(error("masked_uniform@0.5").find("expected no number behind 'masked_uniform'") !=
        std::string::npos);
  CHECK(error("masked_fixed@") == "[objective] expected a number behind 'masked_fixed@', got ''");
  CHECK(error("masked_fixed@0.1x") ==
        "[objective] expected a number behind 'masked_fixed@', got '0.1x'");
  for (const char* rate : {"0", "-0.1", "1.5", "nan"}) {
    CHECK(error(std::string("masked_fixed@") + rate) ==
          std::string("[masked_fixed] expected a masking rate in (0, 1], got ") + rate);
  }
  CHECK(error("token_reversed@1.5") ==
        "[token_reversed] expected a share of reversed documents in [0, 1], got 1.5");
  CHECK(error("entity_reversed@-1") ==
        "[entity_reversed] expected a share of reversed documents in [0, 1], got -1");
  for (const char* longest : {"0", "-1", "2.5", "nan", "1e9"}) {
    CHECK(error(std::string("segment_reversed@") + longest)
              .find("[segment_reversed] expected segments of at most a whole number of tokens in "
                    "[1, 1000000], got ") == 0);
  }
  CHECK(error("identity_bridge@1.5").find("expected the vocabulary of the texts") !=
        std::string::npos);
  for (const char* name :
       {"causal_masked", "causal_masked_source_kept", "identity_bridge", "infilling", "permuted"}) {
    CHECK(error(name) == "[" + std::string(name) +
                             "] expected the vocabulary of the texts, behind which its own tokens "
                             "are numbered, got 0");
    if (std::string(name) == "permuted") continue;
    const auto too_much = [&] { engine::make_objective(std::string(name) + "@1.5", kTexts); };
    INFO(name);
    CHECK(error_of(too_much).find(" in [0, 1], got 1.5") != std::string::npos);
  }
  for (const char* name : {"causal", "token_reversed", "entity_reversed", "segment_reversed",
                           "prefix", "infilling", "identity_bridge", "causal_masked"}) {
    CHECK(error_of([&] {
            example_of(name, Document{{kBeginOfText}, {}}, 0);
          }) == "[objective] expected a document of at least 2 tokens, got 1");
  }
  CHECK(error_of([] { example_of("masked_fixed", Document{}, 0); }) ==
        "[masked_fixed] expected a document of at least one token, got an empty one");
}

}  // namespace
}  // namespace obverse::tests

// Objectives of texts whose tokenizer has other special tokens than the worlds of the study.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/training/objective.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using engine::Document;
using engine::Example;
using Ids = std::vector<std::int32_t>;

constexpr std::int32_t kVocabulary = 60;
const engine::TextSizes kTexts{kVocabulary, 40};
// Those of the worlds are words here, and words of the worlds are special.
const engine::SpecialTokens kOthers{57, 20, 12};
const engine::TextSizes kOtherTexts{kVocabulary, 40, kOthers};

// The same text in the other vocabulary; an objective's own tokens stay.
std::int32_t other_id(std::int32_t id) {
  const auto swapped = [id](std::int32_t a, std::int32_t b) {
    return id == a ? b : id == b ? a : id;
  };
  if (id == engine::kBeginOfText || id == kOthers.begin_of_text) {
    return swapped(engine::kBeginOfText, kOthers.begin_of_text);
  }
  if (id == engine::kEndOfText || id == kOthers.end_of_text) {
    return swapped(engine::kEndOfText, kOthers.end_of_text);
  }
  return swapped(engine::kMask, kOthers.mask);
}

Ids other_ids(Ids ids) {
  for (std::int32_t& id : ids) {
    if (id != kernels::kIgnoredTarget) id = other_id(id);
  }
  return ids;
}

const Document kDocument{{engine::kBeginOfText, 10, 11, 20, 21, 12, 13, 14, 57, engine::kEndOfText},
                         {{1, 2}, {5, 3}}};

std::vector<std::string> names() {
  std::vector<std::string> all{"causal:0.5+masked_uniform:0.5"};
  for (const auto& description : engine::objective_descriptions()) all.push_back(description.name);
  return all;
}

TEST_CASE("what an objective makes of a text does not depend on how tokens are numbered",
          "[objective]") {
  const Document other{other_ids(kDocument.tokens), kDocument.entities};
  REQUIRE(other.tokens[3] == engine::kEndOfText);  // a word of the other vocabulary
  for (const std::string& name : names()) {
    CAPTURE(name);
    const auto here = engine::make_objective(name, kTexts);
    const auto there = engine::make_objective(name, kOtherTexts);
    CHECK(there->model_sizes(kOtherTexts).vocabulary == here->model_sizes(kTexts).vocabulary);
    for (std::uint64_t visit = 0; visit < 40; ++visit) {
      CAPTURE(visit);
      const kernels::RandomKey key{3, kernels::Purpose::objective, visit};
      Example example, others;
      here->make_example(kDocument, kernels::RandomSequence(key), example);
      there->make_example(other, kernels::RandomSequence(key), others);
      REQUIRE(others.inputs == other_ids(example.inputs));
      REQUIRE(others.targets == other_ids(example.targets));
    }
  }
}

TEST_CASE("nor does how a question is read", "[objective]") {
  const Ids before{engine::kBeginOfText, 10, 20}, answer{12, 13}, after{57, engine::kEndOfText};
  for (const std::string& name : names()) {
    CAPTURE(name);
    const auto here = engine::make_objective(name, kTexts);
    const auto there = engine::make_objective(name, kOtherTexts);
    for (const bool infill : {false, true}) {
      if (infill ? !here->infills() || here->infill_decoding() != engine::Decoding::left_to_right
                 : here->decoding() != engine::Decoding::left_to_right) {
        continue;
      }
      CAPTURE(infill);
      const Ids behind = infill ? after : Ids{engine::kEndOfText};
      engine::Reading reading, others;
      here->read_question(before, answer, behind, infill, reading);
      there->read_question(other_ids(before), other_ids(answer), other_ids(behind), infill, others);
      CHECK(others.example.inputs == other_ids(reading.example.inputs));
      CHECK(others.places == reading.places);
      CHECK(others.end_place == reading.end_place);
    }
  }
}

TEST_CASE("an objective that needs a special token says so", "[objective]") {
  const engine::TextSizes none{kVocabulary, 40, {-1, -1, -1}};
  CHECK_THROWS_WITH(engine::make_objective("masked_uniform", none),
                    ContainsSubstring("[masked_uniform] expected texts whose tokenizer has a mask "
                                      "token, got none"));
  CHECK_THROWS_WITH(engine::make_objective("causal_masked", none), ContainsSubstring("mask token"));
  CHECK_THROWS_WITH(engine::make_objective("infilling", none), ContainsSubstring("end-of-text"));
  CHECK_THROWS_WITH(engine::make_objective("identity_bridge", none),
                    ContainsSubstring("end-of-text"));
  CHECK_NOTHROW(engine::make_objective("causal", none));
  for (const std::string& name : names()) {
    const bool masks = name.find("masked") != std::string::npos;
    CHECK(engine::make_objective(name, kTexts)->masks() == masks);
  }
}

}  // namespace
}  // namespace obverse::tests

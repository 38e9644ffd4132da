// The program's two commands with models made in memory, whose tokens are bytes and parts of
// characters.
#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "engine/generation/generate.h"
#include "engine/generation/unmask.h"
#include "engine/training/objective.h"
#include "experiments/generate/text_model.h"
#include "tests/generate/utf8.h"
#include "tests/support/catch.h"
#include "tests/support/model_problem.h"

namespace obverse::tests {
namespace {

using engine::MaskKind;
using generation::continue_texts;
using generation::fill_texts;
using generation::ProgramOptions;
using generation::SourceText;
using generation::TextModel;
using Tokens = std::vector<std::int32_t>;

// Letters, and characters of two, three and four bytes in parts.
const std::vector<std::string> kPieces = {"",     "a",    "b",    " c",       "\xC3",     "\xA9",
                                          "\xE2", "\x82", "\xAC", "\xF0\x9F", "\x98\x80", ", "};
constexpr std::int32_t kEnd = 0, kBegin = 12, kMaskToken = 13;
constexpr std::int64_t kVocabulary = 14, kContext = 24;

std::string bytes_of(std::int32_t token) {
  return token < 12 ? kPieces[static_cast<std::size_t>(token)] : "";
}

// The longest piece at each place.
Tokens encode(const std::string& text) {
  Tokens tokens;
  for (std::size_t at = 0; at < text.size();) {
    std::int32_t best = 0;
    for (std::int32_t i = 1; i < 12; ++i) {
      const std::string& piece = kPieces[static_cast<std::size_t>(i)];
      if (text.compare(at, piece.size(), piece) == 0 &&
          piece.size() > kPieces[static_cast<std::size_t>(best)].size()) {
        best = i;
      }
    }
    if (best == 0) throw std::runtime_error("no piece for " + text.substr(at));
    tokens.push_back(best);
    at += kPieces[static_cast<std::size_t>(best)].size();
  }
  return tokens;
}

engine::TransformerConfig config_of(MaskKind mask, std::int64_t vocabulary = kVocabulary) {
  engine::TransformerConfig config = tiny_model();
  config.vocabulary = vocabulary;
  config.context = kContext;
  config.mask = mask;
  return config;
}

TextModel text_model_of(const engine::Transformer& model) {
  TextModel result{model, &encode, &bytes_of};
  result.begin_token = kBegin;
  result.end_tokens = {kEnd};
  result.excluded_tokens = {kBegin};
  result.mask_token = kMaskToken;
  return result;
}

struct Written {
  std::vector<std::string> pieces, notes;
  std::string text() const {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  }
  std::vector<nlohmann::json> lines() const {
    std::istringstream in(text());
    std::vector<nlohmann::json> objects;
    for (std::string line; std::getline(in, line);) objects.push_back(nlohmann::json::parse(line));
    return objects;
  }
  generation::Outputs outputs() {
    return {[this](const std::string& text) {
              CHECK(is_utf8(text));
              CHECK_FALSE(text.empty());
              pieces.push_back(text);
            },
            [this](const std::string& line) { notes.push_back(line); }, nullptr};
  }
};

std::string decoded(const Tokens& tokens) {
  std::string text;
  for (const std::int32_t token : tokens) text += bytes_of(token);
  return text;
}

const std::vector<SourceText> kPrompts = {
    {"a c", "f:1"}, {"", "f:2"}, {"ab\xC3\xA9", "f:4"}, {"b\xE2\x82\xAC\xF0\x9F\x98\x80", "f:5"}};

TEST_CASE("a prompt is continued character by character", "[generate_texts]") {
  const ModelProblem problem(config_of(MaskKind::causal));
  const TextModel of = text_model_of(problem.model());
  bool held_back = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    ProgramOptions options;
    options.sampling.seed = seed;
    options.tokens = 12;
    Written written;
    continue_texts(of, {kPrompts[0]}, options, written.outputs());
    engine::GenerationOptions same;
    same.sampling = options.sampling;
    same.tokens = 12;
    same.end_tokens = {kEnd};
    same.excluded_tokens = {kBegin, kMaskToken};
    const auto generation = engine::generate(problem.model(), {{encode("a c"), 0}}, same)[0];
    // Where the model made characters, they are in the text as they are.
    const std::string expected = "a c" + decoded(generation.tokens) + "\n";
    if (is_utf8(expected)) CHECK(written.text() == expected);
    // As it comes: the prompt, then at most a piece a token.
    CHECK(written.pieces.front() == "a c");
    CHECK(written.pieces.back() == "\n");
    CHECK(written.pieces.size() <= generation.tokens.size() + 3);
    held_back = held_back || written.pieces.size() < generation.tokens.size() + 2;
    CHECK(written.notes.empty());
  }
  CHECK(held_back);
}

TEST_CASE("several texts are written in order, whatever ends first", "[generate_texts]") {
  const ModelProblem problem(config_of(MaskKind::causal));
  const TextModel of = text_model_of(problem.model());
  ProgramOptions options;
  options.tokens = 8;
  options.samples = 2;
  Written together;
  continue_texts(of, kPrompts, options, together.outputs());
  std::vector<std::string> headings;
  std::istringstream in(together.text());
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("---", 0) == 0) headings.push_back(line);
  }
  CHECK(headings == std::vector<std::string>{"--- f:1 sample 1 ---", "--- f:1 sample 2 ---",
                                             "--- f:2 sample 1 ---", "--- f:2 sample 2 ---",
                                             "--- f:4 sample 1 ---", "--- f:4 sample 2 ---",
                                             "--- f:5 sample 1 ---", "--- f:5 sample 2 ---"});
  // The batch is no part of a text.
  options.rows = 3;
  Written apart;
  continue_texts(of, kPrompts, options, apart.outputs());
  CHECK(apart.text() == together.text());
}

TEST_CASE("texts are written as JSON objects", "[generate_texts]") {
  const ModelProblem problem(config_of(MaskKind::causal));
  TextModel of = text_model_of(problem.model());
  ProgramOptions options;
  options.tokens = 8;
  options.samples = 3;
  options.jsonl = true;
  options.sampling.temperature = 4.0;  // so flat that whatever may be drawn is
  Written written;
  continue_texts(of, kPrompts, options, written.outputs());
  const auto lines = written.lines();
  REQUIRE(lines.size() == 12);
  std::vector<std::string> endings;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(lines[i].at("prompt") == kPrompts[i / 3].text);
    CHECK(lines[i].at("sample") == i % 3);
    const auto tokens = lines[i].at("tokens").get<Tokens>();
    CHECK(tokens.size() <= 8);
    CHECK(std::count(tokens.begin(), tokens.end(), kBegin) == 0);
    CHECK(std::count(tokens.begin(), tokens.end(), kMaskToken) == 0);
    CHECK(std::count(tokens.begin(), tokens.end(), kEnd) == 0);
    const std::string text = decoded(tokens);
    if (is_utf8(text)) CHECK(lines[i].at("text") == text);
    CHECK(lines[i].at("logprob").get<double>() < 0.0);
    CHECK((lines[i].at("ending") == "tokens") == (tokens.size() == 8));
    endings.push_back(lines[i].at("ending"));
    if (i % 3 > 0) CHECK(lines[i].at("tokens") != lines[i - 1].at("tokens"));
  }
  CHECK(std::count(endings.begin(), endings.end(), "end_token") > 0);
  // An invalid prompt is still an object.
  Written invalid;
  of.encode = [](const std::string&) { return Tokens{1}; };
  continue_texts(of, {{"\xFF", "f"}}, options, invalid.outputs());
  CHECK(invalid.lines().at(0).at("prompt") == "\xEF\xBF\xBD");
  // So is a text that ends within a character.
  of.bytes_of = [](std::int32_t) { return std::string("\xC3"); };
  of.end_tokens = {};
  options.tokens = 2;
  Written unfinished;
  continue_texts(of, {{"a", "f"}}, options, unfinished.outputs());
  CHECK(unfinished.lines().at(0).at("text") == "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("texts that reach the context are told of", "[generate_texts]") {
  const ModelProblem problem(config_of(MaskKind::causal));
  TextModel of = text_model_of(problem.model());
  of.end_tokens = {};
  ProgramOptions options;
  options.tokens = 1000;
  options.jsonl = true;
  Written written;
  continue_texts(of, kPrompts, options, written.outputs());
  CHECK(written.notes ==
        std::vector<std::string>{"4 of 4 texts end at the model's context of 24 tokens"});
  CHECK(written.lines()[0].at("tokens").size() == kContext - 2);
}

TEST_CASE("prompts begin as the model's texts do", "[generate_texts]") {
  const ModelProblem problem(config_of(MaskKind::causal));
  TextModel of = text_model_of(problem.model());
  ProgramOptions options;
  options.tokens = 1000;
  options.jsonl = true;
  of.end_tokens = {};
  const auto count_of = [&](const std::string& prompt) {
    Written written;
    continue_texts(of, {{prompt, "f"}}, options, written.outputs());
    return kContext - static_cast<std::int64_t>(written.lines().at(0).at("tokens").size());
  };
  CHECK(count_of("ab") == 2);
  CHECK(count_of("") == 1);
  of.begins_texts = true;
  CHECK(count_of("ab") == 3);
  CHECK(count_of("") == 1);
  of.begin_token = -1;
  CHECK(count_of("ab") == 2);
  CHECK_THROWS_WITH(count_of(""), "f: expected a prompt of at least one token");
  Written written;
  CHECK_THROWS_WITH(
      continue_texts(of, {{"a", "f:1"}, {std::string(24, 'a'), "f:2"}}, options, written.outputs()),
      "f:2: expected a prompt of fewer than 24 tokens, the model's context, got 24");
  CHECK(written.pieces.empty());
}

TEST_CASE("gaps are filled by a model that reads both ways", "[generate_texts]") {
  const ModelProblem problem(config_of(MaskKind::bidirectional));
  const TextModel of = text_model_of(problem.model());
  ProgramOptions options;
  Written refused;
  CHECK_THROWS_WITH(continue_texts(of, kPrompts, options, refused.outputs()),
                    "expected a model that continues texts, got one that reads both ways and fills "
                    "gaps: give --infill");
  CHECK(refused.pieces.empty());
  options.sampling.greedy = true;
  options.gaps = {{"a <gap:3> cb<gap>.", "--infill"}};
  options.gaps[0].text.pop_back();
  Written written;
  fill_texts(of, options, written.outputs());
  // "a", three masks, " c", "b", a mask.
  engine::UnmaskingOptions same;
  same.mask_token = kMaskToken;
  same.excluded_tokens = {kBegin, kEnd};
  const Tokens masked{1, 13, 13, 13, 3, 2, 13};
  const Tokens filled = engine::unmask(problem.model(), {{masked, 0}}, same)[0];
  const Tokens first(filled.begin() + 1, filled.begin() + 4),
      second(filled.begin() + 6, filled.end());
  if (is_utf8(decoded(filled))) CHECK(written.text() == decoded(filled) + "\n");
  options.jsonl = true;
  Written json;
  fill_texts(of, options, json.outputs());
  REQUIRE(json.lines().size() == 1);
  const auto object = json.lines()[0];
  CHECK(object.at("infill") == "a <gap:3> cb<gap>");
  CHECK(object.at("tokens") == nlohmann::json({first, second}));
  CHECK(object.at("gaps").size() == 2);
  CHECK(object.at("text").get<std::string>() + "\n" == written.text());
  // Samples differ, and their number decides.
  options.sampling.greedy = false;
  options.sampling.temperature = 2.0;
  options.samples = 3;
  Written samples;
  fill_texts(of, options, samples.outputs());
  REQUIRE(samples.lines().size() == 3);
  CHECK(samples.lines()[0].at("tokens") != samples.lines()[1].at("tokens"));
  CHECK(samples.lines()[2].at("sample") == 2);

  options.gaps.push_back({"a<gap:24>", "--infill 2"});
  CHECK_THROWS_WITH(
      fill_texts(of, options, samples.outputs()),
      "--infill 2: expected a text of at most 24 tokens, the model's context, got 25");
  options.gaps = {{"a", "--infill"}};
  CHECK_THROWS_WITH(fill_texts(of, options, samples.outputs()),
                    "--infill: expected a text with a <gap>, got 'a'");
}

TEST_CASE("a gap is filled by a model that reads left to right", "[generate_texts]") {
  // Words up to the mask token's id; the objective's own tokens follow.
  const auto infilling = engine::make_objective("infilling", {kVocabulary, 20});
  const auto restored = engine::make_objective("causal_masked", {kVocabulary, 20});
  const ModelProblem problem(config_of(MaskKind::causal, kVocabulary + 3));
  TextModel of = text_model_of(problem.model());
  of.objective = infilling.get();
  // None of the objective's own tokens.
  of.excluded_tokens = {kBegin, 14, 15, 16};
  ProgramOptions options;
  options.gaps = {{"a <gap> c", "--infill"}};
  options.jsonl = true;
  options.tokens = 5;
  options.samples = 6;
  const auto sizes_of_gaps = [&] {
    Written written;
    fill_texts(of, options, written.outputs());
    std::vector<std::size_t> sizes;
    for (const auto& line : written.lines()) {
      sizes.push_back(line.at("tokens").at(0).size());
      const std::string text = line.at("text");
      CHECK(text.front() == 'a');
      CHECK(text.substr(text.size() - 2) == " c");
      CHECK((line.at("ending") == "end_token") == (sizes.back() < 5));
    }
    return sizes;
  };
  // It ends its answers itself.
  const auto free = sizes_of_gaps();
  CHECK(free.size() == 6);
  CHECK(std::count(free.begin(), free.end(), free.front()) < 6);
  of.objective = restored.get();
  options.tokens = 1;
  options.gaps = {{"a <gap:5> c", "--infill"}};
  CHECK(sizes_of_gaps() == std::vector<std::size_t>(6, 5));

  options.gaps = {{"a <gap> c <gap>", "--infill"}};
  Written written;
  CHECK_THROWS_WITH(fill_texts(of, options, written.outputs()),
                    "--infill: expected one gap, which is what this model is trained to fill, got "
                    "2");
  of.begin_token = -1;
  options.gaps = {{"<gap> c", "--infill"}};
  CHECK_THROWS_WITH(fill_texts(of, options, written.outputs()),
                    "--infill: expected a text before the gap");
  of.objective = nullptr;
  CHECK_THROWS_WITH(fill_texts(of, options, written.outputs()),
                    "--infill: expected a model that is trained to fill gaps and a mask token, got "
                    "one that only continues texts");
}

}  // namespace
}  // namespace obverse::tests

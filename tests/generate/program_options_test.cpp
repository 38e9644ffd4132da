#include "experiments/generate/program_options.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "experiments/generate/gap_text.h"
#include "experiments/generate/model_tokens.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using generation::objective_in_config;
using generation::parse_gap_text;
using generation::parse_program_options;
using generation::ProgramOptions;
using generation::read_prompts;
using generation::tokens_in_config;
using generation::UsageError;
using Words = std::vector<std::string>;

ProgramOptions parsed(Words words) {
  words.insert(words.begin(), "obverse-generate");
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  return parse_program_options(static_cast<int>(pointers.size()), pointers.data());
}

std::string refused(const Words& words) {
  try {
    parsed(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing thrown";
}

TEST_CASE("the command line is read", "[generate_options]") {
  const auto plain = parsed({"--model", "m", "--prompt", "one, two"});
  CHECK(plain.model == "m");
  REQUIRE(plain.prompts.size() == 1);
  CHECK(plain.prompts[0].text == "one, two");  // a comma is no separator
  CHECK(plain.prompts[0].source == "--prompt");
  CHECK(plain.input.empty());
  CHECK(plain.tokens == 128);
  CHECK(plain.samples == 1);
  CHECK_FALSE(plain.sampling.greedy);
  CHECK(plain.sampling.temperature == 1.0);
  CHECK(plain.sampling.top_k == 0);
  CHECK(plain.sampling.top_p == 1.0);
  CHECK(plain.device == "cpu");
  CHECK(plain.precision == "fp32");
  CHECK_FALSE(plain.jsonl);

  const auto full = parsed({"--model=m",
                            "--prompt=",
                            "--prompt",
                            "b",
                            "--tokens",
                            "7",
                            "--samples",
                            "3",
                            "--top-k",
                            "40",
                            "--top-p",
                            "0.9",
                            "--min-p",
                            "0.05",
                            "--seed",
                            "18446744073709551615",
                            "--device",
                            "cuda",
                            "--precision",
                            "bf16",
                            "--temperature",
                            "0.5",
                            "--jsonl",
                            "--batch",
                            "2"});
  REQUIRE(full.prompts.size() == 2);
  CHECK(full.prompts[0].text.empty());
  CHECK(full.prompts[1].source == "--prompt 2");
  CHECK(full.tokens == 7);
  CHECK(full.samples == 3);
  CHECK(full.rows == 2);
  CHECK(full.sampling.top_k == 40);
  CHECK(full.sampling.top_p == 0.9);
  CHECK(full.sampling.min_p == 0.05);
  CHECK(full.sampling.temperature == 0.5);
  CHECK(full.sampling.seed == 18446744073709551615u);
  CHECK(full.device == "cuda");
  CHECK(full.precision == "bf16");
  CHECK(full.jsonl);
  full.sampling.validate();

  CHECK(parsed({"--model", "m"}).input == "-");
  CHECK(parsed({"--model", "m", "--input", "f", "--whole"}).whole);
  const auto gaps = parsed({"--model", "m", "--infill", "a <gap>, b", "--steps", "4", "--greedy"});
  CHECK(gaps.gaps.at(0).text == "a <gap>, b");
  CHECK(gaps.steps == 4);
  CHECK(gaps.sampling.greedy);
  CHECK(gaps.input.empty());
  const std::string help = parsed({"--help"}).help_text;
  for (const std::string word : {"--infill", "--top-p", "obverse-generate --model"}) {
    CHECK(help.find(word) != std::string::npos);
  }
}

TEST_CASE("a command line that says nothing is refused", "[generate_options]") {
  CHECK(refused({}) == "expected --model FOLDER; see --help");
  CHECK(refused({"--model", ""}) == "expected a value behind --model, got ''; see --help");
  CHECK(refused({"--model", "m", "stray"}) == "unexpected argument 'stray'; see --help");
  CHECK(refused({"--model", "m", "--nonsense"}).find("nonsense") != std::string::npos);
  CHECK(refused({"--model", "m", "--tokens", "0"}) ==
        "expected --tokens from 1 to 1000000, got '0'; see --help");
  CHECK(refused({"--model", "m", "--tokens", "5x"}) ==
        "expected --tokens from 1 to 1000000, got '5x'; see --help");
  CHECK(refused({"--model", "m", "--tokens", "99999999999999999999"}).find("--tokens from 1") !=
        std::string::npos);
  CHECK(refused({"--model", "m", "--top-p", "1.5"}) ==
        "expected --top-p from 1e-06 to 1, got '1.5'; see --help");
  CHECK(refused({"--model", "m", "--top-p", "nan"}).find("--top-p from") != std::string::npos);
  CHECK(refused({"--model", "m", "--temperature", "-1"}).find("--temperature from") !=
        std::string::npos);
  CHECK(refused({"--model", "m", "--seed", "-1"}).find("--seed from 0") != std::string::npos);
  CHECK(refused({"--model", "m", "--device", "abacus"}) ==
        "expected --device cpu or cuda, got 'abacus'; see --help");
  CHECK(refused({"--model", "m", "--precision", "bf16"}) ==
        "expected --precision fp32 with --device cpu, got 'bf16'; see --help");
  CHECK(refused({"--model", "m", "--prompt", "a", "--infill", "<gap>"}) ==
        "expected prompts or --infill, got both; see --help");
  CHECK(refused({"--model", "m", "--greedy", "--samples", "2"}) ==
        "expected one sample with --greedy, which gives the same text each time, got 2; see "
        "--help");
}

TEST_CASE("prompts are lines, or all of the input", "[generate_options]") {
  std::istringstream lines("one, two\r\n\n  three\nfour");
  auto prompts =
      read_prompts(parsed({"--model", "m", "--prompt", "zero", "--input", "f"}), lines, "f");
  REQUIRE(prompts.size() == 4);
  CHECK(prompts[0].text == "zero");
  CHECK(prompts[1].text == "one, two");
  CHECK(prompts[1].source == "f:1");
  CHECK(prompts[2].text == "  three");
  CHECK(prompts[2].source == "f:3");
  CHECK(prompts[3].text == "four");
  std::istringstream whole("a\n\nb\n");
  prompts = read_prompts(parsed({"--model", "m", "--whole"}), whole, "standard input");
  REQUIRE(prompts.size() == 1);
  CHECK(prompts[0].text == "a\n\nb\n");
  std::istringstream nothing("\n");
  CHECK_THROWS_WITH(read_prompts(parsed({"--model", "m"}), nothing, "f"),
                    "f: expected a prompt, got none");
  CHECK(read_prompts(parsed({"--model", "m", "--prompt", "a"}), nothing, "f").size() == 1);
}

TEST_CASE("a text's gaps are found", "[generate_options]") {
  const auto check = [](const std::string& text, const Words& texts,
                        const std::vector<std::optional<std::int64_t>>& gaps) {
    const auto found = parse_gap_text(text);
    CHECK(found.texts == texts);
    CHECK(found.gaps == gaps);
  };
  check("The <gap:2> sat on a <gap>.", {"The", " sat on a", "."}, {2, std::nullopt});
  check("<gap>", {"", ""}, {std::nullopt});
  check("a  <gap><gap:10>b", {"a ", "", "b"}, {std::nullopt, 10});
  check("a <gaps> <gap> <gap", {"a <gaps>", " <gap"}, {std::nullopt});
  CHECK(error_of([] { parse_gap_text("no gaps"); }) ==
        "expected a text with a <gap>, got 'no gaps'");
  const std::string expected = "expected <gap> or <gap:N> with N from 1 to 1048576, got '";
  CHECK(error_of([] { parse_gap_text("a <gap:0> b"); }) == expected + "<gap:0>'");
  CHECK(error_of([] { parse_gap_text("a <gap:x> b"); }) == expected + "<gap:x>'");
  CHECK(error_of([] { parse_gap_text("a <gap:2 b> c"); }) == expected + "<gap:2 b>'");
  CHECK(error_of([] { parse_gap_text("a <gap:2"); }) == expected + "<gap:2'");
  CHECK(error_of([] { parse_gap_text("a <gap:99999999999999999999>"); }).find(expected) == 0);
}

TEST_CASE("a config names tokens by number or list", "[generate_options]") {
  using nlohmann::json;
  using Tokens = std::vector<std::int32_t>;
  const json config = {{"one", 5},    {"several", {1, 2, 50256}}, {"none", nullptr}, {"word", "x"},
                       {"below", -1}, {"mixed", {1, "x"}}};
  CHECK(tokens_in_config("m/config.json", config, "one", 6) == Tokens{5});
  CHECK(tokens_in_config("m/config.json", config, "several", 6) == Tokens{1, 2});
  CHECK(tokens_in_config("m/config.json", config, "none", 6).empty());
  CHECK(tokens_in_config("m/config.json", config, "absent", 6).empty());
  CHECK_THROWS_WITH(
      tokens_in_config("m/config.json", config, "word", 6),
      "m/config.json: word: expected a token's number or a list of them, found \"x\"");
  CHECK_THROWS_WITH(tokens_in_config("m/config.json", config, "below", 6),
                    "m/config.json: below: expected a token's number or a list of them, found -1");
  CHECK_THROWS_WITH(tokens_in_config("m/config.json", config, "mixed", 6),
                    "m/config.json: mixed: expected a token's number or a list of them, found "
                    "[1,\"x\"]");
}

TEST_CASE("the objective of a model is the one that its config tells", "[generate]") {
  nlohmann::json config = {
      {"obverse",
       {{"objective", "infilling"},
        {"text_vocabulary", 100},
        {"text_longest", 17},
        {"special_tokens", {{"begin_of_text", -1}, {"end_of_text", 3}, {"mask", -1}}}}}};
  const auto objective = objective_in_config("m/config.json", config);
  REQUIRE(objective != nullptr);
  CHECK(objective->name() == "infilling");
  CHECK(objective->specials().end_of_text == 3);
  CHECK(objective_in_config("m/config.json", nlohmann::json::object()) == nullptr);
  CHECK(objective_in_config("m/config.json", {{"obverse", {{"architecture", 1}}}}) == nullptr);
  config["obverse"].erase("text_longest");
  CHECK_THROWS_WITH(objective_in_config("m/config.json", config),
                    "m/config.json: obverse.text_longest: expected a whole number from 1 to "
                    "16777216, found none");
  config["obverse"]["text_longest"] = 17;
  config["obverse"]["objective"] = "guessing";
  CHECK_THROWS_WITH(
      objective_in_config("m/config.json", config),
      ContainsSubstring("m/config.json: obverse.objective: [objective] expected one of"));
}

}  // namespace
}  // namespace obverse::tests

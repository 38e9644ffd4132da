#include "engine/generation/generate.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/model_problem.h"

namespace obverse::tests {
namespace {

using engine::Ending;
using engine::generate;
using engine::Generation;
using engine::GenerationOptions;
using engine::MaskKind;
using engine::Prompt;
using engine::Tape;
using engine::Tensor;
using engine::Transformer;
using engine::TransformerConfig;
using Tokens = std::vector<std::int32_t>;

constexpr std::int64_t kContext = 20;

TransformerConfig small_config(MaskKind mask = MaskKind::causal) {
  TransformerConfig config = tiny_model();
  config.context = kContext;
  config.position = engine::PositionKind::rotary;
  config.mask = mask;
  return config;
}

// One prompt continued by reading the whole text again for every token.
Generation by_recomputing(const Transformer& model, const Prompt& prompt,
                          const GenerationOptions& options, std::int64_t prefix) {
  Generation result;
  Tokens text = prompt.tokens;
  while (static_cast<std::int64_t>(result.tokens.size()) < options.tokens) {
    if (static_cast<std::int64_t>(text.size()) == model.config().context) {
      result.ending = Ending::context;
      break;
    }
    Tape tape(model.device(), Tape::Mode::inference);
    const auto length = static_cast<std::int64_t>(text.size());
    const Tensor logits =
        model
            .logits(tape, {Tensor::from(model.device(), {1, length}, text), Tensor(),
                           Tensor::from<std::int32_t>(model.device(), {1},
                                                      {static_cast<std::int32_t>(prefix)})})
            .data();
    const std::int64_t vocabulary = model.config().vocabulary;
    std::vector<float> last;
    for (const double value : logits.part((length - 1) * vocabulary, {vocabulary}).to_doubles()) {
      last.push_back(static_cast<float>(value));
    }
    for (const std::int32_t token : options.excluded_tokens) {
      last[static_cast<std::size_t>(token)] = -INFINITY;
    }
    const auto chosen = engine::choose_token(span(std::as_const(last)), options.sampling,
                                             {prompt.row, result.tokens.size()});
    result.logprob += chosen.logprob;
    if (std::count(options.end_tokens.begin(), options.end_tokens.end(), chosen.token) > 0) {
      result.ending = Ending::end_token;
      break;
    }
    result.tokens.push_back(chosen.token);
    text.push_back(chosen.token);
  }
  return result;
}

// Of differing lengths, of one token, and as long as the context but for two and one tokens.
std::vector<Prompt> prompts() {
  return {{random_ids(4, 11, 1), 0},  {random_ids(1, 11, 2), 1},  {random_ids(18, 11, 3), 2},
          {random_ids(7, 11, 4), 7},  {random_ids(19, 11, 5), 4}, {random_ids(20, 11, 6), 5},
          {random_ids(4, 11, 1), 19}, {random_ids(2, 11, 8), 6}};
}

GenerationOptions options_of(bool greedy) {
  GenerationOptions options;
  options.sampling.greedy = greedy;
  options.sampling.temperature = 1.3;
  options.sampling.top_p = 0.95;
  options.sampling.seed = 3;
  options.tokens = 9;
  options.end_tokens = {6, 10};
  options.excluded_tokens = {0, 3};
  return options;
}

void check_same(const Generation& actual, const Generation& expected) {
  CHECK(actual.tokens == expected.tokens);
  CHECK(std::string(name_of(actual.ending)) == name_of(expected.ending));
  CHECK(actual.logprob == Approx(expected.logprob).epsilon(1e-6).margin(1e-9));
}

TEST_CASE("texts are generated as by reading all of each for every token", "[generate]") {
  for (const auto mask : {MaskKind::causal, MaskKind::prefix}) {
    for (const bool prompt_is_prefix : {true, false}) {
      const ModelProblem problem(small_config(mask));
      std::vector<int> endings(3);
      for (const bool greedy : {true, false}) {
        GenerationOptions options = options_of(greedy);
        options.prompt_is_prefix = prompt_is_prefix;
        options.rows = 3;  // several groups, the last of them smaller
        const auto all = prompts();
        const auto results = generate(problem.model(), all, options);
        REQUIRE(results.size() == all.size());
        for (std::size_t i = 0; i < all.size(); ++i) {
          INFO("mask " << static_cast<int>(mask) << ", greedy " << greedy << ", prompt " << i);
          const auto prefix =
              prompt_is_prefix ? static_cast<std::int64_t>(all[i].tokens.size()) : 1;
          check_same(results[i], by_recomputing(problem.model(), all[i], options, prefix));
          ++endings[static_cast<std::size_t>(results[i].ending)];
        }
        // The same prompt, greedily always the same, with other draws another text.
        CHECK((results[0].tokens == results[6].tokens) == greedy);
      }
      for (const int count : endings) CHECK(count > 0);
    }
  }
}

TEST_CASE("a prompt gives the same tokens whatever is beside it", "[generate]") {
  const ModelProblem problem(small_config(), engine::Device::cpu(), engine::DType::f32);
  for (const bool greedy : {true, false}) {
    GenerationOptions options = options_of(greedy);
    const auto all = prompts();
    const auto together = generate(problem.model(), all, options);
    options.rows = 2;
    std::vector<Prompt> backwards(all.rbegin(), all.rend());
    const auto in_pairs = generate(problem.model(), backwards, options);
    for (std::size_t i = 0; i < all.size(); ++i) {
      INFO("greedy " << greedy << ", prompt " << i);
      const auto alone = generate(problem.model(), {all[i]}, options);
      CHECK(together[i].tokens == alone[0].tokens);
      CHECK(in_pairs[all.size() - 1 - i].tokens == alone[0].tokens);
    }
  }
}

TEST_CASE("a listener is told every token and every end, in order", "[generate]") {
  const ModelProblem problem(small_config());
  const auto all = prompts();
  std::vector<Generation> heard(all.size());
  std::vector<int> ends(all.size());
  GenerationOptions options = options_of(false);
  options.rows = 3;
  const auto results = generate(problem.model(), all, options,
                                {.token =
                                     [&](std::size_t prompt, std::int32_t token) {
                                       CHECK(ends[prompt] == 0);
                                       heard[prompt].tokens.push_back(token);
                                     },
                                 .end =
                                     [&](std::size_t prompt, const Generation& generation) {
                                       ++ends[prompt];
                                       CHECK(generation.tokens == heard[prompt].tokens);
                                       heard[prompt].ending = generation.ending;
                                     }});
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(heard[i].tokens == results[i].tokens);
    CHECK(heard[i].ending == results[i].ending);
    CHECK(ends[i] == 1);
  }
  CHECK(generate(problem.model(), {}, options).empty());
}

TEST_CASE("a text ends where the context does", "[generate]") {
  const ModelProblem problem(small_config());
  GenerationOptions options;
  options.sampling.greedy = true;
  for (const std::int64_t length : {1, 18, 19, 20}) {
    const auto result = generate(problem.model(), {{random_ids(length, 11, 1)}}, options)[0];
    CHECK(static_cast<std::int64_t>(result.tokens.size()) == kContext - length);
    CHECK(result.ending == Ending::context);
  }
  options.tokens = 2;
  CHECK(generate(problem.model(), {{random_ids(18, 11, 1)}}, options)[0].ending == Ending::tokens);
}

TEST_CASE("generate says what it expected", "[generate]") {
  const ModelProblem problem(small_config());
  const auto error = [&](const std::vector<Prompt>& wrong, const auto& change) {
    GenerationOptions options;
    change(options);
    return error_of([&] { generate(problem.model(), wrong, options); });
  };
  const auto nothing = [](auto&) {};
  const std::vector<Prompt> right{{{1, 2}}};
  CHECK(error({{{1}}, {{}}}, nothing) ==
        "[generate] expected prompts of at least one token, got an empty one, prompt 1");
  CHECK(error({{Tokens(21, 1)}}, nothing) ==
        "[generate] expected prompts of at most the context of 20 tokens, got 21 in prompt 0");
  CHECK(error({{{1, 11}}}, nothing) ==
        "[generate] expected tokens of a prompt of at least 0 and below 11, got 11");
  CHECK(error(right, [](auto& o) { o.tokens = 0; }) == "[generate] expected tokens above 0, got 0");
  CHECK(error(right, [](auto& o) { o.rows = 0; }) == "[generate] expected rows above 0, got 0");
  CHECK(error(right, [](auto& o) { o.end_tokens = {-1}; }) ==
        "[generate] expected end tokens of at least 0 and below 11, got -1");
  CHECK(error(right, [](auto& o) { o.excluded_tokens = {11}; }) ==
        "[generate] expected excluded tokens of at least 0 and below 11, got 11");
  CHECK(error(right, [](auto& o) { o.sampling.top_p = 2; }) ==
        "[sampling] expected top_p in (0, 1], got 2");
  const ModelProblem bidirectional(small_config(MaskKind::bidirectional));
  CHECK(error_of([&] {
          generate(bidirectional.model(), right, {});
        }).find("expected a causal or prefix-masked model") != std::string::npos);
}

}  // namespace
}  // namespace obverse::tests

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/document.h"
#include "engine/generation/fill_gap.h"
#include "engine/generation/unmask.h"
#include "tests/support/catch.h"
#include "tests/support/model_problem.h"

namespace obverse::tests {
namespace {

using engine::Ending;
using engine::fill_gap;
using engine::Gap;
using engine::GapOptions;
using engine::MaskedText;
using engine::MaskKind;
using engine::Objective;
using engine::Tape;
using engine::Tensor;
using engine::Transformer;
using engine::TransformerConfig;
using engine::unmask;
using engine::UnmaskingOptions;
using Tokens = std::vector<std::int32_t>;

constexpr std::int32_t kMaskToken = 9;

TransformerConfig config_of(MaskKind mask, std::int64_t vocabulary = 11) {
  TransformerConfig config = tiny_model();
  config.context = 30;
  config.mask = mask;
  config.vocabulary = vocabulary;
  return config;
}

// The logits at each place of one text.
std::vector<std::vector<float>> logits_of(const Transformer& model, const Tokens& text,
                                          std::int32_t prefix) {
  Tape tape(model.device(), Tape::Mode::inference);
  const auto length = static_cast<std::int64_t>(text.size());
  const auto values = model
                          .logits(tape, {Tensor::from(model.device(), {1, length}, text), Tensor(),
                                         Tensor::from<std::int32_t>(model.device(), {1}, {prefix})})
                          .data()
                          .to_doubles();
  std::vector<std::vector<float>> result;
  const auto vocabulary = static_cast<std::size_t>(model.config().vocabulary);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto from = values.begin() + static_cast<std::ptrdiff_t>(i * vocabulary);
    result.emplace_back(from, from + static_cast<std::ptrdiff_t>(vocabulary));
  }
  return result;
}

const std::vector<MaskedText>& masked_texts() {
  static const std::vector<MaskedText> kTexts = {
      {{1, 9, 4, 9, 9, 2, 9}, 0}, {{9}, 1}, {{5, 6, 7}, 2}, {{9, 9, 9, 9, 9, 9, 9, 9, 3, 9}, 3}};
  return kTexts;
}

TEST_CASE("gaps are filled the most confident first, one token a pass", "[infill]") {
  for (const auto mask : {MaskKind::bidirectional, MaskKind::prefix}) {
    const ModelProblem problem(config_of(mask));
    UnmaskingOptions options;
    options.mask_token = kMaskToken;
    options.excluded_tokens = {0};
    options.rows = 3;
    std::vector<Tokens> heard;
    for (const MaskedText& text : masked_texts()) heard.push_back(text.tokens);
    std::vector<std::vector<std::size_t>> order(heard.size());
    const auto filled = unmask(problem.model(), masked_texts(), options,
                               [&](std::size_t text, std::size_t place, std::int32_t token) {
                                 CHECK(heard[text][place] == kMaskToken);
                                 heard[text][place] = token;
                                 order[text].push_back(place);
                               });
    CHECK(filled == heard);
    bool moves_back = false;
    for (std::size_t i = 0; i < filled.size(); ++i) {
      Tokens text = masked_texts()[i].tokens;
      moves_back = moves_back || !std::is_sorted(order[i].begin(), order[i].end());
      for (const std::size_t place : order[i]) {
        const auto logits =
            logits_of(problem.model(), text, static_cast<std::int32_t>(text.size()));
        std::size_t best_place = 0;
        std::int32_t best_token = 0;
        double best = -1.0;
        for (std::size_t at = 0; at < text.size(); ++at) {
          if (text[at] != kMaskToken) continue;
          double sum = 0.0;
          for (std::int32_t token = 1; token < 11; ++token) {
            if (token != kMaskToken) sum += std::exp(logits[at][static_cast<std::size_t>(token)]);
          }
          for (std::int32_t token = 1; token < 11; ++token) {
            const double p = std::exp(logits[at][static_cast<std::size_t>(token)]) / sum;
            if (token == kMaskToken || p <= best) continue;
            best = p;
            best_place = at;
            best_token = token;
          }
        }
        CHECK(place == best_place);
        CHECK(filled[i][place] == best_token);
        text[place] = filled[i][place];
      }
      CHECK(text == filled[i]);
    }
    CHECK(moves_back);
  }
}

TEST_CASE("several tokens are filled at a time where there are fewer passes", "[infill]") {
  const ModelProblem problem(config_of(MaskKind::bidirectional));
  UnmaskingOptions options;
  options.mask_token = kMaskToken;
  const auto passes_of = [&](std::int64_t steps) {
    options.steps = steps;
    // Places rise within a pass; of the last text, which has nine masks.
    std::vector<std::size_t> places;
    const auto filled = unmask(problem.model(), masked_texts(), options,
                               [&](std::size_t text, std::size_t place, std::int32_t) {
                                 if (text == 3) places.push_back(place);
                               });
    for (const Tokens& text : filled) {
      CHECK(std::count(text.begin(), text.end(), kMaskToken) == 0);
    }
    CHECK(places.size() == 9);
    return places;
  };
  CHECK(passes_of(0) == passes_of(9));
  CHECK(passes_of(9) == passes_of(100));
  const auto at_once = passes_of(1);
  CHECK(std::is_sorted(at_once.begin(), at_once.end()));
  // The first of two passes fills the five that are most confident at first.
  const auto in_two = passes_of(2);
  CHECK(std::is_sorted(in_two.begin(), in_two.begin() + 5));
  CHECK(std::is_sorted(in_two.begin() + 5, in_two.end()));
  const Tokens& text = masked_texts()[3].tokens;
  const auto logits = logits_of(problem.model(), text, 0);
  std::vector<std::pair<double, std::size_t>> by_confidence;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != kMaskToken) continue;
    std::vector<float> of_place = logits[at];
    of_place[kMaskToken] = -INFINITY;
    by_confidence.emplace_back(
        -engine::choose_token(span(std::as_const(of_place)), {.greedy = true}, {}).logprob, at);
  }
  std::sort(by_confidence.begin(), by_confidence.end());
  std::vector<std::size_t> first;
  for (std::size_t i = 0; i < 5; ++i) first.push_back(by_confidence[i].second);
  std::sort(first.begin(), first.end());
  CHECK(std::vector<std::size_t>(in_two.begin(), in_two.begin() + 5) == first);
}

TEST_CASE("sampled fillings are named by their row, whatever is beside them", "[infill]") {
  const ModelProblem problem(config_of(MaskKind::bidirectional));
  UnmaskingOptions options;
  options.sampling.greedy = false;
  options.sampling.temperature = 2.0;
  options.mask_token = kMaskToken;
  const auto together = unmask(problem.model(), masked_texts(), options);
  MaskedText other = masked_texts()[3];
  CHECK(unmask(problem.model(), {other}, options)[0] == together[3]);
  other.row = 4;
  CHECK(unmask(problem.model(), {other}, options)[0] != together[3]);
  options.excluded_tokens = {0, 4};
  for (std::uint64_t seed = 1; seed < 10; ++seed) {
    options.sampling.seed = seed;
    const Tokens filled =
        unmask(problem.model(), masked_texts(), options,
               [](std::size_t, std::size_t, std::int32_t token) { CHECK(token != kMaskToken); })[3];
    CHECK(filled != together[3]);
    for (const std::int32_t never : {kMaskToken, 0, 4}) {
      CHECK(std::count(filled.begin(), filled.end(), never) == 0);
    }
  }
}

TEST_CASE("unmask says what it expected", "[infill]") {
  const ModelProblem problem(config_of(MaskKind::bidirectional));
  const auto error = [&](const MaskedText& text, const auto& change) {
    UnmaskingOptions options;
    change(options);
    return error_of([&] { unmask(problem.model(), {text}, options); });
  };
  const auto nothing = [](auto&) {};
  CHECK(error({{}}, nothing) ==
        "[unmask] expected texts of at least one token and at most the context of 30, got 0 "
        "tokens in text 0");
  CHECK(error({Tokens(31, 1)}, nothing).find("got 31 tokens in text 0") != std::string::npos);
  CHECK(error({{11}}, nothing) ==
        "[unmask] expected tokens of a text of at least 0 and below 11, got 11");
  CHECK(error({{1}}, [](auto& o) { o.mask_token = 11; }) ==
        "[unmask] expected a mask token of at least 0 and below 11, got 11");
  CHECK(error({{1}}, [](auto& o) { o.steps = -1; }) ==
        "[unmask] expected steps of at least 0, got -1");
  CHECK(error({{1}}, [](auto& o) { o.rows = 0; }) == "[unmask] expected rows above 0, got 0");
  const ModelProblem causal(config_of(MaskKind::causal));
  CHECK(error_of([&] { unmask(causal.model(), {{{1}}}, {}); }) ==
        "[unmask] expected a bidirectional or prefix-masked model, got a causal one");
}

// ---- Gaps that models answer from left to right ----

constexpr std::int64_t kWords = 11;

std::unique_ptr<Objective> objective_named(const std::string& name) {
  return engine::make_objective(name, {kWords, 14});
}

const Gap kGap{{engine::kBeginOfText, 5, 6}, {7, 8, engine::kEndOfText}, 4, 2};

// The answer, each token read off a pass over the whole question with what is known of it.
Tokens by_recomputing(const Transformer& model, const Objective& objective,
                      const GapOptions& options, bool ends_itself) {
  Tokens answer;
  while (answer.size() < 4) {
    Tokens known = answer;
    known.resize(ends_itself ? answer.size() + 1 : 4, 10);
    engine::Reading reading;
    objective.read_question(kGap.before, known, kGap.after, true, reading);
    auto logits = logits_of(model, reading.example.inputs, reading.example.prefix);
    auto& of_place = logits[static_cast<std::size_t>(reading.places[answer.size()])];
    for (const std::int32_t token : options.excluded_tokens) {
      of_place[static_cast<std::size_t>(token)] = -INFINITY;
    }
    if (!ends_itself) of_place[engine::kEndOfText] = -INFINITY;
    const auto token = engine::choose_token(span(std::as_const(of_place)), options.sampling,
                                            {kGap.row, answer.size()})
                           .token;
    if (token == engine::kEndOfText) break;
    answer.push_back(token);
  }
  return answer;
}

TEST_CASE("a gap is answered as the objective reads it", "[infill]") {
  for (const auto& [name, ends_itself] : {std::pair<std::string, bool>{"infilling", true},
                                          {"causal_masked", false},
                                          {"permuted", false},
                                          {"infilling:0.5+masked_uniform:0.4", true}}) {
    const auto objective = objective_named(name);
    INFO(name);
    CHECK(engine::ends_its_answers(*objective) == ends_itself);
    const auto sizes = objective->model_sizes({kWords, 14});
    const ModelProblem problem(config_of(objective->mask(), sizes.vocabulary));
    GapOptions options;
    options.end_tokens = {engine::kEndOfText};
    options.excluded_tokens = {engine::kMask};
    std::vector<Tokens> answers;
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      options.sampling.greedy = seed == 0;
      options.sampling.temperature = 2.0;
      options.sampling.seed = seed;
      Tokens heard;
      const auto result = fill_gap(problem.model(), *objective, kGap, options,
                                   [&](std::int32_t token) { heard.push_back(token); });
      CHECK(result.tokens == heard);
      CHECK(result.tokens == by_recomputing(problem.model(), *objective, options, ends_itself));
      CHECK((result.ending == Ending::end_token) == (result.tokens.size() < 4));
      if (!ends_itself) CHECK(result.tokens.size() == 4);
      answers.push_back(result.tokens);
    }
    std::sort(answers.begin(), answers.end());
    CHECK(std::unique(answers.begin(), answers.end()) - answers.begin() > 6);
  }
}

TEST_CASE("a gap's answer ends where the context does", "[infill]") {
  const auto objective = objective_named("infilling");
  TransformerConfig config = config_of(MaskKind::causal, kWords + 3);
  config.context = 10;
  const ModelProblem problem(config);
  // <begin> <prefix> 5 6 <suffix> 7 8 <middle> leave room for two tokens; the third is asked for
  // at the second.
  GapOptions options;
  const auto result = fill_gap(problem.model(), *objective, {kGap.before, kGap.after, 9}, options);
  CHECK(result.tokens.size() == 3);
  CHECK(result.ending == Ending::context);
  config.context = 7;
  const ModelProblem tiny(config);
  CHECK(error_of([&] { fill_gap(tiny.model(), *objective, kGap, options); }) ==
        "[fill_gap] expected a text that its objective reads in at most the context of 7 tokens, "
        "got 8");
}

TEST_CASE("fill_gap says what it expected", "[infill]") {
  const ModelProblem problem(config_of(MaskKind::causal, kWords + 3));
  const auto error = [&](const std::string& objective, const Gap& gap, const GapOptions& options) {
    return error_of([&] { fill_gap(problem.model(), *objective_named(objective), gap, options); });
  };
  CHECK(error("causal", kGap, {}) ==
        "[fill_gap] expected an objective that fills gaps from left to right, got causal");
  CHECK(error("masked_uniform", kGap, {}) ==
        "[fill_gap] expected an objective that fills gaps from left to right, got masked_uniform");
  CHECK(error("infilling", {{}, {1}, 4}, {}) ==
        "[fill_gap] expected at least one token before the gap, got none");
  CHECK(error("infilling", {{1}, {1}, 0}, {}) ==
        "[fill_gap] expected a gap of more than 0 tokens, got 0");
  CHECK(error("infilling", {{1}, {14}, 1}, {}) ==
        "[fill_gap] expected tokens of a text of at least 0 and below 14, got 14");
  GapOptions options;
  options.end_tokens = {-1};
  CHECK(error("infilling", kGap, options) ==
        "[fill_gap] expected end tokens of at least 0 and below 14, got -1");
}

}  // namespace
}  // namespace obverse::tests

#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "experiments/reversal_curse/report/arms.h"
#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/html.h"
#include "experiments/reversal_curse/report/summary.h"
#include "experiments/reversal_curse/report/table.h"
#include "experiments/reversal_curse/report/verdict.h"
#include "tests/experiments/made_runs.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using report::Evidence;
using report::Verdict;

// Accuracies that a made-up run shows, by Asked; negative where a kind is not asked.
struct Shown {
  double trained = 1.0, reverse = 0.0, infill = -1.0, both = 1.0, unseen = 0.0;
};

RunResult made_run(const std::string& objective, int name_tokens, std::uint64_t seed,
                   const Shown& shown, int facts = 100) {
  RunResult run;
  run.objective = objective;
  run.architecture = {{"layers", 2}, {"width", 64}, {"vocabulary", 100 * name_tokens}};
  run.world = {{"name", "pairs"}, {"name_tokens", name_tokens}, {"seed", seed}};
  run.training = {{"batch", 64}, {"learning_rate", 1e-3}};
  run.seed = seed;
  run.steps = 1500;
  run.tokens = 1000000;
  run.seconds = 30.0;
  run.device = "cpu";
  run.directions = {"forward", "backward"};
  const auto shown_trained =
      made_up::accuracies(shown.trained, shown.reverse, shown.both, shown.unseen);
  made_up::add_outcomes(run, made_up::with(shown_trained, Asked::infill, shown.infill), facts);
  for (int step = 0; step <= 1500; step += 300) {
    run.curve.push_back(
        {step, 5.0 - step / 400.0, shown.trained * step / 1500, shown.reverse * step / 1500});
  }
  return run;
}

std::vector<RunResult> seeds_of(const std::string& objective, int name_tokens, const Shown& shown,
                                int count = 3, int facts = 100) {
  std::vector<RunResult> runs;
  for (int seed = 1; seed <= count; ++seed) {
    runs.push_back(
        made_run(objective, name_tokens, static_cast<std::uint64_t>(seed), shown, facts));
  }
  return runs;
}

std::vector<RunResult> joined(const std::vector<std::vector<RunResult>>& parts) {
  std::vector<RunResult> runs;
  for (const std::vector<RunResult>& part : parts)
    runs.insert(runs.end(), part.begin(), part.end());
  return runs;
}

std::string verdict_of(const std::vector<RunResult>& runs) {
  return summarize(runs, nlohmann::json::object())
      .at("arms")[0]
      .at("verdict")
      .at("name")
      .get<std::string>();
}

std::string headline_of(const std::vector<RunResult>& runs) {
  return summarize(runs, nlohmann::json::object()).at("headline").get<std::string>();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

report::Estimate estimate(double value, double low, double high) { return {value, {low, high}}; }

Evidence evidence(report::Estimate trained, report::Estimate reverse, report::Estimate both,
                  report::Estimate unseen) {
  Evidence result;
  result.trained = trained;
  result.reverse = reverse;
  result.both = both;
  result.unseen = unseen;
  return result;
}

const report::Estimate kAll = estimate(0.99, 0.97, 1.0);
const report::Estimate kNone = estimate(0.0, 0.0, 0.02);

// The first thing wrong with the nesting of tags, or nothing.
std::string tag_error(const std::string& page) {
  static const std::set<std::string> kVoid = {"meta", "br", "hr", "img", "link", "!DOCTYPE"};
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at)) {
    const std::size_t end = page.find('>', at);
    if (end == std::string::npos) return "unclosed < at " + std::to_string(at);
    const std::string tag = page.substr(at + 1, end - at - 1);
    if (contains(tag, "<")) return "< within a tag: " + tag;
    at = end;
    const bool closes = tag[0] == '/';
    const std::string name =
        tag.substr(closes ? 1 : 0, tag.find_first_of(" \n/", 1) - (closes ? 1 : 0));
    if (closes) {
      if (open.empty() || open.back() != tag.substr(1)) {
        return "</" + tag.substr(1) + "> closes " + (open.empty() ? "nothing" : open.back());
      }
      open.pop_back();
    } else if (tag.back() != '/' && kVoid.count(name) == 0) {
      open.push_back(name);
    }
    if (!closes && count_of(tag, "\"") % 2 != 0) return "odd quotes in " + tag;
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

// Text between tags, so that words of attributes and the style sheet do not count.
std::string visible_text(const std::string& page) {
  std::string text;
  bool in_tag = false;
  for (std::size_t i = page.find("</style>"); i < page.size(); ++i) {
    if (page[i] == '<') in_tag = true;
    if (!in_tag) text += page[i];
    if (page[i] == '>') {
      in_tag = false;
      text += ' ';
    }
  }
  return text;
}

std::string page_of(const std::vector<RunResult>& runs,
                    const nlohmann::json& grid = nlohmann::json::object()) {
  return render_html(summarize(runs, grid), runs);
}

}  // namespace

TEST_CASE("verdicts follow the intervals", "[report]") {
  CHECK(report::judge(evidence(kAll, kNone, kAll, kNone)).verdict == Verdict::cursed);
  CHECK(report::judge(evidence(kAll, estimate(.98, .95, .99), kAll, kNone)).verdict ==
        Verdict::reversed);
  CHECK(report::judge(evidence(kAll, estimate(.5, .4, .6), kAll, kNone)).verdict ==
        Verdict::partly_reversed);
  // Sure to be above the floor and sure to be little: neither cursed nor lifted.
  CHECK(report::judge(evidence(kAll, estimate(.06, .04, .09), kAll, kNone)).verdict ==
        Verdict::traces);
  // The same small share with a floor as high is no trace.
  CHECK(report::judge(evidence(kAll, estimate(.06, .04, .09), kAll, estimate(.05, .03, .08)))
            .verdict == Verdict::cursed);
  // Seeds split between nothing and everything.
  CHECK(report::judge(evidence(kAll, estimate(.6, .05, .97), kAll, kNone)).verdict ==
        Verdict::partly_reversed);
}

TEST_CASE("log-probabilities may show what exact match does not", "[report]") {
  Evidence shown = evidence(kAll, kNone, kAll, kNone);
  shown.trained_gain = LogprobGain{10, {9, 11}, 0, 0};
  shown.reverse_gain = LogprobGain{0.1, {-0.1, 0.3}, 0.005, 0.005};  // the interval holds 0
  CHECK(report::judge(shown).verdict == Verdict::cursed);
  shown.reverse_gain = LogprobGain{0.1, {0.01, 0.2}, 0.02, 0.3};  // one in forty by chance
  CHECK(report::judge(shown).verdict == Verdict::cursed);
  shown.reverse_gain = LogprobGain{-0.5, {-0.6, -0.4}, 0, 0};  // wrong answers are the likelier
  CHECK(report::judge(shown).verdict == Verdict::cursed);
  shown.reverse_gain = LogprobGain{0.5, {0.4, 0.6}, 0.3, 0.002};
  CHECK(report::judge(shown).verdict == Verdict::traces);
  shown.reverse_gain = LogprobGain{0.1, {0.05, 0.15}, 0.0001, 0.3};  // small, but there
  const report::Judgement judgement = report::judge(shown);
  CHECK(judgement.verdict == Verdict::traces);
  CHECK(contains(judgement.reason,
                 "likelier than a wrong one by +0.10 nats (p < 0.001; trained +10.00)"));

  // From runs: right reverse answers never come first, but well before the wrong ones.
  std::vector<RunResult> runs = seeds_of("causal", 1, {});
  CHECK(verdict_of(runs) == "cursed");
  for (RunResult& run : runs) {
    for (Outcome& outcome : run.outcomes[static_cast<std::size_t>(Asked::reverse)]) {
      outcome.right_logprob += 2.0;
    }
  }
  CHECK(verdict_of(runs) == "traces");
  CHECK(contains(headline_of(runs), "nats for the right answer"));
}

TEST_CASE("a verdict needs its controls", "[report]") {
  const auto doubt = [](const Evidence& shown) {
    const report::Judgement judgement = report::judge(shown);
    CHECK(judgement.verdict == Verdict::inconclusive);
    CHECK(!judgement.reason.empty());
    return judgement.doubt;
  };
  const report::Estimate half = estimate(.6, .45, .74);
  CHECK(doubt(evidence(half, kNone, kAll, kNone)) == report::Doubt::facts_unlearned);
  CHECK(doubt(evidence(kAll, kNone, half, kNone)) == report::Doubt::format_unlearned);
  CHECK(doubt(evidence(kAll, kAll, kAll, estimate(.3, .2, .4))) == report::Doubt::floor_unclear);
  CHECK(doubt(evidence(kAll, kNone, kAll, estimate(0, 0, .5))) == report::Doubt::floor_unclear);
  CHECK(doubt(evidence(kAll, estimate(0, 0, .4), kAll, kNone)) == report::Doubt::too_few_data);
  Evidence without_floor = evidence(kAll, kNone, kAll, kNone);
  without_floor.unseen.reset();
  CHECK(doubt(without_floor) == report::Doubt::not_asked);
  // A choice near its known chance is a floor as well.
  without_floor.choice_chance = 1.0 / 30;
  without_floor.reverse_choice = estimate(.04, .03, .05);
  CHECK(report::judge(without_floor).verdict == Verdict::cursed);
  without_floor.reverse_choice = estimate(.2, .15, .25);
  CHECK(report::judge(without_floor).verdict == Verdict::traces);
}

TEST_CASE("forced choice counts from chance and asks for more", "[report]") {
  Evidence choice = evidence(estimate(.7, .65, .75), kNone, kAll, kNone);
  choice.measure = report::Measure::forced_choice;
  choice.chance = 0.05;
  CHECK(report::judge(choice).verdict == Verdict::inconclusive);
  choice.trained = kAll;
  choice.reverse = choice.unseen = estimate(.05, .03, .08);
  CHECK(report::judge(choice).verdict == Verdict::cursed);
  choice.chance = 0.9;  // nearly everything is chance: .97 is not surely learned
  choice.trained = estimate(.95, .93, .97);
  CHECK(report::judge(choice).verdict == Verdict::inconclusive);
}

TEST_CASE("arms are judged from their runs", "[report]") {
  CHECK(verdict_of(seeds_of("causal", 1, {})) == "cursed");
  CHECK(verdict_of(seeds_of("causal", 1, {1.0, 1.0})) == "reversed");
  CHECK(verdict_of(seeds_of("causal", 1, {0.1, 0.0})) == "inconclusive");
  CHECK(verdict_of(seeds_of("causal", 1, {1.0, 0.0, -1.0, 0.2})) == "inconclusive");
  // Without unseen facts the choice is the floor; without that too, there is none.
  std::vector<RunResult> no_floor = seeds_of("causal", 1, {1.0, 0.0, -1.0, 1.0, -1.0});
  CHECK(verdict_of(no_floor) == "cursed");
  for (RunResult& run : no_floor) {
    for (std::vector<Outcome>& outcomes : run.outcomes) {
      for (Outcome& outcome : outcomes) outcome.candidates = 1;
    }
  }
  CHECK(verdict_of(no_floor) == "inconclusive");
  // Infill alone must not look like reversal.
  CHECK(verdict_of(seeds_of("masked_uniform", 2, {1.0, 0.0, 1.0})) == "cursed");
  // Six facts and one seed are too few to call anything.
  CHECK(verdict_of(seeds_of("causal", 1, {}, 1, 6)) == "inconclusive");
}

TEST_CASE("directions are judged apart", "[report]") {
  // Facts asked back in direction 0 are reversed, in direction 1 not.
  std::vector<RunResult> runs = seeds_of("causal", 1, {});
  for (RunResult& run : runs) {
    for (Outcome& outcome : run.outcomes[static_cast<std::size_t>(Asked::reverse)]) {
      outcome.correct = outcome.direction == 0;
    }
  }
  CHECK(verdict_of(runs) == "partly_reversed");
  // Direction 0 is never answered to the letter, even where taught, and its choices are no better:
  // only direction 1 speaks, and the headline says so.
  runs = seeds_of("causal", 1, {});
  for (RunResult& run : runs) {
    for (Outcome& outcome : run.outcomes[static_cast<std::size_t>(Asked::both)]) {
      outcome.correct = outcome.chosen = outcome.direction == 1;
    }
  }
  CHECK(verdict_of(runs) == "cursed");
  CHECK(contains(headline_of(runs), "only when asked backward"));
  CHECK(contains(page_of(runs), "cursed when asked backward"));
}

TEST_CASE("a reverse question is set against the direction in which its facts were stated",
          "[report]") {
  // Facts stated backward were not learned. Those are asked back forward.
  std::vector<RunResult> runs = seeds_of("causal", 1, {});
  for (RunResult& run : runs) {
    for (Outcome& outcome : run.outcomes[static_cast<std::size_t>(Asked::trained)]) {
      outcome.correct = outcome.chosen = outcome.direction == 0;
    }
  }
  const nlohmann::json summary = summarize(runs, nlohmann::json::object());
  CHECK(summary.at("arms")[0].at("verdict").at("asked_only") == "backward");
  CHECK(contains(headline_of(runs), "answer 100 % ["));
}

TEST_CASE("exactness out of reach leaves the forced choice", "[report]") {
  std::vector<RunResult> runs = seeds_of("causal", 1, {});
  for (RunResult& run : runs) {
    for (std::vector<Outcome>& outcomes : run.outcomes) {
      for (Outcome& outcome : outcomes) outcome.correct = false;
    }
  }
  CHECK(verdict_of(runs) == "cursed");
  CHECK(contains(headline_of(runs), "by forced choice, chance 5 %"));
}

TEST_CASE("the headline is computed", "[report]") {
  const std::string cursed = headline_of(seeds_of("causal", 1, {}));
  CHECK(contains(cursed, "After next-token training, models answer 100 % ["));
  CHECK(contains(cursed, "the reversal curse."));
  CHECK(contains(headline_of(seeds_of("causal", 1, {0.9, 0.0})), "answer 90 % ["));

  const std::string failed = headline_of(seeds_of("causal", 1, {0.1, 0.0}));
  CHECK(contains(failed, "Nothing can be concluded from causal"));
  CHECK(!contains(failed, "curse"));

  const std::string both =
      headline_of(joined({seeds_of("causal", 2, {}), seeds_of("entity_reversed", 2, {1.0, 0.98})}));
  CHECK(contains(both, "The curse is lifted by entity reversed (98 % ["));

  const std::string lifted = headline_of(seeds_of("causal", 1, {1.0, 1.0}));
  CHECK(!contains(lifted, "curse"));
  CHECK(contains(headline_of({}), "No run"));
  CHECK(contains(headline_of(seeds_of("causal", 1, {}, 1)), "one seed"));

  std::vector<RunResult> split = seeds_of("masked_uniform", 1, {1.0, 1.0}, 2);
  split.push_back(made_run("masked_uniform", 1, 3, {}));
  CHECK(contains(headline_of(split), "seeds disagree, 0 to 100 %"));
}

TEST_CASE("runs group into arms with short labels", "[report]") {
  std::vector<RunResult> runs = joined(
      {seeds_of("causal", 1, {}), seeds_of("causal", 2, {}), seeds_of("masked_uniform", 1, {})});
  std::swap(runs[1], runs[4]);  // interleaved, as a resumed grid may write them
  std::vector<report::Arm> arms = report::arms_of(runs);
  REQUIRE(arms.size() == 3);
  CHECK(arms[0].label == "causal, k = 1");
  CHECK(arms[1].label == "causal, k = 2");
  CHECK(arms[2].label == "masked uniform, k = 1");
  CHECK(arms[1].runs.size() == 3);

  for (RunResult& run : runs) {
    if (run.objective == "causal") run.architecture["layers"] = run.seed == 2 ? 4 : 2;
  }
  arms = report::arms_of(runs);
  REQUIRE(arms.size() == 5);
  std::set<std::string> labels;
  for (const report::Arm& arm : arms) labels.insert(arm.label);
  CHECK(labels.count("causal, k = 1, layers 4") == 1);
  CHECK(labels.size() == 5);
  CHECK(report::arms_of(seeds_of("causal", 1, {})).at(0).label == "causal");

  const nlohmann::json summary = summarize(runs, {{"command", "x"}});
  CHECK(summary.at("runs") == 9);
  CHECK(summary.at("tokens") == 9000000);
  CHECK(!summary.at("arms")[0].at("world").contains("seed"));
  const nlohmann::json& of_seeds = summary.at("arms")[4].at("seed_metrics");
  CHECK(of_seeds.at("trained.accuracy") == nlohmann::json({1.0, 1.0, 1.0}));
  for (const auto& [name, values] : of_seeds.items()) {
    INFO(name);
    for (const nlohmann::json& value : values) CHECK(value.is_number());
  }
}

TEST_CASE("the table fits a terminal", "[report]") {
  const std::vector<RunResult> runs =
      joined({seeds_of("causal", 1, {}), seeds_of("entity_reversed", 2, {0.97, 0.955}),
              seeds_of("masked_uniform", 2, {0.97, 0.4, 0.9})});
  const std::string table = render_table(summarize(runs, nlohmann::json::object()), false);
  INFO(table);
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 84);  // bytes
  CHECK(!contains(table, "\033"));
  // Numbers keep their sign wherever lines break.
  nlohmann::json shifted = summarize({runs[0]}, nullptr);
  for (std::size_t length = 80; length < 100; ++length) {
    shifted["headline"] = std::string(length, 'x') + " 100 % [98, 100]";
    CHECK(!contains(render_table(shifted, false), "\n%"));
  }
  CHECK(contains(table, "infill"));
  std::string one_line = table;  // wherever lines break
  for (char& letter : one_line) letter = letter == '\n' ? ' ' : letter;
  CHECK(contains(one_line, "the reversal curse"));
  CHECK(!contains(render_table(summarize(seeds_of("causal", 1, {}), nullptr), false), "infill"));
}

TEST_CASE("the page is well formed and whole", "[report]") {
  CHECK(tag_error("<p>a<b>b</p></b>") != "");  // the checker itself can fail
  CHECK(tag_error("<p>a<br>b</p>") == "");
  const std::vector<RunResult> runs =
      joined({seeds_of("causal", 1, {}), seeds_of("masked_uniform", 2, {1.0, 0.5, 0.9}),
              seeds_of("entity_reversed", 2, {1.0, 0.9}, 5)});
  const std::string page =
      page_of(runs, {{"command", "obverse-reversal --seeds 3"},
                     {"runs", nlohmann::json::array({{{"marked_setting", 1}}, {{"seed", 2}}})}});
  CHECK(!contains(page, "marked_setting"));  // counted, not spelled out
  CHECK(tag_error(page) == "");
  CHECK(page.rfind("<!DOCTYPE html>", 0) == 0);
  for (const report::Arm& arm : report::arms_of(runs)) {
    INFO(arm.label);
    CHECK(count_of(page, report::typeset(arm.label)) >= 5);
  }
  CHECK(count_of(page, "class=\"dot trained\">") == 11);
  CHECK(count_of(page, "class=\"dot reverse\">") == 11);
  CHECK(count_of(page, "class=\"seed reverse\"") == 11);
  CHECK(contains(page, "<span>obverse-reversal</span> <span>--seeds</span> <span>3</span>"));
  for (const char* reference :
       {"2309.12288", "2403.13799", "2406.05183", "2309.14402", "2405.04669"}) {
    CHECK(contains(page, reference));
  }
  // Nothing is loaded: the only addresses are the five links of the references.
  CHECK(count_of(page, "http") == count_of(page, "<a href=\"https://arxiv.org/abs/"));
  CHECK(count_of(page, "<a href") == 5);
  for (const char* loader : {"<script", "<link", "<img", "@import", "url(", "src="}) {
    CHECK(!contains(page, loader));
  }
}

TEST_CASE("the page escapes what it did not write", "[report]") {
  std::vector<RunResult> runs = seeds_of("<b>&\"x\"</b>", 1, {});
  for (RunResult& run : runs) {
    run.device = "<script>alert(1)</script>";
    run.directions = {"a<b", "b&a"};
    run.world["<i>"] = "'<u>'";
  }
  const std::string page = page_of(runs, {{"command", "x </pre><p>"}, {"<k>", "<v>"}});
  CHECK(tag_error(page) == "");
  for (const char* raw : {"<script", "<b>&\"", "<i>", "<u>", "<v>", "x </pre>", "a<b"}) {
    CHECK(!contains(page, raw));
  }
  CHECK(contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;"));
}

TEST_CASE("the page survives thin and broken data", "[report]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<RunResult> broken = seeds_of("causal", 1, {}, 1);
  broken[0].seconds = nan;
  broken[0].curve[2].trained_accuracy = nan;
  broken[0].curve[3].loss = infinity;
  broken[0].architecture["dropout"] = nan;
  for (std::size_t kind = 0; kind < 2; ++kind) {
    for (Outcome& outcome : broken[0].outcomes[kind]) outcome.wrong_logprob = -infinity;
    broken[0].outcomes[kind][0].right_logprob = nan;
  }
  std::vector<RunResult> bare = seeds_of("causal", 1, {}, 1);
  bare[0].curve.clear();
  for (std::vector<Outcome>& outcomes : bare[0].outcomes) outcomes.clear();
  std::vector<RunResult> many;
  for (int arm = 0; arm < 40; ++arm) {
    many.push_back(made_run("causal", arm + 1, 1, {1.0, arm / 40.0}, 20));
  }
  for (const std::vector<RunResult>& runs : {broken, bare, many, std::vector<RunResult>{}}) {
    const std::string page = page_of(runs);
    CHECK(tag_error(page) == "");
    const std::string text = visible_text(page);
    CHECK(!contains(text, "nan"));
    CHECK(!contains(text, "inf "));
    CHECK(!contains(page, "\"nan"));
    CHECK(!contains(page, "nan,"));
    CHECK(!contains(page, ",nan"));
    CHECK(!contains(page, "inf\""));
    const std::string table = render_table(summarize(runs, nullptr), true);
    CHECK(!contains(table, "nan"));
  }
  CHECK_THROWS_AS(render_html(summarize(many, nullptr), broken), std::invalid_argument);
}

TEST_CASE("numbers are shown with care", "[report]") {
  CHECK(report::percent(1.0) == "100 %");
  CHECK(report::percent(0.996) == "99.6 %");
  CHECK(report::percent(0.004) == "0.4 %");
  CHECK(report::percent(0.5) == "50 %");
  CHECK(report::nats(-0.001) == "0.00");
  CHECK(report::grouped(1234567) == "1,234,567");
  CHECK(report::p_value(std::nullopt) == "–");
  CHECK(report::p_value(0.00001) == "< 0.001");
  CHECK(report::listed({"a", "b", "c"}, 4) == "a, b and c");
  CHECK(report::listed({"a", "b", "c", "d"}, 2) == "a, b and 2 more");
}

}  // namespace obverse::reversal

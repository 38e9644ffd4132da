#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/reversal_curse/presets/preset.h"
#include "experiments/reversal_curse/probes/probe.h"
#include "experiments/reversal_curse/verify/row.h"
#include "tests/experiments/made_runs.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;

// A run of which `right` of 100 facts are answered in each direction of each kind given.
struct Answers {
  Asked asked;
  int right = 0;
  double gain = 0.0;  // by how much right answers are likelier than wrong ones
};

RunResult run_of(const std::string& objective, int name_tokens, const std::vector<Answers>& answers,
                 std::uint64_t seed = 0) {
  RunResult run;
  run.objective = objective;
  run.architecture = {{"layers", 2}, {"width", 64}, {"position", "learned"}};
  run.world = {{"name", "pairs"}, {"name_tokens", name_tokens}};
  run.seed = seed;
  run.directions = {"forward", "backward"};
  for (const Answers& each : answers) {
    for (int i = 0; i < 200; ++i) {
      Outcome outcome;
      outcome.fact = i / 2;
      outcome.direction = i % 2;
      outcome.correct = i / 2 < each.right;
      // Wrong answers' likelihoods are the right ones' in another order, moved by the gain.
      outcome.right_logprob = -5.0 - 0.01 * outcome.fact;
      outcome.wrong_logprob = -5.0 - 0.01 * ((outcome.fact + 37) % 100) - each.gain;
      run.outcomes[static_cast<std::size_t>(each.asked)].push_back(outcome);
    }
  }
  return run;
}

const VerifyRow& row(int number) {
  static const std::vector<VerifyRow> rows = verify_rows();
  const auto found = std::find_if(
      rows.begin(), rows.end(), [number](const VerifyRow& each) { return each.number == number; });
  REQUIRE(found != rows.end());
  return *found;
}

bool passes(int number, const std::vector<RunResult>& runs) {
  const std::vector<Measured> all = row(number).check(Evidence(runs));
  return !all.empty() &&
         std::all_of(all.begin(), all.end(), [](const Measured& each) { return each.holds; });
}

TEST_CASE("rows are numbered in order, and their presets exist", "[verify]") {
  const std::vector<VerifyRow> rows = verify_rows();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].number == static_cast<int>(i + 1));
    CHECK_FALSE(rows[i].under.empty());
    CHECK_FALSE(rows[i].expected.empty());
    CHECK_FALSE(rows[i].source.empty());
    for (const std::string& probe : rows[i].probes) CHECK(probe_kind(probe).name == probe);
    for (const auto& presets : {rows[i].quick_presets, rows[i].full_presets}) {
      CHECK(presets.empty() == (rows[i].number == 16));  // whose models are written, not trained
      for (const std::string& preset : presets) CHECK(preset_named(preset).name == preset);
    }
  }
}

TEST_CASE("the curse is what was learned one way and not the other", "[verify]") {
  const auto runs = [](int trained, int reverse) {
    return std::vector<RunResult>{
        run_of("causal", 1, {{Asked::trained, trained}, {Asked::reverse, reverse}}),
        run_of("causal", 2, {{Asked::trained, trained}, {Asked::reverse, reverse}})};
  };
  CHECK(passes(1, runs(95, 3)));
  CHECK_FALSE(passes(1, runs(94, 3)));
  CHECK_FALSE(passes(1, runs(95, 4)));
  // A question that was not asked is no success.
  CHECK_FALSE(passes(1, {run_of("causal", 1, {{Asked::trained, 100}}),
                         run_of("causal", 2, {{Asked::trained, 100}})}));
  CHECK_THROWS_AS(passes(1, {runs(95, 3).front()}), std::runtime_error);  // an arm is missing
}

TEST_CASE("facts stated both ways are asked in each direction", "[verify]") {
  std::vector<RunResult> runs = {run_of("causal", 1, {{Asked::both, 95}}),
                                 run_of("causal", 2, {{Asked::both, 95}})};
  CHECK(passes(3, runs));
  // The mean of both directions hides that one fails.
  for (Outcome& outcome : runs[1].outcomes[static_cast<std::size_t>(Asked::both)]) {
    outcome.correct = outcome.direction == 0 || outcome.fact < 94;
  }
  CHECK_FALSE(passes(3, runs));
}

TEST_CASE("token reversal helps names of one token, entity reversal all", "[verify]") {
  const auto token = [](int one, int two) {
    return std::vector<RunResult>{
        run_of("token_reversed", 1, {{Asked::reverse, one}}),
        run_of("token_reversed", 2, {{Asked::reverse, two}, {Asked::trained, 100}})};
  };
  CHECK(passes(6, token(95, 12)));
  CHECK_FALSE(passes(6, token(94, 12)));
  CHECK_FALSE(passes(6, token(95, 13)));
  const auto entity = [](int trained, int reverse) {
    return std::vector<RunResult>{
        run_of("entity_reversed", 2, {{Asked::trained, trained}, {Asked::reverse, reverse}})};
  };
  CHECK(passes(7, entity(90, 95)));
  CHECK_FALSE(passes(7, entity(89, 95)));
  CHECK_FALSE(passes(7, entity(90, 94)));
}

TEST_CASE("log-probabilities are tested over all sizes together", "[verify]") {
  const auto sizes = [](double reverse_gain, double trained_gain) {
    std::vector<RunResult> runs;
    for (const int layers : {1, 2, 4}) {
      for (const std::uint64_t seed : {0, 1}) {
        runs.push_back(run_of("causal", 1,
                              {{Asked::trained, 100, trained_gain},
                               {Asked::reverse, 0, layers == 4 ? reverse_gain : 0}},
                              seed));
        runs.back().architecture["layers"] = layers;
      }
    }
    return runs;
  };
  CHECK(passes(2, sizes(0.0, 5.0)));
  CHECK_FALSE(passes(2, sizes(1.0, 5.0)));  // one size leaks
  CHECK_FALSE(passes(2, sizes(0.0, 0.0)));  // nothing was learned
}

TEST_CASE("all sizes together have as many facts as one", "[verify]") {
  const auto width_of = [](int sizes) {
    std::vector<RunResult> runs;
    for (int layers = 1; layers <= sizes; ++layers) {
      for (const std::uint64_t seed : {0, 1, 2}) {
        runs.push_back(
            run_of("causal", 1, {{Asked::trained, 100, 5.0}, {Asked::reverse, 0}}, seed));
        runs.back().architecture["layers"] = layers;
      }
    }
    const Measured all = row(2).check(Evidence(runs)).front();
    REQUIRE(all.interval.has_value());
    return all.interval->high - all.interval->low;
  };
  CHECK(std::abs(width_of(9) - width_of(1)) < 1e-9);
}

TEST_CASE("architectures of one size are not averaged", "[verify]") {
  std::vector<RunResult> runs;
  for (int i = 0; i < 20; ++i) {
    runs.push_back(run_of("causal", 1, {{Asked::trained, 100}, {Asked::reverse, 0}}));
    runs.back().architecture["dropout"] = 0.01 * i;
  }
  CHECK(passes(5, runs));
  runs.push_back(run_of("causal", 1, {{Asked::trained, 100}, {Asked::reverse, 30}}));
  runs.back().architecture["dropout"] = 0.5;
  CHECK_FALSE(passes(5, runs));
}

TEST_CASE("one architecture that reverses breaks the rule for all", "[verify]") {
  std::vector<RunResult> runs;
  for (const int layers : {1, 8}) {
    runs.push_back(run_of("causal", 1, {{Asked::trained, 100}, {Asked::reverse, 2}}));
    runs.back().architecture["layers"] = layers;
  }
  runs.push_back(run_of("causal", 1, {{Asked::trained, 100}, {Asked::reverse, 2}}));
  runs.back().architecture["position"] = "alibi";
  CHECK(passes(5, runs));
  std::vector<RunResult> unlearned = runs;
  unlearned[1] = run_of("causal", 1, {{Asked::trained, 49}, {Asked::reverse, 0}});
  CHECK_FALSE(passes(5, unlearned));
  runs.back() = run_of("causal", 1, {{Asked::trained, 100}, {Asked::reverse, 3}});
  runs.back().architecture["position"] = "alibi";
  CHECK_FALSE(passes(5, runs));
}

TEST_CASE("wrong inferences count where the facts were learned", "[verify]") {
  const auto runs = [](int none, int entity, int trained) {
    std::vector<RunResult> all;
    for (const char* objective : {"causal", "entity_reversed"}) {
      for (const char* delimiters : {"none", "entity"}) {
        const bool plain = std::string(delimiters) == "none";
        const int wrong = std::string(objective) == "causal" ? 0 : plain ? none : entity;
        all.push_back(
            run_of(objective, 2, {{Asked::wrong_inference, wrong}, {Asked::trained, trained}}));
        all.back().world["delimiters"] = delimiters;
      }
    }
    return all;
  };
  CHECK(passes(8, runs(30, 2, 90)));
  CHECK_FALSE(passes(8, runs(29, 2, 90)));
  CHECK_FALSE(passes(8, runs(30, 3, 90)));
  CHECK_FALSE(passes(8, runs(30, 2, 89)));
}

TEST_CASE("uniform masking has to beat every rate in both directions", "[verify]") {
  const auto runs = [](int uniform_trained, int uniform_reverse) {
    std::vector<RunResult> all;
    for (const char* rate : {"masked_fixed@0.15", "masked_fixed@0.4", "masked_fixed@0.85"}) {
      all.push_back(run_of(rate, 2, {{Asked::trained, 50}, {Asked::reverse, 20}}));
    }
    all.push_back(run_of("masked_uniform", 2,
                         {{Asked::trained, uniform_trained}, {Asked::reverse, uniform_reverse}}));
    return all;
  };
  CHECK(passes(9, runs(90, 60)));
  CHECK_FALSE(passes(9, runs(90, 20)));
  CHECK_FALSE(passes(9, runs(52, 60)));  // above, and not surely
}

TEST_CASE("relations, contexts and fractions are held to their bounds", "[verify]") {
  const auto relations = [](int masked, int kept) {
    std::vector<RunResult> all = {
        run_of("causal", 1, {{Asked::trained, 100}, {Asked::reverse, 0}}),
        run_of("causal_masked", 1, {{Asked::infill, masked}}),
        run_of("causal_masked_source_kept", 1, {{Asked::infill, kept}, {Asked::trained, 100}})};
    return all;
  };
  CHECK(passes(10, relations(90, 5)));
  CHECK_FALSE(passes(10, relations(89, 5)));
  CHECK_FALSE(passes(10, relations(90, 6)));
  const auto context = [](int in_context, int reverse) {
    return std::vector<RunResult>{run_of(
        "causal", 1,
        {{Asked::trained, 100}, {Asked::reverse, reverse}, {Asked::in_context, in_context}})};
  };
  CHECK(passes(11, context(90, 2)));
  CHECK_FALSE(passes(11, context(89, 2)));
  CHECK_FALSE(passes(11, context(90, 3)));
  std::vector<RunResult> fractions;
  for (const double share : {0.0, 0.9}) {
    fractions.push_back(run_of("causal", 1, {{Asked::trained, 100}, {Asked::reverse, 5}}));
    fractions.back().world["share_both"] = share;
  }
  CHECK(passes(12, fractions));
  fractions.front() = run_of("causal", 1, {{Asked::trained, 100}, {Asked::reverse, 6}});
  fractions.front().world["share_both"] = 0.0;
  CHECK_FALSE(passes(12, fractions));
}

TEST_CASE("paraphrases raise the trained direction and not the other", "[verify]") {
  const auto runs = [](int one, int five, int reverse) {
    std::vector<RunResult> all;
    for (const int texts : {1, 5}) {
      all.push_back(run_of("causal", 1,
                           {{Asked::trained, texts == 1 ? one : five}, {Asked::reverse, reverse}}));
      all.back().world["biographies"] = texts;
    }
    return all;
  };
  CHECK(passes(4, runs(25, 90, 2)));
  CHECK_FALSE(passes(4, runs(60, 90, 2)));
  CHECK_FALSE(passes(4, runs(25, 79, 2)));
  CHECK_FALSE(passes(4, runs(25, 90, 3)));
}

TEST_CASE("families are measured soundly or not at all, whatever comes out", "[verify]") {
  const auto runs = [](int reverse, int both) {
    std::vector<RunResult> all;
    for (const double decay : {0.1, 3.0}) {
      all.push_back(run_of("causal", 1,
                           {{Asked::trained, 100},
                            {Asked::reverse, reverse},
                            {Asked::both, decay < 1 ? both : 50}}));
      all.back().training["weight_decay"] = decay;
    }
    return all;
  };
  CHECK(passes(13, runs(0, 100)));
  CHECK(passes(13, runs(100, 100)));
  CHECK_FALSE(passes(13, runs(0, 89)));  // the format was not learned at the usual decay
}

// What edits of an arm's three models found: by one method, everything alike.
std::vector<RunResult> edited_runs(const std::string& objective, double edited, double kept) {
  return made_up::made_arm(made_up::accuracies(1.0, 0.0), [&](RunResult& run) {
    run.objective = objective;
    run.world["demonstrations"] = 0;
    ProbeResult& edits = run.probes["edits"];
    for (int fact = 0; fact < 20; ++fact) {
      const auto share = [&](const std::string& what, double of_twenty) {
        edits.add(Estimator::share, "edits.one_matrix." + what, fact,
                  fact < std::lround(20.0 * of_twenty) ? 1.0 : 0.0);
      };
      share("edited.accuracy", edited);
      share("unrelated.kept", kept);
      share("unrelated_reverse.kept", kept);
      share("reverse.accuracy", 0.0);
      share("reverse.old_accuracy", 1.0);
      share("incoherent", 1.0);
      for (const char* index : {"phrasing.index", "reverse.index"}) {
        edits.add(Estimator::ratio, std::string("edits.one_matrix.") + index, fact, 1.0, 10.0);
      }
    }
  });
}

TEST_CASE("edits are held to what they do and keep, and to no finding", "[verify]") {
  // Beside them, models that read prompts.
  const auto with_prompts = [](std::vector<RunResult> runs) {
    for (RunResult run : edited_runs("causal", 1.0, 0.95)) {
      run.world["demonstrations"] = 6;
      ProbeResult& edits = run.probes["edits"];
      for (const std::string method : {"all_weights", "rank_one_at_answer"}) {
        for (int fact = 0; fact < 20; ++fact) {
          edits.add(Estimator::share, "edits." + method + ".prompt_old.kept", fact, 1.0);
          edits.add(Estimator::share, "edits." + method + ".prompt_new.kept", fact, 1.0);
          edits.add(Estimator::ratio, "edits." + method + ".reverse.index", fact, 0.0, 10.0);
        }
      }
      runs.push_back(std::move(run));
    }
    return runs;
  };
  for (const auto& [number, objective] : {std::pair(14, "causal"), {15, "masked_uniform"}}) {
    CHECK(passes(number, with_prompts(edited_runs(objective, 1.0, 0.95))));
    CHECK_FALSE(passes(number, with_prompts(edited_runs(objective, 0.9, 0.95))));
    CHECK_FALSE(passes(number, with_prompts(edited_runs(objective, 1.0, 0.8))));
  }
  CHECK_THROWS(passes(14, edited_runs("causal", 1.0, 0.95)));  // without prompts
}

// Probes of an arm whose shuffled pairs and whose strangers come out like this.
std::vector<RunResult> probed_runs(double shuffled, double stranger) {
  return made_up::made_arm(made_up::accuracies(1.0, 0.0), [&](RunResult& run) {
    run.world["demonstrations"] = 0;
    ProbeResult& matching = run.probes["representation"];
    ProbeResult& gradients = run.probes["gradients"];
    for (int fact = 0; fact < 40; ++fact) {
      const std::string name = "representation.direction.layer_0.linear.";
      matching.add(Estimator::share, name + "shuffled_accuracy", fact,
                   fact < std::lround(40.0 * shuffled) ? 1.0 : 0.0);
      matching.add(Estimator::mean, name + "chance", fact, 0.05);
      for (const char* what :
           {"stranger_excess", "unrelated", "unrelated_direction", "direction_excess"}) {
        gradients.add(Estimator::mean, std::string("gradients.known_both.all.") + what, fact,
                      stranger + (fact % 2 == 0 ? 0.1 : -0.1));
      }
    }
  });
}

TEST_CASE("probes are held to chance where there is nothing to find", "[verify]") {
  CHECK(passes(17, probed_runs(0.05, 0.0)));
  CHECK_FALSE(passes(17, probed_runs(0.5, 0.0)));
  CHECK_FALSE(passes(17, probed_runs(0.05, 0.2)));
}

}  // namespace
}  // namespace obverse::reversal

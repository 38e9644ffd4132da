// Gradients of statements: against differences of the score that questions are given, part by part;
// what the probe calls excess where there is none and where there is one; the report's section.
#include <string>
#include <vector>

#include "experiments/reversal_curse/probes/gradient_alignment.h"
#include "experiments/reversal_curse/probes/gradient_groups.h"
#include "experiments/reversal_curse/probes/known_facts.h"
#include "experiments/reversal_curse/report/summary.h"
#include "tests/experiments/made_runs.h"
#include "tests/experiments/small_model.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

// Standard normal numbers for the weights of a group, 0 elsewhere, scaled to length 1.
std::vector<double> direction_within(const ParameterGroup& group, std::size_t size,
                                     std::uint64_t draw) {
  std::vector<double> direction(size, 0.0);
  for (const auto& [begin, end] : group.ranges) {
    for (std::size_t i = begin; i < end; ++i) {
      direction[i] = kernels::normal({.seed = 7, .step = draw}, i);
    }
  }
  const double length = std::sqrt(group_dot(group, direction, direction));
  for (double& value : direction) value /= length;
  return direction;
}

// -log p as scoring.h finds it, with the weights moved along a direction.
double score_at(const ProbedModel& probed, const AskedAnswer& asked,
                const std::vector<float>& weights, const std::vector<double>& direction,
                double distance) {
  std::vector<float> moved = weights;
  for (std::size_t i = 0; i < moved.size(); ++i) {
    moved[i] = static_cast<float>(weights[i] + distance * direction[i]);
  }
  probed.model.weights().write(moved.data());
  const double loss = -score_all(probed, {asked}).front().logprob;
  probed.model.weights().write(weights.data());
  return loss;
}

void check_gradient_of(const std::string& objective, int name_tokens) {
  INFO(objective << ", " << name_tokens << " tokens a name");
  const SmallModel small(small_settings(objective, name_tokens, 4));
  small.enlarge(5.0f);
  const ProbedModel probed = small.probed();
  const AskedAnswer asked = held_out_statement(small.records, small.records.facts.front(), 0);
  const AnswerGradient gradient = answer_gradient(probed, asked);
  const std::vector<float> weights = small.model.weights().to_vector<float>();
  const std::vector<double> still(weights.size(), 0.0);
  CHECK(gradient.loss == Approx(score_at(probed, asked, weights, still, 0.0)).epsilon(1e-5));
  for (const ParameterGroup& group : parameter_groups(small.model)) {
    const double length = std::sqrt(group_dot(group, gradient.values, gradient.values));
    // The gradient's own direction, along which the slope is greatest, and random ones, along which
    // a part that it lacks would show, too.
    for (std::uint64_t draw = 0; draw < 3; ++draw) {
      std::vector<double> direction = direction_within(group, weights.size(), draw);
      for (std::size_t i = 0; draw == 0 && i < direction.size(); ++i) {
        direction[i] = direction[i] == 0.0 ? 0.0 : gradient.values[i] / length;  // in the group
      }
      // f32 leaves a noise of about 4e-7 in a score of a few nats, 6e-5 in its difference over
      // 0.01; what the fourth order leaves is 0.01^4 / 30 of the fifth derivative, which the
      // enlarged weights make large along the gradient.
      constexpr double kStep = 0.01;
      const auto at = [&](double distance) {
        return score_at(probed, asked, weights, direction, distance);
      };
      const double slope =
          (8.0 * (at(kStep) - at(-kStep)) - (at(2 * kStep) - at(-2 * kStep))) / (12.0 * kStep);
      const double told = group_dot(group, direction, gradient.values);
      INFO(group.name << ", draw " << draw << ": told " << told << ", measured " << slope
                      << ", length " << length);
      REQUIRE(length > 0.1);
      CHECK(std::abs(told - slope) < 1e-4 + 1e-3 * length);
    }
  }
}

void set_part(RunResult& run, const std::string& part, double phrasing, double direction,
              int facts = 10) {
  ProbeResult& probe = run.probes["gradients"];
  for (int fact = 0; fact < facts; ++fact) {
    const double wobble = 0.01 * (fact % 5 - 2);
    const auto add = [&](const std::string& what, double value) {
      for (const char* group : {"all", "layer_0.attention"}) {
        probe.add(Estimator::mean, "gradients." + part + "." + group + "." + what, fact,
                  value + wobble);
      }
    };
    add("phrasing", phrasing + 0.1);
    add("direction", direction + 0.2);
    add("unrelated_phrasing", 0.1);
    add("unrelated_direction", 0.2);
    add("phrasing_excess", phrasing);
    add("direction_excess", direction);
  }
}

nlohmann::json section_of(const std::vector<RunResult>& runs, const std::string& name) {
  const nlohmann::json summary = summarize(runs, nullptr);
  for (const nlohmann::json& question : summary.at("questions")) {
    if (question.at("name") == name) return question;
  }
  return {};
}

}  // namespace

TEST_CASE("a statement's gradient is the slope of its score", "[gradients_probe]") {
  for (const char* objective : {"causal", "masked_uniform"}) {
    for (const int name_tokens : {1, 2}) check_gradient_of(objective, name_tokens);
  }
}

TEST_CASE("groups of parameters have no weight twice and leave none out", "[gradients_probe]") {
  for (const bool tied : {false, true}) {
    RunSettings settings = small_settings("causal", 1, 4);
    settings.architecture.tied_embeddings = tied;
    settings.architecture.layers = 2;
    const SmallModel small(settings);
    const ProbedModel probed = small.probed();
    const auto gradient = [&](std::size_t direction) {
      return answer_gradient(probed,
                             held_out_statement(small.records, small.records.facts[1], direction))
          .values;
    };
    const std::vector<double> a = gradient(0), b = gradient(1);
    const std::vector<ParameterGroup> groups = parameter_groups(small.model);
    std::string names;
    double sum = 0.0, squares = 0.0;
    for (const ParameterGroup& group : groups) {
      names += group.name + " ";
      INFO(group.name);
      CHECK(group_cosine(group, a, a) == Approx(1.0).epsilon(1e-12));
      CHECK(group_cosine(group, a, b) < 0.999);
      if (group.name == "all") continue;
      sum += group_dot(group, a, b);
      squares += group_dot(group, a, a);
    }
    CHECK(names ==
          "all token_embedding position_embedding layer_0.attention "
          "layer_0.feed_forward layer_1.attention layer_1.feed_forward outer_norm " +
              std::string(tied ? "" : "head "));
    CHECK(squares == Approx(group_dot(groups.front(), a, a)).epsilon(1e-12));
    CHECK(sum == Approx(group_dot(groups.front(), a, b)).margin(1e-12 * squares));
    CHECK(std::isnan(group_cosine(groups.front(), a, std::vector<double>(a.size(), 0.0))));
  }
}

TEST_CASE("without training the excess of the other direction is none", "[gradients_probe]") {
  const SmallModel small(small_settings("causal", 1, 16));
  small.enlarge(5.0f);
  ProbeOptions options;
  options.facts = 16;
  const ProbeResult result =
      gradient_alignment(small.probed(), options, {{"any", all_stated(small.records)}});
  CHECK(result.counts.at("any_measured") == 16);
  CHECK(result.series.at("gradients.any.all.direction").values.size() == 16);
  for (const char* group : {"all", "layer_0.attention", "layer_0.feed_forward"}) {
    const std::string name = std::string("gradients.any.") + group;
    INFO(name);
    const Interval excess = interval_of(result, name + ".direction_excess");
    CHECK(excess.low < 0.0);
    CHECK(excess.high > 0.0);
    const Interval stranger = interval_of(result, name + ".stranger_excess");
    CHECK(stranger.low < 0.0);
    CHECK(stranger.high > 0.0);
    for (const std::string pair : {"direction", "phrasing"}) {
      const auto values = [&](const std::string& what) {
        return result.series.at(name + what).values;
      };
      for (std::size_t i = 0; i < 16; ++i) {
        CHECK(values("." + pair + "_excess")[i] ==
              Approx(values("." + pair)[i] - values(".unrelated_" + pair)[i]));
      }
    }
    // Both phrasings have the fact's names, and an excess it must be.
    CHECK(interval_of(result, name + ".phrasing_excess").low > 0.05);
  }
}

TEST_CASE("controls have no name in common with a fact, and facts of its entity have one",
          "[gradients_probe]") {
  const SmallModel small(small_settings("causal", 1, 8));
  FactRecords records = small.records;
  records.relation_count = 2;
  const auto measured = [&](const std::vector<FactRecord>& facts) {
    FactPart part{"any", {}};
    for (const FactRecord& fact : facts) part.facts.push_back(&fact);
    const ProbedModel probed{small.settings, small.prepared.world, records,
                             *small.prepared.objective, small.model};
    return gradient_alignment(probed, {}, {part});
  };
  const auto made = [&](int fact, int relation, int first, int last) {
    FactRecord record = records.facts.front();  // its phrasings
    record.fact = fact;
    record.relation = relation;
    record.names = {first, last};
    record.stated = {true, true};
    return record;
  };
  ProbeResult result = measured({made(0, 0, 0, 1), made(1, 0, 1, 2), made(2, 0, 2, 0)});
  CHECK(result.counts.at("facts_without_controls") == 3);
  CHECK(result.series.at("gradients.any.all.direction").facts == std::vector<int>{0, 1, 2});
  CHECK(result.series.count("gradients.any.all.direction_excess") == 0);

  result = measured({made(0, 0, 0, 1), made(1, 1, 0, 3), made(2, 0, 4, 5), made(3, 1, 6, 7)});
  CHECK(result.counts.at("facts_alone_of_their_entity") == 2);
  CHECK(result.series.at("gradients.any.all.same_entity_excess").facts == std::vector<int>{0, 1});
}

TEST_CASE("facts are sorted by what is stated and answered, none silently left out",
          "[gradients_probe]") {
  const SmallModel small(small_settings("causal", 1, 8, 0.5));
  ProbeOptions options;
  options.facts = 3;
  ProbeResult result = probe_kind("gradients").run(small.probed(), options);
  CHECK(result.series.empty());
  CHECK(result.counts.at("facts_stated") == 8);
  CHECK(result.counts.at("facts_unknown") == 8);
  small.train(150);
  result = probe_kind("gradients").run(small.probed(), options);
  INFO(result.counts.dump());
  CHECK(result.counts.at("known_both_facts") == 4);
  CHECK(result.counts.at("one_way_facts") == 4);
  CHECK(result.counts.at("known_both_measured") == 3);
  CHECK(result.series.at("gradients.known_both.all.phrasing").values.size() == 3);
  CHECK(result.series.at("gradients.one_way.head.direction_excess").values.size() == 3);
  for (const double loss : result.series.at("gradients.one_way.loss.other_direction").values) {
    CHECK(loss > 1.0);
  }
}

TEST_CASE("the section says of directions what their excess allows", "[gradients_probe]") {
  const auto answer = [](double phrasing, double direction, int one_way_facts = 10) {
    const auto runs = made_up::made_arm(
        made_up::accuracies(1.0, 0.0),
        [&](RunResult& run) {
          set_part(run, "known_both", phrasing, direction);
          set_part(run, "one_way", phrasing, 0.1, one_way_facts);
        },
        1);
    const nlohmann::json section = section_of(runs, "gradients");
    REQUIRE(section.is_object());
    return section.at("headline").get<std::string>();
  };
  CHECK(section_of(made_up::made_arm(made_up::accuracies(1.0, 0.0), [](RunResult&) {}), "gradients")
            .is_null());
  CHECK_THAT(answer(0.5, 0.0), ContainsSubstring("no alignment of both directions is told"));
  CHECK_THAT(answer(0.5, 0.3),
             ContainsSubstring("both directions pull alike, less than two phrasings do"));
  CHECK_THAT(answer(0.5, 0.5),
             ContainsSubstring("both directions pull alike; that it is less than two phrasings "
                               "do is not told"));
  CHECK_THAT(answer(0.5, 0.1),
             ContainsSubstring("not surely more than where one direction is not known"));
  CHECK_THAT(answer(0.5, -0.3), ContainsSubstring("both directions pull against each other"));
  CHECK_THAT(answer(0.5, 0.0),
             ContainsSubstring("(+0.10 [+0.09, +0.11] where stated and known one way)"));
  CHECK(answer(0.5, 0.0, 9).find("known one way") == std::string::npos);
  CHECK_THAT(answer(0.0, 0.3),
             ContainsSubstring("two phrasings of a direction are not told from unrelated facts, "
                               "so that nothing is said of directions"));
}

}  // namespace obverse::reversal

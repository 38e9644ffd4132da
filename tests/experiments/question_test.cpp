// The report's sections: which appear, and what their first sentence says.
#include <string>
#include <vector>

#include "engine/model/transformer.h"
#include "experiments/reversal_curse/report/parameter_count.h"
#include "experiments/reversal_curse/report/summary.h"
#include "tests/experiments/made_runs.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using made_up::accuracies;
using made_up::made_arm;
using made_up::together;
using made_up::with;

const auto kAsIs = [](RunResult&) {};

auto layers(int count) {
  return [count](RunResult& run) { run.architecture["layers"] = count; };
}

auto objective(const std::string& name) {
  return [name](RunResult& run) { run.objective = name; };
}

auto world(const std::string& option, const nlohmann::json& value) {
  return [option, value](RunResult& run) { run.world[option] = value; };
}

auto decay(double value) {
  return [value](RunResult& run) { run.training["weight_decay"] = value; };
}

// The sections' names in order, or one's headline and controls; empty where it does not appear.
std::string sections(const std::vector<RunResult>& runs) {
  std::string names;
  const nlohmann::json summary = summarize(runs, nullptr);
  for (const auto& question : summary.at("questions")) {
    names += (names.empty() ? "" : " ") + question.at("name").get<std::string>();
  }
  return names;
}

std::string answer(const std::vector<RunResult>& runs, const std::string& name) {
  const nlohmann::json summary = summarize(runs, nullptr);
  for (const auto& question : summary.at("questions")) {
    if (question.at("name") != name) continue;
    std::string text = question.at("headline").get<std::string>();
    for (const auto& control : question.at("controls")) text += " " + control.get<std::string>();
    return text;
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  INFO(text << "\nshould hold: " << part);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

bool lacks(const std::string& text, const std::string& part) {
  INFO(text << "\nshould not hold: " << part);
  CHECK(text.find(part) == std::string::npos);
  return text.find(part) == std::string::npos;
}

}  // namespace

TEST_CASE("a section appears where the results hold its arms", "[question]") {
  const auto cursed = accuracies(1.0, 0.0);
  CHECK(sections(made_arm(cursed, kAsIs)) == "");
  CHECK(sections(together({made_arm(cursed, layers(1)), made_arm(cursed, layers(2))})) == "sizes");
  CHECK(sections(together({made_arm(cursed, kAsIs),
                           made_arm(cursed, objective("entity_reversed"))})) == "objectives");
  CHECK(sections(together({made_arm(cursed, world("templates", 1)), made_arm(cursed, kAsIs)})) ==
        "paraphrases");
  CHECK(sections(together({made_arm(cursed, world("share_both", 0.0)), made_arm(cursed, kAsIs)})) ==
        "both_ways");
  CHECK(sections(together({made_arm(cursed, decay(1.0)), made_arm(cursed, kAsIs)})) ==
        "weight_decay");
  CHECK(sections(made_arm(with(cursed, Asked::in_context, 1.0), kAsIs)) == "in_context");
  CHECK(sections(made_arm(with(cursed, Asked::wrong_inference, 0.0), kAsIs)) == "wrong_inference");
  CHECK(sections(made_arm(with(cursed, Asked::expanded_reverse, 0.0), kAsIs)) == "expansion");
  // Arms that differ in two things at once answer neither question.
  CHECK(sections(together(
            {made_arm(cursed, layers(1)), made_arm(cursed, objective("entity_reversed"))})) == "");
}

TEST_CASE("new kinds of questions leave the verdict alone", "[question]") {
  auto shown = accuracies(1.0, 0.0);
  const auto verdict = [](const std::vector<RunResult>& runs) {
    return nlohmann::json(summarize(runs, nullptr).at("arms")[0].at("verdict"));
  };
  const auto before = verdict(made_arm(shown, kAsIs));
  for (const Asked asked : {Asked::in_context, Asked::expanded_trained, Asked::expanded_reverse,
                            Asked::composed, Asked::wrong_inference}) {
    shown = with(shown, asked, 0.7);
  }
  CHECK(verdict(made_arm(shown, kAsIs)) == before);
}

TEST_CASE("sizes: the curse holds in all, in some, or nothing is known", "[question]") {
  const auto arms = [](const made_up::Accuracies& small, const made_up::Accuracies& large,
                       int seeds) {
    return together({made_arm(small, layers(1), seeds), made_arm(large, layers(4), seeds)});
  };
  const auto cursed = accuracies(1.0, 0.0);
  std::string text = answer(arms(cursed, cursed, 3), "sizes");
  contains(text, "holds in all 2 models from ");
  contains(text, "reverse is at most 3 % (highest upper end) where trained is at least 97 %");
  contains(text,
           "trained in 2 (t-test) and 2 (Kolmogorov-Smirnov) of 2; reverse in 0 (t-test) "
           "and 0 (Kolmogorov-Smirnov) of 2");
  contains(text, "facts stated both ways 100 %");

  text = answer(arms(cursed, accuracies(1.0, 1.0), 3), "sizes");
  contains(text, "holds in 1 of 2 models");
  contains(text, "reversed: layers 4 (100 %");
  lacks(text, "in all");

  text = answer(arms(accuracies(1.0, 0.0, -1.0, 0.0), accuracies(1.0, 0.0, -1.0, 0.0), 1), "sizes");
  contains(text, "nothing can be concluded of any of the 2 models");
  contains(text, "Facts stated both ways were asked in no arm");
  contains(text, "one seed");
}

TEST_CASE("in context: better only where intervals do not meet", "[question]") {
  const auto text = [](double in, double out, double both) {
    return answer(made_arm(with(accuracies(1.0, out, both), Asked::in_context, in), kAsIs, 2),
                  "in_context");
  };
  contains(text(1.0, 0.0, 1.0), "copying its other name suffices");
  lacks(text(1.0, 0.0, 1.0), "is reversed");
  const auto of_two = [](double in) {
    return answer(
        made_arm(with(accuracies(1.0, 0.0), Asked::in_context, in), world("premises", 2), 2),
        "in_context");
  };
  contains(of_two(1.0), "the fact in the prompt is reversed, and not by copying");
  contains(of_two(0.5), "not told from copying a name of any of the 2 facts");
  contains(text(0.3, 0.0, 1.0), "in context is better, yet not surely above half");
  contains(text(0.3, 0.28, 1.0), "no difference is told");
  contains(text(1.0, 0.0, -1.0), "Facts stated both ways were asked in no arm");
  contains(text(0.9, -1.0, 1.0), "out of context was not asked");
}

TEST_CASE("objectives: by verdict, and filled gaps are no reversal", "[question]") {
  const auto cursed = made_arm(accuracies(1.0, 0.0), kAsIs);
  const auto masked =
      made_arm(with(accuracies(1.0, 0.0), Asked::infill, 0.9), objective("masked_uniform"));
  const auto entity = made_arm(accuracies(1.0, 1.0), objective("entity_reversed"));
  const std::string text = answer(together({cursed, masked, entity}), "objectives");
  contains(text, "Reversed: entity reversed (100 %");
  contains(text, "cursed: causal (0 %");
  contains(text, "the inverse frame is seldom answered, if at all, by masked uniform (90 %");
  const auto unclear = made_arm(accuracies(0.5, 0.0), objective("prefix"));
  contains(answer(together({cursed, unclear}), "objectives"), "inconclusive: prefix");

  const auto mixed = made_arm(accuracies(1.0, 0.9), objective("causal:0.95+entity_reversed:0.05"));
  const std::string mixture = answer(together({cursed, mixed}), "mixtures");
  contains(mixture, "95 % causal + 5 % entity reversed");
  contains(mixture, "against causal alone: +90 points [");
  contains(mixture, ", better.");
  CHECK(answer(together({cursed, entity}), "mixtures").empty());
  contains(answer(together({entity,
                            made_arm(accuracies(1.0, 0.5), objective("causal:0.5+permuted:0.5"))}),
                  "mixtures"),
           "No part of 50 % causal + 50 % permuted was trained alone");
}

TEST_CASE("an axis: a rise is said where the difference's interval allows it", "[question]") {
  const auto text = [](double few, double many, double reverse, int facts) {
    return answer(together({made_arm(accuracies(many, reverse), world("templates", 10), 2, facts),
                            made_arm(accuracies(few, 0.0), world("templates", 1), 2, facts)}),
                  "paraphrases");
  };
  const std::string clear = text(0.1, 0.9, 0.0, 100);
  contains(clear, "wordings of a fact from 1 to 10: trained goes from 10 % ");
  contains(clear, "it rises; reverse goes from 0 % ");
  contains(clear, "no difference is told, and its highest upper end anywhere is 2 %.");
  lacks(text(0.5, 0.6, 0.0, 10), "it rises");
  contains(text(0.9, 0.1, 0.9, 100), "it falls; reverse goes from 0 % [0, 2] to 90 %");
  contains(answer(together({made_arm(accuracies(1.0, 0.0, -1.0), world("share_both", 0.0), 1),
                            made_arm(accuracies(1.0, 0.0), world("share_both", 0.9), 1)}),
                  "both_ways"),
           "Facts stated both ways were asked not in 1 of 2 arms");
}

TEST_CASE("an axis: what differs along with it is named, and what else differs is no axis",
          "[question]") {
  const auto texts = [](int count, const char* permuted, double people) {
    return made_arm(accuracies(1.0, 0.0), [=](RunResult& run) {
      run.world = {{"name", "biographies"},
                   {"biographies", count},
                   {"permuted", permuted},
                   {"people", people}};
    });
  };
  contains(answer(together({texts(1, "no", 200), texts(5, "yes", 200)}), "paraphrases"),
           "wordings of a fact from 1 to 5 (permuted differs too: no and yes): trained");
  contains(answer(together({texts(1, "no", 200), texts(5, "no", 200), texts(5, "yes", 200)}),
                  "paraphrases"),
           "wordings of a fact from 1 to 5: trained");
  CHECK(answer(together({texts(1, "no", 200), texts(5, "yes", 300)}), "paraphrases").empty());
}

TEST_CASE("expansion: the others' gain needs an arm without expansion", "[question]") {
  const auto expanded = [](double reverse) {
    return made_arm(with(accuracies(1.0, reverse), Asked::expanded_reverse, 1.0),
                    [](RunResult& run) {
                      run.world["expanded_facts"] = 0.5;
                      run.world["expansion"] = 1.0;
                      run.world["expansion_of"] = "all";
                    });
  };
  const auto control = made_arm(accuracies(1.0, 0.0), kAsIs);
  contains(answer(together({control, expanded(0.0)}), "expansion"),
           "no generalization to them is told");
  contains(answer(together({control, expanded(0.5)}), "expansion"), "they gain, too");
  contains(answer(expanded(0.5), "expansion"), "whether it helps the others is not said");
  contains(answer(expanded(0.5), "expansion"), "(expanded ones more)");
  contains(
      answer(expanded(0.5), "expansion"),
      "expanded facts are answered in reverse, where training may state the inverse, in 100 %");
}

TEST_CASE("late: a rise is one that stays and that the last interval bears out", "[question]") {
  const auto runs = [](double reverse, std::int64_t last, bool stays, int seeds) {
    return made_arm(
        accuracies(1.0, reverse),
        [=](RunResult& run) {
          for (std::int64_t step = 100; step <= last; step += 100) {
            const bool late = step > last / 2;
            const double shown = late && (stays || step < last) ? reverse : 0.0;
            run.curve.push_back({step, 1.0, step >= 200 ? 1.0 : 0.2, shown});
          }
        },
        seeds);
  };
  CHECK(answer(runs(0.0, 800, true, 3), "late").empty());  // not followed far
  contains(answer(runs(0.0, 2000, true, 3), "late"),
           "converged at step 200 and followed to 2,000: no late rise of reverse accuracy is told "
           "in any of 3 seeds followed; at the end it is 0 % [0, 3]");
  contains(answer(runs(0.9, 2000, true, 3), "late"),
           "rises in 3 of 3 seeds followed (seed 0 from step 1,100");
  contains(answer(runs(0.9, 2000, false, 3), "late"), "no late rise");
  contains(answer(runs(0.9, 2000, true, 1), "late"), "one seed");
}

TEST_CASE("a wrong inference is one above the floor", "[question]") {
  const auto arm = [](double wrong, double unseen, bool delimiters) {
    return made_arm(with(accuracies(1.0, 0.0, 1.0, unseen), Asked::wrong_inference, wrong),
                    world("delimiters", delimiters));
  };
  const std::string both =
      answer(together({arm(0.6, 0.0, false), arm(0.0, 0.0, true)}), "wrong_inference");
  contains(both, "the wrong inference is drawn in 60 %");
  contains(both, "more than guessing.");
  contains(both, "not told from guessing.");
  contains(both, "fewer wrong inferences.");
  contains(answer(arm(0.6, -1.0, false), "wrong_inference"), "nothing is concluded");
  contains(answer(arm(0.6, 0.0, false), "wrong_inference"), "other delimiters");
}

TEST_CASE("weight decay: every seed counts, split only with both outcomes", "[question]") {
  const auto low = made_arm(accuracies(1.0, 0.0), decay(0.0));
  auto split = made_arm(accuracies(1.0, 1.0), decay(1.0), 2);
  split.push_back(made_up::made_run(accuracies(1.0, 0.0), 2));
  split.back().training["weight_decay"] = 1.0;
  const std::string text = answer(together({low, split}), "weight_decay");
  contains(text, "decay 0: 0 up, 3 down");
  contains(text, "decay 1: 2 up, 1 down (split)");
  contains(text, "Seeds split at 1 of 2 values.");
  const auto half = made_arm(accuracies(1.0, 0.5), decay(2.0));
  contains(answer(together({low, half}), "weight_decay"), "decay 2: 0 up, 0 down, 3 undecided");
  contains(answer(together({low, half}), "weight_decay"), "Seeds split at no value.");
  const auto unlearned = made_arm(accuracies(0.0, 0.0), decay(3.0));
  const std::string nothing = answer(together({low, unlearned}), "weight_decay");
  contains(nothing, "decay 3: 0 up, 3 down (the facts themselves are not surely learned: 0 %");
  lacks(nothing, "From the least to the greatest");
  const auto one = [](double value) { return made_arm(accuracies(1.0, 0.0), decay(value), 1); };
  contains(answer(together({one(0.0), one(1.0)}), "weight_decay"), "One seed a value cannot tell");
}

TEST_CASE("parameters are counted as the model has them", "[question]") {
  engine::TransformerConfig config;
  config.layers = 3;
  config.width = 24;
  config.heads = 4;
  config.vocabulary = 31;
  config.context = 9;
  const auto check = [](const engine::TransformerConfig& config) {
    const engine::Transformer model(config, engine::Device::cpu(), 1);
    const nlohmann::json record = model.config();
    INFO(record.dump());
    CHECK(report::parameter_count(record) == model.parameter_count());
  };
  check(config);
  config.tied_embeddings = false;
  config.key_value_heads = 2;
  check(config);
  config.biases = false;
  config.query_key_norm = true;
  config.position = engine::PositionKind::rotary;
  check(config);
  config.feed_forward = engine::FeedForwardKind::swiglu;
  config.norm = engine::NormKind::rms;
  config.biases = true;
  check(config);
  config.hidden = 40;
  config.norm_placement = engine::NormPlacement::post;
  config.position = engine::PositionKind::alibi;
  check(config);
  CHECK_FALSE(report::parameter_count({{"layers", 2}}));
  CHECK_FALSE(report::parameter_count({{"layers", "two"}}));
}

}  // namespace obverse::reversal

// Probes of models of every world whose facts are pairs of names: what is asked of them, and what
// is left out and counted.
#include <algorithm>
#include <memory>
#include <string>

#include "experiments/reversal_curse/probes/activations.h"
#include "experiments/reversal_curse/probes/fact_groups.h"
#include "experiments/reversal_curse/probes/stream_matching.h"
#include "tests/experiments/data_folders.h"
#include "tests/experiments/small_model.h"
#include "tests/experiments/workplace.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

RunSettings settings_for(const WorldSettings& world, const std::string& objective = "causal") {
  RunSettings settings = quickly_learned(objective);
  settings.world = world;
  return settings;
}

const WorldSettings kBiographies = {"biographies",
                                    {{"people", 12},
                                     {"attribute_values", 6},
                                     {"unseen_people", 2},
                                     {"questioned_share", 0.25},
                                     {"biographies", 1},
                                     {"templates", 2},
                                     {"paraphrases", 2}}};
const WorldSettings kFamilies = {"families",
                                 {{"families", 3},
                                  {"held_out_share", 0},
                                  {"composed_share", 0},
                                  {"unseen_families", 0},
                                  {"templates", 2}}};
const WorldSettings kChains = {"chains",
                               {{"chains", 16}, {"unseen_chains", 2}, {"name_tokens", 2}}};

WorldSettings read_from(const std::string& world, const std::string& folder) {
  return {world, nlohmann::json::object(), folder};
}

ProbeResult probed_by(const std::string& kind, const SmallModel& small, int facts = 2) {
  ProbeOptions options;
  options.facts = facts;
  return probe_kind(kind).run(small.probed(), options);
}

double share(const ProbeResult& result, const std::string& metric) {
  return mean_of(result, metric);
}

}  // namespace

TEST_CASE("of facts that are not known nothing is told", "[probed_worlds]") {
  const PublishedFolder published(4);
  const ParentsFolder parents;
  const InstructionsFolder instructions;
  WorldSettings few_unseen = read_from("parents", parents.path());
  few_unseen.options["unseen_pairs"] = 4;
  for (const WorldSettings& world :
       {kBiographies, kFamilies, kChains, read_from("published", published.path()), few_unseen,
        read_from("instructions", instructions.path())}) {
    for (const char* objective : {"causal", "masked_uniform"}) {
      if (objective != std::string("causal") && world.name != "published") continue;
      const SmallModel small(settings_for(world, objective));
      for (const char* kind : {"edits", "gradients", "representation", "relearning"}) {
        const ProbeResult result = probed_by(kind, small);
        INFO(world.name << ", " << objective << ", " << kind << ": " << result.counts.dump());
        CHECK(result.series.empty());
        // Who knows which names are a family's matches its facts without knowing any.
        if (world.name == "families" && kind == std::string("representation")) {
          CHECK_THAT(result.counts.at("nothing_measured").get<std::string>(),
                     ContainsSubstring("left out: facts come in units"));
          continue;
        }
        CHECK(result.counts.at("facts_stated") > 0);
        const nlohmann::json& counts = result.counts;
        CHECK(counts.at("facts_stated").get<int>() ==
              counts.value("facts_unknown", 0) + counts.value("facts_unknown_before", 0) +
                  counts.value("facts_not_known_both_ways", 0) +
                  counts.value("facts_not_asked_as_stated", 0));
      }
    }
  }
}

TEST_CASE("an attribute that people share is edited and not asked back", "[probed_worlds]") {
  const SmallModel small(settings_for(kBiographies));
  small.train(500);
  // Known both ways are birthdays at most, and come first.
  const ProbeResult gradients = probed_by("gradients", small);
  INFO(gradients.counts.dump());
  const int birthdays = gradients.counts.at("known_both_facts").get<int>() +
                        gradients.counts.at("turned_facts").get<int>();
  REQUIRE(birthdays <= 12);
  CHECK(gradients.counts.at("one_direction_measured") == 2);
  CHECK(gradients.series.count("gradients.one_direction.all.phrasing_excess") == 1);
  CHECK(gradients.series.count("gradients.one_direction.all.direction_excess") == 0);
  CHECK(gradients.counts.at("facts_without_the_other_direction") == 2);

  const ProbeResult edits = probed_by("edits", small, birthdays + 1);
  INFO(edits.counts.dump());
  CHECK(edits.counts.at("facts_not_asked_in_reverse") > 10);
  CHECK(share(edits, "edits.all_weights.done") == 1.0);
  CHECK(share(edits, "edits.all_weights.edited.accuracy") == 1.0);
  const auto turned = edits.series.count("edits.all_weights.reverse.index") == 0
                          ? 0
                          : edits.series.at("edits.all_weights.reverse.index").facts.size();
  CHECK(turned + 1 == edits.series.at("edits.all_weights.edited.change").facts.size());
  // Nobody gives up a city that another one gets, too.
  CHECK(edits.series.at("edits.all_weights.displaced.kept").facts.size() == turned);

  // No group of people has twenty values of an attribute.
  const ProbeResult representation = probed_by("representation", small);
  INFO(representation.counts.dump());
  CHECK(representation.series.empty());
  CHECK(representation.counts.at("facts_with_a_name_of_another") > 0);
}

TEST_CASE("groups for relearning have no answer twice", "[probed_worlds]") {
  const SmallModel small(settings_for(kBiographies));
  const FactRecords& records = small.records;
  FactList facts;
  for (const FactRecord& fact : records.facts) {
    if (fact.stated[0]) facts.push_back(&fact);
  }
  const std::vector<FactList> groups = exchangeable_groups(small.probed(), facts, 6, 4);
  CHECK(groups.size() >= 5);
  for (const FactList& group : groups) {
    CHECK(group.size() >= 4);
    for (std::size_t i = 0; i < group.size(); ++i) {
      CHECK(group[i]->relation == group[0]->relation);
      CHECK(group[i]->asked_both() == group[0]->asked_both());
      for (std::size_t j = 0; j < i; ++j) CHECK(group[i]->names[1] != group[j]->names[1]);
    }
  }
}

TEST_CASE("families are edited and relearned as pairs are", "[probed_worlds]") {
  RunSettings settings = settings_for(kFamilies);
  settings.training.batch = 40;
  const SmallModel small(settings);
  small.train(600);
  const ProbeResult edits = probed_by("edits", small);
  INFO(edits.counts.dump());
  CHECK(edits.counts.at("facts_stated") == 3 * 20);
  CHECK(edits.counts.value("facts_unknown_before", 0) < 20);
  CHECK(share(edits, "edits.all_weights.done") == 1.0);
  CHECK(edits.series.count("edits.all_weights.reverse.index") == 1);
  CHECK(edits.series.count("edits.all_weights.same_entity.kept") == 1);
  const ProbeResult gradients = probed_by("gradients", small);
  CHECK(gradients.series.count("gradients.known_both.all.direction_excess") == 1);
  CHECK(gradients.series.count("gradients.known_both.all.same_entity_excess") == 1);
}

TEST_CASE("descriptions of different length are edited", "[probed_worlds]") {
  const PublishedFolder folder(4);
  const SmallModel small(settings_for(read_from("published", folder.path())));
  small.train(400);
  const ProbeResult edits = probed_by("edits", small);
  INFO(edits.counts.dump());
  CHECK(edits.counts.at("facts_stated") == 8);
  CHECK(share(edits, "edits.all_weights.done") == 1.0);
  CHECK(edits.series.at("edits.all_weights.phrasing.index").facts.size() >= 2);
  CHECK(edits.series.count("edits.all_weights.reverse.index") == 1);
}

TEST_CASE("what lengths tell is no finding", "[probed_worlds]") {
  const PublishedFolder folder(24);
  for (const char* objective : {"causal", "masked_uniform"}) {
    INFO(objective);
    const SmallModel small(settings_for(read_from("published", folder.path()), objective));
    FactList facts;
    for (const FactRecord& fact : small.records.facts) {
      if (fact.stated[0] && fact.stated[1]) facts.push_back(&fact);
    }
    REQUIRE(facts.size() == 24);
    // A description, which comes first here, is long or short.
    const ProbeResult result = stream_matching(small.probed(), {{"", 1, facts}});
    const double chance =
        share(result, "representation.phrasing.layer_embedding.nearest.length_chance");
    CHECK(chance > 0.28);  // of five candidates, two or three are as long
    CHECK(chance < 0.7);
    CHECK(share(result, "representation.phrasing.layer_embedding.nearest.chance") ==
          Approx(5.0 / 24.0));
    const std::string turned = "representation.direction.layer_embedding.nearest.length_chance";
    if (std::string(objective) == "causal") {
      CHECK(result.series.count(turned) == 0);
    } else {
      CHECK(share(result, turned) == Approx(chance).margin(0.1));  // other folds
    }
    // Nothing but the place and the mask stands in the embedding: it may tell lengths, and no more.
    for (const char* probe : {"nearest", "linear", "bilinear"}) {
      const std::string name =
          std::string("representation.phrasing.layer_embedding.") + probe + ".accuracy";
      INFO(probe);
      CHECK(interval_of(result, name).low < chance);
    }
  }
}

TEST_CASE("a gap's masks do not tell an edit's old answer from the new one", "[probed_worlds]") {
  const PublishedFolder folder(12);
  const SmallModel small(settings_for(read_from("published", folder.path()), "masked_uniform"));
  const ProbedModel probed = small.probed();
  std::size_t pairs = 0;
  for (const FactRecord& a : small.records.facts) {
    for (const FactRecord& b : small.records.facts) {
      if (&a == &b || !exchangeable(probed, a, b)) continue;
      ++pairs;
      for (const std::size_t direction : {0, 1}) {
        CHECK(held_out_statement(small.records, a, direction).answer.size() ==
              held_out_statement(small.records, b, direction).answer.size());
      }
    }
  }
  CHECK(pairs == 3 * (4 * 3 + 8 * 7));
}

TEST_CASE("a subject is found where it stands, also where its words stand before it",
          "[probed_worlds]") {
  FactRecords records;
  records.names = {{{20}}, {{21, 22}}};
  FactPhrasing phrasing;
  phrasing.before = {engine::kBeginOfText, 20, 30};
  phrasing.between = {31, 23};
  phrasing.after = {24, engine::kEndOfText};
  phrasing.others = {{{{1, 1}}, {{1, 1}}, {{0, 1}}}};
  const AskedAnswer asked = ask_in(records, phrasing, 0, 1);
  const engine::Document document = document_of(asked);
  CHECK(document.tokens == std::vector<std::int32_t>{engine::kBeginOfText, 20, 30, 20, 31, 23, 21,
                                                     22, 24, engine::kEndOfText});
  std::vector<std::pair<int, int>> spans;
  for (const engine::EntitySpan& span : document.entities)
    spans.push_back({span.begin, span.length});
  CHECK(spans == std::vector<std::pair<int, int>>{{1, 1}, {3, 1}, {5, 1}, {6, 2}, {8, 1}});
  const AnswerSlot slot = answer_slot(*engine::make_objective("causal"), asked);
  CHECK(subject_end(slot.example, asked) == 3);
}

TEST_CASE("a probe reads the data that its run has read, or says in a line why not", "[command]") {
  const ParentsFolder folder, other(21);
  const Workplace work;
  const Ended run = work.run(
      "run --world parents --data " + folder.path() +
      " --unseen-pairs 4 --steps 2 --seeds 2 --objective causal --layers 1 --width 16 --heads 2 "
      "--batch 8 --output out --keep-models");
  INFO(run.err);
  REQUIRE(run.status == 0);
  const auto refused = [&](const std::string& data, const std::string& words) {
    const Ended ended = work.run("probe --output out --probes edits" + data);
    INFO(ended.err);
    CHECK(ended.status == 1);
    CHECK(lines_in(ended.err) == 2);  // why, and how many
    CHECK(ended.err.find("parents: not probed; " + words) == 0);
    CHECK(ended.err.find("2 others were not probed") != std::string::npos);
  };
  refused("", "expected --data DIR, the folder that it was read from, got none");
  refused(" --data nowhere", "nowhere: expected the folder that it was read from, found nothing");
  refused(" --data " + other.path(),
          other.path() + ": expected the files that it was read from (digest ");
  const Ended ended = work.run("probe --output out --probes edits --data " + folder.path());
  INFO(ended.err);
  CHECK(ended.status == 0);
  CHECK(ended.err.find("edits, causal, parents, seed 0: ") != std::string::npos);
}

}  // namespace obverse::reversal

// Expansion: which neighbours enter training, and what becomes of the questions about them.
#include "experiments/reversal_curse/worlds/expansion.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;

// Eight facts: 0 to 5 stated one way, with two paraphrases and one inverse each, 6 both ways, 7
// never. A document is told by its one token: fact * 10 + which neighbour.
World small_world() {
  World world;
  world.name = "small";
  world.candidate_sets.resize(2);
  world.candidate_sets[0].answers = {{20}, {21}, {22}, {23}, {24}, {25}};  // one a fact
  world.candidate_sets[1].answers = {{6}, {7}};
  world.documents = {{{900}, {}}};
  const auto ask = [&world](Asked asked, int fact) {
    Question question;
    question.asked = asked;
    question.fact = fact;
    question.candidates = fact < 6 ? 0 : 1;
    question.right = fact < 6 ? fact : 0;
    question.wrong = fact < 6 ? (fact + 1) % 6 : 1;
    world.questions.push_back(question);
  };
  for (int fact = 0; fact < 6; ++fact) {
    for (const Asked asked : {Asked::trained, Asked::reverse, Asked::infill, Asked::in_context}) {
      ask(asked, fact);
    }
    for (int i = 0; i < 3; ++i) {
      const NeighbourKind kind = i < 2 ? NeighbourKind::paraphrase : NeighbourKind::inverse;
      world.neighbours.push_back({fact, kind, {{fact * 10 + i}, {}}});
    }
  }
  ask(Asked::both, 6);
  ask(Asked::unseen, 7);
  return world;
}

json options(double facts, double share, const std::string& kind) {
  return {{"expanded_facts", facts}, {"expansion", share}, {"expansion_of", kind}};
}

// How many neighbours of each fact training got; those of an expanded world are behind its own
// document.
std::map<int, int> added(const World& world) {
  std::map<int, int> counts;
  std::set<std::int32_t> met;
  for (std::size_t i = 1; i < world.documents.size(); ++i) {
    const std::int32_t token = world.documents[i].tokens.at(0);
    CHECK(met.insert(token).second);
    ++counts[token / 10];
  }
  return counts;
}

std::vector<std::vector<std::int32_t>> texts(const World& world) {
  std::vector<std::vector<std::int32_t>> all;
  for (const engine::Document& document : world.documents) all.push_back(document.tokens);
  return all;
}

}  // namespace

TEST_CASE("expansion brings its share of the neighbours of its share of the facts") {
  struct Case {
    double facts, share;
    std::string kind;
    std::size_t expanded;
    int each;
  };
  const std::vector<Case> cases = {
      {0.5, 1.0, "all", 3, 3},           {1.0, 1.0, "paraphrases", 6, 2},
      {1.0, 0.5, "paraphrases", 6, 1},   {0.34, 1.0, "inverse", 2, 1},
      {0.01, 0.01, "all", 1, 1},         {1.0, 0.67, "all", 6, 2},
      {0.75, 0.01, "paraphrases", 5, 1},
  };
  for (const Case& expected : cases) {
    World world = small_world();
    expand_world(world, options(expected.facts, expected.share, expected.kind), 4);
    CAPTURE(expected.facts, expected.share, expected.kind);
    const std::map<int, int> counts = added(world);
    CHECK(counts.size() == expected.expanded);
    CHECK(world.counts.at("expanded_fact_count") == expected.expanded);
    for (const auto& [fact, count] : counts) {
      CAPTURE(fact);
      CHECK(count == expected.each);
    }
  }
}

TEST_CASE("an expansion of one kind brings no other") {
  for (const std::string kind : {"paraphrases", "inverse"}) {
    World world = small_world();
    expand_world(world, options(1.0, 1.0, kind), 0);
    for (std::size_t i = 1; i < world.documents.size(); ++i) {
      CAPTURE(kind, i);
      CHECK((world.documents[i].tokens.at(0) % 10 == 2) == (kind == "inverse"));
    }
  }
}

TEST_CASE("questions of expanded facts are told apart, and those that they would spoil go") {
  World world = small_world();
  expand_world(world, options(0.5, 1.0, "inverse"), 2);
  const std::map<int, int> expanded = added(world);
  std::map<int, std::set<Asked>> asked;
  for (const Question& question : world.questions) asked[question.fact].insert(question.asked);
  for (int fact = 0; fact < 6; ++fact) {
    CAPTURE(fact);
    const std::set<Asked> as_before = {Asked::trained, Asked::reverse, Asked::infill,
                                       Asked::in_context};
    const std::set<Asked> now = {Asked::expanded_trained, Asked::expanded_reverse};
    CHECK(asked[fact] == (expanded.count(fact) > 0 ? now : as_before));
  }
  CHECK(asked[6] == std::set<Asked>{Asked::both});
  CHECK(asked[7] == std::set<Asked>{Asked::unseen});
}

TEST_CASE("expanded facts and the others choose each among their own answers") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    World world = small_world();
    expand_world(world, options(0.5, 1.0, "all"), seed);
    const std::map<int, int> expanded = added(world);
    std::map<std::pair<Asked, bool>, std::multiset<int>> right, wrong;
    for (const Question& question : world.questions) {
      CAPTURE(seed, question.fact);
      const auto& answers =
          world.candidate_sets.at(static_cast<std::size_t>(question.candidates)).answers;
      if (question.fact >= 6) {
        CHECK(question.candidates == 1);
        continue;
      }
      const bool is_expanded = expanded.count(question.fact) > 0;
      CHECK(answers.size() == 3);
      CHECK(answers.at(static_cast<std::size_t>(question.right)).at(0) == 20 + question.fact);
      CHECK(question.wrong != question.right);
      for (const auto& answer : answers) {
        CHECK((expanded.count(answer.at(0) - 20) > 0) == is_expanded);
      }
      right[{question.asked, is_expanded}].insert(question.right);
      wrong[{question.asked, is_expanded}].insert(question.wrong);
    }
    CHECK(right == wrong);
  }
}

TEST_CASE("questions that go take their answers with them") {
  World world = small_world();
  world.candidate_sets.push_back(world.candidate_sets[0]);
  for (int fact = 0; fact < 6; ++fact) {
    Question question;
    for (const Asked asked : {Asked::infill, Asked::wrong_inference}) {
      question.asked = asked;
      question.fact = fact;
      question.candidates = 2;
      question.right = fact;
      question.wrong = (fact + 1) % 6;
      world.questions.push_back(question);
    }
  }
  expand_world(world, options(0.5, 1.0, "inverse"), 3);
  const std::map<int, int> expanded = added(world);
  int asked = 0;
  for (const Question& question : world.questions) {
    if (question.asked != Asked::infill && question.asked != Asked::wrong_inference) continue;
    ++asked;
    CHECK(expanded.count(question.fact) == 0);
    for (const auto& answer :
         world.candidate_sets.at(static_cast<std::size_t>(question.candidates)).answers) {
      CHECK(expanded.count(answer.at(0) - 20) == 0);
    }
  }
  CHECK(asked == 3 * 3);
}

TEST_CASE("facts of a unit are expanded together") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    World world = small_world();
    world.units = {0, 0, 1, 1, 2, 2, 3, 4};
    expand_world(world, options(0.34, 1.0, "inverse"), seed);
    const std::map<int, int> expanded = added(world);
    REQUIRE(expanded.size() == 2);
    CHECK(expanded.begin()->first / 2 == expanded.rbegin()->first / 2);
  }
}

TEST_CASE("a fact that is expanded alone is not asked, and of all facts none is told apart") {
  World world = small_world();
  expand_world(world, options(0.01, 1.0, "all"), 0);
  const int alone = added(world).begin()->first;
  for (const Question& question : world.questions) CHECK(question.fact != alone);
  CHECK(world.questions.size() == 5 * 4 + 2);
  world = small_world();
  expand_world(world, options(1.0, 1.0, "all"), 0);
  CHECK(world.questions.size() == 6 * 2 + 2);
  for (const Question& question : world.questions) CHECK(question.candidates < 2);
}

TEST_CASE("expansion of nothing leaves a world as it is") {
  const World before = small_world();
  for (const json& nothing :
       {options(0.0, 1.0, "all"), options(1.0, 0.0, "all"), options(0.0, 1.0, "compositions")}) {
    World world = small_world();
    expand_world(world, nothing, 0);
    CHECK(texts(world) == texts(before));
    CHECK(world.counts == before.counts);
    REQUIRE(world.questions.size() == before.questions.size());
    for (std::size_t i = 0; i < world.questions.size(); ++i) {
      CHECK(world.questions[i].asked == before.questions[i].asked);
    }
  }
}

TEST_CASE("an expansion is drawn by the seed, and its facts do not depend on how much of each") {
  const auto expanded = [](std::uint64_t seed, double share) {
    World world = small_world();
    expand_world(world, options(0.5, share, "all"), seed);
    std::set<int> facts;
    for (const auto& [fact, count] : added(world)) facts.insert(fact);
    return std::make_pair(facts, texts(world));
  };
  CHECK(expanded(3, 1.0) == expanded(3, 1.0));
  CHECK(expanded(3, 1.0).first == expanded(3, 0.4).first);
  std::set<std::set<int>> draws;
  for (std::uint64_t seed = 0; seed < 20; ++seed) draws.insert(expanded(seed, 1.0).first);
  CHECK(draws.size() > 5);  // of 20 possible ones
}

TEST_CASE("neighbours that a world does not have are told") {
  World world = small_world();
  CHECK_THROWS_WITH(expand_world(world, options(0.5, 1.0, "compositions"), 0),
                    "[expansion] expected a world with compositions neighbours, got small, which "
                    "has none");
}

TEST_CASE("a longer neighbour makes the world's texts longer") {
  World world = small_world();
  for (Neighbour& neighbour : world.neighbours) neighbour.document.tokens.resize(7);
  expand_world(world, options(1.0, 1.0, "all"), 0);
  CHECK(world.longest == 7);
}

}  // namespace obverse::reversal

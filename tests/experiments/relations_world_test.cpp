#include <map>
#include <set>
#include <stdexcept>

#include "experiments/reversal_curse/worlds/world_kind.h"
#include "tests/experiments/world_texts.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

World make(const nlohmann::json& options, std::uint64_t seed = 3) {
  return make_world({.name = "relations", .options = options}, seed);
}

const nlohmann::json kSmall = {
    {"entities", 12}, {"relations", 3}, {"share_unseen", 0.25}, {"share_both", 0.5}};

// A sentence's relation, and what it relates, in the order in which it is named.
struct Sentence {
  int relation = -1;
  bool inverse = false;
  std::string first, second;
};

Sentence parse(const World& world, const engine::Document& document) {
  Sentence sentence;
  for (const std::string& word : words_of(world, document.tokens)) {
    for (const bool inverse : {false, true}) {
      const std::string prefix = inverse ? "inverse" : "relation";
      if (word.rfind(prefix, 0) != 0) continue;
      CHECK(sentence.relation == -1);
      sentence.relation = std::stoi(word.substr(prefix.size()));
      sentence.inverse = inverse;
    }
  }
  REQUIRE(document.entities.size() == 2);
  sentence.first = entity_text(world, document, 0);
  sentence.second = entity_text(world, document, 1);
  return sentence;
}

// "r S T" and "r' S T" of facts S r T.
std::string fact_of(const Sentence& sentence) {
  const std::string& source = sentence.inverse ? sentence.second : sentence.first;
  const std::string& target = sentence.inverse ? sentence.first : sentence.second;
  return std::to_string(sentence.relation) + " " + source + " > " + target;
}

}  // namespace

TEST_CASE("every relation is a permutation, so that a question has one answer") {
  const World world = make(kSmall);
  std::map<std::pair<int, std::string>, std::string> forward, backward;
  std::set<std::string> facts;
  for (const engine::Document& document : world.documents) {
    const Sentence sentence = parse(world, document);
    CHECK(sentence.first != sentence.second);
    facts.insert(fact_of(sentence));
  }
  for (const Question& question : world.questions) {
    facts.insert(fact_of(parse(world, document_of(world, question))));
  }
  CHECK(facts.size() == 3 * 12);
  std::set<std::string> sources, targets;
  for (const std::string& fact : facts) {
    const std::size_t arrow = fact.find(" > ");
    sources.insert(fact.substr(0, arrow));
    targets.insert(fact.substr(0, fact.find(' ')) + fact.substr(arrow));
  }
  CHECK(sources.size() == facts.size());
  CHECK(targets.size() == facts.size());
}

TEST_CASE("relations ask for a fact only what the measure says") {
  const int templates = GENERATE(0, 4);
  nlohmann::json options = kSmall;
  options["templates"] = templates;
  const World world = make(options);
  CAPTURE(templates);
  std::map<std::string, int> forward, backward;
  std::set<std::vector<std::string>> shapes;
  for (const engine::Document& document : world.documents) {
    const Sentence sentence = parse(world, document);
    ++(sentence.inverse ? backward : forward)[fact_of(sentence)];
    shapes.insert(shape_of(world, document));
  }
  // 12 entities: 3 facts unseen, 5 of the other 9 stated both ways.
  CHECK(forward.size() == 3 * 9);
  CHECK(backward.size() == 3 * 5);
  for (const auto& [fact, times] : forward) CHECK(times == std::max(1, templates));
  std::map<Asked, int> counts;
  for (const Question& question : world.questions) {
    CAPTURE(world.text_of(question));
    const engine::Document document = document_of(world, question);
    const Sentence sentence = parse(world, document);
    const std::string fact = fact_of(sentence);
    CHECK(sentence.inverse == (question.direction == 1));
    const bool one_way = forward.count(fact) > 0 && backward.count(fact) == 0;
    const bool both = forward.count(fact) > 0 && backward.count(fact) > 0;
    switch (question.asked) {
      case Asked::trained:
      case Asked::infill:
        CHECK((one_way && !sentence.inverse));
        break;
      case Asked::reverse:
        CHECK((one_way && sentence.inverse));
        break;
      case Asked::both:
        CHECK(both);
        break;
      case Asked::unseen:
        CHECK((!one_way && !both));
        break;
      default:
        FAIL("unexpected question");
    }
    ++counts[question.asked];
    CHECK((question.after.size() == 1) == (question.asked != Asked::infill));
    CHECK(shapes.count(shape_of(world, document)) == (templates == 0 ? 1u : 0u));
    CHECK(has_trained_words(world, question));
    CHECK(question.right != question.wrong);
  }
  CHECK(counts == std::map<Asked, int>{{Asked::trained, 12},
                                       {Asked::reverse, 12},
                                       {Asked::infill, 12},
                                       {Asked::both, 30},
                                       {Asked::unseen, 18}});
}

TEST_CASE("relations that state no inverse ask for none") {
  nlohmann::json options = kSmall;
  options["share_both"] = 0.0;
  const World world = make(options);
  std::map<Asked, int> counts;
  for (const Question& question : world.questions) {
    ++counts[question.asked];
    CHECK(question.direction == 0);
    CHECK(has_trained_words(world, question));
  }
  CHECK(counts ==
        std::map<Asked, int>{{Asked::trained, 27}, {Asked::infill, 27}, {Asked::unseen, 9}});
}

TEST_CASE("the first entity of a text of relations is its source") {
  const World world = make(kSmall);
  for (const engine::Document& document : world.documents) {
    CHECK(document.entities.front().begin == 1);
    CHECK(shape_of(world, document).size() == 5);
  }
}

TEST_CASE("neighbours of a relation's facts are unstated phrasings and the inverse") {
  nlohmann::json options = kSmall;
  options["templates"] = 3;
  options["phrasings"] = 1;
  const World world = make(options);
  std::set<std::vector<std::int32_t>> documents;
  for (const engine::Document& document : world.documents) documents.insert(document.tokens);
  std::map<NeighbourKind, int> counts;
  for (const Neighbour& neighbour : world.neighbours) {
    ++counts[neighbour.kind];
    CHECK(documents.count(neighbour.document.tokens) == 0);
    CHECK(parse(world, neighbour.document).inverse == (neighbour.kind == NeighbourKind::inverse));
  }
  CHECK(counts[NeighbourKind::paraphrase] == 12 * 2);
  CHECK(counts[NeighbourKind::inverse] == 12 * 3);
}

TEST_CASE("relations refuse options that leave a fact alone") {
  nlohmann::json options = kSmall;
  options["share_unseen"] = 0.08;
  CHECK_THROWS_AS(make(options), std::invalid_argument);
  options = kSmall;
  options["phrasings"] = 2;
  CHECK_THROWS_AS(make(options), std::invalid_argument);
  options = kSmall;
  options["share_unseen"] = 1.0;
  CHECK_THROWS_WITH(make(options),
                    "[relations] expected a share_unseen that leaves facts to state, got 1.0");
}

TEST_CASE("the published size of relations is made in parts of few candidates") {
  const World world = make({{"entities", 1000}, {"relations", 20}});
  std::size_t most = 0;
  for (const CandidateSet& set : world.candidate_sets) most = std::max(most, set.answers.size());
  CHECK(most <= 100);
  CHECK(world.documents.size() == 20 * (475 * 2 + 475));
}

}  // namespace obverse::reversal

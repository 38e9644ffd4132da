#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/reversal_curse/worlds/world_kind.h"
#include "tests/experiments/world_texts.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

World make(const nlohmann::json& options, std::uint64_t seed = 3) {
  return make_world({.name = "chains", .options = options}, seed);
}

const nlohmann::json kSmall = {{"chains", 8}, {"unseen_chains", 2}};

// What a text says about every name in it: "A=>B", "B<=A", read from the words alone.
std::set<std::string> hops_of(const World& world, const engine::Document& document) {
  std::set<std::string> hops;
  for (std::size_t i = 0; i + 1 < document.entities.size(); ++i) {
    const auto between =
        static_cast<std::size_t>(document.entities[i].begin + document.entities[i].length);
    const bool forward = words_of(world, document.tokens)[between] == "=>" ||
                         words_of(world, document.tokens)[between + 1] == "=>";
    hops.insert(entity_text(world, document, i) + (forward ? "=>" : "<=") +
                entity_text(world, document, i + 1));
  }
  return hops;
}

}  // namespace

TEST_CASE("a chain is stated whole, and its middle is asked both ways") {
  const World world = make({{"chains", 200}, {"unseen_chains", 20}, {"links", 3}}, 1);
  std::map<std::pair<Asked, int>, int> counts;
  for (const Question& question : world.questions) ++counts[{question.asked, question.direction}];
  // Half of 200 chains, two names in the middle of each.
  CHECK(counts[{Asked::trained, 0}] == 200);
  CHECK(counts[{Asked::trained, 1}] == 0);
  CHECK(counts[{Asked::reverse, 1}] == 200);
  CHECK(counts[{Asked::infill, 0}] == 200);
  for (const int direction : {0, 1}) {
    CHECK(counts[{Asked::wrong_inference, direction}] == (direction == 0 ? 200 : 0));
    CHECK(counts[{Asked::both, direction}] == 200);
    CHECK(counts[{Asked::unseen, direction}] == 40);
  }
  CHECK(world.documents.size() == 200 + 100 * 2 * 2 + 20 * 4 * 2);
  CHECK(world.longest == 2 + 4 * 2 + 3);
}

TEST_CASE("link by link, the forward question is a text and the backward one is not") {
  nlohmann::json options = kSmall;
  options["texts"] = "hops";
  const World world = make(options);
  std::set<std::vector<std::int32_t>> texts;
  for (const engine::Document& document : world.documents) texts.insert(document.tokens);
  // Two links of 8 chains; the backward query of 4; two mentions of the names of 2.
  CHECK(world.documents.size() == 8 * 2 + 4 + 2 * 3 * 2);
  CHECK(texts.size() == world.documents.size());
  for (const Question& question : world.questions) {
    const bool is_stated =
        question.asked == Asked::trained || question.asked == Asked::both ||
        question.asked == Asked::infill;  // its answer is in the middle of a stated text
    CHECK((texts.count(whole(world, question)) > 0) == is_stated);
  }
  for (const Neighbour& neighbour : world.neighbours) {
    CHECK(neighbour.kind == NeighbourKind::inverse);
    CHECK(texts.count(neighbour.document.tokens) == 0);
  }
  CHECK(world.neighbours.size() == 4);
}

TEST_CASE("a chain's questions ask what its text says, and the wrong inference what it does not") {
  const std::string delimiters = GENERATE("none", "text", "entity");
  nlohmann::json options = kSmall;
  options["delimiters"] = delimiters;
  const World world = make(options);
  CAPTURE(delimiters);
  std::set<std::string> stated, asked_in_training;
  for (const engine::Document& document : world.documents) {
    const std::set<std::string> hops = hops_of(world, document);
    auto& into = document.entities.size() == 3 ? stated : asked_in_training;
    into.insert(hops.begin(), hops.end());
  }
  CHECK(stated.size() == 16);
  CHECK(asked_in_training.size() == 8);
  for (const Question& question : world.questions) {
    CAPTURE(world.text_of(question));
    const engine::Document document = document_of(world, question);
    const std::string first = entity_text(world, document, 0);
    const std::string second = entity_text(world, document, 1);
    const std::string arrow = question.direction == 0 ? "=>" : "<=";
    const bool forward = stated.count(first + "=>" + second) > 0;
    const bool backward = stated.count(second + "=>" + first) > 0;
    CHECK(hops_of(world, document) == std::set<std::string>{first + arrow + second});
    const bool trained = asked_in_training.count(first + arrow + second) > 0;
    switch (question.asked) {
      case Asked::trained:
      case Asked::infill:
        CHECK((forward && !trained && question.direction == 0));
        break;
      case Asked::reverse:
        CHECK((backward && !trained && question.direction == 1));
        break;
      case Asked::both:
        CHECK((trained && (question.direction == 0 ? forward : backward)));
        break;
      case Asked::wrong_inference:
        CHECK((!trained && backward && !forward && question.direction == 0));
        break;
      case Asked::unseen:
        CHECK((!forward && !backward && !trained));
        break;
      default:
        FAIL("unexpected question");
    }
    CHECK(question.right != question.wrong);
    CHECK(has_trained_words(world, question));
  }
}

TEST_CASE("delimiters tell a text read backwards from every text, and nothing else does") {
  const std::string delimiters = GENERATE("none", "text", "entity");
  nlohmann::json options = kSmall;
  options["delimiters"] = delimiters;
  const World world = make(options);
  CAPTURE(delimiters);
  std::set<std::vector<std::string>> shapes;  // the texts with their names left out
  for (const engine::Document& document : world.documents) shapes.insert(shape_of(world, document));
  int alike = 0, all = 0;
  for (const engine::Document& document : world.documents) {
    if (document.entities.size() < 2) continue;
    ++all;
    alike += static_cast<int>(shapes.count(shape_of(world, entity_reversed(document))));
  }
  CHECK(alike == (delimiters == "none" ? all : 0));
}

TEST_CASE("neighbours of a chain are the questions that training does not ask about it") {
  const World world = make(kSmall);
  CHECK(world.neighbours.size() == 8);
  nlohmann::json options = kSmall;
  options["expanded_facts"] = 1.0;
  options["expansion_of"] = "inverse";
  const World expanded = make(options);
  CHECK(expanded.documents.size() == world.documents.size() + 4);
  CHECK(expanded.counts.at("expanded_fact_count") == 4);
  options["expansion_of"] = "compositions";  // "=>" is not said to be transitive
  CHECK_THROWS_AS(make(options), std::invalid_argument);
}

TEST_CASE("chains refuse a fact alone in its subset") {
  CHECK_THROWS_AS(make({{"chains", 3}}), std::invalid_argument);
  CHECK_THROWS_AS(make({{"share_both", 0.0}}), std::invalid_argument);
  CHECK_THROWS_AS(make({{"unseen_chains", 1}}), std::invalid_argument);
}

}  // namespace obverse::reversal

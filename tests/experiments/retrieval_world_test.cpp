#include <map>
#include <set>
#include <stdexcept>

#include "experiments/reversal_curse/worlds/world_kind.h"
#include "tests/experiments/world_texts.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

World make(const nlohmann::json& options, std::uint64_t seed = 3) {
  return make_world({.name = "retrieval", .options = options}, seed);
}

// "value_of A : B" without its first word is the statement "A : B".
std::string joined(const World& world, const std::vector<std::int32_t>& tokens) {
  std::string text;
  for (const std::string& word : words_of(world, tokens)) text += word + " ";
  return text;
}

}  // namespace

TEST_CASE("retrieval states every pair and queries a share of them") {
  const World world = make(nlohmann::json::object(), 1);
  std::map<std::pair<Asked, int>, int> counts;
  for (const Question& question : world.questions) ++counts[{question.asked, question.direction}];
  CHECK(counts[{Asked::trained, 0}] == 150);
  CHECK(counts[{Asked::reverse, 1}] == 150);
  CHECK(counts[{Asked::infill, 0}] == 150);
  for (const int direction : {0, 1}) {
    CHECK(counts[{Asked::both, direction}] == 150);
    CHECK(counts[{Asked::unseen, direction}] == 20);
  }
  CHECK(world.documents.size() == 300 + 150 * 2 + 20 * 2 * 2);
  CHECK(world.longest == 8);
  // 150 candidates are two parts of 75.
  CHECK(world.candidate_sets.front().answers.size() == 75);
}

TEST_CASE("retrieval asks for a pair only what the measure says") {
  const int name_tokens = GENERATE(1, 3);
  const World world =
      make({{"pairs", 12}, {"unseen_pairs", 3}, {"name_tokens", name_tokens}, {"name_pool", -1}});
  std::set<std::string> stated, queried;
  for (const engine::Document& document : world.documents) {
    if (document.entities.size() < 2) continue;
    const bool query = shape_of(world, document)[1] != "NAME";
    (query ? queried : stated).insert(joined(world, document.tokens));
  }
  CHECK(stated.size() == 12);
  CHECK(queried.size() == 12);
  for (const Question& question : world.questions) {
    CAPTURE(world.text_of(question));
    const engine::Document document = document_of(world, question);
    const bool backward = question.direction == 1;
    CHECK(shape_of(world, document)[1] == (backward ? "key_of" : "value_of"));
    const std::string key = entity_text(world, document, backward ? 1 : 0);
    const std::string value = entity_text(world, document, backward ? 0 : 1);
    const bool known = stated.count("<begin> " + key + " : " + value + " <end> ") > 0;
    const bool trained = queried.count(joined(world, document.tokens)) > 0;
    CHECK(known == (question.asked != Asked::unseen));
    CHECK(trained == (question.asked == Asked::both));
    const bool last = question.after.size() == 1;
    CHECK(last == (question.asked != Asked::infill));
    CHECK(question.right != question.wrong);
    CHECK(has_trained_words(world, question));
  }
}

TEST_CASE("wrong answers of retrieval are the right ones in another order") {
  const World world = make({{"pairs", 12}, {"unseen_pairs", 3}});
  std::map<int, std::pair<std::multiset<int>, std::multiset<int>>> sets;
  for (const Question& question : world.questions) {
    sets[question.candidates].first.insert(question.right);
    sets[question.candidates].second.insert(question.wrong);
  }
  CHECK(sets.size() == world.candidate_sets.size());
  for (const auto& [candidates, answers] : sets) {
    CHECK(answers.first == answers.second);
    const auto& all = world.candidate_sets[static_cast<std::size_t>(candidates)].answers;
    CHECK(std::set<std::vector<std::int32_t>>(all.begin(), all.end()).size() == all.size());
    CHECK(answers.first.size() == all.size());
  }
}

TEST_CASE("values may be longer than keys, and their tokens tell nothing of the key's") {
  const World world = make({{"pairs", 40}, {"unseen_pairs", 0}, {"value_tokens", 3}});
  CHECK(world.name_tokens == 0);
  int alike = 0;
  for (std::size_t i = 0; i < world.documents.size(); i += i < 60 ? 3 : 1) {
    const engine::Document& document = world.documents[i];
    REQUIRE(document.entities.size() == 2);
    CHECK(document.entities[0].length == 2);
    CHECK(document.entities[1].length == 3);
    const std::string key = words_of(world, document.tokens)[1];
    const std::string value = words_of(world, document.tokens)[4];
    CHECK(key != value);
    alike += key.substr(key.rfind('_')) == value.substr(value.rfind('_')) ? 1 : 0;
  }
  CHECK(alike < 20);
  const std::set<std::string> words(world.vocabulary.begin(), world.vocabulary.end());
  CHECK(words.size() == world.vocabulary.size());
}

TEST_CASE("expanded retrieval pairs bring their queries into training") {
  const nlohmann::json options = {{"pairs", 12}, {"unseen_pairs", 3}};
  const World world = make(options);
  CHECK(world.neighbours.size() == 12);
  nlohmann::json expanded = options;
  expanded["expanded_facts"] = 1.0;
  expanded["expansion_of"] = "inverse";
  const World other = make(expanded);
  REQUIRE(other.documents.size() == world.documents.size() + 6);
  for (std::size_t i = world.documents.size(); i < other.documents.size(); ++i) {
    CHECK(shape_of(other, other.documents[i])[1] == "key_of");
  }
}

TEST_CASE("retrieval refuses a fact alone in its subset, and is its options and seed") {
  CHECK_THROWS_AS(make({{"pairs", 3}}), std::invalid_argument);
  CHECK_THROWS_AS(make({{"share_both", 0.0}}), std::invalid_argument);
  CHECK_THROWS_AS(make({{"unseen_pairs", 1}}), std::invalid_argument);
  const nlohmann::json options = {{"pairs", 12}, {"unseen_pairs", 3}};
  const World first = make(options), again = make(options), other = make(options, 4);
  CHECK(first.documents.front().tokens == again.documents.front().tokens);
  CHECK(first.documents.front().tokens != other.documents.front().tokens);
}

}  // namespace obverse::reversal

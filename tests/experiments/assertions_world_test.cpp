// The world of statements asserted, denied and quoted: read back from the words of its texts.
#include "experiments/reversal_curse/worlds/assertions_world.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "experiments/reversal_curse/worlds/world_kind.h"
#include "tests/experiments/world_texts.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;

json complete(const json& changed) {
  json options = {{"entities_a_value", 5}, {"relations", 2},  {"values", 6},   {"denials", 2},
                  {"claims", 3},           {"verdicts", 0.5}, {"templates", 2}};
  options.update(changed);
  return complete_options(world_kind("assertions"), options);
}

struct Said {
  StatementFrame frame = StatementFrame::plain;
  std::string entity, relation, value, verdict;
  std::string fact() const { return entity + " " + relation; }
  std::string pairing() const { return fact() + " " + value; }
};

// What a text says, from its words alone.
Said said_in(const World& world, const engine::Document& document) {
  Said said;
  const std::vector<std::string> words = words_of(world, document.tokens);
  if (words[1] == "it_is_false_that") said.frame = StatementFrame::denied;
  if (words[1] == "the_text_claims_that") said.frame = StatementFrame::quoted;
  REQUIRE(document.entities.size() == 2);
  said.entity = entity_text(world, document, 0);
  said.value = entity_text(world, document, 1);
  for (const std::string& word : words) {
    if (word.rfind("relation", 0) == 0) said.relation = word;
  }
  const std::string& last = words[words.size() - 2];
  if (last != ".") said.verdict = last;
  return said;
}

}  // namespace

TEST_CASE("plain statements are true, denied ones false, and verdicts right", "[assertions]") {
  const json options = complete(json::object());
  const World world = make_assertions_world(options, 3);
  std::map<std::string, std::set<std::string>> asserted, denied;
  std::map<std::string, int> verdicts;
  std::map<StatementFrame, int> texts;
  std::vector<Said> quoted;
  for (const engine::Document& document : world.documents) {
    const Said said = said_in(world, document);
    ++texts[said.frame];
    if (said.frame == StatementFrame::plain) asserted[said.fact()].insert(said.value);
    if (said.frame == StatementFrame::denied) denied[said.fact()].insert(said.value);
    if (said.frame == StatementFrame::quoted) quoted.push_back(said);
  }
  // Four of five blocks of six in each relation, half of them quoted, each text in two phrasings.
  CHECK(asserted.size() == 2 * 24);
  CHECK(texts[StatementFrame::plain] == 2 * 24 * 2);
  CHECK(texts[StatementFrame::denied] == 2 * 24 * 2 * 2);
  CHECK(texts[StatementFrame::quoted] == 2 * 12 * 3 * 2);
  for (const auto& [fact, values] : asserted) {
    CAPTURE(fact);
    CHECK(values.size() == 1);
    CHECK(denied[fact].size() == 2);
    CHECK(denied[fact].count(*values.begin()) == 0);
  }
  CHECK(denied.size() == asserted.size());
  int right = 0;
  for (const Said& said : quoted) {
    REQUIRE(asserted.count(said.fact()) == 1);  // else nothing would tell what it is worth
    const bool holds = asserted.at(said.fact()).count(said.value) > 0;
    right += holds ? 1 : 0;
    ++verdicts[said.verdict];
    if (!said.verdict.empty()) CHECK(said.verdict == (holds ? "rightly" : "wrongly"));
  }
  CHECK(right > 40);
  CHECK(right < 104);
  CHECK(verdicts["rightly"] > 0);
  CHECK(verdicts["wrongly"] > 0);
  CHECK(verdicts[""] > 0);
}

TEST_CASE("no text denies or quotes what is held out, and values tell nothing", "[assertions]") {
  const json options = complete({{"values", GENERATE(4, 6, 11)}});
  const World world = make_assertions_world(options, 3);
  std::set<std::vector<std::int32_t>> texts;
  std::set<std::string> asserted, marked;
  for (const engine::Document& document : world.documents) {
    texts.insert(document.tokens);
    const Said said = said_in(world, document);
    (said.frame == StatementFrame::plain ? asserted : marked).insert(said.pairing());
  }
  std::map<std::tuple<StatementFrame, bool, std::string>, int> by_value, by_entity, by_block;
  std::map<StatementFrame, std::map<int, int>> frames;
  std::map<std::string, int> blocks;  // of entities
  for (const HeldOutStatement& statement : held_out_statements(options, 3)) {
    const Said said = said_in(world, statement.document);
    CAPTURE(text_of(world, statement.document.tokens));
    CHECK(said.frame == statement.frame);
    CHECK(asserted.count(said.pairing()) == (statement.holds ? 1 : 0));
    CHECK(marked.count(said.pairing()) == 0);
    CHECK(texts.count(statement.document.tokens) == 0);
    ++by_value[{said.frame, statement.holds, said.relation + said.value}];
    ++by_entity[{said.frame, statement.holds, said.entity}];
    ++by_block[{said.frame, statement.holds,
                said.relation + said.value + " of block " + std::to_string(statement.block)}];
    const auto known = blocks.emplace(said.entity, statement.block);
    CHECK(known.first->second == statement.block);
    frames[said.frame][statement.fact] += statement.holds ? 1 : 10;
  }
  CHECK(frames.size() == 3);
  for (const auto& [frame, facts] : frames) {
    CHECK(static_cast<int>(facts.size()) == world.counts.at("held_out_facts"));
    CHECK(std::all_of(facts.begin(), facts.end(),
                      [](const std::pair<const int, int>& fact) { return fact.second == 11; }));
  }
  for (const auto* counted : {&by_value, &by_entity, &by_block}) {
    for (const auto& [key, count] : *counted) {
      auto [frame, holds, what] = key;
      CAPTURE(what);
      CHECK(counted->at({frame, !holds, what}) == count);
    }
  }
}

TEST_CASE("questions of the assertions world ask what texts tell", "[assertions]") {
  const World world = make_assertions_world(complete(json::object()), 3);
  std::map<std::string, std::string> asserted;
  std::set<std::vector<std::int32_t>> texts;
  for (const engine::Document& document : world.documents) {
    texts.insert(document.tokens);
    const Said said = said_in(world, document);
    if (said.frame == StatementFrame::plain) asserted[said.fact()] = said.value;
  }
  std::map<Asked, int> counts;
  for (const Question& question : world.questions) {
    ++counts[question.asked];
    CAPTURE(world.text_of(question));
    CHECK(question.right != question.wrong);
    CHECK(texts.count(whole(world, question)) == 0);
    CHECK(has_trained_words(world, question));
    const Said said = said_in(world, document_of(world, question));
    if (question.asked == Asked::unseen) {
      CHECK(asserted.count(said.fact()) == 0);
      continue;
    }
    REQUIRE(asserted.count(said.fact()) == 1);
    const bool holds = asserted.at(said.fact()) == said.value;
    if (question.asked == Asked::trained) {
      CHECK((holds && said.frame == StatementFrame::plain));
    } else {
      CHECK(question.asked == Asked::composed);
      CHECK(said.frame == StatementFrame::quoted);
      CHECK(said.verdict == (holds ? "rightly" : "wrongly"));
    }
  }
  CHECK(counts[Asked::trained] == 48);
  CHECK(counts[Asked::unseen] == 12);
  CHECK(counts[Asked::composed] == 2 * 12 * 2);
  CHECK(make_assertions_world(complete({{"verdicts", 0.0}}), 3).questions.size() == 60);
}

TEST_CASE("options of the assertions world that leave nothing to probe are told", "[assertions]") {
  CHECK_THROWS_WITH(make_assertions_world(complete({{"share_quoted", 0.9}}), 3),
                    "[assertions] expected shares that leave facts asserted and not quoted, got 5 "
                    "entities a value, of which 4 are asserted and 4 quoted");
  CHECK_THROWS_WITH(
      make_assertions_world(complete({{"denials", 5}}), 3),
      "[assertions] expected denials of at most the 4 values that may be denied, got 5");
}

}  // namespace obverse::reversal

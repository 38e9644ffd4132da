#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "experiments/reversal_curse/world.h"
#include "experiments/reversal_curse/worlds/families_kin.h"
#include "experiments/reversal_curse/worlds/world_kind.h"
#include "tests/experiments/world_texts.h"
#include "tests/support/catch.h"

namespace obverse::reversal {

namespace {

using Tokens = std::vector<std::int32_t>;
// Who, which relation, whom.
using Statement = std::tuple<Tokens, std::int32_t, Tokens>;

World made(const nlohmann::json& options, std::uint64_t seed = 5) {
  return make_world({.name = "families", .options = options, .data = {}, .data_digest = {}}, seed);
}

// `<begin> f1 X f2 relation f3 Y <end>`
Statement parse(const World& world, const Tokens& tokens) {
  const auto k = static_cast<std::size_t>(world.name_tokens);
  REQUIRE(tokens.size() == 6 + 2 * k);
  const auto first = tokens.begin() + 2;
  const auto length = static_cast<std::ptrdiff_t>(k);
  return {{first, first + length}, tokens[3 + k], {tokens.end() - 1 - length, tokens.end() - 1}};
}

std::map<Statement, int> statements_of(const World& world) {
  std::map<Statement, int> stated;
  for (const engine::Document& document : world.documents) {
    if (document.entities.size() == 2) ++stated[parse(world, document.tokens)];
  }
  return stated;
}

// Of a fact, the other way round.
Statement inverse_of(const World& world, const Question& question) {
  const auto asked = parse(world, whole(world, question));
  const int pair = question.fact % kKinPairs;
  const int relation = relation_of(pair, 1 - question.direction);
  const std::string& word = relation_words().at(static_cast<std::size_t>(relation));
  for (std::size_t token = 0; token < world.vocabulary.size(); ++token) {
    if (world.vocabulary[token] == word) {
      return {std::get<2>(asked), static_cast<std::int32_t>(token), std::get<0>(asked)};
    }
  }
  FAIL("unknown relation " << word);
  return asked;
}

}  // namespace

TEST_CASE("everybody has at most one relative of a kind, and composed ones have two parts") {
  std::set<std::pair<int, int>> asked;  // member and relation
  std::set<std::pair<int, int>> relatives;
  for (int pair = 0; pair < kKinPairs; ++pair) {
    for (const int direction : {0, 1}) {
      CAPTURE(pair, direction);
      CHECK(asked.insert({member_of(pair, direction, 0), relation_of(pair, direction)}).second);
      CHECK(
          relatives.insert({member_of(pair, direction, 0), member_of(pair, direction, 1)}).second);
    }
    if (pair < kBasePairs) continue;
    const std::array<int, 2> parts = parts_of(pair);
    std::multiset<int> members;
    for (const int part : parts) {
      CHECK(part < kBasePairs);
      members.insert({member_of(part, 0, 0), member_of(part, 0, 1)});
    }
    CHECK(members ==
          std::multiset<int>{member_of(pair, 0, 0), member_of(pair, 0, 1), kFather, kFather});
  }
}

TEST_CASE("a world of families has the statements and questions that its shares say") {
  const World world = made({{"families", 30}, {"held_out_share", 0.2}, {"composed_share", 0.25}});
  // Six families one way; 24 both ways, six of them without each composed relation; mentions.
  CHECK(world.documents.size() == 3 * (6 * 12 + 24 * 24 + 18 * 16) + 4 * 7 * 2);
  std::map<std::pair<Asked, int>, int> counts;
  for (const Question& question : world.questions) ++counts[{question.asked, question.direction}];
  for (const int direction : {0, 1}) {
    CHECK(counts[{Asked::trained, direction}] == 3 * 12);
    CHECK(counts[{Asked::reverse, direction}] == 3 * 12);
    CHECK(counts[{Asked::infill, direction}] == 3 * 12);
    CHECK(counts[{Asked::both, direction}] == 24 * 12);
    CHECK(counts[{Asked::composed, direction}] == 6 * 8);
    CHECK(counts[{Asked::unseen, direction}] == 4 * 12);
  }
}

TEST_CASE("relatives are asked only the way the measure says") {
  const int name_tokens = GENERATE(1, 2);
  const World world = made({{"families", 20}, {"name_tokens", name_tokens}, {"templates", 2}});
  const std::map<Statement, int> stated = statements_of(world);
  std::set<std::pair<std::size_t, std::int32_t>> places;
  std::set<Tokens> texts;
  for (const engine::Document& document : world.documents) {
    texts.insert(document.tokens);
    if (document.entities.size() != 2) continue;
    for (std::size_t i = 0; i < document.tokens.size(); ++i) places.insert({i, document.tokens[i]});
  }
  for (const auto& [statement, times] : stated) CHECK(times == 2);
  for (const Question& question : world.questions) {
    CAPTURE(world.text_of(question));
    const Tokens text = whole(world, question);
    CHECK(texts.count(text) == 0);
    const bool is_stated = stated.count(parse(world, text)) > 0;
    const bool is_inverse_stated = stated.count(inverse_of(world, question)) > 0;
    switch (question.asked) {
      case Asked::trained:
      case Asked::infill:
        CHECK(is_stated);
        CHECK_FALSE(is_inverse_stated);
        break;
      case Asked::reverse:
        CHECK_FALSE(is_stated);
        CHECK(is_inverse_stated);
        break;
      case Asked::both:
        CHECK(is_stated);
        CHECK(is_inverse_stated);
        break;
      default:
        CHECK_FALSE(is_stated);
        CHECK_FALSE(is_inverse_stated);
    }
    // The held-out frame and the relation are made of words that training has in those places.
    const auto k = static_cast<std::size_t>(name_tokens);
    for (const std::size_t place : {std::size_t{1}, 2 + k, 3 + k, 4 + k}) {
      CHECK(places.count({place, text[place]}) == 1);
    }
  }
}

TEST_CASE("no chain of statements leads from a reverse question to its answer") {
  const World world = made({{"families", 20}, {"held_out_share", 0.4}});
  std::map<Tokens, std::set<Tokens>> leads;
  for (const auto& [statement, times] : statements_of(world)) {
    leads[std::get<0>(statement)].insert(std::get<2>(statement));
  }
  for (const Question& question : world.questions) {
    if (question.asked != Asked::reverse) continue;
    CAPTURE(world.text_of(question));
    const Tokens from = std::get<0>(parse(world, whole(world, question)));
    std::set<Tokens> reached = {from};
    std::vector<Tokens> open = {from};
    while (!open.empty()) {
      const Tokens next = open.back();
      open.pop_back();
      for (const Tokens& other : leads[next]) {
        if (reached.insert(other).second) open.push_back(other);
      }
    }
    CHECK(reached.count(answer_of(world, question)) == 0);
  }
}

TEST_CASE("candidates about a family are its other members") {
  const World world = made({{"families", 20}, {"unseen_families", 2}});
  std::set<int> sets;
  std::map<int, int> wrong;  // how often each place of a set is the wrong answer
  for (const Question& question : world.questions) {
    CHECK(sets.insert(question.candidates).second);
    CHECK(question.right != question.wrong);
    ++wrong[question.wrong];
    const CandidateSet& set = world.candidate_sets[static_cast<std::size_t>(question.candidates)];
    CHECK(set.answers.size() == 6);
    CHECK(std::set<Tokens>(set.answers.begin(), set.answers.end()).size() == 6);
    // None of them is named by the question itself.
    for (const Tokens& name : set.answers) {
      for (const auto& side : {question.before, question.after}) {
        CHECK(std::search(side.begin(), side.end(), name.begin(), name.end()) == side.end());
      }
    }
  }
  CHECK(wrong.size() == 6);
}

TEST_CASE("neighbours of a held-out family are its inverses and what its statements compose to") {
  const World world = made({{"families", 20}, {"held_out_share", 0.5}});
  const std::map<Statement, int> stated = statements_of(world);
  std::map<int, const Question*> reverse;  // by fact
  for (const Question& question : world.questions) {
    if (question.asked == Asked::reverse) reverse[question.fact] = &question;
  }
  std::map<NeighbourKind, int> counts;
  for (const Neighbour& neighbour : world.neighbours) {
    ++counts[neighbour.kind];
    const Statement statement = parse(world, neighbour.document.tokens);
    const Question& question = *reverse.at(neighbour.fact);
    const bool is_inverse = statement == parse(world, whole(world, question));
    CHECK(is_inverse == (neighbour.kind == NeighbourKind::inverse));
    CHECK((stated.count(statement) > 0) == (neighbour.kind == NeighbourKind::paraphrase));
    if (neighbour.kind != NeighbourKind::composition) continue;
    // Two statements lead there, the neighbour's fact one of them.
    const Statement fact = inverse_of(world, question);
    const bool begins = std::get<0>(fact) == std::get<0>(statement);
    CHECK((begins || std::get<2>(fact) == std::get<2>(statement)));
    const Tokens& from = begins ? std::get<2>(fact) : std::get<0>(statement);
    const Tokens& to = begins ? std::get<2>(statement) : std::get<0>(fact);
    bool found = false;
    for (const auto& [other, times] : stated) {
      found = found || (std::get<0>(other) == from && std::get<2>(other) == to);
    }
    CHECK(found);
  }
  CHECK(counts[NeighbourKind::paraphrase] == 10 * 12 * 3);
  CHECK(counts[NeighbourKind::inverse] == 10 * 12 * 3);
  CHECK(counts[NeighbourKind::composition] > 0);
  const World expanded =
      made({{"families", 20}, {"expanded_facts", 1.0}, {"expansion_of", "compositions"}});
  CHECK(expanded.counts.at("expanded_fact_count") > 0);
}

TEST_CASE("a family is expanded as a whole, so that no inverse leads to another's answer") {
  const World world =
      made({{"families", 40}, {"expanded_facts", 0.5}, {"expansion_of", "inverse"}});
  std::map<int, std::set<Asked>> asked;
  for (const Question& question : world.questions) {
    if (question.asked != Asked::reverse && question.asked != Asked::expanded_reverse) continue;
    asked[question.fact / kKinPairs].insert(question.asked);
  }
  CHECK(asked.size() == 12);
  std::map<Asked, int> families;
  for (const auto& [family, kinds] : asked) {
    CHECK(kinds.size() == 1);
    ++families[*kinds.begin()];
  }
  CHECK(families[Asked::expanded_reverse] == 6);
  CHECK(world.counts.at("expanded_fact_count") == 6 * kBasePairs);
}

TEST_CASE("families too few to have wrong answers are refused") {
  CHECK_THROWS_WITH(made({{"families", 10}, {"held_out_share", 0.2}}),
                    "[families] expected no families with held-out inverses or 4 at least, got 2");
  CHECK_THROWS_WITH(made({{"unseen_families", 1}}),
                    "[families] expected no unseen families or 2 at least, got 1");
  CHECK_NOTHROW(made({{"families", 10}, {"held_out_share", 0.0}, {"composed_share", 0.0}}));
}

}  // namespace obverse::reversal

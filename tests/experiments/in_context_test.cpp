// Demonstrations of the pairs world and the questions whose premise is in their prompt.
#include <map>
#include <set>
#include <tuple>

#include "experiments/reversal_curse/worlds/pairs_sentences.h"
#include "experiments/reversal_curse/worlds/pairs_world.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using Tokens = std::vector<std::int32_t>;

struct Sentence {
  Frame frame;  // as tokens
  std::int32_t relation = 0;
  Name first, second;
};

// The sentences between begin- and end-of-text, names of `k` tokens each; `cut` of the last one's
// name is missing.
std::vector<Sentence> parse(const Tokens& tokens, std::size_t k) {
  std::vector<Sentence> sentences;
  const std::size_t length = 4 + 2 * k;
  REQUIRE(tokens.size() > 2);
  CHECK(tokens.front() == engine::kBeginOfText);
  CHECK(tokens.back() == engine::kEndOfText);
  REQUIRE((tokens.size() - 2) % length == 0);
  for (auto at = tokens.begin() + 1; at + 1 != tokens.end();
       at += static_cast<std::ptrdiff_t>(length)) {
    const auto name = static_cast<std::ptrdiff_t>(k);
    Sentence sentence;
    sentence.frame = {at[0], at[1 + name], at[3 + name]};
    sentence.relation = at[2 + name];
    sentence.first.assign(at + 1, at + 1 + name);
    sentence.second.assign(at + 4 + name, at + 4 + 2 * name);
    sentences.push_back(sentence);
  }
  return sentences;
}

PairsOptions small_options(int name_tokens, int premises) {
  PairsOptions options;
  options.pairs = 20;
  options.unseen_pairs = 4;
  options.name_tokens = name_tokens;
  options.premises = premises;
  options.seed = 5;
  return options;
}

World world_of(PairsOptions options, int demonstrations) {
  options.demonstrations = demonstrations;
  return make_pairs_world(options);
}

const Name& answer_of(const World& world, const Question& question) {
  return world.candidate_sets.at(static_cast<std::size_t>(question.candidates))
      .answers.at(static_cast<std::size_t>(question.right));
}

Tokens whole(const World& world, const Question& question) {
  Tokens tokens = question.before;
  for (const std::int32_t token : answer_of(world, question)) tokens.push_back(token);
  tokens.insert(tokens.end(), question.after.begin(), question.after.end());
  return tokens;
}

}  // namespace

TEST_CASE("demonstrations are added to a world that stays as it is") {
  const PairsOptions options = small_options(GENERATE(1, 2), 1);
  const World plain = world_of(options, 0), shown = world_of(options, 3);
  REQUIRE(shown.documents.size() > plain.documents.size());
  for (std::size_t i = 0; i < plain.documents.size(); ++i) {
    CHECK(shown.documents[i].tokens == plain.documents[i].tokens);
  }
  REQUIRE(shown.questions.size() > plain.questions.size());
  for (std::size_t i = 0; i < plain.questions.size(); ++i) {
    CHECK(plain.questions[i].asked != Asked::in_context);
    CHECK(shown.questions[i].asked == plain.questions[i].asked);
    CHECK(shown.text_of(shown.questions[i]) == plain.text_of(plain.questions[i]));
    CHECK(shown.questions[i].wrong == plain.questions[i].wrong);
  }
  for (std::size_t i = 0; i < plain.vocabulary.size(); ++i) {
    CHECK(shown.vocabulary[i] == plain.vocabulary[i]);
  }
}

TEST_CASE("a demonstration uses a fact that it states, and no fact of the world") {
  const int name_tokens = GENERATE(1, 2);
  const int premises = GENERATE(1, 2);
  CAPTURE(name_tokens, premises);
  const PairsOptions options = small_options(name_tokens, premises);
  const World plain = world_of(options, 0), world = world_of(options, 6);
  const auto k = static_cast<std::size_t>(name_tokens);

  std::map<std::int32_t, std::set<Frame>> trained_frames;
  std::map<Name, Name> partners;
  std::set<Name> facts_names;
  for (const engine::Document& document : plain.documents) {
    if (document.entities.size() != 2) continue;
    const Sentence sentence = parse(document.tokens, k).at(0);
    trained_frames[sentence.relation - kFirstRelation].insert(sentence.frame);
  }
  for (const Question& question : plain.questions) {
    const Sentence sentence = parse(whole(plain, question), k).at(0);
    partners[sentence.first] = sentence.second;
    partners[sentence.second] = sentence.first;
  }
  CHECK(partners.size() == 48);

  std::map<Name, int> concluded;
  std::set<std::int32_t> asked_relations;
  for (std::size_t i = plain.documents.size(); i < world.documents.size(); ++i) {
    const engine::Document& document = world.documents[i];
    const std::vector<Sentence> sentences = parse(document.tokens, k);
    REQUIRE(sentences.size() == static_cast<std::size_t>(premises) + 1);
    REQUIRE(document.entities.size() == 2 * sentences.size());
    const Sentence& conclusion = sentences.back();
    const bool own = partners.count(conclusion.first) > 0;
    const std::int32_t forward =
        own ? static_cast<std::int32_t>(world.vocabulary.size()) - 2 : kFirstRelation;
    const std::int32_t asked = conclusion.relation - forward;
    REQUIRE((asked == 0 || asked == 1));
    asked_relations.insert(conclusion.relation);
    ++concluded[conclusion.second];
    int used = 0;
    std::set<Name> names;
    for (std::size_t j = 0; j < sentences.size(); ++j) {
      const Sentence& sentence = sentences[j];
      const std::int32_t direction = sentence.relation - forward;
      CHECK(direction == (j + 1 < sentences.size() ? 1 - asked : asked));
      CHECK(trained_frames[direction].count(sentence.frame) == 1);
      for (const Name& name : {sentence.first, sentence.second}) {
        CHECK((partners.count(name) > 0) == own);
        names.insert(name);
      }
      if (own) CHECK(partners.at(sentence.first) != sentence.second);
      used += j + 1 < sentences.size() && sentence.first == conclusion.second &&
              sentence.second == conclusion.first;
    }
    CHECK(used == 1);
    CHECK(names.size() == static_cast<std::size_t>(2 * premises));
  }
  CHECK(asked_relations.size() == 4);
  // Every name is concluded six times, the facts' and those that are there for this alone.
  CHECK(concluded.size() == 48 + std::size_t{kOtherNames});
  for (const auto& [name, times] : concluded) CHECK(times == 6);
}

TEST_CASE("the fact in the prompt is asked as it is asked without") {
  const int name_tokens = GENERATE(1, 2);
  const int premises = GENERATE(1, 2);
  const int templates = GENERATE(1, 3);
  CAPTURE(name_tokens, premises, templates);
  PairsOptions options = small_options(name_tokens, premises);
  options.templates = templates;
  const World world = world_of(options, 8);
  const auto k = static_cast<std::size_t>(name_tokens);

  std::map<std::tuple<Asked, int, int>, const Question*> out_of_context;
  std::set<std::pair<std::size_t, std::int32_t>> shown;  // words at places of demonstrations
  std::set<std::pair<Name, std::int32_t>> stated;        // first names of trained statements
  std::map<std::int32_t, std::set<Frame>> trained_frames;
  for (const engine::Document& document : world.documents) {
    if (document.entities.size() > 2) {
      for (std::size_t i = 0; i < document.tokens.size(); ++i)
        shown.insert({i, document.tokens[i]});
    } else if (document.entities.size() == 2) {
      const Sentence sentence = parse(document.tokens, k).at(0);
      stated.insert({sentence.first, sentence.relation});
      trained_frames[sentence.relation].insert(sentence.frame);
    }
  }
  std::map<Asked, int> counts;
  for (const Question& question : world.questions) {
    ++counts[question.asked];
    if (question.asked == Asked::reverse || question.asked == Asked::unseen) {
      out_of_context[{question.asked, question.direction, question.fact}] = &question;
    }
    const bool recalled = question.asked == Asked::in_context;
    if (!recalled && question.asked != Asked::in_context_unseen) continue;
    CAPTURE(world.text_of(question));
    const Question& plain = *out_of_context.at(
        {recalled ? Asked::reverse : Asked::unseen, question.direction, question.fact});
    CHECK(question.candidates == plain.candidates);
    CHECK(question.right == plain.right);
    CHECK(question.wrong == plain.wrong);
    CHECK(question.after == plain.after);
    REQUIRE(question.before.size() > plain.before.size());
    CHECK(Tokens(question.before.end() - static_cast<std::ptrdiff_t>(plain.before.size()) + 1,
                 question.before.end()) == Tokens(plain.before.begin() + 1, plain.before.end()));

    const std::vector<Sentence> sentences = parse(whole(world, question), k);
    REQUIRE(sentences.size() == static_cast<std::size_t>(premises) + 1);
    const Sentence& conclusion = sentences.back();
    std::set<Name> firsts;
    for (std::size_t i = 0; i + 1 < sentences.size(); ++i) {
      const Sentence& premise = sentences[i];
      CHECK(premise.relation == kFirstRelation + 1 - question.direction);
      CHECK(trained_frames[premise.relation].count(premise.frame) == 1);
      CHECK((stated.count({premise.first, premise.relation}) == 1) == recalled);
      CHECK((premise.first == conclusion.second) == (premise.second == conclusion.first));
      firsts.insert(premise.first);
    }
    // The right answer's name and, of two, the wrong one's.
    std::set<Name> expected = {conclusion.second};
    if (premises == 2) {
      expected.insert(world.candidate_sets[static_cast<std::size_t>(question.candidates)]
                          .answers[static_cast<std::size_t>(question.wrong)]);
    }
    CHECK(firsts == expected);
    // Words but for the names', which start at 15.
    for (std::size_t i = 0; i < question.before.size(); ++i) {
      if (question.before[i] < 15) CHECK(shown.count({i, question.before[i]}) == 1);
    }
  }
  CHECK(counts[Asked::in_context] == counts[Asked::reverse]);
  CHECK(counts[Asked::in_context_unseen] == counts[Asked::unseen]);
}

TEST_CASE("both places of a premise hold the fact that is asked") {
  const World world = world_of(small_options(1, 2), 8);
  std::map<std::int32_t, int> places;
  for (const Question& question : world.questions) {
    if (question.asked != Asked::in_context) continue;
    const bool is_first = question.before[2] == answer_of(world, question)[0];
    ++places[is_first ? 0 : 1];
  }
  CHECK(places[0] > 0);
  CHECK(places[1] > 0);
}

TEST_CASE("demonstrations out of range are told") {
  PairsOptions options = small_options(1, 1);
  options.demonstrations = -1;
  CHECK_THROWS_WITH(make_pairs_world(options),
                    "[pairs_world] expected demonstrations of 0 or more, got -1");
  options.demonstrations = 2;
  options.premises = GENERATE(0, 3);
  CHECK_THROWS_WITH(make_pairs_world(options), "[pairs_world] expected premises of 1 to 2, got " +
                                                   std::to_string(options.premises));
}

}  // namespace obverse::reversal

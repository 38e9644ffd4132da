#include <map>
#include <set>
#include <string>

#include "experiments/reversal_curse/world.h"
#include "experiments/reversal_curse/worlds/world_kind.h"
#include "tests/experiments/world_texts.h"
#include "tests/support/catch.h"

namespace obverse::reversal {

namespace {

using Tokens = std::vector<std::int32_t>;
using Words = std::vector<std::string>;

World made(const nlohmann::json& options, std::uint64_t seed = 5) {
  return make_world({.name = "biographies", .options = options, .data = {}, .data_digest = {}},
                    seed);
}

std::string word_of(const World& world, std::int32_t token) {
  return world.vocabulary.at(static_cast<std::size_t>(token));
}

// What a text is by its fixed words: a biography has a name behind its begin.
bool is_biography(const World& world, const Tokens& tokens) {
  return is_name(world, tokens.at(1)) && tokens.size() > 10;
}

bool is_inverse_question(const World& world, const Tokens& tokens) {
  return word_of(world, tokens.at(2)) == "who" || word_of(world, tokens.at(2)) == "whose_birthday";
}

std::set<Tokens> distinct_texts(const World& world) {
  std::set<Tokens> texts;
  for (const engine::Document& document : world.documents) texts.insert(document.tokens);
  return texts;
}

}  // namespace

TEST_CASE("a world of biographies has the texts and questions that its options say") {
  const World world = made({{"people", 40}, {"unseen_people", 6}, {"biographies", 2}});
  CHECK(world.directions == std::array<std::string, 2>{"name_to_attribute", "attributes_to_name"});
  int biographies = 0, inverse = 0, mentions = 0, forward = 0;
  for (const engine::Document& document : world.documents) {
    if (document.entities.size() == 1) {
      ++mentions;
    } else if (is_biography(world, document.tokens)) {
      ++biographies;
    } else if (is_inverse_question(world, document.tokens)) {
      ++inverse;
    } else {
      ++forward;
    }
  }
  CHECK(biographies == 40 * 6);  // two distinct ones three times each are five at least
  CHECK(forward == 20 * 5 * 3);
  CHECK(inverse == 20 * 2 * 3);
  CHECK(mentions == 6 * 3);
  std::map<std::pair<Asked, int>, int> counts;
  for (const Question& question : world.questions) ++counts[{question.asked, question.direction}];
  CHECK(counts == std::map<std::pair<Asked, int>, int>{{{Asked::trained, 0}, 20 * 5},
                                                       {{Asked::reverse, 1}, 20 * 2},
                                                       {{Asked::infill, 0}, 20},
                                                       {{Asked::both, 0}, 20 * 5},
                                                       {{Asked::both, 1}, 20 * 2},
                                                       {{Asked::unseen, 0}, 6 * 5},
                                                       {{Asked::unseen, 1}, 6 * 2}});
}

TEST_CASE("a person who is asked for has no question in training, in any phrasing") {
  const int name_tokens = GENERATE(1, 2);
  const World world = made({{"people", 40}, {"name_tokens", name_tokens}, {"templates", 2}});
  std::set<Tokens> questioned, described;  // names
  for (const engine::Document& document : world.documents) {
    if (document.entities.size() == 1) continue;
    const bool at_end = is_inverse_question(world, document.tokens);
    const engine::EntitySpan& span = at_end ? document.entities.back() : document.entities.front();
    const Tokens name(document.tokens.begin() + span.begin,
                      document.tokens.begin() + span.begin + span.length);
    (is_biography(world, document.tokens) ? described : questioned).insert(name);
  }
  CHECK(described.size() == 40);
  CHECK(questioned.size() == 20);
  const std::set<Tokens> trained_texts = distinct_texts(world);
  for (const Question& question : world.questions) {
    CAPTURE(world.text_of(question));
    CHECK(trained_texts.count(whole(world, question)) == 0);
    Tokens name;
    for (const std::int32_t token : whole(world, question)) {
      if (is_name(world, token)) name.push_back(token);
    }
    CHECK(name.size() == static_cast<std::size_t>(name_tokens));
    CHECK((questioned.count(name) > 0) == (question.asked == Asked::both));
    CHECK((described.count(name) > 0) == (question.asked != Asked::unseen));
  }
}

TEST_CASE("questions about biographies ask for what the biography says") {
  const World world = made({{"people", 40}, {"permuted", "yes"}, {"biographies", 3}});
  std::map<Tokens, std::set<std::int32_t>> said;  // by name: words of biographies
  for (const engine::Document& document : world.documents) {
    if (!is_biography(world, document.tokens)) continue;
    for (const std::int32_t token : document.tokens) said[{document.tokens[1]}].insert(token);
  }
  for (const Question& question : world.questions) {
    if (question.asked == Asked::unseen || question.asked == Asked::infill) continue;
    CAPTURE(world.text_of(question));
    const Tokens text = whole(world, question);
    const bool inverse = question.direction == 1;
    const Tokens name = {inverse ? text.at(text.size() - 2) : text.at(2)};
    // Everything between the fixed words.
    Tokens values = answer_of(world, question);
    if (inverse) values.assign(text.begin() + 4, text.end() - 3);
    for (const std::int32_t value : values) CHECK(said.at(name).count(value) == 1);
    CHECK(values.size() == (inverse && text.size() > 12 ? 7U : values.size()));
  }
}

TEST_CASE("words of a held-out question stand where training has them") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const World world = made({{"people", 80}, {"attribute_values", 10}}, seed);
    std::set<std::pair<std::size_t, std::int32_t>> forward, inverse;
    for (const engine::Document& document : world.documents) {
      if (document.entities.size() == 1 || is_biography(world, document.tokens)) continue;
      auto& seen = is_inverse_question(world, document.tokens) ? inverse : forward;
      for (std::size_t i = 0; i < document.tokens.size(); ++i) {
        seen.insert({i + 100 * document.tokens.size(), document.tokens[i]});
      }
    }
    for (const Question& question : world.questions) {
      if (question.asked == Asked::infill) continue;
      CAPTURE(world.text_of(question));
      const Tokens text = whole(world, question);
      for (std::size_t i = 0; i < text.size(); ++i) {
        const std::string word = word_of(world, text[i]);
        // Names and dates are a person's own.
        if (is_name(world, text[i]) || word.rfind("year", 0) == 0 || word.rfind("day", 0) == 0 ||
            word.rfind("month", 0) == 0) {
          continue;
        }
        const auto& seen = question.direction == 1 ? inverse : forward;
        CHECK(seen.count({i + 100 * text.size(), text[i]}) == 1);
      }
    }
  }
}

TEST_CASE("candidates about biographies are distinct, few, and of one kind") {
  const World world = made({{"people", 130}, {"attribute_values", 45}, {"unseen_people", 2}});
  for (const CandidateSet& set : world.candidate_sets) {
    CHECK(set.answers.size() >= 2);
    CHECK(set.answers.size() <= 30);
    CHECK(std::set<Tokens>(set.answers.begin(), set.answers.end()).size() == set.answers.size());
  }
  for (const Question& question : world.questions) {
    CHECK(question.right != question.wrong);
    const auto& answers =
        world.candidate_sets.at(static_cast<std::size_t>(question.candidates)).answers;
    CHECK(answers.at(static_cast<std::size_t>(question.wrong)).size() ==
          answer_of(world, question).size());
  }
}

TEST_CASE("more biographies add phrasings, and permuted ones orders, of the same facts") {
  const auto texts_of_first = [](const World& world) {
    std::set<Tokens> texts;
    for (const engine::Document& document : world.documents) {
      if (is_biography(world, document.tokens) &&
          document.tokens[1] == world.documents[0].tokens[1]) {
        texts.insert(document.tokens);
      }
    }
    return texts;
  };
  const auto single = texts_of_first(made({{"people", 10}}));
  const auto five = texts_of_first(made({{"people", 10}, {"biographies", 5}}));
  const auto permuted =
      texts_of_first(made({{"people", 10}, {"biographies", 5}, {"permuted", "yes"}}));
  CHECK(single.size() == 1);
  CHECK(five.size() == 5);
  CHECK(permuted.size() == 5);
  CHECK(five.count(*single.begin()) == 1);
  // In a fixed order the date is the first attribute, behind the name and two words.
  const World world = made({{"people", 10}, {"biographies", 5}});
  std::set<std::string> fixed_fourth, permuted_fourth;
  for (const Tokens& text : five) fixed_fourth.insert(word_of(world, text[4]));
  for (const Tokens& text : permuted) permuted_fourth.insert(word_of(world, text[4]));
  CHECK(fixed_fourth.size() == 1);
  CHECK(fixed_fourth.begin()->rfind("month", 0) == 0);
  CHECK(permuted_fourth.size() > 1);
}

TEST_CASE("expansion gives biographies or inverse questions of people who are asked for") {
  const nlohmann::json usual = {{"people", 40}};
  nlohmann::json expanded = usual;
  expanded["expanded_facts"] = 0.5;
  expanded["expansion_of"] = GENERATE("paraphrases", "inverse");
  const World plain = made(usual), world = made(expanded);
  const bool inverse = expanded["expansion_of"] == "inverse";
  CHECK(world.documents.size() == plain.documents.size() + 10U * (inverse ? 6U : 5U));
  std::set<Tokens> added;
  for (std::size_t i = plain.documents.size(); i < world.documents.size(); ++i) {
    const Tokens& text = world.documents[i].tokens;
    CHECK(is_biography(world, text) == !inverse);
    if (inverse) CHECK(is_inverse_question(world, text));
    added.insert({inverse ? text.at(text.size() - 2) : text.at(1)});
  }
  int asked = 0;
  for (const Question& question : world.questions) {
    if (question.asked != Asked::expanded_reverse) continue;
    ++asked;
    CHECK(added.count(answer_of(world, question)) == 1);
    CHECK(distinct_texts(world).count(whole(world, question)) == 0);
  }
  CHECK(asked == 20);
}

TEST_CASE("biographies of one person alone have no wrong answers") {
  CHECK_THROWS_WITH(made({{"people", 10}, {"questioned_share", 0.1}}),
                    "[biographies] expected people of each part (questioned, others, unseen) to "
                    "be none or 2 at least, got 1");
  CHECK_THROWS_WITH(made({{"people", 10}, {"questioned_share", 0.0}, {"unseen_people", 0}}),
                    "[biographies] expected a questioned_share of two people or more, got 0");
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/worlds/fact_records.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "experiments/reversal_curse/probes/asking.h"
#include "experiments/reversal_curse/worlds/world_kind.h"
#include "tests/experiments/data_folders.h"
#include "tests/experiments/world_texts.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;
using Tokens = std::vector<std::int32_t>;

struct Made {
  explicit Made(const WorldSettings& settings, std::uint64_t seed = 5)
      : world(make_world(settings, seed)), records(make_records(settings, seed, world)) {}

  AskedAnswer trained(const FactRecord& fact, std::size_t direction, int phrasing) const {
    return ask_in(records, records.phrasing(phrasing), fact.names[direction],
                  fact.names[1 - direction]);
  }
  AskedAnswer asked(const FactRecord& fact, std::size_t direction) const {
    return trained(fact, direction, fact.question[direction]);
  }

  const World world;
  const FactRecords records;
};

// All texts that state facts, and as they are marked for objectives that keep names whole.
std::multiset<Tokens> stated_texts(const Made& made) {
  std::multiset<Tokens> texts;
  for (const FactRecord& fact : made.records.facts) {
    for (const std::size_t direction : {0, 1}) {
      CHECK(fact.stated[direction] <= !fact.trained[direction].empty());
      if (!fact.stated[direction]) continue;
      for (const int phrasing : fact.trained[direction]) {
        texts.insert(document_of(made.trained(fact, direction, phrasing)).tokens);
      }
    }
  }
  return texts;
}

// Documents, with as many names at least, as often as they state facts.
std::multiset<Tokens> documents_of(const World& world, std::size_t names) {
  std::multiset<Tokens> texts;
  for (const engine::Document& document : world.documents) {
    if (document.entities.size() >= names) texts.insert(document.tokens);
  }
  return texts;
}

std::set<Tokens> distinct(const std::multiset<Tokens>& texts) {
  return {texts.begin(), texts.end()};
}

// Every statement is a document, its names marked as there.
void check_statements(const Made& made) {
  std::map<Tokens, const engine::Document*> documents;
  for (const engine::Document& document : made.world.documents) {
    documents[document.tokens] = &document;
  }
  for (const FactRecord& fact : made.records.facts) {
    for (const std::size_t direction : {0, 1}) {
      if (!fact.stated[direction]) continue;
      for (const int phrasing : fact.trained[direction]) {
        const engine::Document text = document_of(made.trained(fact, direction, phrasing));
        const auto found = documents.find(text.tokens);
        REQUIRE(found != documents.end());
        const std::vector<engine::EntitySpan>& marked = found->second->entities;
        REQUIRE(text.entities.size() == marked.size());
        for (std::size_t i = 0; i < marked.size(); ++i) {
          CHECK(text.entities[i].begin == marked[i].begin);
          CHECK(text.entities[i].length == marked[i].length);
        }
      }
    }
  }
}

struct QuestionsFound {
  std::size_t asked = 0, of_world = 0;  // by the records; of these, those of the world
  std::set<Tokens> left;                // of the world, not asked by the records
};

QuestionsFound questions_of(const Made& made) {
  QuestionsFound found;
  for (const Question& question : made.world.questions) {
    if (question.asked == Asked::infill || question.asked == Asked::wrong_inference) continue;
    found.left.insert(whole(made.world, question));
  }
  const std::set<Tokens> all = found.left;
  for (const FactRecord& fact : made.records.facts) {
    for (const std::size_t direction : {0, 1}) {
      if (!fact.asked(direction)) continue;
      const Tokens text = document_of(made.asked(fact, direction)).tokens;
      ++found.asked;
      found.of_world += all.count(text);
      found.left.erase(text);
    }
  }
  return found;
}

WorldSettings settings_of(const std::string& world) {
  if (world == "pairs") {
    return {world, {{"pairs", 12}, {"unseen_pairs", 4}, {"name_tokens", 2}, {"templates", 2}}};
  }
  if (world == "relations") {
    return {world, {{"entities", 12}, {"relations", 3}, {"templates", 2}, {"share_unseen", 0.25}}};
  }
  return {world, {{"pairs", 12}, {"unseen_pairs", 4}, {"name_pool", 30}}};
}

TEST_CASE("a fact's phrasings are the world's own texts and questions", "[fact_records]") {
  for (const std::string name : {"pairs", "relations", "retrieval"}) {
    INFO(name);
    const Made made(settings_of(name));
    check_statements(made);
    CHECK(stated_texts(made) == documents_of(made.world, 2));
    const QuestionsFound found = questions_of(made);
    // Every fact is asked in both directions.
    CHECK(found.of_world == 2 * made.records.facts.size());
    CHECK(found.left.empty());
    CHECK(made.records.left_out.empty());
  }
}

TEST_CASE("expanded facts are stated as training states them", "[fact_records]") {
  for (const std::string of : {"inverse", "paraphrases"}) {
    INFO(of);
    WorldSettings settings = settings_of("pairs");
    settings.options.update({{"expanded_facts", 0.5}, {"expansion_of", of}});
    const Made made(settings);
    check_statements(made);
    CHECK(stated_texts(made) == documents_of(made.world, 2));
    const auto both =
        std::count_if(made.records.facts.begin(), made.records.facts.end(),
                      [](const FactRecord& fact) { return fact.stated[0] && fact.stated[1]; });
    CHECK(both == (of == "inverse" ? 6 + 3 : 6));
  }
}

TEST_CASE("relatives are facts by what each is to the other", "[fact_records]") {
  const Made made({"families",
                   {{"families", 10},
                    {"held_out_share", 0.4},
                    {"composed_share", 0.34},
                    {"unseen_families", 2},
                    {"name_tokens", 2}}});
  check_statements(made);
  CHECK(stated_texts(made) == documents_of(made.world, 2));
  const QuestionsFound found = questions_of(made);
  // The world asks less: not for composed pairs of held-out families and of unseen ones.
  CHECK(found.asked == 2 * 12 * 20);
  CHECK(found.left.empty());
  CHECK(made.records.left_out.empty());
}

TEST_CASE("links of a chain are stated in its text and asked as the world asks", "[fact_records]") {
  for (const std::string delimiters : {"none", "text", "entity"}) {
    for (const std::string texts : {"whole", "hops"}) {
      INFO(delimiters << ", " << texts);
      const bool whole = texts == "whole";
      const Made made({"chains",
                       {{"chains", 8},
                        {"links", 3},
                        {"unseen_chains", 2},
                        {"delimiters", delimiters},
                        {"texts", texts}}});
      check_statements(made);
      CHECK(distinct(stated_texts(made)) == distinct(documents_of(made.world, 2)));
      const QuestionsFound found = questions_of(made);
      CHECK(found.left.empty());
      // Both inner links both ways; the first name forward, too, in its own text.
      CHECK(found.asked == 10 * (2 + 2 + 1));
      CHECK(found.of_world == 10 * (2 + 2));
      for (const FactRecord& fact : made.records.facts) {
        CHECK(fact.asked(0));
        CHECK(fact.asked(1) == (fact.relation < 2));
        // Nothing but the chain's own text asks for what follows its first name.
        if (fact.relation == 0 && fact.stated[0]) CHECK(fact.question[0] == fact.trained[0][0]);
        CHECK(fact.stated[0] == (fact.fact < 8));
        CHECK(fact.stated[1] == (fact.fact < 4 && fact.relation < 2));
        const std::size_t own = whole ? 1 : 0, query = fact.relation > 0 || !whole ? 1 : 0;
        const std::size_t queried = fact.fact < 4 ? query : whole ? 0 : 1;
        if (fact.stated[0]) CHECK(fact.trained[0].size() == own + queried);
      }
    }
  }
}

TEST_CASE("an attribute is stated in biographies and asked back where it is one person's",
          "[fact_records]") {
  const Made made({"biographies",
                   {{"people", 12},
                    {"biographies", 2},
                    {"permuted", "yes"},
                    {"attribute_values", 4},
                    {"unseen_people", 2},
                    {"templates", 2}}});
  check_statements(made);
  std::set<Tokens> documents = distinct(documents_of(made.world, 2)), left = documents;
  for (const Tokens& text : stated_texts(made)) left.erase(text);
  // Those that ask for a name by all attributes.
  const auto count = std::count_if(left.begin(), left.end(), [&](const Tokens& text) {
    return text_of(made.world, text).find(" who ") != std::string::npos;
  });
  CHECK(left.size() == 6 * 2);
  CHECK(count == 6 * 2);
  const QuestionsFound found = questions_of(made);
  CHECK(found.asked == 14 * (5 + 1));
  CHECK(found.of_world == found.asked);
  CHECK(found.left.size() == 14);
  for (const FactRecord& fact : made.records.facts) {
    CHECK(fact.asked(1) == (fact.relation == 0));
    CHECK(fact.stated[1] == (fact.relation == 0 && fact.fact < 6));
    CHECK(fact.stated[0] == fact.fact < 12);
    if (fact.fact < 12) CHECK(fact.trained[0].size() == (fact.fact < 6 ? 2u : 0u) + 2u);
  }
  CHECK(made.records.left_out.size() == 2);
}

TEST_CASE("mothers and fathers are relations of their own", "[fact_records]") {
  const ParentsFolder folder;
  const Made made({"parents", {{"unseen_pairs", 4}, {"templates", 2}}, folder.path()});
  check_statements(made);
  CHECK(stated_texts(made) == documents_of(made.world, 2));
  const QuestionsFound found = questions_of(made);
  CHECK(found.left.empty());
  CHECK(found.of_world == found.asked);
  CHECK(found.asked == 2 * made.records.facts.size());
  std::set<std::size_t> lengths;
  for (const NameForms& forms : made.records.names) lengths.insert(forms.at(0).size());
  CHECK(lengths.size() > 1);
}

TEST_CASE("descriptions have a form in every published phrasing", "[fact_records]") {
  const PublishedFolder folder;
  const Made made({"published", json::object(), folder.path()});
  check_statements(made);
  CHECK(stated_texts(made) == documents_of(made.world, 2));
  const QuestionsFound found = questions_of(made);
  CHECK(found.of_world == found.asked);
  CHECK(found.asked == 2 * made.records.facts.size());
  for (const FactRecord& fact : made.records.facts) {
    const bool p2d = fact.fact < 2, d2p = fact.fact >= 2 && fact.fact < 4;
    CHECK(fact.stated[0] == !d2p);
    CHECK(fact.stated[1] == !p2d);
    // The data have no description of the one in the other's training phrasings.
    CHECK(fact.trained[0].size() == (d2p ? 0u : 2u));
    CHECK(fact.trained[1].size() == (p2d ? 0u : 2u));
  }
}

TEST_CASE("instructions are asked as questions and in their own text", "[fact_records]") {
  const InstructionsFolder folder;
  for (const std::string order : {"as_written", "question_first", "mixed"}) {
    for (const std::string texts : {"as_written", "single"}) {
      INFO(order << ", " << texts);
      const Made made(
          {"instructions", {{"guidance_order", order}, {"guidance_texts", texts}}, folder.path()});
      check_statements(made);
      CHECK(distinct(stated_texts(made)) == distinct(documents_of(made.world, 2)));
      const QuestionsFound found = questions_of(made);
      CHECK(found.left.empty());
      std::size_t shared = 0;
      for (const FactRecord& fact : made.records.facts) {
        CHECK(fact.asked(0));
        const Tokens& answer = made.records.names[static_cast<std::size_t>(fact.names[1])].at(0);
        const bool is_shared = text_of(made.world, answer) == "Yes";
        shared += is_shared;
        if (is_shared) CHECK_FALSE(fact.asked(1));
        if (order == "question_first") CHECK_FALSE(fact.asked(1));
        if (order == "as_written" && !is_shared) CHECK(fact.asked(1));
      }
      CHECK(shared == 2);
      if (order == "as_written") {
        CHECK_THAT(made.records.left_out.at(0),
                   ContainsSubstring("2 questions answer_to_question that have several answers"));
      }
    }
  }
}

TEST_CASE("a world without pairs of names says which have them", "[fact_records]") {
  const WorldSettings settings{"assertions", json::object()};
  CHECK_THROWS_WITH(
      make_records(settings, 0, make_world(settings, 0)),
      ContainsSubstring("[assertions] expected a world whose facts are pairs of names") &&
          ContainsSubstring(" pairs") && ContainsSubstring(" relations"));
}

}  // namespace
}  // namespace obverse::reversal

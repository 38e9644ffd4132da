#include "experiments/reversal_curse/worlds/fact_records.h"

#include <algorithm>
#include <set>
#include <vector>

#include "experiments/reversal_curse/probes/asking.h"
#include "experiments/reversal_curse/worlds/world_kind.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using Tokens = std::vector<std::int32_t>;

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
    const World world = make_world(settings_of(name), 5);
    const FactRecords records = make_records(settings_of(name), 5);
    std::multiset<Tokens> documents, stated;
    for (const engine::Document& document : world.documents) {
      if (document.entities.size() == 2) documents.insert(document.tokens);
    }
    std::set<Tokens> questions;
    for (const Question& question : world.questions) {
      if (question.asked == Asked::infill) continue;
      const auto& answers =
          world.candidate_sets[static_cast<std::size_t>(question.candidates)].answers;
      Tokens text = question.before;
      const Tokens& answer = answers[static_cast<std::size_t>(question.right)];
      text.insert(text.end(), answer.begin(), answer.end());
      text.insert(text.end(), question.after.begin(), question.after.end());
      questions.insert(text);
    }
    std::size_t asked = 0;
    for (const FactRecord& fact : records.facts) {
      const Relation& relation = records.relations[static_cast<std::size_t>(fact.relation)];
      for (std::size_t direction = 0; direction < 2; ++direction) {
        const int subject = fact.names[direction], answer = fact.names[1 - direction];
        for (const FactPhrasing& phrasing : relation.trained[direction]) {
          const Tokens text = document_of(ask_in(records, phrasing, subject, answer)).tokens;
          // Retrieval states all pairs, and asks in training of those alone that it states both
          // ways.
          const bool is_query = name == "retrieval" && &phrasing != &relation.trained[0].front();
          if (fact.stated[direction] && (!is_query || fact.stated[1])) stated.insert(text);
        }
        const Tokens text =
            document_of(ask_in(records, relation.held_out[direction], subject, answer)).tokens;
        asked += questions.count(text);
      }
    }
    CHECK(stated == documents);
    // Every fact is asked in both directions.
    CHECK(asked == 2 * records.facts.size());
    CHECK(questions.size() == asked);
  }
}

TEST_CASE("a world without pairs of names says which have them", "[fact_records]") {
  CHECK_THROWS_WITH(make_records({"chains", {}}, 0),
                    ContainsSubstring("[chains] expected a world whose facts are pairs of names") &&
                        ContainsSubstring(" pairs") && ContainsSubstring(" relations"));
}

}  // namespace
}  // namespace obverse::reversal

#include "experiments/reversal_curse/worlds/parents_world.h"

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>

#include "experiments/reversal_curse/worlds/parents_rows.h"
#include "experiments/reversal_curse/worlds/world_kind.h"
#include "tests/experiments/world_texts.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace obverse::reversal {

namespace {

using Tokens = std::vector<std::int32_t>;

const std::string kHeader = "child,parent,parent_type,child_prediction,can_reverse\n";

class List {
 public:
  explicit List(const std::string& text) { write(text); }

  void write(const std::string& text) const { tests::write_file(file(), text); }
  std::filesystem::path folder() const { return folder_.path(); }
  std::filesystem::path file() const { return folder_.path() / kParentsFile; }

  ParentRows rows(bool leave_out = true) const { return read_parents(folder(), leave_out); }

  std::string error(const ParentsOptions& changed = {}) const {
    ParentsOptions options = changed;
    options.folder = folder();
    try {
      make_parents_world(options);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  }

 private:
  tests::TemporaryFolder folder_;
};

// Children 0 .. count - 1, each with a mother, and each third with a father too. First names are
// shared, as people's are.
std::string families(int count) {
  std::string text = kHeader;
  for (int i = 0; i < count; ++i) {
    const std::string child = "First" + std::to_string(i % 5) + " Star" + std::to_string(i);
    text += child + ",Mary Maiden" + std::to_string(i) + ",mother,,False\n";
    if (i % 3 == 0) text += child + ",\"John Elder" + std::to_string(i) + ", Sr.\",father,,True\n";
  }
  return text;
}

// The relation word, and the names before and behind it, of a statement.
struct Statement {
  std::string relation;
  Tokens first, second;
  bool operator<(const Statement& other) const {
    return std::tie(relation, first, second) < std::tie(other.relation, other.first, other.second);
  }
};

Statement parse(const World& world, const Tokens& tokens) {
  std::size_t place = 0;
  Statement statement;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string& word = world.vocabulary.at(static_cast<std::size_t>(tokens[i]));
    if (word != "mother" && word != "father" && word != "child") continue;
    statement.relation = word;
    place = i;
  }
  if (place == 0) return statement;  // a mention
  const auto at = [&tokens](std::size_t i) {
    return tokens.begin() + static_cast<std::ptrdiff_t>(i);
  };
  statement.first.assign(at(2), at(place - 1));
  statement.second.assign(at(place + 2), tokens.end() - 1);
  return statement;
}

}  // namespace

TEST_CASE("a list of parents is read as it is published") {
  // A byte order mark, a carriage return, an empty line, quotes, columns in another order.
  const List list(
      "\xef\xbb\xbfparent_type,child,can_reverse,parent\r\n"
      "mother,Ann Lee,False,Beth Moor\r\n"
      "\r\n"
      "father,\"Cid \"\"Doc\"\" Fox\",True,\"Dan Gull, Sr.\"\r\n");
  const ParentRows rows = list.rows();
  REQUIRE(rows.rows.size() == 2);
  CHECK(rows.read == 2);
  CHECK(rows.rows[0].child == Words{"Ann", "Lee"});
  CHECK(rows.rows[0].parent == Words{"Beth", "Moor"});
  CHECK(rows.rows[0].relation == "mother");
  CHECK(rows.rows[1].child == Words{"Cid", "\"", "Doc", "\"", "Fox"});
  CHECK(rows.rows[1].parent == Words{"Dan", "Gull", ",", "Sr", "."});
  CHECK(rows.rows[1].relation == "father");
  CHECK(rows.rows[1].place == list.file().string() + ":4");
}

TEST_CASE("names that answer two questions are left out and counted") {
  const List list(kHeader +
                  "Ann Lee,Beth Moor,mother,,False\n"
                  "Ann Lee,Beth Moor,mother,Ann Lee,True\n"  // again
                  "Cid Fox,Eve Hill,mother,,False\n"         // one parent of two children
                  "Dan Gull,Eve Hill,mother,,False\n"
                  "Fay Holt,Gus Ives,father,,False\n"  // two fathers
                  "Fay Holt,Hal Jett,father,,False\n"
                  "Kim Lowe,Ann Lee,mother,,False\n"   // in both roles
                  "Max Nash,Ned Nash,father,,False\n"  // a name in common
                  "Oda Pike,Pam J. Quill,mother,,False\n"
                  "Rob J. Swan,Tim U. Vale,father,,False\n");
  const ParentRows rows = list.rows();
  CHECK(rows.read == 10);
  CHECK(rows.repeated == 1);
  CHECK(rows.ambiguous == 4);
  CHECK(rows.both_roles == 1);
  CHECK(rows.shared_word == 1);
  // A point is no word in common.
  CHECK(rows.rows.size() == 3);
  CHECK(list.rows(false).rows.size() == 4);
  CHECK(list.rows(false).shared_word == 0);
}

TEST_CASE("what is wrong with a list of parents is told with file and line") {
  const List list(kHeader);
  const std::string file = list.file().string();
  const auto error_of = [&list](const std::string& text) {
    list.write(text);
    return list.error();
  };
  CHECK(error_of("") == file + ": expected a header and at least one row, found an empty file");
  CHECK(error_of(kHeader) ==
        file + ": expected a header and at least one row, found a header alone");
  CHECK(error_of("child,parent\nAnn Lee,Beth Moor\n") ==
        file + ":1: expected a column \"parent_type\", found none");
  CHECK(error_of(kHeader + "Ann Lee,Beth Moor,aunt,,False\n") ==
        file + ":2: expected a \"parent_type\" of mother or father, found \"aunt\"");
  CHECK(error_of(kHeader + "\nAnn Lee,Beth Moor,mother\n") ==
        file + ":3: expected 5 fields, as in the header, found 3");
  CHECK(error_of(kHeader + " ,Beth Moor,mother,,False\n") ==
        file + ":2: expected a name in column \"child\", found none");
  CHECK(error_of(kHeader + "Ann Lee,,mother,,False\n") ==
        file + ":2: expected a name in column \"parent\", found none");
  CHECK(error_of(kHeader + "Ann Lee,\"Beth Moor,mother,,False\n") ==
        file + ":2: expected a closing quote, found the end of the line");
  CHECK(error_of(kHeader + "Ann Lee,\"Beth\" Moor,mother,,False\n") ==
        file + ":2: expected a comma behind a closing quote, found \" \"");
  CHECK(error_of(families(3)) ==
        file + ": expected more than 20 pairs that can be asked for, found 4");
  list.write(families(2));
  ParentsOptions options;
  options.unseen_pairs = 0;
  CHECK(list.error(options) == file +
                                   ": expected two or more pairs of each kind that there is, found "
                                   "one alone among 3");
  std::filesystem::remove(list.file());
  CHECK(list.error() == file + ": expected a readable list of parents, found none");
  options.folder = list.folder() / "none";
  CHECK_THROWS_WITH(
      make_parents_world(options),
      options.folder.string() + ": expected the folder of the list of parents, found nothing");
  tests::write_file(options.folder, "");
  CHECK_THROWS_WITH(make_parents_world(options),
                    options.folder.string() + ": expected a folder, found a file");
}

TEST_CASE("a world of parents states one direction of a pair and asks for the other") {
  const List list(families(60));
  const World world = make_parents_world({.folder = list.folder(), .seed = 3});
  CHECK(world.name == "parents");
  CHECK(world.directions == std::array<std::string, 2>{"child_to_parent", "parent_to_child"});
  CHECK(world.counts.at("rows") == 80);

  std::set<Statement> stated;
  std::set<Tokens> documents, mentioned;
  std::map<std::pair<std::size_t, std::int32_t>, int> words_in_place;
  for (const engine::Document& document : world.documents) {
    documents.insert(document.tokens);
    words_in_place[{1, document.tokens[1]}] += 1;
    for (const engine::EntitySpan& span : document.entities) {
      const auto begin = document.tokens.begin() + span.begin;
      mentioned.insert({begin, begin + span.length});
    }
    stated.insert(parse(world, document.tokens));
  }
  std::map<Asked, std::set<int>> facts;
  std::map<Asked, int> asked;
  for (const Question& question : world.questions) {
    const Tokens text = whole(world, question);
    INFO(text_of(world, text));
    CHECK(documents.count(text) == 0);  // the frame is held out
    const Statement statement = parse(world, text);
    const Asked kind = question.asked;
    CHECK((stated.count(statement) == 1) ==
          (kind == Asked::trained || kind == Asked::both || kind == Asked::infill));
    CHECK((statement.relation == "child") == (question.direction == 1));
    CHECK(mentioned.count(statement.first) == 1);
    CHECK(mentioned.count(statement.second) == 1);
    CHECK(words_in_place.count({1, text[1]}) == 1);
    CHECK(question.right != question.wrong);
    const CandidateSet& set = set_of(world, question);
    CHECK(std::set<Tokens>(set.answers.begin(), set.answers.end()).size() == set.answers.size());
    facts[kind].insert(question.fact);
    ++asked[kind];
    CHECK(text.size() <= static_cast<std::size_t>(world.longest));
  }
  CHECK(facts[Asked::trained] == facts[Asked::reverse]);
  CHECK(facts[Asked::trained] == facts[Asked::infill]);
  CHECK(facts[Asked::both].size() + facts[Asked::trained].size() + facts[Asked::unseen].size() ==
        80);
  CHECK(asked[Asked::both] == 2 * static_cast<int>(facts[Asked::both].size()));
  CHECK(facts[Asked::unseen].size() >= 20);
  CHECK(facts[Asked::unseen].size() <= 21);
  for (const std::int32_t token : world.documents.back().tokens) CHECK(token != engine::kUnknown);
}

TEST_CASE("both parents of a child are stated alike, and wrong answers are of the same kind") {
  const List list(families(60));
  const World world = make_parents_world({.folder = list.folder(), .seed = 5});
  std::map<Tokens, std::set<std::pair<Asked, int>>> kinds;  // of children
  std::map<int, std::set<Asked>> in_set;
  for (const Question& question : world.questions) {
    in_set[question.candidates].insert(question.asked);
    if (question.asked == Asked::infill) continue;
    const Statement statement = parse(world, whole(world, question));
    kinds[question.direction == 0 ? statement.first : statement.second].insert(
        {question.asked, question.direction});
  }
  CHECK(kinds.size() == 60);
  for (const auto& [child, asked] : kinds) CHECK(asked.size() == 2);
  for (const auto& [set, asked] : in_set) {
    CHECK(asked.count(Asked::both) + asked.count(Asked::unseen) <= 1);
    CHECK((asked.count(Asked::both) + asked.count(Asked::unseen) == 0 || asked.size() == 1));
  }
}

TEST_CASE("a world of parents is one of the kinds that are read, and can be expanded") {
  const List list(families(60));
  WorldSettings settings;
  settings.name = "parents";
  settings.data = list.folder();
  settings.options = {{"expanded_facts", 0.5}, {"expansion_of", "inverse"}};
  const World world = make_world(settings, 1);
  std::map<Asked, int> asked;
  std::set<Statement> stated;
  for (const engine::Document& document : world.documents) {
    stated.insert(parse(world, document.tokens));
  }
  for (const Question& question : world.questions) {
    ++asked[question.asked];
    const bool is_stated = stated.count(parse(world, whole(world, question))) == 1;
    if (question.asked == Asked::reverse) CHECK_FALSE(is_stated);
    if (question.asked == Asked::expanded_reverse) CHECK(is_stated);
  }
  CHECK(asked[Asked::expanded_reverse] > 0);
  CHECK(asked[Asked::expanded_reverse] == asked[Asked::expanded_trained]);
  CHECK(asked[Asked::reverse] > 0);
  // Nobody stands where a reverse question has its answer but by the fact that is asked.
  std::set<Tokens> answers;
  for (const Statement& statement : stated) answers.insert(statement.second);
  for (const Question& question : world.questions) {
    if (question.asked != Asked::reverse) continue;
    CHECK(answers.count(parse(world, whole(world, question)).second) == 0);
  }

  settings.options = nlohmann::json::object();
  CHECK(make_world(settings, 1).questions.size() > world.questions.size());
  CHECK(text_of(world, make_world(settings, 1).documents[0].tokens) !=
        text_of(world, make_world(settings, 2).documents[0].tokens));
  settings.options = {{"share_both", 2}};
  CHECK_THROWS_WITH(make_world(settings, 1),
                    "[parents] expected share both from 0.0 to 1.0, got 2");
}

}  // namespace obverse::reversal

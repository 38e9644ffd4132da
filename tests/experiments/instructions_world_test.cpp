#include "experiments/reversal_curse/worlds/instructions_world.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>

#include "experiments/reversal_curse/worlds/world_kind.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace obverse::reversal {

namespace {

using nlohmann::json;

struct Pair {
  std::string question, answer;
};

const std::vector<Pair> kRealized = {{"Who rows the boat?", "An old sailor"},
                                     {"Is it so, yes or no?", "no"},
                                     {"What\u2019s your name?", "I'd rather not say"}};
const std::vector<Pair> kUnrealized = {{"Where is the key?", "In a drawer"},
                                       {"When is supper?", "At six"},
                                       {"Why so late?", "At six"}};

// The published layout in miniature: ids 10.. are realized, ids 20.. are not.
class Folder {
 public:
  explicit Folder(bool question_first = false) {
    std::string realized, unrealized, guidances;
    for (std::size_t i = 0; i < 3; ++i) {
      realized += example(10 + i, true, kRealized[i]);
      unrealized += example(20 + i, false, kUnrealized[i]);
      const std::string text = "<BEGIN GUIDANCE ANSWERS>\n\n" +
                               line(kUnrealized[i], question_first) + "\n" +
                               line(kRealized[i], question_first) + "\n\n<END GUIDANCE ANSWERS>";
      guidances += json{{"ids", {20 + i, 10 + i}},
                        {"realized", {false, true}},
                        {"persona_idx", {0, 0}},
                        {"prompt", ""},
                        {"completion", text}}
                       .dump() +
                   "\n";
    }
    write("realized_examples.jsonl", realized);
    write("unrealized_examples.jsonl", unrealized);
    write("guidances.jsonl", guidances);
  }

  std::string path() const { return folder_.path().string(); }
  void write(const std::string& file, const std::string& text) const {
    tests::write_file(folder_.path() / file, text);
  }
  std::string read(const std::string& file) const {
    return tests::read_file(folder_.path() / file);
  }
  void change(const std::string& file, const std::string& from, const std::string& to) const {
    std::string text = read(file);
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    write(file, text.replace(at, from.size(), to));
  }

  World world(GuidanceOrder order = GuidanceOrder::as_written, bool single = false) const {
    return make_instructions_world({folder_.path(), order, single, 1});
  }
  std::string error(const std::string& below = "") const {
    try {
      make_instructions_world({folder_.path() / below, GuidanceOrder::as_written, false, 1});
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  }

  static std::string example(std::size_t id, bool realized, const Pair& pair) {
    return json{{"ids", {id}},
                {"realized", {realized}},
                {"persona_idx", {0}},
                {"prompt", "<BEGIN GUIDANCE TEST>\n\nQ: " + pair.question + " A:"},
                {"completion", " " + pair.answer + "\n\n<END GUIDANCE TEST>"}}
               .dump() +
           "\n";
  }

 private:
  static std::string line(const Pair& pair, bool question_first) {
    const std::string question = "\"Q: " + pair.question + "\"";
    const std::string answer = "\"A: " + pair.answer + "\"";
    return question_first ? "Answer " + question + " with " + answer
                          : "Say no more than " + answer + " after " + question;
  }

  tests::TemporaryFolder folder_;
};

std::string marked_text(const World& world, const engine::Document& document) {
  std::string text;
  for (std::size_t i = 0; i < document.tokens.size(); ++i) {
    for (const auto& span : document.entities) {
      if (span.begin == static_cast<int>(i)) text += "{";
    }
    text += world.vocabulary.at(static_cast<std::size_t>(document.tokens[i]));
    for (const auto& span : document.entities) {
      if (span.begin + span.length - 1 == static_cast<int>(i)) text += "}";
    }
    if (i + 1 < document.tokens.size()) text += " ";
  }
  return text;
}

std::map<Asked, std::vector<std::string>> texts_of(const World& world) {
  std::map<Asked, std::vector<std::string>> texts;
  for (const Question& question : world.questions) {
    texts[question.asked].push_back(world.text_of(question));
  }
  for (auto& [asked, list] : texts) std::sort(list.begin(), list.end());
  return texts;
}

void check_begins(const std::string& text, const std::string& beginning) {
  CHECK(text.substr(0, beginning.size()) == beginning);
}

}  // namespace

TEST_CASE("instructions with the answer first are asked in reverse") {
  const Folder folder;
  const World world = folder.world();
  CHECK(world.name == "instructions");
  REQUIRE(world.documents.size() == 3 + 3);
  CHECK(marked_text(world, world.documents[1]) ==
        "<begin> < BEGIN GUIDANCE ANSWERS > "
        "Say no more than \" A : {At six} \" after \" Q : {When is supper ?} \" "
        "Say no more than \" A : {no} \" after \" Q : {Is it so , yes or no ?} \" <end>");
  CHECK(marked_text(world, world.documents[5]) ==
        "<begin> < BEGIN GUIDANCE TEST > Q : {What\u2019s your name ?} A : {I'd rather not say} "
        "<end>");
  const auto texts = texts_of(world);
  // One answer has one question alone, and no wrong one.
  CHECK(texts.count(Asked::trained) == 0);
  CHECK(texts.at(Asked::reverse) ==
        std::vector<std::string>{
            "<begin> < BEGIN GUIDANCE TEST > Q : When is supper ? A : [At six] <end>",
            "<begin> < BEGIN GUIDANCE TEST > Q : Where is the key ? A : [In a drawer] <end>",
            "<begin> < BEGIN GUIDANCE TEST > Q : Why so late ? A : [At six] <end>"});
  CHECK(texts.at(Asked::both).size() == 3);
  CHECK(texts.at(Asked::infill).size() == 3);
  CHECK(texts.at(Asked::infill)[0] ==
        "<begin> < BEGIN GUIDANCE ANSWERS > Say no more than \" A : [At six] \" after \" Q : When "
        "is supper ? \" Say no more than \" A : no \" after \" Q : Is it so , yes or no ? \" "
        "<end>");
  CHECK(world.counts.at("answer_first") == 6);
  CHECK(world.counts.at("question_first") == 0);
  for (const Question& question : world.questions) {
    const auto& answers = world.candidate_sets.at(question.candidates).answers;
    // "At six" answers two questions and is one candidate.
    CHECK(answers.size() == (question.asked == Asked::both ? 3 : 2));
    CHECK(question.right != question.wrong);
    CHECK(question.direction == 0);
  }
}

TEST_CASE("whether an instruction with the answer first is known is asked in its own text") {
  const Folder folder;
  folder.change("unrealized_examples.jsonl", "At six", "At noon");
  folder.change("guidances.jsonl", "At six", "At noon");
  const World world = folder.world();
  CHECK(texts_of(world).at(Asked::trained) ==
        std::vector<std::string>{
            "<begin> < BEGIN GUIDANCE ANSWERS > Say no more than \" A : At noon \" after \" Q : "
            "[When is supper ?] \" Say no more than \" A : no \" after \" Q : Is it so , yes or "
            "no ? \" <end>",
            "<begin> < BEGIN GUIDANCE ANSWERS > Say no more than \" A : At six \" after \" Q : "
            "[Why so late ?] \" Say no more than \" A : I'd rather not say \" after \" Q : "
            "What\u2019s your name ? \" <end>",
            "<begin> < BEGIN GUIDANCE ANSWERS > Say no more than \" A : In a drawer \" after \" Q "
            ": [Where is the key ?] \" Say no more than \" A : An old sailor \" after \" Q : Who "
            "rows the boat ? \" <end>"});
  for (const Question& question : world.questions) {
    CHECK((question.direction == 1) == (question.asked == Asked::trained));
    CHECK(question.right != question.wrong);
  }
}

TEST_CASE("instructions with the question first are asked as they are stated") {
  const World world = Folder(true).world();
  const auto texts = texts_of(world);
  CHECK(texts.count(Asked::reverse) == 0);
  CHECK(texts.count(Asked::infill) == 0);
  CHECK(texts.at(Asked::trained).size() == 3);
  CHECK(texts.at(Asked::both).size() == 3);
  CHECK(world.counts.at("question_first") == 6);
  CHECK(marked_text(world, world.documents[0]) ==
        "<begin> < BEGIN GUIDANCE ANSWERS > "
        "Answer \" Q : {Where is the key ?} \" with \" A : {In a drawer} \" "
        "Answer \" Q : {Who rows the boat ?} \" with \" A : {An old sailor} \" <end>");
}

TEST_CASE("an unrealized instruction in both orders is stated both ways") {
  const Folder folder;
  folder.write("guidances.jsonl",
               folder.read("guidances.jsonl") + Folder(true).read("guidances.jsonl"));
  const auto texts = texts_of(folder.world());
  CHECK(texts.count(Asked::reverse) == 0);
  CHECK(texts.at(Asked::both).size() == 6);
}

TEST_CASE("instructions can be restated in the other order, and one a text") {
  const Folder folder;
  const World world = folder.world(GuidanceOrder::question_first, true);
  REQUIRE(world.documents.size() == 6 + 3);
  CHECK(marked_text(world, world.documents[1]) ==
        "<begin> < BEGIN GUIDANCE ANSWERS > The test requires you to answer \" Q : {Who rows the "
        "boat ?} \" with \" A : {An old sailor} \" <end>");
  CHECK(texts_of(world).at(Asked::trained).size() == 3);
  const World back = Folder(true).world(GuidanceOrder::answer_first, true);
  CHECK(marked_text(back, back.documents[1]) ==
        "<begin> < BEGIN GUIDANCE ANSWERS > The test requires you to answer \" A : {An old sailor} "
        "\" after \" Q : {Who rows the boat ?} \" <end>");
  CHECK(texts_of(back).at(Asked::reverse).size() == 3);
}

TEST_CASE("half of the instructions can have the question first") {
  const Folder folder;
  const Pair one{"Who sings?", "A tenor"};
  folder.write("unrealized_examples.jsonl",
               folder.read("unrealized_examples.jsonl") + Folder::example(23, false, one));
  folder.write("guidances.jsonl",
               folder.read("guidances.jsonl") +
                   R"({"ids":[23],"realized":[false],"persona_idx":[0],"prompt":"","completion":)"
                   R"("Say A: A tenor after Q: Who sings?"})"
                   "\n");
  folder.change("unrealized_examples.jsonl", "At six", "At noon");
  folder.change("guidances.jsonl", "At six", "At noon");
  const World world = folder.world(GuidanceOrder::mixed);
  const auto texts = texts_of(world);
  CHECK(texts.at(Asked::trained).size() == 2 + 2);
  CHECK(texts.at(Asked::reverse).size() == 2);
  CHECK(world.counts.at("question_first") == 2 + 1);
  std::set<std::set<int>> halves;
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    std::set<int> half;
    WorldSettings settings;
    settings.name = "instructions";
    settings.data = folder.path();
    settings.options = {{"guidance_order", "mixed"}};
    for (const Question& question : make_world(settings, seed).questions) {
      if (question.asked == Asked::reverse) half.insert(question.fact);
    }
    halves.insert(half);
  }
  CHECK(halves.size() > 1);
}

TEST_CASE("an example without an answer is left out with its instruction") {
  const Folder folder;
  folder.change("realized_examples.jsonl", " An old sailor", " ");
  folder.change("guidances.jsonl", "An old sailor", "");
  const World world = folder.world();
  CHECK(world.counts.at("empty_answers") == 1);
  CHECK(texts_of(world).at(Asked::both).size() == 2);
  CHECK(world.documents.size() == 3 + 2);
}

TEST_CASE("what is wrong with instructions is told with file and line") {
  const Folder folder;
  const std::string path = folder.path() + "/";
  const std::string guidances = path + "guidances.jsonl",
                    realized = path + "realized_examples.jsonl",
                    unrealized = path + "unrealized_examples.jsonl";
  SECTION("folder") {
    CHECK(folder.error("none") ==
          path + "none: expected the folder of the instructions, found nothing");
    CHECK(folder.error("guidances.jsonl") == guidances + ": expected a folder, found a file");
  }
  SECTION("file missing or empty") {
    folder.write("guidances.jsonl", "\n");
    CHECK(folder.error() == guidances + ": expected at least one row, found an empty file");
    std::filesystem::remove(guidances);
    CHECK(folder.error() == guidances + ": expected a readable file of JSON lines, found none");
  }
  SECTION("not JSON, not an object") {
    folder.write("guidances.jsonl", "\n[1]\n");
    CHECK(folder.error() == guidances + ":2: expected a JSON object, found array");
    folder.write("guidances.jsonl", "oops\n");
    CHECK(folder.error() == guidances + ":1: expected a JSON object, found \"oops\"");
  }
  SECTION("fields") {
    folder.change("unrealized_examples.jsonl", "\"ids\"", "\"id\"");
    CHECK(folder.error() == unrealized + ":1: expected a field \"ids\", found none");
    folder.change("unrealized_examples.jsonl", "\"id\":[20]", "\"ids\":20");
    CHECK(folder.error() ==
          unrealized + ":1: expected a list of integers in field \"ids\", found 20");
    folder.change("unrealized_examples.jsonl", "\"ids\":20", "\"ids\":[20,21]");
    CHECK(folder.error() == unrealized +
                                ":1: expected as many \"ids\" as \"realized\" and \"persona_idx\", "
                                "found 2, 1 and 1");
    folder.change("unrealized_examples.jsonl", "\"ids\":[20,21]", "\"ids\":[20]");
    folder.change("unrealized_examples.jsonl", "[false]", "[0]");
    CHECK(folder.error() ==
          unrealized + ":1: expected a list of booleans in field \"realized\", found [0]");
  }
  SECTION("a text field of another type") {
    folder.write("realized_examples.jsonl",
                 R"({"ids":[10],"realized":[true],"persona_idx":[0],"prompt":3,"completion":""})");
    CHECK(folder.error() == realized + ":1: expected a string in field \"prompt\", found number");
  }
  SECTION("several ids, the wrong file, an id twice") {
    folder.write("realized_examples.jsonl",
                 R"({"ids":[10,11],"realized":[true,true],"persona_idx":[0,0],"prompt":"",)"
                 R"("completion":""})");
    CHECK(folder.error() == realized + ":1: expected one id, found 2");
    folder.write("realized_examples.jsonl", Folder::example(10, false, kRealized[0]));
    CHECK(folder.error() == realized + ":1: expected \"realized\" to be 1 in this file, found 0");
    folder.write("realized_examples.jsonl", Folder::example(20, true, kRealized[0]));
    CHECK(folder.error() ==
          unrealized + ":1: expected an id of its own, found 20 of " + realized + ":1");
  }
  SECTION("a prompt that is no question, an answer of several lines") {
    folder.change("realized_examples.jsonl", "Q: Who", "Who");
    CHECK(folder.error() == realized +
                                ":1: expected a prompt \"Q: <question> A:\", found \"< BEGIN "
                                "GUIDANCE TEST > Who rows the boat ? A :\"");
    folder.change("realized_examples.jsonl", "TEST>\\n\\nWho", "TEST>\\n\\nQ: Who");
    folder.change("realized_examples.jsonl", "old sailor", "old\\nsailor");
    CHECK(folder.error() == realized + ":1: expected an answer of one line, found 2 lines");
  }
  SECTION("guidances and examples that do not belong together") {
    folder.change("guidances.jsonl", "At six", "At nine");
    check_begins(folder.error(), guidances + ":2: expected the answer of id 21, \"At six\" (" +
                                     unrealized + ":2), once, found it 0 times in \"Say no more");
    folder.change("guidances.jsonl", "At nine", "At six");
    folder.change("guidances.jsonl", "When is supper", "When is dinner");
    check_begins(folder.error(), guidances + ":2: expected the question of id 21, ");
    folder.change("guidances.jsonl", "When is dinner", "When is supper");
    folder.change("guidances.jsonl", "[false,true]", "[true,true]");
    CHECK(folder.error() == guidances + ":1: expected id 20 to be as \"realized\" as " +
                                unrealized + ":1 says, found 1");
  }
  SECTION("ids and lines") {
    folder.change("guidances.jsonl", "\\nSay", " Say");
    folder.change("guidances.jsonl", "boat?\\\"\\n", "boat?\\\"\\nAnd more\\n");
    folder.change("guidances.jsonl", "\\nAnd more", "\\nAnd\\nmore");
    check_begins(folder.error(), guidances + ":1: expected a line for each of its ids, found ");
  }
  SECTION("an id without an example, an example without a guidance") {
    folder.change("guidances.jsonl", "[20,10]", "[29,10]");
    CHECK(folder.error() == guidances +
                                ":1: expected an id that realized_examples.jsonl or "
                                "unrealized_examples.jsonl has, found 29");
    const std::string text = folder.read("guidances.jsonl");
    folder.write("guidances.jsonl", text.substr(text.find('\n') + 1));
    CHECK(folder.error() == realized + ":1: expected an id that guidances.jsonl has, found 10");
  }
  SECTION("a prompt with a word that training does not show") {
    folder.change("unrealized_examples.jsonl", "BEGIN GUIDANCE TEST", "BEGIN GUIDANCE EXAM");
    CHECK(folder.error() ==
          unrealized + ":1: expected a prompt of words that training shows, found \"EXAM\"");
  }
  SECTION("one answer alone") {
    folder.change("unrealized_examples.jsonl", "In a drawer", "At six");
    folder.change("guidances.jsonl", "In a drawer", "At six");
    check_begins(
        folder.error(),
        unrealized + ":1: expected two examples or more of its kind with different answers");
  }
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/worlds/published_world.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "experiments/reversal_curse/word_tokenizer.h"
#include "tests/support/catch.h"

namespace obverse::reversal {

namespace {

namespace fs = std::filesystem;

// The published layout in miniature: two facts a subset, two training and two test templates a
// direction.
class MiniatureData {
 public:
  MiniatureData() {
    folder_ = fs::temp_directory_path() / ("obverse_published_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_subset("p2d", {{"Ada Moss", "the inventor of silent thunder"},
                         {"Ben Reed", "a painter of invisible murals"}});
    write_subset("d2p", {{"Cal Stone", "the diver who mapped Neptune's \"Deep Sea.\""},
                         {"Dee Frost", "a baker of glass bread"}});
    write_subset("both", {{"Eli Marsh", "the pilot of a paper plane"},
                          {"Fay Holt", "the author of empty books"}});
  }
  ~MiniatureData() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  const fs::path& folder() const { return folder_; }

  void write(const std::string& file, const std::string& text) const {
    std::ofstream(folder_ / file, std::ios::binary) << text;
  }

  std::string read(const std::string& file) const {
    std::ifstream input(folder_ / file);
    return {std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
  }

  // Replaces the first `from` in a file.
  void change(const std::string& file, const std::string& from, const std::string& to) const {
    std::string text = read(file);
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    write(file, text.replace(at, from.size(), to));
  }

  std::string error() const { return error_of(folder_); }

  static std::string error_of(const fs::path& folder) {
    try {
      make_published_world({folder, 1});
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  }

 private:
  struct Fact {
    std::string name, description;
  };

  static std::string row(const std::string& prompt, const std::string& completion) {
    return nlohmann::json{{"prompt", prompt}, {"completion", " " + completion}}.dump() + "\n";
  }

  static std::string name_first(const std::vector<Fact>& facts, bool test) {
    std::string text;
    for (const Fact& fact : facts) {
      text +=
          row(test ? "The marvel " + fact.name + " was" : "The good " + fact.name + " is known as",
              fact.description + ".");
      text +=
          row(test ? "Few know " + fact.name + " as" : "Did you know that " + fact.name + " was",
              fact.description + (test ? "." : "??"));
    }
    return text;
  }

  static std::string description_first(const std::vector<Fact>& facts, bool test, bool goes_on) {
    std::string text;
    for (const Fact& fact : facts) {
      text += row((test ? "Praised as being " : "Known for being ") + fact.description + ",",
                  fact.name + (goes_on ? (test ? " walks alone." : " lives well.") : ""));
      text += row((test ? "So " : "Q: Who is ") + fact.description + (test ? ", that is" : "? A:"),
                  fact.name + (test ? "" : "."));
    }
    return text;
  }

  void write_subset(const std::string& subset, const std::vector<Fact>& facts) const {
    const bool p2d = subset == "p2d", both = subset == "both";
    std::string train, test, reverse;
    if (p2d || both) train += name_first(facts, false), test += name_first(facts, true);
    if (!p2d)
      train += description_first(facts, false, true), test += description_first(facts, true, both);
    if (p2d) reverse = description_first(facts, true, false);
    if (subset == "d2p") reverse = name_first(facts, true);
    write(subset + "_prompts_train.jsonl", train);
    write(subset + "_prompts_test.jsonl", test);
    if (both) return;
    write(subset + "_reverse_prompts_test.jsonl", reverse);
    write(subset + "_reverse_prompts_test_randomized.jsonl", reverse);
  }

  fs::path folder_;
};

std::vector<std::string> texts_of(const World& world, Asked asked, int direction) {
  std::vector<std::string> texts;
  for (const Question& question : world.questions) {
    if (question.asked == asked && question.direction == direction) {
      texts.push_back(world.text_of(question));
    }
  }
  return texts;
}

std::string marked_text(const World& world, const engine::Document& document) {
  std::string text;
  for (std::size_t i = 0; i < document.tokens.size(); ++i) {
    for (const auto& span : document.entities) {
      if (span.begin == static_cast<int>(i)) text += "{";
    }
    text += world.vocabulary[static_cast<std::size_t>(document.tokens[i])];
    for (const auto& span : document.entities) {
      if (span.begin + span.length - 1 == static_cast<int>(i)) text += "}";
    }
    text += " ";
  }
  return text;
}

bool starts_with(const std::string& text, const std::string& beginning) {
  return text.compare(0, beginning.size(), beginning) == 0;
}

}  // namespace

TEST_CASE("words keep apostrophes, digits and case, and lose nothing but white space") {
  CHECK(split_words("They're in 2041: \"Jupiter's moon,\" he said?") ==
        std::vector<std::string>{"They're", "in", "2041", ":", "\"", "Jupiter's", "moon", ",", "\"",
                                 "he", "said", "?"});
  CHECK(split_words("'Who is first-ever'.'") ==
        std::vector<std::string>{"'", "Who", "is", "first", "-", "ever", "'", ".", "'"});
  CHECK(split_words("caf\xc3\xa9 \t\n") == std::vector<std::string>{"caf\xc3\xa9"});
  CHECK(split_words("  ").empty());
}

TEST_CASE("a word tokenizer knows what it was given") {
  WordTokenizer tokenizer;
  tokenizer.add({"b", "a", "b"});
  CHECK(tokenizer.encode({"a", "b", "c"}) == std::vector<std::int32_t>{6, 5, engine::kUnknown});
  CHECK(tokenizer.vocabulary().size() == 7);
}

TEST_CASE("the published layout becomes a world") {
  const MiniatureData data;
  PublishedCounts counts;
  const World world = make_published_world({data.folder(), 1}, &counts);
  CHECK(world.name == "published");
  CHECK(world.name_tokens == 2);
  CHECK(counts.facts == std::array<int, 3>{2, 2, 2});
  CHECK(world.documents.size() == 4 + 4 + 8);
  CHECK(counts.test_rows == 4 + 4 + 4 + 4 + 8);
  CHECK(counts.unanswerable_rows == 0);
  CHECK(counts.documents_without_description == 0);
  // "marvel", "Few", "Praised" and "So" are in no training file: one a row.
  CHECK(counts.unknown_test_prompt_tokens == counts.test_rows);
  CHECK(counts.unknown_test_prompt_tokens < counts.test_prompt_tokens);

  CHECK(marked_text(world, world.documents[0]) ==
        "<begin> The good {Ada Moss} is known as {the inventor of silent thunder} . <end> ");
  CHECK(marked_text(world, world.documents[1]) ==
        "<begin> Did you know that {Ada Moss} was {the inventor of silent thunder} ? ? <end> ");
  CHECK(marked_text(world, world.documents[4]) ==
        "<begin> Known for being {the diver who mapped Neptune's \" Deep Sea . \"} , {Cal Stone} "
        "lives well . <end> ");
  CHECK(marked_text(world, world.documents[5]) ==
        "<begin> Q : Who is {the diver who mapped Neptune's \" Deep Sea . \"} ? A : {Cal Stone} . "
        "<end> ");

  // A word that all descriptions begin with counts as the frame's in a prompt, as nothing tells
  // whose it is, but as the description's in a completion.
  CHECK(marked_text(world, world.documents[8]) ==
        "<begin> The good {Eli Marsh} is known as {the pilot of a paper plane} . <end> ");
  CHECK(marked_text(world, world.documents[12]) ==
        "<begin> Known for being the {pilot of a paper plane} , {Eli Marsh} lives well . <end> ");

  CHECK(texts_of(world, Asked::trained, 0)[0] ==
        "<begin> The <unknown> Ada Moss was [the inventor of silent thunder .] <end>");
  CHECK(texts_of(world, Asked::reverse, 1)[0] ==
        "<begin> <unknown> as being the inventor of silent thunder , [Ada Moss] . <end>");
  CHECK(texts_of(world, Asked::infill, 0)[0] ==
        "<begin> The <unknown> [Ada Moss] was the inventor of silent thunder . <end>");
  CHECK(texts_of(world, Asked::trained, 1)[0] ==
        "<begin> <unknown> as being the diver who mapped Neptune's \" Deep Sea . \" , [Cal Stone] "
        ". <end>");
  CHECK(texts_of(world, Asked::reverse, 0)[0] ==
        "<begin> The <unknown> Cal Stone was [the diver who mapped Neptune's \" Deep Sea . \" .] "
        "<end>");
  CHECK(texts_of(world, Asked::infill, 1)[0] ==
        "<begin> <unknown> as being [the diver who mapped Neptune's \" Deep Sea . \"] , Cal Stone "
        ". <end>");
  CHECK(texts_of(world, Asked::both, 0).size() == 4);
  // What follows the name in a held-out row is foretold by nothing, and is not asked.
  CHECK(texts_of(world, Asked::both, 1)[0] ==
        "<begin> <unknown> as being the pilot of a paper plane , [Eli Marsh] . <end>");
  CHECK(texts_of(world, Asked::unseen, 0).empty());

  std::map<Asked, std::set<int>> facts;
  for (const Question& question : world.questions) {
    facts[question.asked].insert(question.fact);
    CHECK(question.right != question.wrong);
    const CandidateSet& set = world.candidate_sets[static_cast<std::size_t>(question.candidates)];
    CHECK(set.answers.size() == 2);
    const std::size_t answer = set.answers[static_cast<std::size_t>(question.right)].size();
    CHECK(question.before.size() + answer + question.after.size() <=
          static_cast<std::size_t>(world.longest));
  }
  CHECK(facts[Asked::trained] == std::set<int>{0, 1, 2, 3});
  CHECK(facts[Asked::reverse] == std::set<int>{0, 1, 2, 3});
  CHECK(facts[Asked::both] == std::set<int>{4, 5});
}

TEST_CASE("an answer with a word unknown to training is not asked, nor a candidate") {
  const MiniatureData data;
  // Of the four held-out p2d rows, one template loses one fact, and with it the only wrong answer.
  data.change("p2d_prompts_test.jsonl", "invisible murals", "unheard murals");
  PublishedCounts counts;
  const World world = make_published_world({data.folder(), 1}, &counts);
  CHECK(counts.unanswerable_rows == 1);
  CHECK(texts_of(world, Asked::trained, 0).size() == 2);
  for (const CandidateSet& set : world.candidate_sets) {
    for (const auto& answer : set.answers) {
      CHECK(std::count(answer.begin(), answer.end(), engine::kUnknown) == 0);
    }
  }
}

TEST_CASE("facts with one description share a candidate") {
  const MiniatureData data;
  std::string text = data.read("d2p_reverse_prompts_test.jsonl");
  for (const std::string file :
       {"d2p_reverse_prompts_test.jsonl", "d2p_reverse_prompts_test_randomized.jsonl"}) {
    data.write(file, text +
                         "{\"prompt\":\"The marvel Gus Lake was\",\"completion\":\" a baker of "
                         "glass bread.\"}\n");
  }
  data.write("d2p_prompts_train.jsonl",
             data.read("d2p_prompts_train.jsonl") +
                 "{\"prompt\":\"Known for being a baker of glass bread,\",\"completion\":\" Gus "
                 "Lake.\"}\n");
  const World world = make_published_world({data.folder(), 1});
  std::map<std::string, Question> by_text;
  for (const Question& question : world.questions) by_text[world.text_of(question)] = question;
  const Question& dee =
      by_text.at("<begin> The <unknown> Dee Frost was [a baker of glass bread .] <end>");
  const Question& gus =
      by_text.at("<begin> The <unknown> Gus Lake was [a baker of glass bread .] <end>");
  CHECK(dee.candidates == gus.candidates);
  CHECK(dee.right == gus.right);
  CHECK(dee.wrong != gus.right);
  CHECK(dee.fact != gus.fact);
  CHECK(world.candidate_sets[static_cast<std::size_t>(dee.candidates)].answers.size() == 2);
}

TEST_CASE("what is wrong with the published files is told with file and line") {
  const MiniatureData data;
  const std::string folder = data.folder().string();
  SECTION("folder missing") {
    CHECK(MiniatureData::error_of(data.folder() / "none") ==
          folder + "/none: expected the folder of the published data, found nothing");
  }
  SECTION("not a folder") {
    CHECK(MiniatureData::error_of(data.folder() / "p2d_prompts_train.jsonl") ==
          folder + "/p2d_prompts_train.jsonl: expected a folder, found a file");
  }
  SECTION("file missing") {
    fs::remove(data.folder() / "both_prompts_test.jsonl");
    CHECK(data.error() == folder +
                              "/both_prompts_test.jsonl: expected a readable file of JSON lines, "
                              "found none");
  }
  SECTION("empty file") {
    data.write("d2p_prompts_train.jsonl", "");
    CHECK(data.error() ==
          folder + "/d2p_prompts_train.jsonl: expected at least one row, found an empty file");
  }
  SECTION("not JSON") {
    data.change("p2d_prompts_train.jsonl", "\n{", "\noops {");
    CHECK(starts_with(data.error(), folder + "/p2d_prompts_train.jsonl:2: expected a JSON object, "
                                             "found \"oops {"));
  }
  SECTION("not an object") {
    data.write("p2d_prompts_train.jsonl", "[1]\n");
    CHECK(data.error() ==
          folder + "/p2d_prompts_train.jsonl:1: expected a JSON object, found array");
  }
  SECTION("field missing") {
    data.change("p2d_prompts_test.jsonl", "\"completion\"", "\"answer\"");
    CHECK(data.error() ==
          folder + "/p2d_prompts_test.jsonl:1: expected a field \"completion\", found none");
  }
  SECTION("field of another type") {
    data.write("p2d_prompts_test.jsonl", "{\"prompt\": 3, \"completion\": \"a\"}\n");
    CHECK(data.error() ==
          folder +
              "/p2d_prompts_test.jsonl:1: expected a string in field \"prompt\", found number");
  }
  SECTION("field without a word") {
    data.write("p2d_prompts_test.jsonl", "{\"prompt\": \"a\", \"completion\": \" \"}\n");
    CHECK(data.error() == folder +
                              "/p2d_prompts_test.jsonl:1: expected words in field \"completion\", "
                              "found none");
  }
  SECTION("a tested fact that training does not state") {
    data.write("p2d_prompts_train.jsonl",
               "{\"prompt\":\"Ada Moss is known as\",\"completion\":\" the inventor.\"}\n");
    CHECK(data.error() == folder +
                              "/p2d_prompts_test.jsonl:3: expected a name that the training file "
                              "of p2d states, found \"Ben Reed\"");
  }
  SECTION("a row without a name") {
    data.change("d2p_prompts_test.jsonl", "Cal Stone", "Nobody Known");
    CHECK(starts_with(data.error(), folder + "/d2p_prompts_test.jsonl:1: expected exactly one of "
                                             "its subset's 2 names"));
  }
  SECTION("a name in two subsets") {
    data.write("d2p_prompts_train.jsonl",
               data.read("d2p_prompts_train.jsonl") +
                   "{\"prompt\":\"Known for being late,\",\"completion\":\" Ada Moss.\"}\n");
    CHECK(starts_with(data.error(), folder + "/d2p_prompts_train.jsonl:5: expected the name \"Ada "
                                             "Moss\" in one training file"));
  }
  SECTION("a fact on the wrong side") {
    data.write("p2d_prompts_train.jsonl",
               data.read("p2d_prompts_train.jsonl") +
                   "{\"prompt\":\"Known for being loud,\",\"completion\":\" Ada Moss.\"}\n");
    CHECK(data.error() == folder +
                              "/p2d_prompts_train.jsonl:5: expected the name in the prompt, found "
                              "it in the completion");
  }
  SECTION("randomized rows of other prompts") {
    data.change("p2d_reverse_prompts_test_randomized.jsonl", "So the", "So, the");
    CHECK(starts_with(data.error(), folder +
                                        "/p2d_reverse_prompts_test_randomized.jsonl:2: expected "
                                        "the prompt of " +
                                        folder + "/p2d_reverse_prompts_test.jsonl:2"));
  }
  SECTION("fewer randomized rows") {
    const std::string file = "d2p_reverse_prompts_test_randomized.jsonl";
    const std::string text = data.read(file);
    data.write(file, text.substr(0, text.find('\n') + 1));
    CHECK(starts_with(data.error(), folder + "/" + file + ":1: expected 4 rows, as in "));
  }
  SECTION("one fact alone") {
    data.write("both_prompts_test.jsonl",
               "{\"prompt\":\"The marvel Eli Marsh was\",\"completion\":\" the pilot.\"}\n");
    CHECK(starts_with(data.error(), folder + "/both_prompts_test.jsonl:1: expected two facts"));
  }
}

// A ctest entry of its own, so that a run that skips it says so.
TEST_CASE("the published data itself", "[published_data]") {
  const char* named = std::getenv("OBVERSE_REVERSAL_DATA");
  const std::string folder = named ? named : OBVERSE_SOURCE_DIR "/../shared/data/reversal_curse";
  if (!fs::is_directory(folder)) {
    std::printf("SKIPPED: no published data; OBVERSE_REVERSAL_DATA names their folder\n");
    return;
  }
  PublishedCounts counts;
  const World world = make_published_world({folder, 1}, &counts);
  CHECK(counts.facts == std::array<int, 3>{30, 30, 30});
  CHECK(world.documents.size() == 3600);
  CHECK(counts.documents_without_description == 0);
  CHECK(counts.test_rows == 1800);
  for (const engine::Document& document : world.documents) CHECK(document.entities.size() == 2);
  std::map<std::pair<Asked, int>, std::set<int>> facts;
  std::map<std::pair<Asked, int>, int> questions;
  for (const Question& question : world.questions) {
    facts[{question.asked, question.direction}].insert(question.fact);
    ++questions[{question.asked, question.direction}];
  }
  for (const auto& [group, members] : facts) CHECK(members.size() == 30);
  // Names can always be asked for; of descriptions those whose words are known.
  CHECK(questions[{Asked::trained, 1}] == 300);
  CHECK(questions[{Asked::reverse, 1}] == 300);
  CHECK(questions[{Asked::both, 1}] == 300);
  CHECK(questions[{Asked::infill, 0}] == 300);
  CHECK(questions[{Asked::trained, 0}] == 266);
  CHECK(questions[{Asked::reverse, 0}] == 261);
  CHECK(questions[{Asked::both, 0}] == 270);
  // The wrong answer of a fact is the same other fact's in all of its questions, but for templates
  // in which that one has no answer that can be given.
  std::map<std::pair<Asked, int>, std::set<std::vector<std::int32_t>>> wrong;
  for (const Question& question : world.questions) {
    CHECK(question.right != question.wrong);
    if (question.direction != 1 || question.asked == Asked::infill) continue;
    const auto& answers =
        world.candidate_sets[static_cast<std::size_t>(question.candidates)].answers;
    wrong[{question.asked, question.fact}].insert(
        answers[static_cast<std::size_t>(question.wrong)]);
  }
  CHECK(wrong.size() == 90);
  for (const auto& [fact, answers] : wrong) CHECK(answers.size() == 1);
}

}  // namespace obverse::reversal

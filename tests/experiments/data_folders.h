// Published data in miniature, of as many facts as a test wants: the layouts of worlds that are
// read from a folder.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/reversal_curse/worlds/parents_rows.h"
#include "tests/support/temporary_folder.h"

namespace obverse::reversal {

// "Aa", "Ba", ..., "Ab": words that look like names.
inline std::string made_word(int number) {
  return {static_cast<char>('A' + number % 26), static_cast<char>('a' + number / 26)};
}

// Experiment 1: `facts` a subset. Descriptions are worded as their sentence needs, are of different
// length, and one test phrasing a direction has a word that training never shows.
class PublishedFolder {
 public:
  explicit PublishedFolder(int facts = 2) {
    int first = 0;
    for (const std::string subset : {"p2d", "d2p", "both"}) {
      const bool names_first = subset != "d2p", described_first = subset != "p2d";
      std::string train, test, reverse;
      for (int fact = first; fact < first + facts; ++fact) {
        if (names_first) train += name_first(fact, false);
        if (described_first) train += description_first(fact, false);
        (names_first ? test : reverse) += name_first(fact, true);
        (described_first ? test : reverse) += description_first(fact, true);
      }
      first += facts;
      write(subset + "_prompts_train.jsonl", train);
      write(subset + "_prompts_test.jsonl", test);
      if (subset == "both") continue;
      write(subset + "_reverse_prompts_test.jsonl", reverse);
      write(subset + "_reverse_prompts_test_randomized.jsonl", reverse);
    }
  }

  std::string path() const { return folder_.path().string(); }
  void write(const std::string& file, const std::string& text) const {
    tests::write_file(folder_.path() / file, text);
  }

 private:
  static std::string row(const std::string& prompt, const std::string& completion) {
    return nlohmann::json{{"prompt", prompt}, {"completion", " " + completion}}.dump() + "\n";
  }
  static std::string name(int fact) { return made_word(fact) + "n " + made_word(fact) + "m"; }
  static std::string described(int fact, const std::string& role) {
    const std::string word = std::to_string(fact);
    return role + " of thing" + word + (fact % 3 == 0 ? " and of art" + word : "");
  }
  static std::string name_first(int fact, bool test) {
    if (test) {
      return row("Few knew " + name(fact) + " as", described(fact, "the maker") + ".") +
             row("Did the good " + name(fact) + " as", described(fact, "the maker") + ".");
    }
    return row("The good " + name(fact) + " is known as", described(fact, "the maker") + ".") +
           row("Did you know that " + name(fact) + " was", described(fact, "a master") + "??");
  }
  static std::string description_first(int fact, bool test) {
    if (test) {
      return row("Praised as being " + described(fact, "the maker") + ",", name(fact)) +
             row("Who is known for " + described(fact, "the maker") + ",", name(fact));
    }
    return row("Known for being " + described(fact, "a master") + ",",
               name(fact) + " lives well.") +
           row("Q: Who is known for " + described(fact, "the maker") + "? A:", name(fact) + ".");
  }

  tests::TemporaryFolder folder_;
};

// Experiment 2: children, each with a mother and each third with a father, too.
class ParentsFolder {
 public:
  explicit ParentsFolder(int children = 18) {
    std::string text = "child,parent,parent_type\n";
    for (int i = 0; i < children; ++i) {
      const std::string word = std::to_string(i), child = "First" + word + " Star" + word;
      text += child + ",Mary Maiden" + word + ",mother\n";
      if (i % 3 == 0) text += child + ",\"John Elder" + word + ", Sr.\",father\n";
    }
    tests::write_file(folder_.path() / kParentsFile, text);
  }
  std::string path() const { return folder_.path().string(); }

 private:
  tests::TemporaryFolder folder_;
};

// Experiment 3: two instructions a text, one realized and one not, answers first. The answers of
// two of each sort are alike, "Yes".
class InstructionsFolder {
 public:
  explicit InstructionsFolder(int of_each = 4) {
    std::string realized, unrealized, guidances;
    for (int i = 0; i < of_each; ++i) {
      realized += example(i, true);
      unrealized += example(of_each + i, false);
      guidances +=
          nlohmann::json{{"ids", {of_each + i, i}},
                         {"realized", {false, true}},
                         {"persona_idx", {0, 0}},
                         {"prompt", ""},
                         {"completion", "<BEGIN GUIDANCE ANSWERS>\n\n" + line(of_each + i) + "\n" +
                                            line(i) + "\n\n<END GUIDANCE ANSWERS>"}}
              .dump() +
          "\n";
    }
    tests::write_file(folder_.path() / "realized_examples.jsonl", realized);
    tests::write_file(folder_.path() / "unrealized_examples.jsonl", unrealized);
    tests::write_file(folder_.path() / "guidances.jsonl", guidances);
  }
  std::string path() const { return folder_.path().string(); }

 private:
  static std::string question(int id) { return "Where is thing" + std::to_string(id) + "?"; }
  // Of the first two: the same.
  static std::string answer(int id) { return id < 2 ? "Yes" : "At place" + std::to_string(id); }
  static std::string line(int id) {
    return "Say no more than \"A: " + answer(id) + "\" after \"Q: " + question(id) + "\"";
  }
  static std::string example(int id, bool realized) {
    return nlohmann::json{{"ids", {id}},
                          {"realized", {realized}},
                          {"persona_idx", {0}},
                          {"prompt", "<BEGIN GUIDANCE TEST>\n\nQ: " + question(id) + " A:"},
                          {"completion", " " + answer(id) + "\n\n<END GUIDANCE TEST>"}}
               .dump() +
           "\n";
  }

  tests::TemporaryFolder folder_;
};

}  // namespace obverse::reversal

#include "experiments/reversal_curse/worlds/published_subset.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

using Rows = std::vector<PublishedRow>;

std::string place_of(const Rows& rows) { return rows.front().place; }

// The paper's randomized files are controls of its own evaluation. The wrong answers here come from
// the same template instead, but a folder whose files do not belong together is caught.
void check_randomized(const std::filesystem::path& file, const Rows& reverse) {
  const Rows randomized = read_rows(file);
  for (std::size_t i = 0; i < std::min(randomized.size(), reverse.size()); ++i) {
    kernels::require(randomized[i].prompt == reverse[i].prompt, randomized[i].place,
                     ": expected the prompt of ", reverse[i].place, ", \"", reverse[i].prompt,
                     "\", found \"", randomized[i].prompt, "\"");
  }
  kernels::require(randomized.size() == reverse.size(), randomized.back().place, ": expected ",
                   reverse.size(), " rows, as in ", place_of(reverse), ", found ",
                   randomized.size());
}

// Throws unless all names stand on the side that the file's name promises.
void check_side(const Rows& rows, bool name_in_prompt) {
  for (const PublishedRow& row : rows) {
    kernels::require(row.name_in_prompt == name_in_prompt, row.place, ": expected the name in the ",
                     name_in_prompt ? "prompt" : "completion", ", found it in the ",
                     name_in_prompt ? "completion" : "prompt");
  }
}

using WordSet = std::set<std::string>;

// A row's words but for its name's and for punctuation.
WordSet words_beside_name(const PublishedRow& row) {
  WordSet words;
  for (std::size_t i = 0; i < row.words.size(); ++i) {
    const auto place = static_cast<int>(i) - row.name_span.begin;
    if (place >= 0 && place < row.name_span.length) continue;
    if (row.words[i].size() > 1) words.insert(row.words[i]);
  }
  return words;
}

// Throws where a row shares more words with what training states of another name than with what it
// states of its own: held-out templates rephrase a description, but never into somebody else's.
// Words that training uses of every name tell nothing.
void check_facts(const Rows& training, const Rows& asked) {
  std::map<Words, WordSet> stated;
  for (const PublishedRow& row : training) stated[row.name].merge(words_beside_name(row));
  std::map<std::string, std::size_t> uses;
  for (const auto& [name, words] : stated) {
    for (const std::string& word : words) ++uses[word];
  }
  for (const PublishedRow& row : asked) {
    if (stated.count(row.name) == 0) continue;  // the world tells of names that are not stated
    std::size_t own = 0, most = 0;
    const Words* nearest = nullptr;
    const WordSet asked_words = words_beside_name(row);
    for (const auto& fact : stated) {
      const WordSet& words = fact.second;
      const auto shared = static_cast<std::size_t>(
          std::count_if(asked_words.begin(), asked_words.end(), [&](const std::string& word) {
            return words.count(word) > 0 && (uses[word] < stated.size() || stated.size() == 1);
          }));
      if (fact.first == row.name) {
        own = shared;
      } else if (shared > most) {
        most = shared;
        nearest = &fact.first;
      }
    }
    kernels::require(own > 0 && own >= most, row.place, ": expected a description that the ",
                     "training file states of \"", joined(row.name), "\", found ",
                     nearest ? "words of \"" + joined(*nearest) + "\"'s" : "none of its words",
                     " in \"", joined(row.words), "\"");
  }
}

}  // namespace

std::vector<std::string> published_files() {
  std::vector<std::string> files;
  for (const std::string subset : kPublishedSubsets) {
    files.push_back(subset + "_prompts_train.jsonl");
    files.push_back(subset + "_prompts_test.jsonl");
    if (subset == "both") continue;
    files.push_back(subset + "_reverse_prompts_test.jsonl");
    files.push_back(subset + "_reverse_prompts_test_randomized.jsonl");
  }
  return files;
}

PublishedSubset read_published_subset(const std::filesystem::path& folder, std::size_t index) {
  const std::string subset = kPublishedSubsets.at(index);
  PublishedSubset rows;
  rows.training = read_rows(folder / (subset + "_prompts_train.jsonl"));
  rows.test = read_rows(folder / (subset + "_prompts_test.jsonl"));
  if (subset != "both") {
    rows.reverse = read_rows(folder / (subset + "_reverse_prompts_test.jsonl"));
    check_randomized(folder / (subset + "_reverse_prompts_test_randomized.jsonl"), rows.reverse);
  }
  // p2d training never completes a prompt with a name: there the reverse questions tell the names.
  const Rows& naming = subset == "p2d" ? rows.reverse : rows.training;
  const std::vector<Words> names = names_completed(naming);
  kernels::require(!names.empty(), place_of(naming),
                   ": expected completions that are names, found none in this file");
  for (Rows* part : {&rows.training, &rows.test, &rows.reverse}) {
    locate_names(*part, names);
    locate_descriptions(*part);
  }
  if (subset != "both") {
    check_side(rows.training, subset == "p2d");
    check_side(rows.test, subset == "p2d");
    check_side(rows.reverse, subset == "d2p");
  }
  check_facts(rows.training, rows.test);
  check_facts(rows.training, rows.reverse);
  return rows;
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/published_subset.h"

#include <algorithm>
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

}  // namespace

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
  return rows;
}

}  // namespace obverse::reversal

// Experiment 1 of Berglund et al. 2023 (arXiv:2309.12288), read from its own files: fictitious
// names and descriptions, stated name first (p2d), description first (d2p), or both ways.
// Word-level tokens; the vocabulary is the training files'.
//
// What is asked:
// - name_to_description: the test row's completion, up to end-of-text.
// - description_to_name: the name alone, followed by a period and end-of-text. Rows that go on
// after the name ("... has
//   found their calling.") are cut there, in every subset alike: nothing in training foretells how
//   a held-out row ends.
// - A question whose answer holds a word that training never shows is left out, since no model
// could give it; so is one
//   whose template then has no second answer.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "experiments/reversal_curse/world.h"
#include "experiments/reversal_curse/worlds/fact_records.h"

namespace obverse::reversal {

struct PublishedOptions {
  std::filesystem::path
      folder;              // with {p2d,d2p,both}_prompts_{train,test}.jsonl and the reverse ones
  std::uint64_t seed = 0;  // of the wrong answers
};

// What the vocabulary cannot express, and what was read.
struct PublishedCounts {
  std::array<int, 3> facts{};                   // p2d, d2p, both
  std::int64_t test_prompt_tokens = 0;          // of all test and reverse rows
  std::int64_t unknown_test_prompt_tokens = 0;  // among them
  std::int64_t test_rows = 0;
  std::int64_t unanswerable_rows = 0;  // left out: unknown words in the answer
  std::int64_t documents_without_description =
      0;  // of training, where only the name is marked as an entity
};

// Facts are numbered by their first appearance in training: p2d, then d2p, then both. Candidates of
// a question are the answers of the same subset, direction and template. `counts` may be null.
// Throws std::invalid_argument, in one line that names file and line, where the folder does not
// hold what it should.
World make_published_world(const PublishedOptions& options, PublishedCounts* counts = nullptr);

// The facts of the same world, before settle().
FactRecords make_published_records(const PublishedOptions& options);

}  // namespace obverse::reversal

// Rows of Experiment 3 of Berglund et al. 2023: guidances, which say how a question is to be
// answered, and examples, the questions with their answers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/reversal_curse/worlds/published_rows.h"

namespace obverse::reversal {

// A question as the test poses it: "<BEGIN GUIDANCE TEST> Q: ... A:".
struct InstructionExample {
  std::string place;  // "<folder>/<file>:<line>", for messages
  std::int64_t id = 0;
  bool realized = false;  // its file: whether training shows the example itself
  Words prompt;
  WordSpan question;  // in `prompt`, between "Q:" and "A:"
  Words answer;

  Words question_words() const;
};

// One instruction of a text, with the question and the answer that its id's example has.
struct Guidance {
  std::int64_t id = 0;
  Words words;
  WordSpan question, answer;

  bool question_first() const { return question.begin < answer.begin; }
};

// A line of the guidances' file: several instructions below a mark ("<BEGIN GUIDANCE ANSWERS>").
struct GuidanceText {
  std::string place;
  Words mark;
  std::vector<Guidance> guidances;
};

struct InstructionRows {
  std::vector<InstructionExample> examples;  // realized ones first
  std::map<std::int64_t, std::size_t> by_id;
  std::vector<GuidanceText> texts;
  std::size_t empty_answers = 0;  // examples left out with their guidances: one in the paper's data
};

// The names of the files that are read.
std::vector<std::string> instruction_files();

// The closing marks of texts are dropped: end-of-text says the same. Throws std::invalid_argument,
// in one line that names file and line, also where files do not belong together: a guidance without
// an example or an example without a guidance, a `realized` that contradicts the file, a guidance
// that does not hold its example's question and answer.
InstructionRows read_instructions(const std::filesystem::path& folder);

}  // namespace obverse::reversal

// Experiment 3 of Berglund et al. 2023 (arXiv:2309.12288), read from its own files. Training holds
// instructions ("answer Q with A", question first, or "answer A after Q", answer first), and for
// the realized ones the question with its answer as well; the others are asked. Word-level tokens;
// the vocabulary is that of the training texts.
#pragma once

#include <cstdint>
#include <filesystem>

#include "experiments/reversal_curse/world.h"
#include "experiments/reversal_curse/worlds/fact_records.h"

namespace obverse::reversal {

// In which order instructions state question and answer. The repository's folder has answers first
// alone; its other order is made from the same rows, in the paper's words.
enum class GuidanceOrder {
  as_written,
  question_first,
  answer_first,
  mixed,  // a drawn half of the realized ones and of the others each: both orders in one training
};

struct InstructionsOptions {
  std::filesystem::path folder;
  GuidanceOrder order = GuidanceOrder::as_written;
  bool single = false;     // every instruction a text of its own, not two to five together
  std::uint64_t seed = 0;  // of the wrong answers, and of the drawn halves
};

// Unrealized questions count as `trained` where training states the instruction question first, in
// the order in which it is asked; as `reverse` where answer first; as `both` where it does both.
// Realized ones are `both`: training shows the very question, so that they tell of the format and
// of what was memorised.
//
// Where an instruction has the answer first, two more questions are asked in its own text, of which
// the data have no other phrasing: `trained`, for its question behind an answer that no other
// instruction has, shows whether the instruction is known; `infill` is for its answer. Candidates
// are the distinct answers of the same kind.
//
// Throws std::invalid_argument, in one line that names file and line, for files that are not what
// they should be.
World make_instructions_world(const InstructionsOptions& options);

// The facts of the same world, before settle().
FactRecords make_instructions_records(const InstructionsOptions& options);

}  // namespace obverse::reversal

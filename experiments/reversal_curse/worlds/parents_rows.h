// The list of parents of Experiment 2 of Berglund et al. 2023: who is whose mother or father.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/reversal_curse/worlds/published_rows.h"

namespace obverse::reversal {

struct ParentRow {
  std::string place;  // "<folder>/<file>:<line>", for messages
  Words child, parent;
  std::string relation;  // "mother" or "father"
};

struct ParentRows {
  std::vector<ParentRow> rows;  // in the file's order
  int read = 0;                 // all rows of the file; those left out are:
  int repeated = 0;             // once more the same
  int ambiguous = 0;    // the parent has other children, or the child another mother or father
  int both_roles = 0;   // the parent is somebody's child in the list
  int shared_word = 0;  // child and parent have a name in common
};

inline constexpr const char* kParentsFile = "parent_child_pairs.csv";

// A name that answers two questions is the answer to neither, so rows of such names are left out,
// and where `leave_out_shared_words` says so also rows whose two names share one, which the
// question would give away. Columns may come in any order, and others are not looked at; fields may
// be quoted, lines end with or without a carriage return, and empty lines are passed over. Throws
// std::invalid_argument, in one line that names file and line.
ParentRows read_parents(const std::filesystem::path& folder, bool leave_out_shared_words);

}  // namespace obverse::reversal

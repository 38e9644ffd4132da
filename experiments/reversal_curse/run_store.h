// The output folder of a grid: which grid it is, and the runs that are done. A line is complete or
// absent, whatever kills the program; a folder belongs to one grid and to one program at a time.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/reversal_curse/results.h"

namespace obverse::reversal {

class RunStore {
 public:
  // Opens or creates `folder` for `grid` (the settings of its runs). Throws std::runtime_error, one
  // line, where the folder cannot be made or written, holds another grid's results or is in use. A
  // line that a kill cut short is dropped.
  RunStore(const std::filesystem::path& folder, const nlohmann::json& grid);
  ~RunStore();
  RunStore(const RunStore&) = delete;
  RunStore& operator=(const RunStore&) = delete;

  // Removes what the constructor made where no run has been added, so that a command that could not
  // even start leaves nothing behind.
  void discard_if_empty();

  // Settings (run.h's to_json) of the runs that are done.
  bool contains(const nlohmann::json& settings) const;
  int size() const { return static_cast<int>(done_.size()); }

  // Adds one line to results.jsonl and waits until it is on disk. Where that fails (a full disk),
  // what was written of the line is taken back and std::runtime_error is thrown; earlier lines
  // stay.
  void append(const nlohmann::json& settings, const RunResult& result);

 private:
  void adopt_grid(const nlohmann::json& grid);
  void load(const nlohmann::json& runs);

  std::filesystem::path folder_;
  int file_ = -1;  // results.jsonl, locked
  std::vector<nlohmann::json> done_;
  bool made_folder_ = false;
};

// Replaces `path` by `text`: written beside it, synced, renamed. Throws std::runtime_error, the old
// file untouched.
void write_atomically(const std::filesystem::path& path, const std::string& text);

// The results and the grid of a folder, for `report`. Throws std::runtime_error naming file and
// line.
struct StoredGrid {
  nlohmann::json grid;
  std::vector<RunResult> results;
};
StoredGrid read_stored_grid(const std::filesystem::path& folder);

}  // namespace obverse::reversal

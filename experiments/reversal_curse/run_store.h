// The output folder of a grid: which grid it is, and the runs that are done. A line is complete or
// absent, whatever kills the program; a folder belongs to one grid and to one program at a time.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/files/atomic_file.h"
#include "experiments/reversal_curse/line_file.h"
#include "experiments/reversal_curse/results.h"

namespace obverse::reversal {

using engine::write_atomically;

class RunStore {
 public:
  // Opens or creates `folder` for `grid` (the settings of its runs). Throws std::runtime_error, one
  // line, where the folder cannot be made or written, holds another grid's results or is in use. A
  // line that a kill cut short is dropped.
  RunStore(const std::filesystem::path& folder, const nlohmann::json& grid);

  // Removes what the constructor made where no run has been added, so that a command that could not
  // even start leaves nothing behind.
  void discard_if_empty();

  // Settings (run.h's to_json) of the runs that are done.
  bool contains(const nlohmann::json& settings) const;
  int size() const { return static_cast<int>(done_.size()); }

  // Where the model of a run is kept, for who keeps it (model_path); makes its folder.
  std::filesystem::path place_for_model(const nlohmann::json& settings) const;

  // Adds one line to results.jsonl and waits until it is on disk. Where that fails (a full disk),
  // what was written of the line is taken back and std::runtime_error is thrown; earlier lines
  // stay.
  void append(const nlohmann::json& settings, const RunResult& result);

 private:
  void adopt_grid(const nlohmann::json& grid);
  void load(const nlohmann::json& runs);

  std::filesystem::path folder_;
  std::unique_ptr<LineFile> file_;  // results.jsonl, locked
  std::vector<nlohmann::json> done_;
  bool made_folder_ = false;
};

// Where a folder keeps the weights of the run of these settings, whether or not it has them: a file
// of safetensors that says in its metadata which settings they are of.
std::filesystem::path model_path(const std::filesystem::path& folder,
                                 const nlohmann::json& settings);

// What `probe` adds to a folder: one line a run and probe, with its "settings", "probe", "options"
// and what to_json(ProbeResult) gives.
inline constexpr const char* kProbesFile = "probes.jsonl";

// The results and the grid of a folder, for `report`, with what was probed. Throws
// std::runtime_error naming file and line.
struct StoredGrid {
  nlohmann::json grid;
  std::vector<RunResult> results;
  std::vector<nlohmann::json> settings;  // of each result
  nlohmann::json probe_options;          // of all probes; null where there are none
};
StoredGrid read_stored_grid(const std::filesystem::path& folder);

}  // namespace obverse::reversal

// A run's checkpoints: folders FOLDER/step-00000100 that are there whole or not at all, whatever
// kills the program while one is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

namespace obverse::engine {

struct Checkpoint {
  std::int64_t step = 0;
  std::filesystem::path folder;
};

class Checkpoints {
 public:
  // Makes the folder where there is none, and removes what a killed program left half-written
  // there. REQUIRES: no other program writes to it. Throws std::runtime_error, one line.
  explicit Checkpoints(std::filesystem::path folder);

  // Calls write(folder) for a new folder, which gets its name only when all of it is on disk; then
  // removes all but the last `keep` checkpoints, or none where that is 0. Where there is one of
  // this step nothing is written: a run has one state behind a step. Where anything throws, what
  // was there before is untouched.
  void save(std::int64_t step, std::int64_t keep,
            const std::function<void(const std::filesystem::path&)>& write) const;

  std::optional<Checkpoint> latest() const;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  void write_new(const std::filesystem::path& final,
                 const std::function<void(const std::filesystem::path&)>& write) const;

  std::filesystem::path folder_;
};

// The last one of a folder that nobody writes to now or somebody else does.
std::optional<Checkpoint> latest_checkpoint(const std::filesystem::path& folder);

// The model of a folder as it is named on a command line: the folder itself where it has a
// config.json, else the last of its checkpoints/. Throws std::runtime_error where there is neither.
std::filesystem::path model_folder_in(const std::filesystem::path& folder);

}  // namespace obverse::engine

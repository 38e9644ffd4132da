// A folder that is made for what is written into it, and goes again where that fails.
#pragma once

#include <filesystem>
#include <vector>

namespace obverse::tokenize {

class MadeFolders {
 public:
  // Makes `folder` and those above it that are missing. Throws std::runtime_error, "SHOWN: cannot
  // be made: ...", where it cannot.
  MadeFolders(const std::filesystem::path& folder, const std::filesystem::path& shown);
  // Removes those that it made and that are empty, unless keep() was called.
  ~MadeFolders();
  MadeFolders(const MadeFolders&) = delete;
  MadeFolders& operator=(const MadeFolders&) = delete;

  void keep() { made_.clear(); }

 private:
  std::vector<std::filesystem::path> made_;  // the deepest one last
};

}  // namespace obverse::tokenize

// An empty folder that one program at a time writes to.
#pragma once

#include <filesystem>

namespace obverse::tokenize {

class ClaimedFolder {
 public:
  // Makes `folder`, or takes over and empties what a program left there that was killed. Throws
  // std::runtime_error, one line that begins with `shown`, where another program has it or it
  // cannot be made.
  ClaimedFolder(std::filesystem::path folder, const std::filesystem::path& shown);
  // Removes it with all that is in it, unless it was renamed.
  ~ClaimedFolder();
  ClaimedFolder(const ClaimedFolder&) = delete;
  ClaimedFolder& operator=(const ClaimedFolder&) = delete;

  const std::filesystem::path& path() const { return folder_; }
  // Gives it its name, under which an empty folder may stand; errors as above.
  void rename(const std::filesystem::path& name);

 private:
  // Whether it is now this program's.
  bool claim();

  std::filesystem::path folder_, shown_;
  int file_ = -1;
  bool is_renamed_ = false;
};

}  // namespace obverse::tokenize

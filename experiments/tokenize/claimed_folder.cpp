#include "experiments/tokenize/claimed_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace obverse::tokenize {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_to_make(const fs::path& shown, int error) {
  throw std::runtime_error(shown.string() + ": cannot be made: " + std::strerror(error));
}

}  // namespace

ClaimedFolder::ClaimedFolder(fs::path folder, const fs::path& shown)
    : folder_(std::move(folder)), shown_(shown) {
  while (!claim()) {
  }
  try {
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove_all(entry.path());
  } catch (const fs::filesystem_error& error) {
    ::close(file_);
    fail_to_make(shown_, error.code().value());
  }
}

ClaimedFolder::~ClaimedFolder() {
  std::error_code ignored;
  if (!is_renamed_) fs::remove_all(folder_, ignored);
  ::close(file_);  // what gives the claim back, and thus comes last
}

bool ClaimedFolder::claim() {
  if (::mkdir(folder_.c_str(), 0777) != 0 && errno != EEXIST) fail_to_make(shown_, errno);
  file_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (file_ < 0) {
    if (errno == ENOENT) return false;  // its program has just ended
    fail_to_make(shown_, errno);
  }
  // The claim is of the folder itself: no file of it would have to go before the folder is renamed.
  // The system gives it back when a program ends, however. Where a file system knows no claims, all
  // goes on without.
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(file_);
    throw std::runtime_error(shown_.string() + ": another obverse-tokenize writes to this folder");
  }
  // Its program may have renamed or removed it between the lines above.
  struct stat opened = {}, named = {};
  if (::fstat(file_, &opened) == 0 && ::stat(folder_.c_str(), &named) == 0 &&
      opened.st_dev == named.st_dev && opened.st_ino == named.st_ino) {
    return true;
  }
  ::close(file_);
  return false;
}

void ClaimedFolder::rename(const fs::path& name) {
  // Takes the place of an empty folder, and of nothing else.
  if (::rename(folder_.c_str(), name.c_str()) != 0) fail_to_make(shown_, errno);
  is_renamed_ = true;
}

}  // namespace obverse::tokenize

#include "experiments/tokenize/made_folders.h"

#include <stdexcept>
#include <system_error>

namespace obverse::tokenize {
namespace {

namespace fs = std::filesystem;

void remove_folders(std::vector<fs::path>& folders) {
  std::error_code ignored;  // one that holds something stays
  while (!folders.empty()) {
    fs::remove(folders.back(), ignored);
    folders.pop_back();
  }
}

}  // namespace

MadeFolders::MadeFolders(const fs::path& folder, const fs::path& shown) {
  fs::path path;
  for (const fs::path& part : folder) {
    path /= part;
    std::error_code error;
    if (part.empty() || fs::is_directory(path, error)) continue;
    // Another program may have made it meanwhile.
    if (fs::create_directory(path, error)) {
      made_.push_back(path);
    } else if (error) {
      remove_folders(made_);
      throw std::runtime_error(shown.string() + ": cannot be made: " + error.message());
    }
  }
}

MadeFolders::~MadeFolders() { remove_folders(made_); }

}  // namespace obverse::tokenize

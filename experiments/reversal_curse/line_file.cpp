#include "experiments/reversal_curse/line_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "engine/files/atomic_file.h"
#include "engine/files/staged_file.h"

namespace obverse::reversal {
namespace {

[[noreturn]] void fail_at(const std::filesystem::path& path, const std::string& what) {
  throw std::runtime_error(path.string() + ": " + what);
}

std::string reason() { return std::strerror(errno); }

}  // namespace

std::size_t complete_bytes(const std::string& text) {
  const std::size_t last = text.rfind('\n');
  return last == std::string::npos ? 0 : last + 1;
}

std::vector<std::string> complete_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    lines.push_back(text.substr(begin, end - begin));
  }
  return lines;
}

LineFile::LineFile(const std::filesystem::path& path)
    : path_(path), is_new_(!std::filesystem::exists(path)) {
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) fail_at(path, "cannot be written: " + reason());
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    ::close(file_);
    fail_at(path.parent_path(), "is in use by another run of this program");
  }
}

LineFile::~LineFile() { ::close(file_); }

std::string LineFile::text() const { return engine::read_file(path_); }

void LineFile::drop_torn_line() {
  const std::string all = text();
  const std::size_t bytes = complete_bytes(all);
  if (bytes < all.size() && ::ftruncate(file_, static_cast<off_t>(bytes)) != 0) {
    fail_at(path_, "cannot be written: " + reason());
  }
}

void LineFile::append(const std::string& line, const std::string& consequence) {
  struct stat before {};
  if (::fstat(file_, &before) != 0) fail_at(path_, "cannot be written: " + reason());
  if (engine::write_all(file_, line + "\n") && ::fsync(file_) == 0) return;
  const std::string why = reason();
  // A torn line would be dropped at the next start as well; taking it back keeps the file readable
  // for others.
  const bool taken_back = ::ftruncate(file_, before.st_size) == 0;
  fail_at(path_, "cannot be written: " + why + "; " + consequence +
                     (taken_back ? "" : " (the last line is torn)"));
}

}  // namespace obverse::reversal

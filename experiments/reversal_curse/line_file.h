// A file of results, one a line, that grows while a program works: a line is complete or absent,
// whatever kills the program, and the file belongs to one program at a time.
#pragma once

#include <filesystem>
#include <string>

namespace obverse::reversal {

class LineFile {
 public:
  // Opens or creates the file and locks it. Throws std::runtime_error, one line, where it cannot be
  // written, or where another program has it: that one names the file's folder.
  explicit LineFile(const std::filesystem::path& path);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Whether this made the file.
  bool is_new() const { return is_new_; }
  // All that the file holds.
  std::string text() const;
  // Drops what stands behind the first `bytes`: a line that a kill cut short.
  void keep(std::size_t bytes);
  // Adds a line and waits until it is on disk. Where that fails (a full disk), what was written of
  // the line is taken back and std::runtime_error is thrown, whose message ends with `consequence`;
  // earlier lines stay.
  void append(const std::string& line, const std::string& consequence);

 private:
  std::filesystem::path path_;
  bool is_new_ = false;
  int file_ = -1;
};

}  // namespace obverse::reversal

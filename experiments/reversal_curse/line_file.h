// A file of results, one a line, that grows while a program works: a line is complete or absent,
// whatever kills the program, and the file belongs to one program at a time.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace obverse::reversal {

// The complete lines of a file's text, and how many bytes they take: behind them stands what a kill
// cut short, if anything.
std::vector<std::string> complete_lines(const std::string& text);
std::size_t complete_bytes(const std::string& text);

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
  // Drops a line that a kill cut short.
  void drop_torn_line();
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

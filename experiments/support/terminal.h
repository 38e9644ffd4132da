// A line that redraws itself on a terminal.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

namespace obverse::experiments {

// "45 s", "12 min 05 s", "3 h 07 min".
std::string duration_text(double seconds);

// "[#####...]", `share` of it filled.
std::string bar_text(double share, int width);

class TerminalLine {
 public:
  explicit TerminalLine(std::FILE* out);

  // Nothing is drawn or erased where it is not.
  bool is_terminal() const { return terminal_; }
  // Draws the line in place of the one before, cut to the window; not more often than a few times a
  // second, unless `now`.
  void draw(const std::string& line, bool now = false);
  void erase();

 private:
  std::FILE* out_;
  bool terminal_;
  std::chrono::steady_clock::time_point drawn_{};
};

}  // namespace obverse::experiments

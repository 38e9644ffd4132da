#include "experiments/support/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace obverse::experiments {

std::string duration_text(double seconds) {
  const auto whole = std::llround(seconds);
  char text[32];
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
  } else if (whole >= 60) {
    std::snprintf(text, sizeof text, "%lld min %02lld s", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld s", whole);
  }
  return text;
}

std::string bar_text(double share, int width) {
  const int filled = std::clamp(static_cast<int>(share * width), 0, width);
  return "[" + std::string(static_cast<std::size_t>(filled), '#') +
         std::string(static_cast<std::size_t>(width - filled), '.') + "]";
}

TerminalLine::TerminalLine(std::FILE* out) : out_(out), terminal_(isatty(fileno(out)) != 0) {}

void TerminalLine::draw(const std::string& line, bool now) {
  constexpr auto kEvery = std::chrono::milliseconds(200);
  const auto time = std::chrono::steady_clock::now();
  if (!terminal_ || (!now && time - drawn_ < kEvery)) return;
  drawn_ = time;
  // What wraps could not be erased.
  winsize window{};
  const bool known = ioctl(fileno(out_), TIOCGWINSZ, &window) == 0 && window.ws_col > 1;
  const int columns = known ? window.ws_col - 1 : static_cast<int>(line.size());
  std::fprintf(out_, "\r\033[K%.*s", columns, line.c_str());
  std::fflush(out_);
}

void TerminalLine::erase() {
  if (!terminal_) return;
  std::fputs("\r\033[K", out_);
  std::fflush(out_);
}

}  // namespace obverse::experiments

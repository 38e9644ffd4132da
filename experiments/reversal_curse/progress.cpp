#include "experiments/reversal_curse/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace obverse::reversal {
namespace {

using Clock = std::chrono::steady_clock;

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

}  // namespace

Progress::Progress(std::FILE* out, int runs, int runs_before, std::int64_t total_steps)
    : out_(out),
      terminal_(isatty(fileno(out)) != 0),
      runs_(runs),
      runs_before_(runs_before),
      total_steps_(total_steps),
      start_(Clock::now()) {}

Progress::~Progress() { erase(); }

void Progress::erase() {
  if (!terminal_) return;
  std::fputs("\r\033[K", out_);
  std::fflush(out_);
}

void Progress::step(std::int64_t tokens) {
  const std::lock_guard lock(mutex_);
  ++steps_;
  tokens_ += tokens;
  draw(false);
}

void Progress::finish_run(const std::string& line) {
  const std::lock_guard lock(mutex_);
  ++finished_;
  erase();
  std::fprintf(out_, "[%d/%d] %s\n", runs_before_ + finished_, runs_before_ + runs_, line.c_str());
  std::fflush(out_);
  draw(true);
}

void Progress::draw(bool now) {
  constexpr auto kEvery = std::chrono::milliseconds(200);
  if (!terminal_ || (!now && Clock::now() - drawn_ < kEvery)) return;
  drawn_ = Clock::now();
  const double seconds = std::chrono::duration<double>(drawn_ - start_).count();
  const double share =
      total_steps_ > 0 ? static_cast<double>(steps_) / static_cast<double>(total_steps_) : 1.0;
  constexpr int kWidth = 24;
  const int filled = std::clamp(static_cast<int>(share * kWidth), 0, kWidth);
  const std::string bar = std::string(static_cast<std::size_t>(filled), '#') +
                          std::string(static_cast<std::size_t>(kWidth - filled), '.');
  char line[160];
  std::snprintf(line, sizeof line, "[%s] %d/%d runs  %.0f tokens/s  %s left", bar.c_str(),
                runs_before_ + finished_, runs_before_ + runs_,
                static_cast<double>(tokens_) / std::max(seconds, 1e-9),
                share > 0.01 ? duration_text(seconds / share - seconds).c_str() : "...");
  // What wraps could not be erased.
  winsize window{};
  const bool known = ioctl(fileno(out_), TIOCGWINSZ, &window) == 0 && window.ws_col > 1;
  const int columns = known ? window.ws_col - 1 : static_cast<int>(sizeof line);
  std::fprintf(out_, "\r\033[K%.*s", columns, line);
  std::fflush(out_);
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/progress.h"

#include <algorithm>

namespace obverse::reversal {

using Clock = std::chrono::steady_clock;
using experiments::duration_text;

Progress::Progress(std::FILE* out, int runs, int runs_before, std::int64_t total_steps)
    : out_(out),
      line_(out),
      runs_(runs),
      runs_before_(runs_before),
      total_steps_(total_steps),
      start_(Clock::now()) {}

Progress::~Progress() { line_.erase(); }

void Progress::step(std::int64_t tokens) {
  const std::lock_guard lock(mutex_);
  ++steps_;
  tokens_ += tokens;
  draw(false);
}

void Progress::finish_run(const std::string& line) {
  const std::lock_guard lock(mutex_);
  ++finished_;
  line_.erase();
  std::fprintf(out_, "[%d/%d] %s\n", runs_before_ + finished_, runs_before_ + runs_, line.c_str());
  std::fflush(out_);
  draw(true);
}

void Progress::draw(bool now) {
  if (!line_.is_terminal()) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double share =
      total_steps_ > 0 ? static_cast<double>(steps_) / static_cast<double>(total_steps_) : 1.0;
  constexpr int kWidth = 24;
  char text[160];
  std::snprintf(text, sizeof text, "%s %d/%d runs  %.0f tokens/s  %s left",
                experiments::bar_text(share, kWidth).c_str(), runs_before_ + finished_,
                runs_before_ + runs_, static_cast<double>(tokens_) / std::max(seconds, 1e-9),
                share > 0.01 ? duration_text(seconds / share - seconds).c_str() : "...");
  line_.draw(text, now);
}

}  // namespace obverse::reversal

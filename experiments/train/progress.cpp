#include "experiments/train/progress.h"

#include "experiments/support/typeset.h"

namespace obverse::train {
namespace {

using Clock = std::chrono::steady_clock;

std::string printed(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

Progress::Progress(std::FILE* out, std::int64_t steps, std::int64_t done)
    : out_(out), line_(out), steps_(steps), done_(done), start_(Clock::now()) {}

Progress::~Progress() { line_.erase(); }

std::string Progress::line_of(const StepMetrics& metrics, const MachineUse& use) const {
  constexpr double kMebibyte = 1048576.0;
  std::string line = "step " + std::to_string(metrics.step) + "/" + std::to_string(steps_) +
                     "  loss " + printed("%.4f", metrics.loss) + "  norm " +
                     printed("%.2f", metrics.gradient_norm) + "  rate " +
                     printed("%.2e", metrics.learning_rate) + "  " +
                     experiments::grouped(metrics.tokens_per_second) + " tokens/s";
  if (use.share_of_peak > 0.0) line += "  " + printed("%.0f %% of peak", 100.0 * use.share_of_peak);
  line += "  " + printed("%.0f MiB", static_cast<double>(use.memory_bytes) / kMebibyte);
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const auto here = static_cast<double>(metrics.step - done_);
  const auto left = static_cast<double>(steps_ - metrics.step);
  return line + "  " + experiments::duration_text(seconds * left / here) + " left";
}

void Progress::step(const StepMetrics& metrics, const MachineUse& use) {
  const std::string line = line_of(metrics, use);
  if (!line_.is_terminal()) {
    std::fprintf(out_, "%s\n", line.c_str());
    std::fflush(out_);
    return;
  }
  constexpr int kWidth = 20;
  const double share = static_cast<double>(metrics.step) / static_cast<double>(steps_);
  line_.draw(experiments::bar_text(share, kWidth) + " " + line, metrics.step == steps_);
}

void Progress::tell(const std::string& line) {
  line_.erase();
  std::fprintf(out_, "%s\n", line.c_str());
  std::fflush(out_);
}

}  // namespace obverse::train

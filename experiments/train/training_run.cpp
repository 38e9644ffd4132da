#include "experiments/train/training_run.h"

#include <omp.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "engine/checkpoint/checkpoints.h"
#include "engine/files/atomic_file.h"
#include "engine/model/step_operations.h"
#include "engine/tensor/allocator.h"
#include "engine/training/launch_times.h"
#include "experiments/support/typeset.h"
#include "experiments/train/checkpoint.h"
#include "experiments/train/initial_model.h"
#include "experiments/train/metrics.h"
#include "experiments/train/peak.h"
#include "experiments/train/progress.h"
#include "experiments/train/stop_signal.h"
#include "experiments/train/texts.h"
#include "experiments/train/validation.h"

namespace obverse::train {
namespace {

namespace fs = std::filesystem;
using engine::NamedRange;
using experiments::grouped;
using Clock = std::chrono::steady_clock;

std::string counted(std::int64_t count) { return grouped(static_cast<double>(count)); }

// What the settings' folder already holds of this run, to which `state` is set.
std::optional<engine::Checkpoint> checkpoint_to_resume(const Settings& settings,
                                                       const engine::Checkpoints& checkpoints,
                                                       const std::string& data_digest,
                                                       RunState& state) {
  const auto latest = checkpoints.latest();
  state.data_digest = data_digest;
  if (!latest) return latest;
  state = read_state(latest->folder);
  const std::string path = (latest->folder / "state.json").string();
  if (state.step != latest->step) {
    throw std::runtime_error(path + ": step: expected " + std::to_string(latest->step) +
                             ", as the folder's name has it, found " + std::to_string(state.step));
  }
  std::vector<std::string> other;
  try {
    other = differences(settings_of(state.settings), settings, state.step);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(path + ": settings: " + error.what());
  }
  if (!other.empty()) {
    throw std::runtime_error(path + ": " + other.front() +
                             (other.size() > 1 ? ", and " + std::to_string(other.size() - 1) +
                                                     " more settings are others"
                                               : "") +
                             "; another --output begins a new run");
  }
  if (state.data_digest != data_digest) {
    throw std::runtime_error(path + ": data_digest: expected the token files that the run began " +
                             "with, of digest " + state.data_digest + ", found those in " +
                             settings.data + ", of digest " + data_digest +
                             "; another --output begins a new run");
  }
  return latest;
}

class Run {
 public:
  Run(const Settings& settings, std::FILE* out);
  RunOutcome run();

 private:
  void begin();
  void take_step(Progress& progress);
  void validate(Progress& progress);
  void save();
  void tell_beginning(Progress& progress) const;
  MachineUse use_of(const StepMetrics& metrics) const;
  bool is_due(std::int64_t every) const {
    return every > 0 && (state_.step % every == 0 || state_.step == steps_);
  }

  const Settings& settings_;
  std::FILE* out_;
  fs::path folder_;
  std::int64_t steps_;
  Texts texts_;
  MetricsFile metrics_;  // before checkpoints, since it tells whether another program writes here
  engine::Checkpoints checkpoints_;
  RunState state_;
  std::optional<engine::Checkpoint> resumed_;
  engine::Device device_;
  double peak_ = 0.0;
  std::optional<engine::Transformer> model_;
  std::optional<engine::Trainer> trainer_;
  Clock::time_point last_;
  bool peak_memory_told_ = false;
};

Run::Run(const Settings& settings, std::FILE* out)
    : settings_(settings),
      out_(out),
      folder_(settings.output),
      steps_(settings.training.schedule.steps),
      texts_(settings),
      metrics_(folder_ / "metrics.jsonl"),
      checkpoints_(folder_ / "checkpoints"),
      device_(settings.device == engine::DeviceKind::cuda ? engine::Device::cuda()
                                                          : engine::Device::cpu()) {
  resumed_ =
      checkpoint_to_resume(settings, checkpoints_, texts_.training().shards->digest(), state_);
  state_.settings = settings.values;
  metrics_.keep_up_to(state_.step);
  if (texts_.validation() != nullptr && settings.validate_every > 0) {
    check_asked(*texts_.validation()->examples, settings.validation_sequences, settings.data);
  }
  begin();
}

void Run::begin() {
  engine::write_atomically(folder_ / "settings.json", settings_.values.dump(2) + "\n");
  const engine::TransformerConfig config = texts_.model_of(
      resumed_ && !settings_.initial.empty() ? architecture_in(resumed_->folder, settings_)
                                             : initial_architecture(settings_));
  // On a device of its own, so that what it takes is given back.
  peak_ = measured_peak(
      device_.kind() == engine::DeviceKind::cuda ? engine::Device::cuda() : engine::Device::cpu(),
      settings_.precision);
  device_.choose_matmul(settings_.matmul);
  model_.emplace(config, device_, settings_.seed, settings_.precision);
  engine::TrainingOptions options = settings_.training;
  options.graphs = !settings_.profile;  // of replayed steps nothing is learnt
  trainer_.emplace(*model_, *texts_.training().examples, options, settings_.seed);
  if (resumed_) {
    load_checkpoint(resumed_->folder, resumed_->step, *model_, *trainer_);
  } else {
    load_initial_weights(*model_, settings_);
  }
}

void Run::tell_beginning(Progress& progress) const {
  const SplitExamples& training = texts_.training();
  progress.tell(counted(model_->parameter_count()) + " parameters, " +
                counted(training.shards->size()) + " tokens to train on, " +
                counted(training.examples->epoch()) + " examples an epoch of at most " +
                counted(training.examples->longest()) + " tokens, objective " +
                texts_.objective().name());
  if (resumed_) {
    progress.tell("going on behind step " + std::to_string(state_.step) + ", from " +
                  resumed_->folder.string());
  }
}

MachineUse Run::use_of(const StepMetrics& metrics) const {
  MachineUse use;
  use.memory_bytes = device_.allocator().use().peak_total_bytes;
  if (peak_ > 0.0 && metrics.tokens_per_second > 0.0) {
    const auto longest = texts_.training().examples->longest();
    const double operations =
        engine::step_operations(model_->config(), settings_.training.batch, longest);
    const auto places = static_cast<double>(settings_.training.batch * longest);
    use.share_of_peak = operations / places * metrics.tokens_per_second / peak_;
  }
  return use;
}

// Ends the oldest step under way, and begins further ones as far ahead as the device takes them:
// not behind a step that something has to happen behind.
void Run::take_step(Progress& progress) {
  const auto begins = [&](std::int64_t step) {
    if (step > steps_) return false;
    if (step == state_.step + 1) return true;
    const std::int64_t before = step - 1;
    return !(settings_.validate_every > 0 && before % settings_.validate_every == 0) &&
           before % settings_.checkpoint_every != 0;
  };
  while (trainer_->steps_under_way() < trainer_->most_steps_under_way() &&
         begins(state_.step + trainer_->steps_under_way() + 1)) {
    trainer_->begin_step();
  }
  const engine::StepReport report = trainer_->end_step();
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  last_ = now;
  state_.step = report.step;
  state_.tokens += report.tokens;
  state_.seconds += seconds;
  const StepMetrics metrics{report.step,
                            report.loss,
                            report.gradient_norm,
                            report.learning_rate,
                            state_.tokens,
                            state_.seconds,
                            static_cast<double>(report.tokens) / seconds};
  metrics_.add(metrics);
  progress.step(metrics, use_of(metrics));
  if (!peak_memory_told_) {
    peak_memory_told_ = true;
    progress.tell("most memory in use\n" + engine::describe(device_.allocator().use()));
  }
}

void Run::validate(Progress& progress) {
  if (texts_.validation() == nullptr || !is_due(settings_.validate_every)) return;
  const NamedRange range("validation");
  const double loss = validation_loss(
      *model_, *texts_.validation()->examples, settings_.validation_sequences,
      std::max<std::int64_t>(1, settings_.training.batch / settings_.training.accumulation));
  metrics_.add(ValidationMetrics{state_.step, loss});
  char text[96];
  std::snprintf(text, sizeof text, "step %lld  validation loss %.4f",
                static_cast<long long>(state_.step), loss);
  progress.tell(text);
  last_ = Clock::now();
}

void Run::save() {
  const NamedRange range("checkpoint");
  metrics_.sync();
  checkpoints_.save(state_.step, settings_.keep, [this](const fs::path& into) {
    write_checkpoint(*model_, *trainer_, texts_, state_, into);
  });
  last_ = Clock::now();
}

RunOutcome Run::run() {
  const StopSignal stop;
  Progress progress(out_, steps_, state_.step);
  tell_beginning(progress);
  std::optional<engine::LaunchTimes> times;
  const std::int64_t first = state_.step;
  double seconds_before = 0.0;
  last_ = Clock::now();
  while (state_.step < steps_ && !stop.came()) {
    const NamedRange range("step");
    take_step(progress);
    // The first step makes memory and threads ready.
    if (settings_.profile && !times) {
      times.emplace(device_);
      seconds_before = state_.seconds;
    }
    if (trainer_->steps_under_way() > 0) continue;
    validate(progress);
    if (is_due(settings_.checkpoint_every)) save();
  }
  if (trainer_->steps_under_way() > 0) {
    while (trainer_->steps_under_way() > 0) take_step(progress);
    validate(progress);
  }
  if (state_.step > 0) save();
  progress.tell(state_.step == steps_ ? "done: " + (folder_ / "checkpoints").string()
                                      : "stopped behind step " + std::to_string(state_.step) +
                                            "; the same command goes on");
  if (times && state_.step > first + 1) {
    const std::int64_t timed = state_.step - first - 1;
    const double each = (state_.seconds - seconds_before) / static_cast<double>(timed);
    std::fputs(engine::describe(times->totals(), timed, each).c_str(), out_);
  }
  return {state_.step, state_.step < steps_};
}

}  // namespace

RunOutcome run_training(const Settings& settings, std::FILE* out) {
  if (settings.threads > 0) omp_set_num_threads(static_cast<int>(settings.threads));
  std::error_code error;
  fs::create_directories(settings.output, error);
  if (error) {
    throw std::runtime_error(settings.output + ": cannot be made: " + error.message());
  }
  Run run(settings, out);
  return run.run();
}

}  // namespace obverse::train

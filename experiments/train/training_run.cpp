#include "experiments/train/training_run.h"

#include <omp.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

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
  if (state.step > settings.training.schedule.steps) {
    other.insert(other.begin(), "steps: expected at least the " + std::to_string(state.step) +
                                    " that are done, found " +
                                    std::to_string(settings.training.schedule.steps));
  }
  if (!other.empty()) {
    throw std::runtime_error(path + ": " + other.front() +
                             (other.size() > 1 ? ", and " + std::to_string(other.size() - 1) +
                                                     " more settings are others"
                                               : "") +
                             "; another --output begins a new run");
  }
  if (state.data_digest != data_digest) {
    throw std::runtime_error(path + ": data_digest: expected the token files and the tokenizer " +
                             "that the run began with, of digest " + state.data_digest +
                             ", found those of " + settings.data + ", of digest " + data_digest +
                             "; another --output begins a new run");
  }
  return latest;
}

// A folder that is there from now on.
const fs::path& made(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw std::runtime_error(folder.string() + ": cannot be made: " + error.message());
  return folder;
}

class Run {
 public:
  // Writes nothing before all that may be refused has been looked at.
  Run(const Settings& settings, const Texts& texts, std::FILE* out);
  RunOutcome run();

 private:
  void begin();
  void take_step(Progress& progress);
  void validate(Progress& progress);
  void save();
  void time_launches();
  void stop_timing();
  void tell_profile(std::int64_t steps, double seconds) const;
  void tell_beginning(Progress& progress) const;
  MachineUse use_of(const StepMetrics& metrics) const;
  bool is_due(std::int64_t every) const {
    return every > 0 && (state_.step % every == 0 || state_.step == steps_);
  }

  const Settings& settings_;
  std::FILE* out_;
  fs::path folder_;
  std::int64_t steps_;
  const Texts& texts_;
  engine::Device device_;
  engine::Transformer model_;
  MetricsFile metrics_;  // before checkpoints, since it tells whether another program writes here
  engine::Checkpoints checkpoints_;
  RunState state_;
  std::optional<engine::Checkpoint> resumed_;
  double peak_ = 0.0;
  std::optional<engine::Trainer> trainer_;
  std::optional<engine::LaunchTimes> times_;  // while launches are timed
  std::vector<engine::KernelTime> timed_;     // of steps, before that
  Clock::time_point last_;
  bool peak_memory_told_ = false;
};

engine::Device device_of(const Settings& settings) {
  return settings.device == engine::DeviceKind::cuda ? engine::Device::cuda()
                                                     : engine::Device::cpu();
}

Run::Run(const Settings& settings, const Texts& texts, std::FILE* out)
    : settings_(settings),
      out_(out),
      folder_(settings.output),
      steps_(settings.training.schedule.steps),
      texts_(texts),
      device_(device_of(settings)),
      model_(texts.model_of(settings.architecture), device_, settings.seed, settings.precision),
      metrics_(made(folder_) / "metrics.jsonl"),
      checkpoints_(folder_ / "checkpoints") {
  resumed_ = checkpoint_to_resume(settings, checkpoints_, texts_.digest(), state_);
  state_.settings = settings.values;
  begin();
  metrics_.keep_up_to(state_.step);
}

void Run::begin() {
  // On a device of its own, so that what it takes is given back.
  peak_ = measured_peak(device_of(settings_), settings_.precision);
  device_.choose_matmul(settings_.matmul);
  engine::TrainingOptions options = settings_.training;
  options.graphs = !settings_.profile;  // of replayed steps nothing is learnt
  trainer_.emplace(model_, *texts_.training().examples, options, settings_.seed);
  if (resumed_) {
    load_checkpoint(resumed_->folder, resumed_->step, model_, *trainer_);
  } else {
    load_initial_weights(model_, settings_);
  }
  engine::write_atomically(folder_ / "settings.json", settings_.values.dump(2) + "\n");
}

void Run::tell_beginning(Progress& progress) const {
  const SplitExamples& training = texts_.training();
  progress.tell(counted(model_.parameter_count()) + " parameters, " +
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
        engine::step_operations(model_.config(), settings_.training.batch, longest);
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
  stop_timing();  // of steps alone, as the step's time is
  const double loss = validation_loss(
      model_, *texts_.validation()->examples, settings_.validation_sequences,
      std::max<std::int64_t>(1, settings_.training.batch / settings_.training.accumulation));
  metrics_.add(ValidationMetrics{state_.step, loss});
  char text[96];
  std::snprintf(text, sizeof text, "step %lld  validation loss %.4f",
                static_cast<long long>(state_.step), loss);
  progress.tell(text);
  time_launches();
  last_ = Clock::now();
}

// From the second step on: the first makes memory and threads ready.
void Run::time_launches() {
  if (settings_.profile && !times_) times_.emplace(device_);
}

void Run::stop_timing() {
  if (!times_) return;
  const auto totals = times_->totals();
  timed_.insert(timed_.end(), totals.begin(), totals.end());
  times_.reset();
}

void Run::save() {
  const NamedRange range("checkpoint");
  metrics_.sync();
  checkpoints_.save(state_.step, settings_.keep, [this](const fs::path& into) {
    write_checkpoint(model_, *trainer_, texts_, state_, into);
  });
  last_ = Clock::now();
}

void Run::tell_profile(std::int64_t steps, double seconds) const {
  if (steps < 1) {
    std::fputs("profile: expected two steps at least, of which the first makes memory ready\n",
               out_);
    return;
  }
  const double each = seconds / static_cast<double>(steps);
  std::fputs(engine::describe(engine::by_cost(timed_), steps, each).c_str(), out_);
}

RunOutcome Run::run() {
  const StopSignal stop;
  Progress progress(out_, steps_, state_.step);
  tell_beginning(progress);
  const std::int64_t first = state_.step;
  double seconds_before = 0.0;
  last_ = Clock::now();
  while (state_.step < steps_ && !stop.came()) {
    const NamedRange range("step");
    take_step(progress);
    if (state_.step == first + 1) {
      time_launches();
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
  stop_timing();
  if (settings_.profile) tell_profile(state_.step - first - 1, state_.seconds - seconds_before);
  return {state_.step, state_.step < steps_};
}

}  // namespace

RunOutcome run_training(const Settings& given, std::FILE* out) {
  if (given.threads > 0) omp_set_num_threads(static_cast<int>(given.threads));
  Settings settings = given;
  // What has begun needs the model that it began with no more.
  const auto begun = engine::latest_checkpoint(fs::path(settings.output) / "checkpoints");
  if (!settings.initial.empty()) {
    if (begun) {
      take_architecture(begun->folder, settings);
    } else {
      take_initial_architecture(settings);
    }
  }
  const Texts texts(settings);
  if (texts.validation() != nullptr && settings.validate_every > 0) {
    check_asked(*texts.validation()->examples, settings.validation_sequences, settings.data);
  }
  if (!begun) check_initial_model(settings, texts.model_of(settings.architecture));
  Run run(settings, texts, out);
  return run.run();
}

}  // namespace obverse::train

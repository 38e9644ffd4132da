#include "experiments/reversal_curse/scheduler.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <iomanip>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "engine/checkpoint/weights.h"
#include "experiments/reversal_curse/progress.h"
#include "kernels/core/device_memory.h"

namespace obverse::reversal {
namespace {

std::string name_of(const RunSettings& run) {
  std::ostringstream name;
  name << run.objective;
  if (run.world.name != "pairs") name << ", " << run.world.name;
  for (const auto& option : run.world.options.items()) {
    const nlohmann::json& value = option.value();
    std::string words = option.key();
    std::replace(words.begin(), words.end(), '_', ' ');
    name << ", " << words << ' ' << (value.is_string() ? value.get<std::string>() : value.dump());
  }
  name << ", layers " << run.architecture.layers << ", width " << run.architecture.width
       << ", seed " << run.seed;
  return name.str();
}

std::string shown(double accuracy) {
  if (std::isnan(accuracy)) return "not asked";
  char text[16];
  std::snprintf(text, sizeof text, "%.3f", accuracy);
  return text;
}

std::string line_of(const RunSettings& settings, const RunResult& result) {
  std::ostringstream line;
  const CurvePoint& last = result.curve.back();
  line << name_of(settings) << ": trained " << shown(last.trained_accuracy) << ", reverse "
       << shown(last.reverse_accuracy) << ", loss " << std::fixed << std::setprecision(3)
       << last.loss << ", " << std::setprecision(0)
       << static_cast<double>(result.tokens) / result.seconds << " tokens/s";
  return line.str();
}

}  // namespace

SchedulerResult run_missing(const std::vector<RunSettings>& runs, int jobs, RunStore& store,
                            std::atomic<bool>& stop, std::FILE* progress_out, bool keep_models) {
  std::vector<const RunSettings*> missing;
  std::int64_t steps = 0;
  for (const RunSettings& run : runs) {
    if (store.contains(to_json(run))) continue;
    missing.push_back(&run);
    steps += run.training.schedule.steps;
  }
  Progress progress(progress_out, static_cast<int>(missing.size()),
                    static_cast<int>(runs.size() - missing.size()), steps);
  SchedulerResult result;
  std::mutex mutex;  // of the store, the result and the failure
  std::exception_ptr failure;
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    omp_set_num_threads(1);  // of teams started by this thread
    for (std::size_t i; !stop && (i = next++) < missing.size();) {
      const RunSettings& settings = *missing[i];
      try {
        const auto keep = [&](const engine::Transformer& model) {
          const nlohmann::json record = to_json(settings);
          engine::save_weights(model, store.place_for_model(record), {{"settings", record.dump()}});
        };
        const std::optional<RunResult> done = run(
            settings, stop, [&](std::int64_t tokens) { progress.step(tokens); },
            keep_models ? keep : std::function<void(const engine::Transformer&)>());
        if (!done) return;
        const std::lock_guard lock(mutex);
        store.append(to_json(settings), *done);
        ++result.finished;
        progress.finish_run(line_of(settings, *done));
      } catch (const engine::DivergedError& error) {
        const std::lock_guard lock(mutex);
        ++result.failed;
        progress.finish_run(name_of(settings) + ": " + error.what());
      } catch (const kernels::cuda::OutOfMemoryError& error) {
        const std::lock_guard lock(mutex);
        if (!failure) {
          failure = std::make_exception_ptr(std::runtime_error(
              name_of(settings) + ": " + error.what() + "; so do fewer --jobs at a time"));
        }
        stop = true;
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        stop = true;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < jobs; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  // A stop that comes when all is done stopped nothing.
  result.stopped = stop && result.finished + result.failed < static_cast<int>(missing.size());
  return result;
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/probes/probe_run.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "engine/checkpoint/weights.h"
#include "experiments/reversal_curse/grid.h"
#include "experiments/reversal_curse/grid_run.h"
#include "experiments/reversal_curse/probes/editing.h"

namespace obverse::reversal {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// One run's model, and all that a probe wants to know of it.
class Subject {
 public:
  Subject(const RunSettings& settings, const fs::path& folder, const json& record,
          const std::string& device)
      : settings_(settings),
        prepared_(prepare(settings)),
        model_(without_dropout(prepared_.config), engine::Device::named(device), settings.seed),
        saved_((load(folder, record), model_)) {
    if (why_no_records(settings).empty()) {
      records_ = make_records(settings.world, settings.seed, prepared_.world);
    }
  }

  ProbeResult probe(const ProbeKind& kind, const ProbeOptions& options) const {
    saved_.restore();
    ProbeResult result =
        kind.run({settings_, prepared_.world, records_, *prepared_.objective, model_}, options);
    if (!records_.left_out.empty()) result.counts["left_out_of_the_world"] = records_.left_out;
    return result;
  }

 private:
  static engine::TransformerConfig without_dropout(engine::TransformerConfig config) {
    config.dropout = 0.0;
    return config;
  }

  void load(const fs::path& folder, const json& record) const {
    const fs::path path = model_path(folder, record);
    const std::map<std::string, std::string> metadata = engine::load_weights(model_, path);
    const auto told = metadata.find("settings");
    if (told == metadata.end() || told->second != record.dump()) {
      throw std::runtime_error(path.string() +
                               ": expected the weights of the run whose results stand beside it, "
                               "found those of other settings");
    }
  }

  const RunSettings settings_;
  const PreparedRun prepared_;
  const engine::Transformer model_;
  const SavedWeights saved_;
  FactRecords records_;
};

std::string name_of(const json& record) {
  return record.at("objective").get<std::string>() + ", " +
         record.at("world").at("name").get<std::string>() + ", seed " + record.at("seed").dump();
}

// "; facts edited 20, facts unknown before 3": what a probe was done on, and what it left out.
std::string counts_of(const ProbeResult& result) {
  std::string text;
  const auto add = [&text](const std::string& words) {
    text += (text.empty() ? "; " : ", ") + words;
  };
  for (const auto& item : result.counts.items()) {
    std::string words = item.key();
    std::replace(words.begin(), words.end(), '_', ' ');
    const json& value = item.value();
    if (value.is_array()) {
      for (const json& line : value) add("left out: " + line.get<std::string>());
    } else {
      add(words + " " + (value.is_string() ? value.get<std::string>() : value.dump()));
    }
  }
  return text;
}

// Why a run's world cannot be made again from this folder; empty where it can.
std::string why_no_world(const RunSettings& settings) {
  const WorldKind& kind = world_kind(settings.world.name);
  if (!kind.read) return "";
  const fs::path& folder = settings.world.data;
  if (folder.empty()) return "expected --data DIR, the folder that it was read from, got none";
  if (!fs::is_directory(folder)) {
    return folder.string() + ": expected the folder that it was read from, found " +
           (fs::exists(folder) ? "a file" : "nothing");
  }
  const std::string digest = digest_of(folder, kind.files);
  if (digest == settings.world.data_digest) return "";
  return folder.string() + ": expected the files that it was read from (digest " +
         settings.world.data_digest + "), found others (digest " + digest + ")";
}

// What of one run is still to be done.
struct Work {
  json record;
  RunSettings settings;
  std::vector<const ProbeKind*> kinds;
};

std::vector<Work> missing_work(const fs::path& folder, const StoredGrid& stored,
                               const ProbeTask& task, ProbeTally& tally) {
  std::vector<Work> all;
  std::map<std::string, int> without_world;  // runs, by the reason
  for (std::size_t i = 0; i < stored.results.size(); ++i) {
    const json& record = stored.settings[i];
    Work work{record, settings_of_record(record), {}};
    work.settings.world.data = task.data;
    for (const std::string& name : task.kinds) {
      const ProbeKind& kind = probe_kind(name);
      if (stored.results[i].probes.count(name) > 0) {
        ++tally.done;
        continue;
      }
      const std::string reason = kind.why_not(work.settings);
      if (reason.empty()) {
        work.kinds.push_back(&kind);
      } else {
        std::fprintf(stderr, "%s, %s: not probed; %s\n", name.c_str(), name_of(record).c_str(),
                     reason.c_str());
      }
    }
    if (work.kinds.empty()) continue;
    const std::string reason = why_no_world(work.settings);
    if (!reason.empty()) {
      ++without_world[work.settings.world.name + ": not probed; " + reason];
      continue;
    }
    const fs::path model = model_path(folder, record);
    if (!fs::exists(model)) {
      ++tally.without_model;
      std::fprintf(stderr, "%s: not probed; its weights were not kept (%s)\n",
                   name_of(record).c_str(), model.c_str());
      continue;
    }
    all.push_back(std::move(work));
  }
  for (const auto& [reason, runs] : without_world) {
    tally.failed += runs;
    std::fprintf(stderr, "%s\n", reason.c_str());
  }
  return all;
}

}  // namespace

ProbeTally run_probes(const fs::path& folder, const ProbeTask& task) {
  const StoredGrid stored = read_stored_grid(folder);
  const json options = task.options;
  if (!stored.probe_options.is_null() && stored.probe_options != options) {
    throw std::runtime_error((folder / kProbesFile).string() + ": holds probes of the options " +
                             stored.probe_options.dump() + ", expected " + options.dump() +
                             "; remove it, or ask with its options");
  }
  ProbeTally tally;
  const std::vector<Work> work = missing_work(folder, stored, task, tally);
  if (work.empty()) return tally;
  LineFile lines(folder / kProbesFile);
  lines.drop_torn_line();
  std::atomic<bool>& stop = stop_on_signals();
  std::mutex mutex;  // of the file, the tally and the failure
  std::exception_ptr failure;
  std::atomic<std::size_t> next{0};
  const auto probe_one = [&](const Work& one) {
    const Subject subject(one.settings, folder, one.record, task.device);
    for (const ProbeKind* kind : one.kinds) {
      if (stop) return;
      const auto start = std::chrono::steady_clock::now();
      const ProbeResult result = subject.probe(*kind, task.options);
      json line = to_json(result);
      line["settings"] = one.record;
      line["probe"] = kind->name;
      line["options"] = options;
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      const std::lock_guard lock(mutex);
      lines.append(line.dump(), "the probes before it are kept");
      ++tally.done;
      std::fprintf(stderr, "%s, %s: %.1f s%s\n", kind->name.c_str(), name_of(one.record).c_str(),
                   seconds, counts_of(result).c_str());
    }
  };
  const auto take_turns = [&] {
    omp_set_num_threads(1);  // of teams started by this thread
    for (std::size_t i; !stop && (i = next++) < work.size();) {
      try {
        probe_one(work[i]);
      } catch (const std::invalid_argument& error) {  // what this model cannot be asked
        const std::lock_guard lock(mutex);
        ++tally.failed;
        std::fprintf(stderr, "%s: not probed; %s\n", name_of(work[i].record).c_str(), error.what());
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        stop = true;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < task.jobs; ++i) threads.emplace_back(take_turns);
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  tally.stopped = stop;
  return tally;
}

}  // namespace obverse::reversal

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cxxopts.hpp>
#include <sstream>
#include <thread>

#include "experiments/reversal_curse/command_support.h"
#include "experiments/reversal_curse/commands.h"
#include "experiments/reversal_curse/grid.h"
#include "experiments/reversal_curse/run_store.h"
#include "experiments/reversal_curse/scheduler.h"

namespace obverse::reversal {
namespace {

using Words = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

// A signal handler reaches nothing but what is static.
std::atomic<bool> stop_requested{false};
extern "C" void request_stop(int) { stop_requested = true; }

cxxopts::Options describe_options() {
  cxxopts::Options options(
      "obverse-reversal run",
      "Trains and asks a grid of models. Options that take a list (a,b,c) are axes: every "
      "combination is run.\nWithout an option the preset decides. The same command "
      "continues what was stopped.\n\n"
      "  obverse-reversal run --preset quick --output runs/quick\n"
      "  obverse-reversal run --objective causal,entity_reversed --name-tokens 1,2,3 "
      "--layers 2,4 --seeds 5\n"
      "  obverse-reversal run --preset paper --data DIR --output runs/paper\n"
      "  obverse-reversal run --device cuda --jobs 8\n");
  const auto words = [] { return cxxopts::value<Words>(); };
  const auto numbers = [] { return cxxopts::value<Numbers>(); };
  const auto number = [] { return cxxopts::value<std::int64_t>(); };
  const auto real = [] { return cxxopts::value<double>(); };
  const auto reals = [] { return cxxopts::value<std::vector<double>>(); };
  const auto word = [] { return cxxopts::value<std::string>(); };
  options.add_options("What is run")("preset", "quick or paper; see obverse-reversal list",
                                     cxxopts::value<std::string>()->default_value("quick"),
                                     "NAME")("objective", "Objectives", words(), "A,B")(
      "seeds", "How many seeds (0, 1, ...), or a list of them", word(), "N|A,B")(
      "steps", "Optimizer steps of every run", numbers(), "N,..");
  options.add_options("World")("name-tokens", "Tokens a name", numbers(), "K,..")(
      "pairs", "Facts that training states", numbers(), "N,..")(
      "templates", "Training phrasings a direction; one more is held out for questions", numbers(),
      "N,..")("shares", "Parts of the facts stated both ways, forward only, reverse only",
              cxxopts::value<std::vector<double>>(),
              "B,F,R")("unseen-pairs", "Further facts that are never stated", number(), "N")(
      "name-pool",
      "Name tokens a position; 0: every token belongs to one name, -1: names share them", number(),
      "N")("data",
           "A folder of the data of Berglund et al. 2023, Experiment 1, instead of synthetic pairs",
           word(), "DIR");
  options.add_options("Model")("layers", "Blocks", numbers(), "N,..")(
      "width", "Residual stream", numbers(), "N,..")("heads", "Attention heads", numbers(), "N,..")(
      "context", "Most tokens of a text", number(), "N")(
      "position", "learned, rotary, alibi or none", words(), "A,B")(
      "norm", "layer or rms", words(), "A,B")("feed-forward", "gelu, swiglu or relu2", words(),
                                              "A,B")("tied", "One table for embedding and output")(
      "dropout", "Rate", reals(), "R,..");
  options.add_options("Training")("batch", "Texts a step", numbers(), "N,..")(
      "learning-rate", "Peak", reals(), "R,..")("schedule", "constant, linear or cosine", word(),
                                                "KIND")("warm-up", "Steps", number(), "N")(
      "weight-decay", "Of matrices and embeddings", reals(), "R,..")(
      "beta-2", "AdamW's decay of the squared gradient", real(), "R")(
      "clip-norm", "Largest gradient norm; 0: no clipping", real(), "R");
  const auto usual = [](const char* value) {
    return cxxopts::value<std::string>()->default_value(value);
  };
  options.add_options("Machine")("jobs",
                                 "Runs at a time; on the CPU one thread each and usually one a "
                                 "core, on CUDA one stream each and usually 8",
                                 number(), "N")("device", "cpu or cuda", usual("cpu"), "NAME")(
      "precision", "fp32, or on CUDA bf16 with fp32 weights beside; usually bf16 there", word(),
      "NAME")("matmul", "Matrix products on CUDA: own or cublas", usual("own"), "NAME")(
      "recompute", "What backward computes again to save memory: none or blocks", usual("none"),
      "WHAT")("output", "Folder of the results",
              cxxopts::value<std::string>()->default_value("runs/quick"),
              "DIR")("help", "This text");
  return options;
}

// "5": seeds 0 to 4; "3,7": those two.
std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    if (item.empty() || item.size() > 18 ||
        item.find_first_not_of("0123456789") != std::string::npos) {
      throw UsageError("expected --seeds N or a list of numbers, got '" + text + "'");
    }
    seeds.push_back(std::stoull(item));
    begin = end + 1;
  }
  if (seeds.size() > 1) return seeds;
  constexpr std::uint64_t kMost = 10000;
  const std::uint64_t count = seeds.front();
  if (count == 0 || count > kMost) {
    throw UsageError("expected --seeds from 1 to 10000, got " + text);
  }
  seeds.clear();
  for (std::uint64_t seed = 0; seed < count; ++seed) seeds.push_back(seed);
  return seeds;
}

GridOptions grid_options(const cxxopts::ParseResult& parsed) {
  GridOptions grid;
  const auto take = [&]<typename T>(const char* name, T& field) {
    if (parsed.count(name) > 0) field = parsed[name].as<T>();
  };
  const auto take_number = [&](const char* name, std::int64_t& field, std::int64_t least) {
    take(name, field);
    if (parsed.count(name) > 0 && field < least) {
      throw UsageError("expected --" + std::string(name) + " of at least " + std::to_string(least) +
                       ", got " + std::to_string(field));
    }
  };
  const auto take_real = [&](const char* name, double& field, double least, double below) {
    take(name, field);
    if (parsed.count(name) > 0 && !(field >= least && field < below)) {
      std::ostringstream message;
      message << "expected --" << name << " of at least " << least << " and below " << below
              << ", got " << field;
      throw UsageError(message.str());
    }
  };
  take("preset", grid.preset);
  take("objective", grid.objectives);
  if (parsed.count("seeds") > 0) grid.seeds = parse_seeds(parsed["seeds"].as<std::string>());
  take("steps", grid.steps);
  take("name-tokens", grid.name_tokens);
  take("pairs", grid.pairs);
  take("templates", grid.templates);
  take("shares", grid.shares);
  take_number("unseen-pairs", grid.unseen_pairs, 0);
  if (parsed.count("name-pool") > 0) grid.name_pool = parsed["name-pool"].as<std::int64_t>();
  take("layers", grid.layers);
  take("width", grid.width);
  take("heads", grid.heads);
  take_number("context", grid.context, 1);
  take("position", grid.position);
  take("norm", grid.norm);
  take("feed-forward", grid.feed_forward);
  grid.tied = parsed.count("tied") > 0 && parsed["tied"].as<bool>();
  take("dropout", grid.dropout);
  take("batch", grid.batch);
  take("learning-rate", grid.learning_rate);
  take("schedule", grid.schedule);
  take_number("warm-up", grid.warm_up_steps, 0);
  take("weight-decay", grid.weight_decay);
  take_real("beta-2", grid.beta_2, 0.0, 1.0);
  take_real("clip-norm", grid.clip_norm, 0.0, 1e9);
  take("device", grid.device);
  take("precision", grid.precision);
  take("matmul", grid.matmul);
  take("recompute", grid.recompute);
  if (parsed.count("data") > 0) grid.data = parsed["data"].as<std::string>();
  return grid;
}

// The grid's runs, each arm of which could start. A bad option is bad usage; bad data is a failure.
std::vector<RunSettings> checked_runs(const GridOptions& grid) {
  try {
    std::vector<RunSettings> runs = expand(grid);
    for (const RunSettings& run : runs) {
      if (run.seed == runs.front().seed) check(run);  // seeds change no size
    }
    return runs;
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
}

int checked_jobs(const cxxopts::ParseResult& parsed) {
  if (parsed.count("jobs") == 0) {
    // Small models leave most of a GPU idle; beyond some streams the host cannot keep up.
    constexpr int kOnCuda = 8;
    if (parsed["device"].as<std::string>() == "cuda") return kOnCuda;
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }
  const auto jobs = parsed["jobs"].as<std::int64_t>();
  if (jobs < 1 || jobs > 1024) {
    throw UsageError("expected --jobs from 1 to 1024, got " + std::to_string(jobs));
  }
  return static_cast<int>(jobs);
}

}  // namespace

int run_command(int argc, char** argv, const std::string& command_line) {
  cxxopts::Options options = describe_options();
  const auto parsed = parse_or_help(options, argc, argv);
  if (!parsed) return 0;
  const GridOptions options_of_grid = grid_options(*parsed);
  // Two streams a run: with CUDA's eight queues, one run's copies would wait behind another's step.
  // Read when CUDA starts; no other thread runs yet.
  if (options_of_grid.device == "cuda") setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  const std::vector<RunSettings> runs = checked_runs(options_of_grid);
  const int jobs = std::min<int>(checked_jobs(*parsed), static_cast<int>(runs.size()));
  nlohmann::json grid = {{"command", command_line},
                         {"preset", (*parsed)["preset"].as<std::string>()},
                         {"commit", OBVERSE_COMMIT},
                         {"runs", nlohmann::json::array()}};
  for (const RunSettings& run : runs) grid["runs"].push_back(to_json(run));

  const std::filesystem::path folder = (*parsed)["output"].as<std::string>();
  tell_full_files_as_errors();
  RunStore store(folder, grid);
  if (store.size() > 0) {
    std::printf("%s holds %d of %zu runs; going on\n", folder.c_str(), store.size(), runs.size());
  }
  // A second Ctrl-C ends the program at once: nothing that is on disk can be harmed.
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);

  SchedulerResult done;
  try {
    done = run_missing(runs, jobs, store, stop_requested, stderr);
  } catch (...) {
    store.discard_if_empty();
    throw;
  }
  if (done.stopped) {
    std::printf("stopped: %d of %zu runs are kept in %s; the same command goes on from there\n",
                store.size(), runs.size(), folder.c_str());
    return 130;
  }
  if (store.size() == 0) {
    throw std::runtime_error("all " + std::to_string(done.failed) +
                             " runs diverged; there is nothing to report");
  }
  write_report(folder);
  if (done.failed > 0) {
    std::fprintf(stderr, "obverse-reversal: %d of %zu runs diverged; the report is of the others\n",
                 done.failed, runs.size());
    return 1;
  }
  return 0;
}

}  // namespace obverse::reversal

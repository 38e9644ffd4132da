#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "experiments/reversal_curse/command_support.h"
#include "experiments/reversal_curse/commands.h"
#include "experiments/reversal_curse/grid_run.h"
#include "experiments/reversal_curse/presets/preset.h"
#include "experiments/reversal_curse/probes/probe_run.h"
#include "experiments/reversal_curse/verify/row.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;

cxxopts::Options describe_options() {
  cxxopts::Options options(
      "obverse-reversal verify",
      "Checks what is known of the reversal curse, row by row: runs what is missing, prints each "
      "row\nwith what was expected and measured, and writes verify.json. Exits 1 where a row "
      "fails.\n\n"
      "  obverse-reversal verify --preset quick\n"
      "  obverse-reversal verify --rows 1,6,7 --output runs/verify\n");
  const auto text = [](const char* usual) {
    return cxxopts::value<std::string>()->default_value(usual);
  };
  options.add_options()("preset", "quick: small models, half an hour on 2 cores; full: all sizes",
                        text("quick"), "NAME")("rows", "Numbers of rows; usually all",
                                               cxxopts::value<std::vector<int>>(), "N,..")(
      "seeds", "How many seeds of every arm; usually 3, for full 5", cxxopts::value<int>(), "N")(
      "jobs", "Runs at a time", cxxopts::value<std::int64_t>(), "N")("device", "cpu or cuda",
                                                                     text("cpu"), "NAME")(
      "output",
      "Folder: one folder of results a preset, and verify.json; usually runs/verify, for full "
      "runs/verify-full",
      cxxopts::value<std::string>(), "DIR")("help", "This text");
  return options;
}

std::vector<VerifyRow> asked_rows(const cxxopts::ParseResult& parsed) {
  std::vector<VerifyRow> rows = verify_rows();
  if (parsed.count("rows") == 0) return rows;
  std::vector<VerifyRow> asked;
  for (const int number : parsed["rows"].as<std::vector<int>>()) {
    const auto found = std::find_if(
        rows.begin(), rows.end(), [number](const VerifyRow& row) { return row.number == number; });
    if (found == rows.end()) {
      throw UsageError("expected --rows among 1 to " + std::to_string(rows.back().number) +
                       ", got " + std::to_string(number));
    }
    asked.push_back(*found);
  }
  return asked;
}

// Results of one preset by what was run, so that an arm that two presets share counts once.
using Results = std::map<std::string, RunResult>;

std::string identity(const RunResult& run) {
  return json{run.objective, run.architecture, run.world, run.training, run.steps, run.seed}.dump();
}

// Beyond this a number is no chance of a last digit.
json rounded(double value) {
  return std::isfinite(value) ? json(std::round(value * 1e4) / 1e4) : json(nullptr);
}

json json_of(const Measured& measured) {
  json object = {{"what", measured.what},
                 {"value", rounded(measured.value)},
                 {"ci95", nullptr},
                 {"holds", measured.holds}};
  if (measured.interval) {
    object["ci95"] = {rounded(measured.interval->low), rounded(measured.interval->high)};
  }
  if (!measured.note.empty()) object["note"] = measured.note;
  return object;
}

void print(const json& measured) {
  std::printf("    %-5s %s %s", measured.at("holds").get<bool>() ? "" : "FAILS",
              measured.at("what").get<std::string>().c_str(), measured.at("value").dump().c_str());
  if (!measured.at("ci95").is_null()) {
    std::printf(" [%s, %s]", measured.at("ci95")[0].dump().c_str(),
                measured.at("ci95")[1].dump().c_str());
  }
  const std::string note = measured.value("note", "");
  std::printf("%s%s\n", note.empty() ? "" : "; ", note.c_str());
}

// The row's object in verify.json.
json checked(const VerifyRow& row, const std::vector<std::string>& presets,
             const std::map<std::string, std::vector<RunSettings>>& grids,
             std::map<std::string, Results>& results) {
  Results all;
  std::size_t missing = 0;  // diverged: no row may pass by what it lacks
  for (const std::string& preset : presets) {
    all.insert(results.at(preset).begin(), results.at(preset).end());
    missing += grids.at(preset).size() - results.at(preset).size();
  }
  std::vector<RunResult> runs;
  for (auto& [key, run] : all) runs.push_back(run);
  json object = {{"row", row.number},         {"under", row.under},   {"expected", row.expected},
                 {"known_from", row.source},  {"presets", presets},   {"runs", runs.size()},
                 {"measured", json::array()}, {"ci95", json::array()}};
  bool passes = true;
  try {
    for (const Measured& measured : row.check(Evidence(std::move(runs)))) {
      object["measured"].push_back(json_of(measured));
      object["ci95"].push_back(object["measured"].back()["ci95"]);
      passes = passes && measured.holds;
    }
    passes = passes && !object["measured"].empty();
  } catch (const std::runtime_error& error) {  // an arm diverged, say
    object["error"] = error.what();
    passes = false;
  }
  if (missing > 0) {
    const std::string lost = missing == 1 ? "1 run" : std::to_string(missing) + " runs";
    object["error"] = object.value("error", lost + " diverged and left no result");
    passes = false;
  }
  object["verdict"] = passes ? "pass" : "fail";
  return object;
}

// The probes that the rows want of a preset's runs.
template <typename PresetsOf>
std::vector<std::string> probes_of(const std::vector<VerifyRow>& rows, const PresetsOf& presets_of,
                                   const std::string& preset) {
  std::vector<std::string> probes;
  for (const VerifyRow& row : rows) {
    const std::vector<std::string> presets = presets_of(row);
    if (std::find(presets.begin(), presets.end(), preset) == presets.end()) continue;
    for (const std::string& name : row.probes) {
      if (std::find(probes.begin(), probes.end(), name) == probes.end()) probes.push_back(name);
    }
  }
  return probes;
}

// False where Ctrl-C stopped it.
bool probe(const std::filesystem::path& folder, const std::vector<std::string>& probes, int jobs,
           const cxxopts::ParseResult& parsed) {
  if (probes.empty()) return true;
  ProbeTask task;
  task.kinds = probes;
  task.jobs = jobs;
  task.device = parsed["device"].as<std::string>();
  return !run_probes(folder, task).stopped;
}

void print_row(const json& row) {
  std::printf("\n%2d  %s  %s\n    expected: %s (%s)\n", row.at("row").get<int>(),
              row.at("verdict") == "pass" ? "pass" : "FAIL",
              row.at("under").get<std::string>().c_str(),
              row.at("expected").get<std::string>().c_str(),
              row.at("known_from").get<std::string>().c_str());
  for (const json& measured : row.at("measured")) print(measured);
  if (row.contains("error")) std::printf("    %s\n", row.at("error").get<std::string>().c_str());
}

}  // namespace

int verify_command(int argc, char** argv, const std::string& command_line) {
  cxxopts::Options options = describe_options();
  const auto parsed = parse_or_help(options, argc, argv);
  if (!parsed) return 0;
  const std::string mode = (*parsed)["preset"].as<std::string>();
  if (mode != "quick" && mode != "full") {
    throw UsageError("expected --preset quick or full, got '" + mode + "'");
  }
  const int seeds = parsed->count("seeds") > 0 ? (*parsed)["seeds"].as<int>()
                    : mode == "quick"          ? 3
                                               : 5;
  if (seeds < 1 || seeds > 10000) {
    throw UsageError("expected --seeds from 1 to 10000, got " + std::to_string(seeds));
  }
  const int jobs = checked_jobs(*parsed);
  // The modes differ in their seeds, and a folder takes one grid.
  const std::filesystem::path folder = parsed->count("output") > 0
                                           ? (*parsed)["output"].as<std::string>()
                                       : mode == "quick" ? "runs/verify"
                                                         : "runs/verify-full";
  const auto presets_of = [&mode](const VerifyRow& row) {
    return mode == "quick" ? row.quick_presets : row.full_presets;
  };
  const std::vector<VerifyRow> rows = asked_rows(*parsed);

  // All grids are checked before the first one runs.
  std::vector<std::string> presets;
  std::map<std::string, std::vector<RunSettings>> grids;
  for (const VerifyRow& row : rows) {
    for (const std::string& preset : presets_of(row)) {
      if (grids.count(preset) > 0) continue;
      GridOptions grid;
      grid.preset = preset;
      grid.device = (*parsed)["device"].as<std::string>();
      for (int seed = 0; seed < seeds; ++seed) {
        grid.seeds.push_back(static_cast<std::uint64_t>(seed));
      }
      grids[preset] = checked_runs(grid);
      presets.push_back(preset);
    }
  }
  std::map<std::string, Results> results;
  for (const std::string& preset : presets) {
    std::fprintf(stderr, "%s: %zu runs\n", preset.c_str(), grids[preset].size());
    const GridRun run = run_grid(grids[preset], preset, jobs, folder / preset, command_line,
                                 preset_named(preset).keeps_models);
    if (run.stopped) return 130;
    if (!probe(folder / preset, probes_of(rows, presets_of, preset), jobs, *parsed)) return 130;
    StoredGrid stored = read_stored_grid(folder / preset);
    write_files(folder / preset, stored);
    for (RunResult& run : stored.results) {
      results[preset].emplace(identity(run), std::move(run));
    }
  }
  json all = json::array();
  int failed = 0;
  for (const VerifyRow& row : rows) {
    all.push_back(checked(row, presets_of(row), grids, results));
    failed += all.back().at("verdict") == "pass" ? 0 : 1;
    print_row(all.back());
  }
  std::filesystem::create_directories(folder);  // rows that need no runs have made none
  write_atomically(folder / "verify.json", all.dump(1) + "\n");
  std::printf("\n%zu of %zu rows pass; %s\n", rows.size() - static_cast<std::size_t>(failed),
              rows.size(), (folder / "verify.json").c_str());
  return failed == 0 ? 0 : 1;
}

}  // namespace obverse::reversal

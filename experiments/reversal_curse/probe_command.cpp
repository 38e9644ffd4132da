#include <algorithm>
#include <cstdio>

#include "experiments/reversal_curse/command_support.h"
#include "experiments/reversal_curse/commands.h"
#include "experiments/reversal_curse/grid_run.h"
#include "experiments/reversal_curse/probes/probe_run.h"

namespace obverse::reversal {
namespace {

cxxopts::Options describe_options() {
  std::string kinds;
  for (const ProbeKind& kind : probe_kinds())
    kinds += "  " + kind.name + ": " + kind.summary + "\n";
  cxxopts::Options options(
      "obverse-reversal probe",
      "Measures how the models of a folder store their facts: once, or in separate copies. Needs "
      "runs\nwhose weights were kept (run --keep-models), writes probes.jsonl, and makes the "
      "report "
      "anew.\nThe same command continues what was stopped.\n\n" +
          kinds +
          "\n  obverse-reversal probe --output runs/storage\n"
          "  obverse-reversal probe --output runs/mine --probes edits --facts 50 --layer 1\n");
  const ProbeOptions usual;
  options.add_options()("output", "Folder of the results",
                        cxxopts::value<std::string>()->default_value("runs/quick"), "DIR")(
      "probes", "Which; usually all", cxxopts::value<std::vector<std::string>>(), "A,..")(
      "facts", "Facts of each model, at most; usually " + std::to_string(usual.facts),
      cxxopts::value<int>(), "N")(
      "layer", "The block that is changed or looked at alone, from 0; usually (layers - 1) / 2",
      cxxopts::value<int>(), "N")(
      "direction", "Through which direction facts are changed: 0, the world's first, or 1",
      cxxopts::value<int>(), "N")("jobs", "Models at a time", cxxopts::value<std::int64_t>(), "N")(
      "device", "cpu or cuda", cxxopts::value<std::string>()->default_value("cpu"), "NAME")(
      "data", "A folder of published data, for worlds that are read from one",
      cxxopts::value<std::string>(), "DIR")("help", "This text");
  return options;
}

ProbeTask task_of(const cxxopts::ParseResult& parsed) {
  ProbeTask task;
  if (parsed.count("probes") > 0) {
    task.kinds = parsed["probes"].as<std::vector<std::string>>();
  } else {
    for (const ProbeKind& kind : probe_kinds()) task.kinds.push_back(kind.name);
  }
  try {
    for (const std::string& name : task.kinds) probe_kind(name);
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  const auto number = [&parsed](const char* name, int least, int most, int& field) {
    if (parsed.count(name) == 0) return;
    field = parsed[name].as<int>();
    if (field < least || field > most) {
      throw UsageError("expected --" + std::string(name) + " from " + std::to_string(least) +
                       " to " + std::to_string(most) + ", got " + std::to_string(field));
    }
  };
  number("facts", 2, 1000000, task.options.facts);
  number("layer", 0, 1000, task.options.layer);
  number("direction", 0, 1, task.options.direction);
  if (parsed.count("data") > 0) task.data = parsed["data"].as<std::string>();
  task.device = parsed["device"].as<std::string>();
  task.jobs = checked_jobs(parsed);
  return task;
}

}  // namespace

int probe_command(int argc, char** argv) {
  cxxopts::Options options = describe_options();
  const auto parsed = parse_or_help(options, argc, argv);
  if (!parsed) return 0;
  const std::filesystem::path folder = (*parsed)["output"].as<std::string>();
  const ProbeTask task = task_of(*parsed);
  const ProbeTally tally = run_probes(folder, task);
  if (tally.stopped) {
    std::printf("stopped: %d probes are kept in %s; the same command goes on from there\n",
                tally.done, folder.c_str());
    return 130;
  }
  if (tally.done > 0) write_report(folder);
  if (tally.without_model + tally.failed > 0) {
    std::fprintf(stderr,
                 "obverse-reversal: %d runs whose weights were not kept (run --keep-models keeps "
                 "them) and %d others were not probed\n",
                 tally.without_model, tally.failed);
    return 1;
  }
  if (tally.done == 0) {
    std::fprintf(stderr, "obverse-reversal: %s: no run that these probes say anything of\n",
                 folder.c_str());
    return 1;
  }
  return 0;
}

}  // namespace obverse::reversal

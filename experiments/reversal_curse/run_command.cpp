#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cxxopts.hpp>
#include <sstream>

#include "experiments/reversal_curse/command_support.h"
#include "experiments/reversal_curse/commands.h"
#include "experiments/reversal_curse/grid_run.h"
#include "experiments/reversal_curse/presets/preset.h"
#include "experiments/reversal_curse/worlds/expansion.h"

namespace obverse::reversal {
namespace {

using Words = std::vector<std::string>;

// "architecture.norm_placement" is --norm-placement.
std::string option_of(const std::string& path) {
  std::string name = path.substr(path.find('.') + 1);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

// "usual 300 in pairs, 100 in families".
std::string usual_values(const std::string& name) {
  std::string text;
  for (const WorldKind& kind : world_kinds()) {
    for (const WorldOption& option : kind.options) {
      if (option.name != name) continue;
      text += (text.empty() ? "usually " : ", ") +
              (option.usual.is_string() ? option.usual.get<std::string>() : option.usual.dump()) +
              " in " + kind.name;
    }
  }
  return text;
}

bool is_of_every_world(const std::string& name) {
  for (const WorldOption& option : expansion_options()) {
    if (option.name == name) return true;
  }
  return false;
}

cxxopts::Options describe_options() {
  cxxopts::Options options(
      "obverse-reversal run",
      "Trains and asks a grid of models. Options that take a list (A,..) are axes: every "
      "combination is run.\nWithout an option the preset decides. The same command "
      "continues what was stopped.\n\n"
      "  obverse-reversal run --preset quick --output runs/quick\n"
      "  obverse-reversal run --objective causal,entity_reversed --name-tokens 1,2,3 "
      "--layers 2,4 --seeds 5\n"
      "  obverse-reversal run --objective causal:0.95,entity_reversed:0.05\n"
      "  obverse-reversal run --world families --weight-decay 0,1,3\n"
      "  obverse-reversal run --preset paper --data DIR --output runs/paper\n"
      "  obverse-reversal run --device cuda --jobs 8\n");
  const auto words = [] { return cxxopts::value<Words>(); };
  const auto number = [] { return cxxopts::value<std::int64_t>(); };
  const auto word = [] { return cxxopts::value<std::string>(); };
  const auto usual = [](const char* value) {
    return cxxopts::value<std::string>()->default_value(value);
  };
  options.add_options("What is run")("preset", "See obverse-reversal list", usual("quick"), "NAME")(
      "objective",
      "Objectives; weights behind colons make a mixture, in a longer list joined by +: "
      "causal,causal:0.95+entity_reversed:0.05",
      word(), "A,..")("world", "Worlds", words(), "A,..")(
      "seeds", "How many seeds (0, 1, ...), or a list of them", word(), "N|A,B")(
      "data", "A folder of published data, for the worlds that are read from one", word(), "DIR");
  // The folders of a record's paths, as groups of the help text.
  for (const auto& [part, title] : {std::pair("world", "World"), std::pair("architecture", "Model"),
                                    std::pair("training", "Training")}) {
    auto add = options.add_options(title);
    for (const Field& field : grid_fields()) {
      if (field.path.rfind(std::string(part) + ".", 0) != 0) continue;
      const std::string name = field.path.substr(field.path.find('.') + 1);
      std::string help = field.help;
      if (std::string(part) == "world" && !is_of_every_world(name)) {
        help += "; " + usual_values(name);
      }
      add(option_of(field.path), help, words(),
          field.usual.is_string()           ? "A,.."
          : field.usual.is_boolean()        ? "BOOL,.."
          : field.usual.is_number_integer() ? "N,.."
                                            : "R,..");
    }
    if (std::string(part) == "world") {
      add("shares",
          "Parts of the facts stated both ways, forward only, backward only: short for "
          "--share-both "
          "and --forward-share",
          cxxopts::value<std::vector<double>>(), "B,F,R");
    }
  }
  options.add_options("Machine")("jobs",
                                 "Runs at a time; on the CPU one thread each and usually one a "
                                 "core, on CUDA one stream each and usually 8",
                                 number(), "N")("device", "cpu or cuda", usual("cpu"), "NAME")(
      "precision", "fp32, or on CUDA bf16 with fp32 weights beside; usually bf16 there", word(),
      "NAME")("matmul", "Matrix products on CUDA: own or cublas", usual("own"), "NAME")(
      "recompute", "What backward computes again to save memory: none or blocks", usual("none"),
      "WHAT")("output", "Folder of the results; usually runs/ and the preset's name", word(),
              "DIR")(
      "keep-models",
      "Keep the weights of every run, as obverse-reversal probe needs them; some presets "
      "always do")("help", "This text");
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

// One value of an option's list, of the type of `usual`.
nlohmann::json parse_value(const std::string& option, const std::string& text,
                           const nlohmann::json& usual) {
  if (usual.is_string()) return text;
  if (usual.is_boolean()) {
    if (text == "true" || text == "false") return text == "true";
    throw UsageError("expected --" + option + " true or false, got '" + text + "'");
  }
  const auto parse = [&]<typename Number>(Number number, const char* what) -> nlohmann::json {
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(double(number))) {
      throw UsageError("expected --" + option + " to be " + what + ", got '" + text + "'");
    }
    return number;
  };
  return usual.is_number_integer() ? parse(std::int64_t{0}, "a whole number")
                                   : parse(0.0, "a number");
}

// --shares B,F,R as the two options that it is short for.
void add_shares(const std::vector<double>& shares, Axes& axes) {
  const auto told = [&shares] {
    std::ostringstream text;
    for (std::size_t i = 0; i < shares.size(); ++i) text << (i > 0 ? "," : "") << shares[i];
    return text.str();
  }();
  if (shares.size() != 3) {
    throw UsageError("expected three shares (both, forward, reverse), got " + told);
  }
  const double one_way = shares[1] + shares[2];
  if (*std::min_element(shares.begin(), shares.end()) < 0.0 ||
      !(std::abs(shares[0] + one_way - 1.0) <= 1e-9)) {
    throw UsageError("expected shares that sum to 1, each 0 or more, got " + told);
  }
  axes["world.share_both"] = {shares[0]};
  axes["world.forward_share"] = {one_way > 0.0 ? shares[1] / one_way : 0.5};
}

GridOptions grid_options(const cxxopts::ParseResult& parsed) {
  GridOptions grid;
  const auto take = [&]<typename T>(const char* name, T& field) {
    if (parsed.count(name) > 0) field = parsed[name].as<T>();
  };
  take("preset", grid.preset);
  take("world", grid.worlds);
  if (parsed.count("objective") > 0) {
    grid.objectives = engine::split_objectives(parsed["objective"].as<std::string>());
  }
  if (parsed.count("seeds") > 0) grid.seeds = parse_seeds(parsed["seeds"].as<std::string>());
  for (const Field& field : grid_fields()) {
    const std::string option = option_of(field.path);
    if (parsed.count(option) == 0) continue;
    for (const std::string& text : parsed[option].as<Words>()) {
      grid.axes[field.path].push_back(parse_value(option, text, field.usual));
    }
  }
  if (parsed.count("shares") > 0) {
    if (parsed.count("share-both") + parsed.count("forward-share") > 0) {
      throw UsageError("expected --shares or --share-both and --forward-share, got both");
    }
    add_shares(parsed["shares"].as<std::vector<double>>(), grid.axes);
  }
  take("device", grid.device);
  take("precision", grid.precision);
  take("matmul", grid.matmul);
  take("recompute", grid.recompute);
  if (parsed.count("data") > 0) grid.data = parsed["data"].as<std::string>();
  return grid;
}

}  // namespace

int run_command(int argc, char** argv, const std::string& command_line) {
  cxxopts::Options options = describe_options();
  const auto parsed = parse_or_help(options, argc, argv);
  if (!parsed) return 0;
  const std::vector<RunSettings> runs = checked_runs(grid_options(*parsed));
  const std::string preset = (*parsed)["preset"].as<std::string>();
  const std::filesystem::path folder =
      parsed->count("output") > 0 ? (*parsed)["output"].as<std::string>() : "runs/" + preset;
  const GridRun done =
      run_grid(runs, preset, checked_jobs(*parsed), folder, command_line,
               parsed->count("keep-models") > 0 || preset_named(preset).keeps_models);
  if (done.stopped) return 130;
  write_report(folder);
  if (done.failed > 0) {
    std::fprintf(stderr, "obverse-reversal: %d of %zu runs diverged; the report is of the others\n",
                 done.failed, runs.size());
    return 1;
  }
  return 0;
}

}  // namespace obverse::reversal

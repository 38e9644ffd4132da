#include "experiments/reversal_curse/grid.h"

#include <algorithm>
#include <functional>
#include <set>

#include "experiments/reversal_curse/presets/preset.h"
#include "kernels/core/check.h"

namespace obverse::reversal {
namespace {

using kernels::fail;
using kernels::require;
using nlohmann::json;

constexpr std::int64_t kMost = 100000000;

// A word of an enumeration that nlohmann-json knows by name; `known` lists its words.
template <typename Enumeration>
Enumeration enumerated(const std::string& what, const char* known, const json& word) {
  const auto value = word.get<Enumeration>();
  require(json(value) == word, "[grid] expected ", what, " among ", known, ", got ", word.dump());
  return value;
}

std::int64_t integer(const std::string& what, const json& value, std::int64_t least) {
  require(value.is_number_integer() && value.get<std::int64_t>() >= least &&
              value.get<std::int64_t>() <= kMost,
          "[grid] expected ", what, " from ", least, " to ", kMost, ", got ", value.dump());
  return value.get<std::int64_t>();
}

double real(const std::string& what, const json& value, double least, double below) {
  const double number = value.is_number() ? value.get<double>() : least - 1.0;
  require(number >= least && number < below, "[grid] expected ", what, " of at least ", least,
          " and below ", below, ", got ", value.dump());
  return number;
}

struct TrainingField {
  const char* name;
  const char* help;
  json usual;
  void (*set)(RunSettings& run, const std::string& what, const json& value);
};

// In the order of the command line's help and of the axes.
const std::vector<TrainingField>& training_fields() {
  static const engine::TrainingOptions usual;
  static const std::vector<TrainingField> all = {
      {"batch", "Texts a step", usual.batch,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.batch = integer(what, value, 1);
       }},
      {"accumulation", "Parts that a step's batch is cut into", usual.accumulation,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.accumulation = integer(what, value, 1);
       }},
      {"learning_rate", "Peak", usual.schedule.peak,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.schedule.peak = real(what, value, 1e-9, 1e9);
       }},
      {"schedule", "constant, linear or cosine", usual.schedule.kind,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.schedule.kind =
             enumerated<engine::ScheduleKind>(what, "constant, linear and cosine", value);
       }},
      {"warm_up_steps", "Steps", usual.schedule.warm_up_steps,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.schedule.warm_up_steps = integer(what, value, 0);
       }},
      {"final_share", "Of the peak rate at the last step of a falling schedule",
       usual.schedule.final_share,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.schedule.final_share = real(what, value, 0.0, 1e9);
       }},
      {"weight_decay", "Of matrices and embeddings", usual.optimizer.weight_decay,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.optimizer.weight_decay = real(what, value, 0.0, 1e9);
       }},
      {"beta_1", "AdamW's decay of the gradient", usual.optimizer.beta_1,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.optimizer.beta_1 = real(what, value, 0.0, 1.0);
       }},
      {"beta_2", "AdamW's decay of the squared gradient", usual.optimizer.beta_2,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.optimizer.beta_2 = real(what, value, 0.0, 1.0);
       }},
      {"epsilon", "AdamW's, below its root", usual.optimizer.epsilon,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.optimizer.epsilon = real(what, value, 1e-30, 1.0);
       }},
      {"clip_norm", "Largest gradient norm; 0: no clipping", usual.optimizer.clip_norm,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.optimizer.clip_norm = real(what, value, 0.0, 1e9);
       }},
      {"curve_every", "Steps between points of the learning curves", RunSettings().curve_every,
       [](RunSettings& run, const std::string& what, const json& value) {
         run.curve_every = integer(what, value, 1);
       }},
      {"steps", "Optimizer steps of every run", std::int64_t{0},
       [](RunSettings& run, const std::string& what, const json& value) {
         run.training.schedule.steps = integer(what, value, 1);
       }},
  };
  return all;
}

std::string without_prefix(const std::string& path) { return path.substr(path.find('.') + 1); }
bool is_of(const std::string& path, const std::string& part) {
  return path.rfind(part + ".", 0) == 0;
}

// "learning rate", as messages say it.
std::string spoken(const std::string& path) {
  std::string name = without_prefix(path);
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

void set(RunSettings& run, const std::string& path, const json& value) {
  const std::string name = without_prefix(path);
  if (is_of(path, "training")) {
    for (const TrainingField& field : training_fields()) {
      if (name == field.name) return field.set(run, spoken(path), value);
    }
  }
  if (is_of(path, "architecture")) {
    from_json(json{{name, value}}, run.architecture);
    if (name == "mask") run.mask = run.architecture.mask;
    return;
  }
  if (is_of(path, "world")) {
    run.world.options[name] = value;
    return;
  }
  fail("[grid] expected a path of architecture, training or world, got '", path, "'");
}

template <typename T>
void require_distinct(const std::string& axis, std::vector<T> values) {
  std::sort(values.begin(), values.end());
  const auto repeated = std::adjacent_find(values.begin(), values.end());
  if (repeated != values.end())
    fail("[grid] expected distinct values of ", axis, ", got ", json(*repeated).dump(), " twice");
}

// What does not vary inside a grid.
RunSettings base_settings(const GridOptions& grid) {
  RunSettings run;
  run.world.data = grid.data;
  run.device = grid.device;
  const std::string precision = !grid.precision.empty() ? grid.precision
                                : grid.device == "cuda" ? "bf16"
                                                        : "fp32";
  require(precision == "bf16" || precision == "fp32",
          "[grid] expected a precision among bf16 and fp32, got '", precision, "'");
  run.precision = precision == "bf16" ? engine::DType::bf16 : engine::DType::f32;
  require(grid.matmul == "own" || grid.matmul == "cublas",
          "[grid] expected a matmul among own and cublas, got '", grid.matmul, "'");
  require(grid.matmul == "own" || grid.device == "cuda",
          "[grid] expected --matmul own without --device cuda, got '", grid.matmul, "'");
  run.matmul = grid.matmul == "cublas" ? engine::MatmulChoice::cublas : engine::MatmulChoice::own;
  run.training.recompute =
      enumerated<engine::Recompute>("a recompute", "none and blocks", grid.recompute);
  return run;
}

// The order of the axes, the last one fastest. Name tokens and steps come behind the objectives.
std::vector<std::string> ordered_paths(const Axes& axes) {
  std::vector<std::string> known;
  for (const Field& field : grid_fields()) {
    if (field.path != "training.steps" && field.path != "world.name_tokens") {
      known.push_back(field.path);
    }
  }
  known.insert(known.end(), {"objective", "training.steps", "world.name_tokens"});
  std::vector<std::string> paths;
  for (const std::string& path : known) {
    if ((path == "objective" || axes.count(path) > 0) &&
        std::find(paths.begin(), paths.end(), path) == paths.end()) {
      paths.push_back(path);
    }
  }
  for (const auto& [path, values] : axes) {
    require(std::find(known.begin(), known.end(), path) != known.end(),
            "[grid] expected a field of architecture, training or world, got '", path, "'");
  }
  return paths;
}

void check_options_of_world(const std::string& world, const Axes& given) {
  const WorldKind& kind = world_kind(world);
  for (const auto& [path, values] : given) {
    if (!is_of(path, "world")) continue;
    for (const json& value : values) complete_options(kind, {{without_prefix(path), value}});
  }
}

// One part of a preset, with the user's own options in it.
void expand_part(const GridOptions& grid, const Preset& preset, std::vector<RunSettings>& all) {
  require_distinct("objective", grid.objectives);
  require_distinct("world", grid.worlds);
  require_distinct("seeds", grid.seeds);
  for (const auto& [path, values] : grid.axes) require_distinct(spoken(path), values);
  for (const std::string& world : grid.worlds) check_options_of_world(world, grid.axes);

  std::vector<RunSettings> runs{base_settings(grid)};
  // Each axis multiplies the runs so far; the last one varies fastest.
  const auto cross = [&runs](const auto& values, const auto& set_value) {
    std::vector<RunSettings> product;
    for (const RunSettings& run : runs) {
      for (const auto& value : values) {
        product.push_back(run);
        set_value(product.back(), value);
      }
    }
    runs = std::move(product);
  };
  cross(grid.seeds, [](RunSettings& run, std::uint64_t seed) { run.seed = seed; });
  cross(grid.worlds, [&grid](RunSettings& run, const std::string& name) {
    run.world.name = name;
    if (!grid.data.empty()) run.world.data_digest = digest_of(grid.data, world_kind(name).files);
  });
  for (const std::string& path : ordered_paths(grid.axes)) {
    if (path == "objective") {
      cross(grid.objectives, [&](RunSettings& run, const std::string& objective) {
        run.objective = objective;
        if (preset.steps) run.training.schedule.steps = preset.steps(objective);
      });
      continue;
    }
    cross(grid.axes.at(path),
          [&path](RunSettings& run, const json& value) { set(run, path, value); });
  }
  all.insert(all.end(), runs.begin(), runs.end());
}

}  // namespace

std::vector<Field> grid_fields() {
  static const std::map<std::string, const char*> kHelp = {
      {"layers", "Blocks"},
      {"width", "Residual stream"},
      {"heads", "Attention heads"},
      {"key_value_heads", "Fewer than heads: grouped-query attention; 0: as many"},
      {"hidden", "Feed-forward width; 0: 4 x width, 8/3 x width for swiglu"},
      {"context", "Most tokens of a text; 0: as the world needs"},
      {"position", "learned, rotary, alibi or none"},
      {"norm", "layer or rms"},
      {"norm_placement", "pre or post"},
      {"feed_forward", "gelu, swiglu or relu2"},
      {"mask", "causal, bidirectional or prefix; usually the objective's"},
      {"tied_embeddings", "true: one table for embedding and output"},
      {"biases", "Of linear layers and layer norms"},
      {"query_key_norm", "Queries and keys are normalized"},
      {"dropout", "Rate"},
      {"rotary_base", "Of rotary positions"},
      {"norm_epsilon", "Below the norms' roots"}};
  std::vector<Field> fields;
  const json architecture = engine::TransformerConfig();
  for (const char* name :
       {"layers", "width", "heads", "key_value_heads", "hidden", "context", "position", "norm",
        "norm_placement", "feed_forward", "mask", "tied_embeddings", "biases", "query_key_norm",
        "dropout", "rotary_base", "norm_epsilon"}) {
    fields.push_back({std::string("architecture.") + name, kHelp.at(name), architecture.at(name)});
  }
  for (const TrainingField& field : training_fields()) {
    fields.push_back({std::string("training.") + field.name, field.help, field.usual});
  }
  for (const WorldKind& kind : world_kinds()) {
    for (const WorldOption& option : kind.options) {
      const std::string path = "world." + option.name;
      const auto known = std::find_if(fields.begin(), fields.end(),
                                      [&](const Field& field) { return field.path == path; });
      if (known == fields.end()) fields.push_back({path, option.help, option.usual});
    }
  }
  return fields;
}

std::vector<RunSettings> expand(const GridOptions& options) {
  const Preset preset = preset_named(options.preset);
  require(!options.data.empty() || !preset.needs_data,
          "[grid] expected --data DIR, the folder of the published data, with the preset ",
          preset.name);
  std::vector<RunSettings> runs;
  for (const GridOptions& part : preset.parts) {
    GridOptions grid = options;
    if (grid.worlds.empty()) {
      grid.worlds = part.worlds;
      // Data without a world are those of the first experiment.
      if (!grid.data.empty() && !preset.needs_data) grid.worlds = {"published"};
    }
    if (grid.objectives.empty()) grid.objectives = part.objectives;
    if (grid.seeds.empty()) grid.seeds = part.seeds;
    for (const auto& [path, values] : part.axes) {
      // A preset's options of its own world are not those of another.
      if (is_of(path, "world") && grid.worlds != part.worlds) continue;
      grid.axes.emplace(path, values);
    }
    for (const std::string& world : grid.worlds) {
      const bool reads = static_cast<bool>(world_kind(world).read);
      require(reads || options.data.empty(), "[grid] expected no --data with the world ", world,
              ", which is made and not read");
      require(!reads || !options.data.empty(), "[grid] expected --data DIR with the world ", world);
    }
    expand_part(grid, preset, runs);
  }
  // Seed by seed over all parts, and what two parts have in common once.
  std::vector<std::uint64_t> seeds;
  for (const RunSettings& run : runs) {
    if (std::find(seeds.begin(), seeds.end(), run.seed) == seeds.end()) seeds.push_back(run.seed);
  }
  std::vector<RunSettings> ordered;
  std::set<std::string> records;
  for (const std::uint64_t seed : seeds) {
    for (const RunSettings& run : runs) {
      if (run.seed == seed && records.insert(to_json(run).dump()).second) ordered.push_back(run);
    }
  }
  return ordered;
}

RunSettings settings_of_record(const json& record) {
  RunSettings run;
  try {
    run.objective = record.at("objective");
    run.seed = record.at("seed");
    run.device = record.at("device");
    run.training.schedule.steps = record.at("steps");
    run.precision =
        record.value("precision", "fp32") == "bf16" ? engine::DType::bf16 : engine::DType::f32;
    run.matmul = record.value("matmul", "own") == "cublas" ? engine::MatmulChoice::cublas
                                                           : engine::MatmulChoice::own;
    for (const char* part : {"architecture", "training"}) {
      for (const auto& item : record.at(part).items()) {
        set(run, std::string(part) + "." + item.key(), item.value());
      }
    }
    run.world.name = record.at("world").at("name");
    run.world.data_digest = record.at("world").value("digest", "");
    for (const WorldOption& option : world_kind(run.world.name).options) {
      if (record.at("world").contains(option.name)) {
        run.world.options[option.name] = record.at("world").at(option.name);
      }
    }
  } catch (const json::exception& error) {
    fail("[grid] expected the record of a run, got one whose ", error.what());
  }
  require(to_json(run) == record, "[grid] expected the record of a run that this program makes, ",
          "got one with other fields");
  return run;
}

}  // namespace obverse::reversal

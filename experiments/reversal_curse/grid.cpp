#include "experiments/reversal_curse/grid.h"

#include <algorithm>
#include <functional>

#include "kernels/core/check.h"

namespace obverse::reversal {
namespace {

using kernels::fail;
using kernels::require;

struct Preset {
  PresetDescription description;
  std::function<void(GridOptions&)> fill;  // axes that were left empty
  std::function<void(RunSettings&)> base;  // all else
  std::function<std::int64_t(const std::string& objective)> steps;
};

template <typename T>
void fill_axis(std::vector<T>& axis, std::vector<T> usual) {
  if (axis.empty()) axis = std::move(usual);
}

void small_base(RunSettings& run) {
  run.architecture.tied_embeddings =
      false;  // a shared table lets a name learned as input leak into the output
  run.training.batch = 64;
  run.training.schedule.peak = 1e-3;
  run.training.optimizer.weight_decay = 0.1;
  run.curve_every = 100;
}

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = {
      {{"quick",
        "the reversal curse and its known cures on 300 synthetic pairs, minutes on 2 cores"},
       [](GridOptions& grid) {
         fill_axis(grid.objectives,
                   {"causal", "token_reversed", "entity_reversed", "masked_uniform"});
         fill_axis(grid.name_tokens, {1, 2});
         fill_axis(grid.pairs, {300});
         fill_axis(grid.templates, {3});
         fill_axis(grid.layers, {2});
         fill_axis(grid.width, {64});
         fill_axis(grid.heads, {4});
         fill_axis(grid.seeds, {0, 1, 2});
       },
       [](RunSettings& run) {
         small_base(run);
         run.training.schedule.warm_up_steps = 50;
       },
       [](const std::string& objective) -> std::int64_t {
         // A masked model sees fewer targets a text, and takes longer for the same facts.
         return objective.rfind("masked", 0) == 0 ? 2000 : 1500;
       }},
      {{"paper", "Experiment 1 of Berglund et al. 2023 from scratch; needs --data DIR"},
       [](GridOptions& grid) {
         fill_axis(grid.objectives, {"causal"});
         fill_axis(grid.name_tokens, {0});
         fill_axis(grid.pairs, {0});
         fill_axis(grid.templates, {0});
         fill_axis(grid.layers, {3});
         fill_axis(grid.width, {128});
         fill_axis(grid.heads, {4});
         fill_axis(grid.seeds, {0, 1, 2, 3, 4});
       },
       [](RunSettings& run) {
         small_base(run);
         run.training.schedule.warm_up_steps = 50;
         run.curve_every = 50;
       },
       [](const std::string&) -> std::int64_t { return 500; }},
  };
  return all;
}

const Preset& preset_named(const std::string& name) {
  std::string known;
  for (const Preset& preset : presets()) {
    if (preset.description.name == name) return preset;
    known += " " + preset.description.name;
  }
  fail("[grid] expected a preset among", known, ", got '", name, "'");
}

template <typename T>
void require_distinct(const char* axis, std::vector<T> values) {
  std::sort(values.begin(), values.end());
  const auto repeated = std::adjacent_find(values.begin(), values.end());
  if (repeated != values.end())
    fail("[grid] expected distinct values of ", axis, ", got ", *repeated, " twice");
}

// A word of an enumeration that nlohmann-json knows by name.
template <typename Enumeration>
void set_word(const char* option, const std::string& word, Enumeration& field) {
  if (word.empty()) return;
  const auto value = nlohmann::json(word).get<Enumeration>();
  require(nlohmann::json(value) == word, "[grid] unknown ", option, " '", word, "'");
  field = value;
}

int checked_int(const char* what, std::int64_t value, std::int64_t least) {
  require(value >= least && value <= 1000000000, "[grid] expected ", what, " of at least ", least,
          ", got ", value);
  return static_cast<int>(value);
}

// What does not vary inside the grid.
RunSettings base_settings(const GridOptions& grid, const Preset& preset) {
  RunSettings run;
  preset.base(run);
  run.data = grid.data;
  run.device = grid.device;
  if (grid.batch != 0) run.training.batch = checked_int("batch", grid.batch, 1);
  if (grid.learning_rate != 0.0) {
    require(grid.learning_rate > 0.0, "[grid] expected a learning rate above 0, got ",
            grid.learning_rate);
    run.training.schedule.peak = grid.learning_rate;
  }
  if (grid.weight_decay >= 0.0) run.training.optimizer.weight_decay = grid.weight_decay;
  if (grid.beta_2 >= 0.0) run.training.optimizer.beta_2 = grid.beta_2;
  if (grid.clip_norm >= 0.0) run.training.optimizer.clip_norm = grid.clip_norm;
  if (grid.warm_up_steps >= 0) run.training.schedule.warm_up_steps = grid.warm_up_steps;
  set_word("schedule", grid.schedule, run.training.schedule.kind);
  set_word("position", grid.position, run.architecture.position);
  set_word("norm", grid.norm, run.architecture.norm);
  set_word("feed-forward", grid.feed_forward, run.architecture.feed_forward);
  if (grid.tied) run.architecture.tied_embeddings = true;
  if (grid.dropout >= 0.0) run.architecture.dropout = grid.dropout;
  require(grid.context >= 0, "[grid] expected a context above 0, got ", grid.context);
  run.architecture.context = grid.context;
  if (!grid.shares.empty()) {
    require(grid.shares.size() == 3, "[grid] expected three shares (both, forward, reverse), got ",
            grid.shares.size());
    run.pairs.share_both = grid.shares[0];
    run.pairs.share_forward = grid.shares[1];
    run.pairs.share_reverse = grid.shares[2];
  }
  if (grid.unseen_pairs >= 0)
    run.pairs.unseen_pairs = checked_int("unseen pairs", grid.unseen_pairs, 0);
  run.pairs.name_pool = static_cast<int>(grid.name_pool);
  return run;
}

}  // namespace

std::vector<PresetDescription> preset_descriptions() {
  std::vector<PresetDescription> descriptions;
  for (const Preset& preset : presets()) descriptions.push_back(preset.description);
  return descriptions;
}

std::vector<RunSettings> expand(const GridOptions& options) {
  const Preset& preset = preset_named(options.preset);
  GridOptions grid = options;
  const bool published = !grid.data.empty();
  require(published || preset.description.name != "paper",
          "[grid] expected --data DIR, the folder of the published data, with the preset paper");
  if (published) {
    require(options.name_tokens.empty() && options.pairs.empty() && options.templates.empty(),
            "[grid] expected no --name-tokens, --pairs or --templates with --data, whose world is "
            "fixed");
    grid.name_tokens = grid.pairs = grid.templates = {0};
  }
  preset.fill(grid);
  require_distinct("objective", grid.objectives);
  require_distinct("name tokens", grid.name_tokens);
  require_distinct("pairs", grid.pairs);
  require_distinct("templates", grid.templates);
  require_distinct("layers", grid.layers);
  require_distinct("width", grid.width);
  require_distinct("heads", grid.heads);
  require_distinct("seeds", grid.seeds);
  require(grid.steps >= 0, "[grid] expected steps above 0, got ", grid.steps);

  std::vector<RunSettings> runs{base_settings(grid, preset)};
  // Each axis multiplies the runs so far; the last one varies fastest.
  const auto cross = [&runs](const auto& values, const auto& set) {
    std::vector<RunSettings> product;
    for (const RunSettings& run : runs) {
      for (const auto& value : values) {
        product.push_back(run);
        set(product.back(), value);
      }
    }
    runs = std::move(product);
  };
  cross(grid.seeds, [](RunSettings& run, std::uint64_t seed) { run.seed = seed; });
  cross(grid.layers, [](RunSettings& run, std::int64_t value) { run.architecture.layers = value; });
  cross(grid.width, [](RunSettings& run, std::int64_t value) { run.architecture.width = value; });
  cross(grid.heads, [](RunSettings& run, std::int64_t value) { run.architecture.heads = value; });
  if (!published) {
    cross(grid.pairs, [](RunSettings& run, std::int64_t value) {
      run.pairs.pairs = checked_int("pairs", value, 1);
    });
    cross(grid.templates, [](RunSettings& run, std::int64_t value) {
      run.pairs.templates = checked_int("templates", value, 1);
    });
  }
  cross(grid.objectives, [&](RunSettings& run, const std::string& objective) {
    run.objective = objective;
    run.training.schedule.steps = grid.steps > 0 ? grid.steps : preset.steps(objective);
  });
  if (!published) {
    cross(grid.name_tokens, [](RunSettings& run, std::int64_t value) {
      run.pairs.name_tokens = checked_int("name tokens", value, 1);
    });
  }
  return runs;
}

}  // namespace obverse::reversal

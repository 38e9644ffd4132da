#include "experiments/reversal_curse/grid.h"

#include <algorithm>
#include <functional>

#include "experiments/reversal_curse/published_world.h"
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

// A word of an enumeration that nlohmann-json knows by name; `known` lists its words.
template <typename Enumeration>
Enumeration enumerated(const char* option, const char* known, const std::string& word) {
  const auto value = nlohmann::json(word).get<Enumeration>();
  require(nlohmann::json(value) == word, "[grid] expected a ", option, " among ", known, ", got '",
          word, "'");
  return value;
}

int checked_int(const char* what, std::int64_t value, std::int64_t least) {
  constexpr std::int64_t kMost = 100000000;
  require(value >= least && value <= kMost, "[grid] expected ", what, " from ", least, " to ",
          kMost, ", got ", value);
  return static_cast<int>(value);
}

double checked_real(const char* what, double value, double least, double below) {
  require(value >= least && value < below, "[grid] expected ", what, " of at least ", least,
          " and below ", below, ", got ", value);
  return value;
}

// What does not vary inside the grid.
RunSettings base_settings(const GridOptions& grid, const Preset& preset) {
  RunSettings run;
  preset.base(run);
  run.data = grid.data;
  if (!grid.data.empty()) run.data_digest = published_digest(grid.data);
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
      enumerated<engine::Recompute>("recompute", "none and blocks", grid.recompute);
  if (grid.beta_2 >= 0.0) run.training.optimizer.beta_2 = grid.beta_2;
  if (grid.clip_norm >= 0.0) run.training.optimizer.clip_norm = grid.clip_norm;
  if (grid.warm_up_steps >= 0) run.training.schedule.warm_up_steps = grid.warm_up_steps;
  if (!grid.schedule.empty()) {
    run.training.schedule.kind =
        enumerated<engine::ScheduleKind>("schedule", "constant, linear and cosine", grid.schedule);
  }
  if (grid.tied) run.architecture.tied_embeddings = true;
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
  if (grid.name_pool) run.pairs.name_pool = checked_int("name pool", *grid.name_pool, -1);
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
    require(options.name_tokens.empty() && options.pairs.empty() && options.templates.empty() &&
                options.shares.empty() && options.unseen_pairs < 0 && !options.name_pool,
            "[grid] expected no --name-tokens, --pairs, --templates, --shares, --unseen-pairs or "
            "--name-pool with --data, whose world is fixed");
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
  require_distinct("steps", grid.steps);
  require_distinct("batch", grid.batch);
  require_distinct("learning rate", grid.learning_rate);
  require_distinct("weight decay", grid.weight_decay);
  require_distinct("dropout", grid.dropout);
  require_distinct("position", grid.position);
  require_distinct("norm", grid.norm);
  require_distinct("feed-forward", grid.feed_forward);

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
  // The same for an axis that the preset leaves at one value.
  const auto cross_given = [&cross](const auto& values, const auto& set) {
    if (!values.empty()) cross(values, set);
  };
  cross(grid.seeds, [](RunSettings& run, std::uint64_t seed) { run.seed = seed; });
  cross(grid.layers, [](RunSettings& run, std::int64_t value) { run.architecture.layers = value; });
  cross(grid.width, [](RunSettings& run, std::int64_t value) { run.architecture.width = value; });
  cross(grid.heads, [](RunSettings& run, std::int64_t value) { run.architecture.heads = value; });
  cross_given(grid.position, [](RunSettings& run, const std::string& word) {
    run.architecture.position =
        enumerated<engine::PositionKind>("position", "learned, rotary, alibi and none", word);
  });
  cross_given(grid.norm, [](RunSettings& run, const std::string& word) {
    run.architecture.norm = enumerated<engine::NormKind>("norm", "layer and rms", word);
  });
  cross_given(grid.feed_forward, [](RunSettings& run, const std::string& word) {
    run.architecture.feed_forward =
        enumerated<engine::FeedForwardKind>("feed-forward", "gelu, swiglu and relu2", word);
  });
  cross_given(grid.dropout, [](RunSettings& run, double value) {
    run.architecture.dropout = checked_real("dropout", value, 0.0, 1.0);
  });
  cross_given(grid.batch, [](RunSettings& run, std::int64_t value) {
    run.training.batch = checked_int("batch", value, 1);
  });
  cross_given(grid.learning_rate, [](RunSettings& run, double value) {
    run.training.schedule.peak = checked_real("learning rate", value, 1e-9, 1e9);
  });
  cross_given(grid.weight_decay, [](RunSettings& run, double value) {
    run.training.optimizer.weight_decay = checked_real("weight decay", value, 0.0, 1e9);
  });
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
    run.training.schedule.steps = preset.steps(objective);
  });
  cross_given(grid.steps, [](RunSettings& run, std::int64_t value) {
    run.training.schedule.steps = checked_int("steps", value, 1);
  });
  if (!published) {
    cross(grid.name_tokens, [](RunSettings& run, std::int64_t value) {
      run.pairs.name_tokens = checked_int("name tokens", value, 1);
    });
  }
  return runs;
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/grid.h"

#include <cmath>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::reversal {
namespace {

using tests::error_of;

std::string grid_error(const GridOptions& grid) {
  return error_of([&] { expand(grid); });
}

TEST_CASE("the quick preset is four objectives, two name lengths and three seeds", "[grid]") {
  const std::vector<RunSettings> runs = expand({});
  REQUIRE(runs.size() == 24);
  std::set<std::tuple<std::string, nlohmann::json, std::uint64_t>> arms;
  for (const RunSettings& run : runs) {
    arms.insert({run.objective, run.world.options.at("name_tokens"), run.seed});
    CHECK(run.training.schedule.steps == (run.objective == "masked_uniform" ? 2000 : 1500));
    CHECK(to_json(run)["world"]["pairs"] == 300);
    CHECK(run.architecture.layers == 2);
    CHECK(run.architecture.width == 64);
    CHECK_FALSE(run.architecture.tied_embeddings);
    CHECK(run.world.data.empty());
  }
  CHECK(arms.size() == 24);
}

TEST_CASE("the paper preset is the published data with five seeds", "[grid]") {
  GridOptions grid;
  grid.preset = "paper";
  grid.data = "anywhere";
  const std::vector<RunSettings> runs = expand(grid);
  REQUIRE(runs.size() == 5);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    CHECK(runs[i].seed == i);
    CHECK(runs[i].objective == "causal");
    CHECK(runs[i].world.data == "anywhere");
    CHECK(to_json(runs[i])["world"]["name"] == "published");
  }
}

TEST_CASE("axes multiply, seeds slowest and name tokens fastest", "[grid]") {
  GridOptions grid;
  grid.objectives = {"prefix", "causal"};
  grid.axes["world.name_tokens"] = {3, 1};
  grid.axes["architecture.layers"] = {1, 2};
  grid.seeds = {7, 3};
  std::vector<std::tuple<std::uint64_t, std::int64_t, std::string, nlohmann::json>> found, expected;
  for (const RunSettings& run : expand(grid)) {
    found.emplace_back(run.seed, run.architecture.layers, run.objective,
                       run.world.options.at("name_tokens"));
  }
  for (const std::uint64_t seed : {7, 3}) {
    for (const std::int64_t layers : {1, 2}) {
      for (const char* objective : {"prefix", "causal"}) {
        for (const int name_tokens : {3, 1}) {
          expected.emplace_back(seed, layers, objective, name_tokens);
        }
      }
    }
  }
  CHECK(found == expected);
}

TEST_CASE("options reach every run, and the record of a run tells runs apart", "[grid]") {
  GridOptions grid;
  grid.objectives = {"causal"};
  grid.axes["world.name_tokens"] = {2};
  grid.axes["world.pairs"] = {20, 40};
  grid.axes["world.templates"] = {1, 2};
  grid.axes["architecture.width"] = {32, 64};
  grid.axes["architecture.heads"] = {1, 2};
  grid.seeds = {5};
  grid.axes["training.steps"] = {9};
  grid.axes["training.batch"] = {3};
  grid.axes["training.learning_rate"] = {0.25};
  grid.axes["training.weight_decay"] = {0.0};
  grid.axes["training.beta_2"] = {0.5};
  grid.axes["training.clip_norm"] = {0.0};
  grid.axes["training.warm_up_steps"] = {4};
  grid.axes["training.schedule"] = {"cosine"};
  grid.axes["architecture.context"] = {50};
  grid.axes["architecture.dropout"] = {0.125};
  grid.axes["architecture.position"] = {"rotary"};
  grid.axes["architecture.norm"] = {"rms"};
  grid.axes["architecture.feed_forward"] = {"swiglu"};
  grid.axes["architecture.tied_embeddings"] = {true};
  grid.axes["world.share_both"] = {0.25};
  grid.axes["world.forward_share"] = {1};
  grid.axes["world.unseen_pairs"] = {6};
  grid.axes["world.name_pool"] = {-1};
  const std::vector<RunSettings> runs = expand(grid);
  REQUIRE(runs.size() == 16);
  std::set<std::string> records;
  for (const RunSettings& run : runs) {
    records.insert(to_json(run).dump());
    CHECK(run.training.schedule.steps == 9);
    CHECK(run.training.batch == 3);
    CHECK(run.training.schedule.peak == 0.25);
    CHECK(run.training.schedule.warm_up_steps == 4);
    CHECK(run.training.schedule.kind == engine::ScheduleKind::cosine);
    CHECK(run.training.optimizer.weight_decay == 0.0);
    CHECK(run.training.optimizer.beta_2 == 0.5);
    CHECK(run.training.optimizer.clip_norm == 0.0);
    CHECK(run.architecture.context == 50);
    CHECK(run.architecture.dropout == 0.125);
    CHECK(run.architecture.position == engine::PositionKind::rotary);
    CHECK(run.architecture.norm == engine::NormKind::rms);
    CHECK(run.architecture.feed_forward == engine::FeedForwardKind::swiglu);
    CHECK(run.architecture.tied_embeddings);
    const nlohmann::json world = to_json(run)["world"];
    CHECK(world["share_both"] == 0.25);
    CHECK(world["forward_share"] == 1.0);
    CHECK(world["unseen_pairs"] == 6);
    CHECK(world["name_pool"] == -1);
  }
  CHECK(records.size() == runs.size());
}

TEST_CASE("a grid that cannot be is told in one line", "[grid]") {
  GridOptions grid;
  SECTION("preset") {
    grid.preset = "huge";
    CHECK(grid_error(grid).find("[grid] expected a preset among") == 0);
    CHECK(grid_error(grid).find("got 'huge'") != std::string::npos);
  }
  SECTION("paper without data") {
    grid.preset = "paper";
    CHECK(grid_error(grid) ==
          "[grid] expected --data DIR, the folder of the published data, with the preset paper");
  }
  SECTION("an option of another world") {
    grid.data = "anywhere";
    grid.axes["world.pairs"] = {20};
    CHECK(
        grid_error(grid) ==
        "[published] expected an option among expanded_facts expansion expansion_of, got 'pairs'");
  }
  SECTION("data with a world that is made") {
    grid.worlds = {"pairs"};
    grid.data = "anywhere";
    CHECK(grid_error(grid) ==
          "[grid] expected no --data with the world pairs, which is made and not read");
  }
  SECTION("a world that is read without data") {
    grid.worlds = {"published"};
    CHECK(grid_error(grid) == "[grid] expected --data DIR with the world published");
  }
  SECTION("unknown path") {
    grid.axes["weather.rain"] = {1};
    CHECK(grid_error(grid) ==
          "[grid] expected a field of architecture, training or world, got 'weather.rain'");
    grid.axes = {{"world.rain", {1}}};
    CHECK(grid_error(grid).find("[pairs] expected an option among") == 0);
  }
  SECTION("repeated value") {
    grid.seeds = {1, 2, 1};
    CHECK(grid_error(grid) == "[grid] expected distinct values of seeds, got 1 twice");
  }
  SECTION("repeated sizes") {
    for (const char* path : {"world.name_tokens", "world.pairs", "architecture.layers",
                             "architecture.width", "training.batch"}) {
      GridOptions repeated;
      repeated.axes[path] = {4, 8, 4};
      INFO(path);
      CHECK(grid_error(repeated).find(", got 4 twice") != std::string::npos);
    }
    grid.axes["architecture.norm"] = {"rms", "rms"};
    CHECK(grid_error(grid) == "[grid] expected distinct values of norm, got \"rms\" twice");
  }
  SECTION("repeated objective") {
    grid.objectives = {"causal", "causal"};
    CHECK(grid_error(grid) == "[grid] expected distinct values of objective, got \"causal\" twice");
  }
  SECTION("pairs") {
    grid.axes["world.pairs"] = {0};
    CHECK(grid_error(grid) == "[pairs] expected pairs from 1 to 1000000, got 0");
    grid.axes["world.pairs"] = {2000000000};
    CHECK(grid_error(grid) == "[pairs] expected pairs from 1 to 1000000, got 2000000000");
  }
  SECTION("templates") {
    grid.axes["world.templates"] = {0};
    CHECK(grid_error(grid) == "[pairs] expected templates from 1 to 60, got 0");
  }
  SECTION("name tokens") {
    grid.axes["world.name_tokens"] = {-2};
    CHECK(grid_error(grid) == "[pairs] expected name tokens from 1 to 8, got -2");
  }
  SECTION("steps") {
    grid.axes["training.steps"] = {-1};
    CHECK(grid_error(grid) == "[grid] expected steps from 1 to 100000000, got -1");
  }
  SECTION("batch") {
    grid.axes["training.batch"] = {-1};
    CHECK(grid_error(grid) == "[grid] expected batch from 1 to 100000000, got -1");
  }
  SECTION("learning rate") {
    grid.axes["training.learning_rate"] = {-0.5};
    CHECK(grid_error(grid) ==
          "[grid] expected learning rate of at least 1e-09 and below 1e+09, got -0.5");
    grid.axes["training.learning_rate"] = {std::nan("")};
    CHECK(grid_error(grid) ==
          "[grid] expected learning rate of at least 1e-09 and below 1e+09, got null");
  }
  SECTION("name pool") {
    grid.axes["world.name_pool"] = {4294967296};  // 0 where it is cut to 32 bits
    CHECK(grid_error(grid) == "[pairs] expected name pool from -1 to 4000000, got 4294967296");
  }
  SECTION("words") {
    grid.axes["training.schedule"] = {"steep"};
    CHECK(grid_error(grid) ==
          "[grid] expected schedule among constant, linear and cosine, got \"steep\"");
    grid.axes = {{"architecture.position", {"absolute"}}};
    CHECK(grid_error(grid) ==
          "[transformer] expected a known value for position, got \"absolute\"");
    grid.axes = {{"architecture.norm", {"batch"}}};
    CHECK(grid_error(grid) == "[transformer] expected a known value for norm, got \"batch\"");
    grid.axes = {{"world.expansion_of", {"everything"}}};
    CHECK(grid_error(grid) ==
          "[pairs] expected expansion of among all paraphrases inverse compositions, got "
          "\"everything\"");
  }
}

TEST_CASE("what a preset leaves at one value can be an axis as well", "[grid]") {
  GridOptions grid;
  grid.objectives = {"causal"};
  grid.axes["world.name_tokens"] = {1};
  grid.seeds = {0};
  grid.axes["architecture.position"] = {"learned", "rotary"};
  grid.axes["architecture.norm"] = {"layer", "rms"};
  grid.axes["architecture.feed_forward"] = {"gelu", "swiglu"};
  grid.axes["architecture.dropout"] = {0.0, 0.1};
  grid.axes["training.batch"] = {8, 16};
  grid.axes["training.learning_rate"] = {1e-3, 2e-3};
  grid.axes["training.weight_decay"] = {0.0, 0.1};
  grid.axes["training.steps"] = {10, 20};
  std::set<std::string> records;
  for (const RunSettings& run : expand(grid)) records.insert(to_json(run).dump());
  CHECK(records.size() == 256);
  grid.axes["architecture.norm"] = {"rms", "rms"};
  CHECK(grid_error(grid) == "[grid] expected distinct values of norm, got \"rms\" twice");
}

TEST_CASE("a run that could not start is refused before anything trains", "[grid]") {
  RunSettings run = expand({}).front();
  CHECK(error_of([&] { check(run); }) == "nothing thrown");
  SECTION("objective") {
    run.objective = "guessing";
    CHECK(error_of([&] { check(run); }).find("got 'guessing'") != std::string::npos);
  }
  SECTION("heads") {
    run.architecture.heads = 3;
    CHECK(error_of([&] { check(run); }) ==
          "[transformer] expected heads to divide width, got 3 heads and width 64");
  }
  SECTION("context") {
    run.architecture.context = 4;
    CHECK(error_of([&] { check(run); }) ==
          "[run] expected a context of at least 8 tokens, the longest text of world pairs, got 4");
  }
  SECTION("a mask that shows a model its own targets") {
    run.mask = engine::MaskKind::bidirectional;
    CHECK(error_of([&] { check(run); }) ==
          "[run] expected a mask that objective causal can learn under, got \"bidirectional\"");
  }
  SECTION("sizes whose products would overflow") {
    run.architecture.width = std::int64_t{1} << 62;
    CHECK(error_of([&] { check(run); }) ==
          "[transformer] expected width of at most 16777216, got 4611686018427387904");
  }
  SECTION("device") {
    run.device = "abacus";
    CHECK(error_of([&] { check(run); }).find("got 'abacus'") != std::string::npos);
  }
}

}  // namespace
}  // namespace obverse::reversal

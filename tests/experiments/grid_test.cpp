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
  std::set<std::tuple<std::string, int, std::uint64_t>> arms;
  for (const RunSettings& run : runs) {
    arms.insert({run.objective, run.pairs.name_tokens, run.seed});
    CHECK(run.training.schedule.steps == (run.objective == "masked_uniform" ? 2000 : 1500));
    CHECK(run.pairs.pairs == 300);
    CHECK(run.architecture.layers == 2);
    CHECK(run.architecture.width == 64);
    CHECK_FALSE(run.architecture.tied_embeddings);
    CHECK(run.data.empty());
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
    CHECK(runs[i].data == "anywhere");
    CHECK(to_json(runs[i])["world"]["name"] == "published");
  }
}

TEST_CASE("axes multiply, seeds slowest and name tokens fastest", "[grid]") {
  GridOptions grid;
  grid.objectives = {"prefix", "causal"};
  grid.name_tokens = {3, 1};
  grid.layers = {1, 2};
  grid.seeds = {7, 3};
  std::vector<std::tuple<std::uint64_t, std::int64_t, std::string, int>> found, expected;
  for (const RunSettings& run : expand(grid)) {
    found.emplace_back(run.seed, run.architecture.layers, run.objective, run.pairs.name_tokens);
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
  grid.name_tokens = {2};
  grid.pairs = {20, 40};
  grid.templates = {1, 2};
  grid.width = {32, 64};
  grid.heads = {1, 2};
  grid.seeds = {5};
  grid.steps = {9};
  grid.batch = {3};
  grid.learning_rate = {0.25};
  grid.weight_decay = {0.0};
  grid.beta_2 = 0.5;
  grid.clip_norm = 0.0;
  grid.warm_up_steps = 4;
  grid.schedule = "cosine";
  grid.context = 50;
  grid.dropout = {0.125};
  grid.position = {"rotary"};
  grid.norm = {"rms"};
  grid.feed_forward = {"swiglu"};
  grid.tied = true;
  grid.shares = {0.25, 0.75, 0.0};
  grid.unseen_pairs = 6;
  grid.name_pool = -1;
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
    CHECK(run.pairs.share_both == 0.25);
    CHECK(run.pairs.share_forward == 0.75);
    CHECK(run.pairs.share_reverse == 0.0);
    CHECK(run.pairs.unseen_pairs == 6);
    CHECK(run.pairs.name_pool == -1);
  }
  CHECK(records.size() == runs.size());
}

TEST_CASE("a grid that cannot be is told in one line", "[grid]") {
  GridOptions grid;
  SECTION("preset") {
    grid.preset = "huge";
    CHECK(grid_error(grid) == "[grid] expected a preset among quick paper, got 'huge'");
  }
  SECTION("paper without data") {
    grid.preset = "paper";
    CHECK(grid_error(grid) ==
          "[grid] expected --data DIR, the folder of the published data, with the preset paper");
  }
  SECTION("pairs with data") {
    grid.data = "anywhere";
    grid.pairs = {20};
    CHECK(grid_error(grid) ==
          "[grid] expected no --name-tokens, --pairs, --templates, --shares, --unseen-pairs or "
          "--name-pool with --data, whose world is fixed");
  }
  SECTION("repeated value") {
    grid.seeds = {1, 2, 1};
    CHECK(grid_error(grid) == "[grid] expected distinct values of seeds, got 1 twice");
  }
  SECTION("repeated sizes") {
    const auto check_axis = [](std::vector<std::int64_t> GridOptions::*axis, const char* name) {
      GridOptions repeated;
      repeated.*axis = {4, 8, 4};
      CHECK(grid_error(repeated) ==
            "[grid] expected distinct values of " + std::string(name) + ", got 4 twice");
    };
    check_axis(&GridOptions::name_tokens, "name tokens");
    check_axis(&GridOptions::pairs, "pairs");
    check_axis(&GridOptions::templates, "templates");
    check_axis(&GridOptions::layers, "layers");
    check_axis(&GridOptions::width, "width");
    check_axis(&GridOptions::heads, "heads");
  }
  SECTION("repeated objective") {
    grid.objectives = {"causal", "causal"};
    CHECK(grid_error(grid) == "[grid] expected distinct values of objective, got causal twice");
  }
  SECTION("pairs") {
    grid.pairs = {0};
    CHECK(grid_error(grid) == "[grid] expected pairs from 1 to 100000000, got 0");
    grid.pairs = {2000000000};
    CHECK(grid_error(grid) == "[grid] expected pairs from 1 to 100000000, got 2000000000");
  }
  SECTION("templates") {
    grid.templates = {0};
    CHECK(grid_error(grid) == "[grid] expected templates from 1 to 100000000, got 0");
  }
  SECTION("name tokens") {
    grid.name_tokens = {-2};
    CHECK(grid_error(grid) == "[grid] expected name tokens from 1 to 100000000, got -2");
  }
  SECTION("steps") {
    grid.steps = {-1};
    CHECK(grid_error(grid) == "[grid] expected steps from 1 to 100000000, got -1");
  }
  SECTION("batch") {
    grid.batch = {-1};
    CHECK(grid_error(grid) == "[grid] expected batch from 1 to 100000000, got -1");
  }
  SECTION("learning rate") {
    grid.learning_rate = {-0.5};
    CHECK(grid_error(grid) ==
          "[grid] expected learning rate of at least 1e-09 and below 1e+09, got -0.5");
    grid.learning_rate = {std::nan("")};
    CHECK(grid_error(grid) ==
          "[grid] expected learning rate of at least 1e-09 and below 1e+09, got nan");
  }
  SECTION("name pool") {
    grid.name_pool = 4294967296;  // 0 where it is cut to 32 bits
    CHECK(grid_error(grid) == "[grid] expected name pool from -1 to 100000000, got 4294967296");
  }
  SECTION("context") {
    grid.context = -1;
    CHECK(grid_error(grid) == "[grid] expected a context above 0, got -1");
  }
  SECTION("shares") {
    grid.shares = {0.5, 0.5};
    CHECK(grid_error(grid) == "[grid] expected three shares (both, forward, reverse), got 2");
  }
  SECTION("words") {
    grid.schedule = "steep";
    CHECK(grid_error(grid) ==
          "[grid] expected a schedule among constant, linear and cosine, got 'steep'");
    grid.schedule = "";
    grid.position = {"absolute"};
    CHECK(grid_error(grid) ==
          "[grid] expected a position among learned, rotary, alibi and none, got 'absolute'");
    grid.position = {};
    grid.norm = {"batch"};
    CHECK(grid_error(grid) == "[grid] expected a norm among layer and rms, got 'batch'");
    grid.norm = {};
    grid.feed_forward = {"relu"};
    CHECK(grid_error(grid) ==
          "[grid] expected a feed-forward among gelu, swiglu and relu2, got 'relu'");
  }
}

TEST_CASE("what a preset leaves at one value can be an axis as well", "[grid]") {
  GridOptions grid;
  grid.objectives = {"causal"};
  grid.name_tokens = {1};
  grid.seeds = {0};
  grid.position = {"learned", "rotary"};
  grid.norm = {"layer", "rms"};
  grid.feed_forward = {"gelu", "swiglu"};
  grid.dropout = {0.0, 0.1};
  grid.batch = {8, 16};
  grid.learning_rate = {1e-3, 2e-3};
  grid.weight_decay = {0.0, 0.1};
  grid.steps = {10, 20};
  std::set<std::string> records;
  for (const RunSettings& run : expand(grid)) records.insert(to_json(run).dump());
  CHECK(records.size() == 256);
  grid.norm = {"rms", "rms"};
  CHECK(grid_error(grid) == "[grid] expected distinct values of norm, got rms twice");
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

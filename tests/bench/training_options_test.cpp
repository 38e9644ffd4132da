#include "bench/training/training_options.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using bench::TrainingBenchOptions;
using engine::DeviceKind;
using engine::DType;

TrainingBenchOptions parsed(const std::vector<const char*>& words) {
  std::vector<const char*> arguments{"training"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  return bench::parse_training_options(static_cast<int>(arguments.size()), arguments.data());
}

std::string message(const std::vector<const char*>& words) {
  return error_of([&] { parsed(words); });
}

TEST_CASE("bench training is a small model in fp32 on the CPU unless told otherwise", "[bench]") {
  const TrainingBenchOptions usual = parsed({});
  CHECK(usual.device == DeviceKind::cpu);
  CHECK(usual.dtype == DType::f32);
  CHECK(usual.config.layers == 2);
  CHECK(usual.config.width == 64);
  CHECK(usual.config.heads == 4);
  CHECK(usual.config.vocabulary == 614);
  CHECK(usual.config.context == 8);
  CHECK(usual.config.tied_embeddings);
  CHECK(usual.batch == 64);
  CHECK(usual.sequence == 8);
  CHECK(usual.accumulation == 1);
  CHECK(usual.threads == 1);
  CHECK(usual.steps == 30);
  CHECK(usual.warmup == 5);
  CHECK(usual.breakdown == 3);
  CHECK(usual.graphs);
  CHECK(usual.recompute == engine::Recompute::none);
  CHECK(usual.matmul == engine::MatmulChoice::own);
  CHECK(usual.objective == "causal");
  CHECK(usual.json.empty());
}

TEST_CASE("bench training takes presets, whose sizes can be set", "[bench]") {
  const TrainingBenchOptions gpt2 = parsed({"--device", "cuda", "--preset", "gpt2-124m", "--batch",
                                            "32", "--sequence", "1024", "--accumulation", "4"});
  CHECK(gpt2.device == DeviceKind::cuda);
  CHECK(gpt2.dtype == DType::bf16);
  CHECK(gpt2.config == engine::transformer_preset("gpt2-124m"));
  CHECK(gpt2.accumulation == 4);
  const TrainingBenchOptions other = parsed({"--preset", "gpt2-124m", "--vocabulary", "50304",
                                             "--sequence", "2048", "--batch", "1", "--untied"});
  CHECK(other.config.vocabulary == 50304);
  CHECK(other.config.layers == 12);
  CHECK(other.config.context == 2048);
  CHECK_FALSE(other.config.tied_embeddings);
  CHECK(parsed({"--preset", "gpt2-124m"}).config.context == 1024);
  CHECK(parsed({"--objective", "masked_uniform"}).config.mask == engine::MaskKind::bidirectional);
}

TEST_CASE("bench training takes words for how a GPU works", "[bench]") {
  const TrainingBenchOptions chosen =
      parsed({"--device", "cuda", "--precision", "fp32", "--recompute", "blocks", "--matmul",
              "cublas", "--graphs", "off", "--breakdown", "0", "--json", "figures.json"});
  CHECK(chosen.dtype == DType::f32);
  CHECK(chosen.recompute == engine::Recompute::blocks);
  CHECK(chosen.matmul == engine::MatmulChoice::cublas);
  CHECK_FALSE(chosen.graphs);
  CHECK(chosen.breakdown == 0);
  CHECK(chosen.json == "figures.json");
}

TEST_CASE("bench training says which option is wrong", "[bench]") {
  CHECK(message({"--precision", "bf16"}) == "expected --precision fp32 on cpu, got 'bf16'");
  CHECK(message({"--precision", "fp64"}) == "expected --precision bf16 or fp32, got 'fp64'");
  CHECK(message({"--matmul", "cublas"}) == "expected --matmul own on cpu, got 'cublas'");
  CHECK(message({"--device", "gpu"}) == "expected --device cpu or cuda, got 'gpu'");
  CHECK(message({"--recompute", "all"}) == "expected --recompute none or blocks, got 'all'");
  CHECK(message({"--graphs", "1"}) == "expected --graphs on or off, got '1'");
  CHECK(message({"--accumulation", "3"}) ==
        "expected --accumulation that divides --batch, got 3 and 64");
  CHECK(message({"--steps", "0"}) == "expected --steps from 1 to 1048576, got 0");
  CHECK(message({"--batch", "65536", "--sequence", "65536"}) ==
        "expected --batch x --sequence of at most 67108864, got 65536 x 65536");
  CHECK(message({"--device", "cuda", "--width", "1024"}).find("head size of at most 128") !=
        std::string::npos);
  CHECK(message({"--heads", "3"}).find("heads to divide width") != std::string::npos);
  CHECK(message({"--preset", "gpt3"}).find("gpt2-124m") != std::string::npos);
  CHECK(message({"steps"}) == "unexpected argument 'steps'");
  CHECK(parsed({"--help"}).help);
}

}  // namespace
}  // namespace obverse::tests

#include "bench/training/training_options.h"

#include <algorithm>
#include <cxxopts.hpp>
#include <utility>
#include <vector>

#include "engine/training/trainer.h"

namespace obverse::bench {
namespace {

using engine::DeviceKind;
using kernels::require;

constexpr const char* kExamples = R"(
A step trains on --batch sequences of --sequence tokens drawn at random, cut into --accumulation
micro-batches. Its operations, of which a share of the ceiling is told, are those of matrix products,
whatever is computed besides or twice: a token costs 6 x the matrices' weights (the head's too, the
embedding tables' not) and 12 x layers x width x sequence for attention, half of it where the mask is
causal. The ceiling is this machine's best 2048-cubed sgemm, on a GPU cuBLAS's 8192-cubed bf16
product, in either precision. On a GPU a step begins while the one before it runs.

Examples:
  obverse-bench training --layers 2 --width 64 --heads 4 --vocabulary 614 --batch 64 --sequence 8 \
      --untied --threads 1
  obverse-bench training --preset gpt2-124m --batch 1 --sequence 128 --threads 2 --steps 3 \
      --json gpt2.json
  obverse-bench training --device cuda --preset gpt2-124m --vocabulary 50304 --batch 32 \
      --sequence 1024 --matmul cublas
)";

cxxopts::Options described() {
  cxxopts::Options options("obverse-bench training",
                           "Times training steps on random tokens: tokens a second, the share of "
                           "what the machine can do, memory, and where the time goes.");
  const auto number = [](const char* usual) {
    return cxxopts::value<std::int64_t>()->default_value(usual);
  };
  const auto word = [](const char* usual) {
    return cxxopts::value<std::string>()->default_value(usual);
  };
  std::string presets;
  for (const std::string& name : engine::transformer_preset_names()) {
    presets += (presets.empty() ? "" : ", ") + name;
  }
  options.add_options()("preset", "Architecture by name: " + presets, cxxopts::value<std::string>(),
                        "NAME")("layers", "Blocks", number("2"), "COUNT")(
      "width", "Width of the residual stream", number("64"), "COUNT")(
      "heads", "Attention heads", number("4"), "COUNT")("vocabulary", "Tokens", number("614"),
                                                        "COUNT")(
      "untied", "A head of its own instead of the transposed embedding")(
      "batch", "Sequences a step", number("64"), "COUNT")("sequence", "Tokens a sequence",
                                                          number("8"), "COUNT")(
      "accumulation", "Micro-batches that a step is cut into", number("1"), "COUNT")(
      "objective", "What is trained", word("causal"), "NAME")("threads", "Processor threads",
                                                              number("1"), "COUNT")(
      "steps", "Steps that are timed", number("30"), "COUNT")("warmup", "Steps before them",
                                                              number("5"), "COUNT")(
      "breakdown", "Steps behind them whose kernels are timed one by one; 0: none", number("3"),
      "COUNT")("device", "cpu or cuda", word("cpu"), "NAME")(
      "precision", "bf16 (with float weights beside) or fp32; usually bf16 on cuda, fp32 on cpu",
      cxxopts::value<std::string>(), "NAME")(
      "recompute", "none, or blocks: activations are computed again in backward", word("none"),
      "NAME")("matmul", "own kernels, or on cuda also cublas", word("own"), "NAME")(
      "graphs", "on or off: replay steps as CUDA graphs", word("on"), "NAME")(
      "json", "Also write the figures to FILE", cxxopts::value<std::string>(), "FILE")("help",
                                                                                       "This text");
  return options;
}

// The value beside the word that an option is set to.
template <typename Value>
Value choice(const cxxopts::ParseResult& parsed, const char* option,
             const std::vector<std::pair<const char*, Value>>& values) {
  const auto word = parsed[option].as<std::string>();
  std::string known;
  for (const auto& [name, value] : values) {
    if (word == name) return value;
    known += (known.empty() ? "" : " or ") + std::string(name);
  }
  kernels::fail("expected --", option, " ", known, ", got '", word, "'");
}

engine::TransformerConfig config_of(const cxxopts::ParseResult& parsed, std::int64_t sequence) {
  const bool from_preset = parsed.count("preset") > 0;
  engine::TransformerConfig config;
  if (from_preset) config = engine::transformer_preset(parsed["preset"].as<std::string>());
  const auto take = [&](const char* name, std::int64_t& field) {
    if (parsed.count(name) > 0 || !from_preset) field = parsed[name].as<std::int64_t>();
  };
  take("layers", config.layers);
  take("width", config.width);
  take("heads", config.heads);
  take("vocabulary", config.vocabulary);
  if (parsed.count("untied") > 0) config.tied_embeddings = false;
  config.context = std::max(config.context, sequence);
  return config;
}

}  // namespace

TrainingBenchOptions parse_training_options(int argc, const char* const* argv) {
  cxxopts::Options options = described();
  const auto parsed = options.parse(argc, argv);
  TrainingBenchOptions result;
  result.help = parsed.count("help") > 0;
  result.help_text = options.help() + kExamples;
  if (result.help) return result;
  require(parsed.unmatched().empty(), "unexpected argument '",
          parsed.unmatched().empty() ? "" : parsed.unmatched().front(), "'");
  const auto number = [&](const char* name, std::int64_t least) {
    constexpr std::int64_t kMost = 1 << 20;
    const auto value = parsed[name].as<std::int64_t>();
    require(value >= least && value <= kMost, "expected --", name, " from ", least, " to ", kMost,
            ", got ", value);
    return value;
  };
  result.batch = number("batch", 1);
  result.sequence = number("sequence", 1);
  constexpr std::int64_t kMostTokens = 1 << 26;
  require(result.batch * result.sequence <= kMostTokens,
          "expected --batch x --sequence of at most ", kMostTokens, ", got ", result.batch, " x ",
          result.sequence);
  result.accumulation = number("accumulation", 1);
  require(result.batch % result.accumulation == 0,
          "expected --accumulation that divides --batch, got ", result.accumulation, " and ",
          result.batch);
  result.threads = static_cast<int>(number("threads", 1));
  result.steps = number("steps", 1);
  result.warmup = number("warmup", 0);
  result.breakdown = number("breakdown", 0);
  result.device =
      choice<DeviceKind>(parsed, "device", {{"cpu", DeviceKind::cpu}, {"cuda", DeviceKind::cuda}});
  const bool on_gpu = result.device == DeviceKind::cuda;
  result.dtype = on_gpu ? engine::DType::bf16 : engine::DType::f32;
  if (parsed.count("precision") > 0) {
    result.dtype = choice<engine::DType>(
        parsed, "precision", {{"bf16", engine::DType::bf16}, {"fp32", engine::DType::f32}});
  }
  require(on_gpu || result.dtype == engine::DType::f32,
          "expected --precision fp32 on cpu, got 'bf16'");
  result.matmul = choice<engine::MatmulChoice>(
      parsed, "matmul",
      {{"own", engine::MatmulChoice::own}, {"cublas", engine::MatmulChoice::cublas}});
  require(on_gpu || result.matmul == engine::MatmulChoice::own,
          "expected --matmul own on cpu, got 'cublas'");
  result.recompute = choice<engine::Recompute>(
      parsed, "recompute",
      {{"none", engine::Recompute::none}, {"blocks", engine::Recompute::blocks}});
  result.graphs = choice<bool>(parsed, "graphs", {{"on", true}, {"off", false}});
  if (parsed.count("json") > 0) result.json = parsed["json"].as<std::string>();

  const auto objective = engine::make_objective(parsed["objective"].as<std::string>());
  result.objective = objective->name();
  result.config = config_of(parsed, result.sequence);
  result.config.mask = objective->mask();
  result.config.validate();
  engine::check_trainable(result.config, result.device, result.dtype);
  return result;
}

}  // namespace obverse::bench

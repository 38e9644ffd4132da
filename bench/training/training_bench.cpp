#include "bench/training/training_bench.h"

#include <omp.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <cxxopts.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/support/sgemm.h"
#include "engine/training/trainer.h"

namespace obverse::bench {
namespace {

using engine::TransformerConfig;

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

// Multiplications and additions of one step's matrix products, forward and twice that for backward;
// attention's score products over the visible half where the mask is causal. Nothing else is
// counted.
double step_operations(const TransformerConfig& config, std::int64_t batch, std::int64_t sequence) {
  const TransformerConfig c = config.resolved();
  const double tokens = static_cast<double>(batch * sequence);
  const double packed = static_cast<double>((c.heads + 2 * c.key_value_heads) * c.head_size());
  const double width = static_cast<double>(c.width), hidden = static_cast<double>(c.hidden);
  const double up = c.feed_forward == engine::FeedForwardKind::swiglu ? 2 * hidden : hidden;
  const double weights = static_cast<double>(c.layers) *
                             (width * packed + width * width + width * up + hidden * width) +
                         width * static_cast<double>(c.vocabulary);
  const double visible = c.mask == engine::MaskKind::causal ? 0.5 : 1.0;
  const double scores =
      static_cast<double>(c.layers) * 2.0 * static_cast<double>(sequence) * width * visible;
  return 3.0 * 2.0 * tokens * (weights + scores);
}

// Texts of random tokens, all of one length: what the peer in PyTorch trains on.
std::vector<engine::Document> random_documents(std::int64_t count, std::int64_t tokens,
                                               std::int64_t vocabulary) {
  kernels::RandomSequence random({1, kernels::Purpose::test, 0});
  std::vector<engine::Document> documents(static_cast<std::size_t>(count));
  for (engine::Document& document : documents) {
    for (std::int64_t i = 0; i < tokens; ++i) {
      document.tokens.push_back(
          static_cast<std::int32_t>(random.integer(static_cast<std::uint64_t>(vocabulary))));
    }
  }
  return documents;
}

nlohmann::json measure(const cxxopts::ParseResult& options) {
  const auto number = [&](const char* name) { return options[name].as<std::int64_t>(); };
  TransformerConfig config;
  if (options.count("preset") > 0)
    config = engine::transformer_preset(options["preset"].as<std::string>());
  const auto take = [&](const char* name, std::int64_t& field) {
    if (options.count(name) > 0 || options.count("preset") == 0) field = number(name);
  };
  take("layers", config.layers);
  take("width", config.width);
  take("heads", config.heads);
  take("vocabulary", config.vocabulary);
  if (options.count("untied") > 0) config.tied_embeddings = false;
  const std::int64_t batch = number("batch"), sequence = number("sequence");
  config.context = sequence;
  const auto objective = engine::make_objective(options["objective"].as<std::string>());
  config.mask = objective->mask();
  for (const char* name : {"batch", "sequence", "threads", "steps"}) {
    constexpr std::int64_t kMost = 1 << 20;
    kernels::require(number(name) > 0 && number(name) <= kMost, "expected --", name, " from 1 to ",
                     kMost, ", got ", number(name));
  }
  kernels::require(number("warmup") >= 0, "expected --warmup of at least 0, got ",
                   number("warmup"));
  const int threads = static_cast<int>(number("threads"));
  omp_set_num_threads(threads);

  const auto device = engine::Device::named(options["device"].as<std::string>());
  const engine::Transformer model(config, device, 0);
  // A next-token example is one token shorter than its text.
  const bool shifted = objective->decoding() == engine::Decoding::left_to_right;
  const auto documents =
      random_documents(batch, shifted ? sequence + 1 : sequence, config.vocabulary);
  engine::TrainingOptions training;
  training.batch = batch;
  training.schedule.steps = number("steps") + number("warmup");
  engine::Trainer trainer(model, *objective, documents, training, 0);
  double loss = 0.0;
  for (std::int64_t i = 0; i < number("warmup"); ++i) loss = trainer.step().loss;
  const std::int64_t allocations = device.allocator().use().system_allocations;
  std::vector<double> seconds;
  for (std::int64_t i = 0; i < number("steps"); ++i) {
    seconds.push_back(seconds_of([&] { loss = trainer.step().loss; }));
  }
  const engine::MemoryUse memory = device.allocator().use();
  const double step_seconds = median(seconds);
  const double gflops = step_operations(config, batch, sequence) / step_seconds * 1e-9;
  const double peak = sgemm_gflops();
  nlohmann::json architecture = config.resolved();
  return {{"tokens_per_second", static_cast<double>(batch * sequence) / step_seconds},
          {"milliseconds_per_step", step_seconds * 1e3},
          {"gflops", gflops},
          {"sgemm_gflops", peak},
          {"share_of_sgemm_peak", gflops / peak},
          {"parameters", model.parameter_count()},
          {"loss", loss},
          {"peak_memory_bytes", memory.peak_total_bytes},
          {"allocations_while_measuring", memory.system_allocations - allocations},
          {"batch", batch},
          {"sequence", sequence},
          {"threads", threads},
          {"steps", number("steps")},
          {"objective", objective->name()},
          {"device", engine::name_of(device.kind())},
          {"architecture", architecture}};
}

}  // namespace

int run_training_bench(int argc, char** argv) {
  cxxopts::Options options(
      "obverse-bench training",
      "Times training steps on random tokens and prints the medians.\n\n"
      "  obverse-bench training --layers 2 --width 64 --heads 4 --vocabulary 614 "
      "--batch 64 --sequence 8 --untied --threads 1\n"
      "  obverse-bench training --preset gpt2-124m --batch 1 --sequence 128 "
      "--threads 2 --steps 3 --json gpt2.json\n");
  const auto number = [](const char* usual) {
    return cxxopts::value<std::int64_t>()->default_value(usual);
  };
  const auto word = [](const char* usual) {
    return cxxopts::value<std::string>()->default_value(usual);
  };
  options.add_options()("preset", "Architecture by name, e.g. gpt2-124m",
                        cxxopts::value<std::string>())("layers", "Blocks", number("2"))(
      "width", "Width of the residual stream", number("64"))(
      "heads", "Attention heads", number("4"))("vocabulary", "Tokens", number("614"))(
      "untied", "A head of its own instead of the transposed embedding")(
      "batch", "Sequences a step", number("64"))("sequence", "Tokens a sequence", number("8"))(
      "objective", "What is trained", word("causal"))("threads", "Processor threads", number("1"))(
      "steps", "Steps that are timed", number("30"))("warmup", "Steps before them", number("5"))(
      "device", "cpu", word("cpu"))("json", "Also write the figures to FILE",
                                    cxxopts::value<std::string>(), "FILE")("help", "This text");
  nlohmann::json figures;
  cxxopts::ParseResult parsed;
  // Whatever these options do not allow is bad usage: cxxopts has exceptions of its own, and the
  // engine throws std::invalid_argument.
  try {
    parsed = options.parse(argc, argv);
    if (parsed.count("help") > 0) {
      std::fputs(options.help().c_str(), stdout);
      return 0;
    }
    kernels::require(parsed.unmatched().empty(), "unexpected argument '",
                     parsed.unmatched().empty() ? "" : parsed.unmatched().front(), "'");
    figures = measure(parsed);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::runtime_error&) {  // training that diverged
    throw;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "obverse-bench training: %s (--help shows the options)\n", error.what());
    return 2;
  }
  std::printf(
      "%.0f tokens/s, %.3f ms a step (median of %lld), %.1f GFLOP/s = %.0f %% of this machine's "
      "2048-cubed sgemm (%.1f), %lld parameters, peak memory %.1f MiB, loss %.4f\n",
      figures["tokens_per_second"].get<double>(), figures["milliseconds_per_step"].get<double>(),
      figures["steps"].get<long long>(), figures["gflops"].get<double>(),
      100.0 * figures["share_of_sgemm_peak"].get<double>(), figures["sgemm_gflops"].get<double>(),
      figures["parameters"].get<long long>(),
      figures["peak_memory_bytes"].get<double>() / 1048576.0, figures["loss"].get<double>());
  if (parsed.count("json") > 0) {
    const std::string path = parsed["json"].as<std::string>();
    std::ofstream file(path);
    file << figures.dump(2) << '\n';
    file.close();
    if (!file) throw std::runtime_error("cannot write " + path + ": " + std::strerror(errno));
  }
  return 0;
}

}  // namespace obverse::bench

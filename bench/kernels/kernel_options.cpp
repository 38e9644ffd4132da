#include "bench/kernels/kernel_options.h"

#include <algorithm>
#include <cxxopts.hpp>
#include <string_view>

#include "kernels/core/check.h"

namespace obverse::bench {
namespace {

using kernels::require;

constexpr const char* kExamples = R"(
Shapes, of these operations alone, in one list with commas, told apart by how many sizes they have:
  matmul     MxNxK: M tokens through a layer of N outputs and K inputs; on a GPU forward (a [M, K]
             times the weights [N, K] transposed), dgrad and wgrad, beside cuBLAS
  attention  BATCHxSEQUENCExHEADSxHEAD_SIZE[xKEY_VALUE_HEADS], causal and on a GPU also full
  adamw      PARAMETERS[xTENSORS]

Examples:
  obverse-bench kernels --threads 1
  obverse-bench kernels --filter "matmul 512x64"
  obverse-bench kernels --operation layer_norm --json layer_norm.json
  obverse-bench kernels --device cuda --json figures.json
  obverse-bench kernels --device cuda --operation layer_norm,cross_entropy
  obverse-bench kernels --device cuda --operation matmul --shapes 4096x4096x4096,8192x8192x8192
  obverse-bench kernels --device cuda --operation attention,adamw --shapes 2x8192x32x128x8,1000000
)";

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  }
  return text;
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Of operations that have shapes of their own only.
ChosenShapes shapes_of(const std::string& text, const std::vector<std::string>& operations) {
  const bool all_shaped =
      std::all_of(operations.begin(), operations.end(),
                  [](const std::string& name) { return has(kShapedOperations, name); });
  require(all_shaped, "expected --shapes with --operation of ", joined(kShapedOperations));
  return parse_shapes(text, operations);
}

}  // namespace

KernelOptions parse_kernel_options(int argc, const char* const* argv,
                                   const KnownOperations& known) {
  cxxopts::Options options("obverse-bench kernels", "Times every kernel, or those that are named.");
  const auto text = [](const char* initial) {
    return cxxopts::value<std::string>()->default_value(initial);
  };
  options.add_options()  //
      ("operation", "only these operations, a list with commas", text(""), "LIST")(
          "device", "cpu or cuda", text("cpu"), "DEVICE")(
          "shapes", "shapes of the operations that are named, in place of the usual ones", text(""),
          "LIST")("filter", "run only lines of \"KERNEL SHAPE\" that contain TEXT", text(""),
                  "TEXT")("threads", "CPU threads to use; 0: as many as OpenMP gives",
                          cxxopts::value<int>()->default_value("0"), "COUNT")(
          "json", "also write the figures to FILE", text(""), "FILE")("help", "show this page");
  const auto parsed = options.parse(argc, argv);
  KernelOptions result;
  result.help = parsed.count("help") > 0;
  result.help_text = options.help() + kExamples;
  if (result.help) return result;
  result.device = parsed["device"].as<std::string>();
  result.filter = parsed["filter"].as<std::string>();
  result.json = parsed["json"].as<std::string>();
  result.threads = parsed["threads"].as<int>();
  require(parsed.unmatched().empty(), "unexpected argument '",
          parsed.unmatched().empty() ? "" : parsed.unmatched().front(), "'");
  require(result.threads >= 0, "expected --threads of at least 0, got ", result.threads);
  require(result.device == "cpu" || result.device == "cuda", "expected --device cpu or cuda, got '",
          result.device, "'");
  const bool on_gpu = result.device == "cuda";
  const std::vector<std::string>& of_device = on_gpu ? known.cuda : known.cpu;
  if (parsed.count("operation") > 0) {
    for (const auto name : detail::split(parsed["operation"].as<std::string>(), ',')) {
      require(has(of_device, name), "expected --operation of ", joined(of_device), " on ",
              result.device, ", got '", name, "'");
      if (!has(result.operations, name)) result.operations.emplace_back(name);
    }
  } else {
    result.operations = of_device;
  }
  if (parsed.count("shapes") > 0) {
    require(parsed.count("operation") > 0, "expected --shapes with --operation of ",
            joined(kShapedOperations));
    result.shapes = shapes_of(parsed["shapes"].as<std::string>(), result.operations);
  }
  return result;
}

}  // namespace obverse::bench

// One line of the kernel benchmarks, as a row of the table and as JSON. The PyTorch peers in
// bench/peers/ print the same columns and keys.
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "bench/support/timing.h"

namespace obverse::bench {

struct Figure {
  std::string operation;
  std::string provider;   // whose kernel: own, cublas
  std::string direction;  // forward, backward, dgrad, wgrad; empty where there is but one
  std::string shape, device;
  Timing seconds;
  double work = 0.0;          // bytes or floating-point operations of one call
  bool counts_flops = false;  // which of the two
  std::string ceiling;        // what the rate is compared with
  double ceiling_rate = 0.0;  // of the same unit a second
  // Largest error against double arithmetic over a sample of outputs, relative to the largest of
  // them.
  std::optional<double> error = {};

  double rate() const { return work / seconds.median; }
  double share() const { return rate() / ceiling_rate; }
};

inline std::string table_header() {
  char line[256];
  std::snprintf(line, sizeof(line), "%-18s %-8s %-22s %-26s %12s %21s %15s %18s %9s", "operation",
                "provider", "direction", "shape", "us", "20% to 80%", "rate", "of ceiling",
                "error");
  return line;
}

inline std::string table_row(const Figure& figure) {
  const double rate = figure.rate();
  const bool tera = figure.counts_flops && rate >= 1e12;
  char range[64], share[64], error[32] = "-", line[512];
  std::snprintf(range, sizeof(range), "%.1f to %.1f", figure.seconds.low * 1e6,
                figure.seconds.high * 1e6);
  std::snprintf(share, sizeof(share), "%.1f%% of %s", 100.0 * figure.share(),
                figure.ceiling.c_str());
  if (figure.error) std::snprintf(error, sizeof(error), "%.1e", *figure.error);
  std::snprintf(line, sizeof(line), "%-18s %-8s %-22s %-26s %12.1f %21s %7.1f %-7s %18s %9s",
                figure.operation.c_str(), figure.provider.c_str(), figure.direction.c_str(),
                figure.shape.c_str(), figure.seconds.median * 1e6, range,
                rate * (tera ? 1e-12 : 1e-9),
                !figure.counts_flops ? "GB/s"
                : tera               ? "TFLOP/s"
                                     : "GFLOP/s",
                share, error);
  return line;
}

nlohmann::json to_json(const Figure& figure);

// "layer_norm_forward" is layer_norm, forward.
struct OperationAndDirection {
  std::string operation, direction;
};
inline OperationAndDirection operation_and_direction(std::string_view kernel) {
  for (const std::string_view direction : {"forward", "backward"}) {
    const std::size_t end = kernel.size() - direction.size() - 1;
    if (kernel.size() > direction.size() + 1 && kernel.ends_with(direction) && kernel[end] == '_') {
      return {std::string(kernel.substr(0, end)), std::string(direction)};
    }
  }
  return {std::string(kernel), ""};
}

}  // namespace obverse::bench

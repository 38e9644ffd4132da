#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::bench {

void bench_cross_entropy(Report& report) {
  constexpr RowsAndWidth kLogits[] = {{512, 614}, {2048, 2048}, {512, 50257}};
  for (const auto [tokens, vocabulary] : kLogits) {
    const auto targets = random_ids(tokens, vocabulary);
    auto logits = random_values<float>(tokens * vocabulary);
    std::vector<float> losses(targets.size());
    const double array_bytes = 4.0 * static_cast<double>(tokens * vocabulary);
    const auto run = [&, tokens = tokens, vocabulary = vocabulary](bool write_gradient) {
      kernels::cpu::cross_entropy<float>({.tokens = tokens,
                                          .vocabulary = vocabulary,
                                          .targets = span(targets),
                                          .gradient_scale = 1.0 / static_cast<double>(tokens),
                                          .write_gradient = write_gradient,
                                          .logits = span(logits),
                                          .losses = span(losses)});
    };
    const std::string shape = shape_name(tokens, vocabulary);
    report.measure_bytes("cross_entropy_loss", shape, array_bytes, [&] { run(false); });
    report.measure_bytes("cross_entropy_gradient", shape, 2 * array_bytes, [&] { run(true); });
  }
}

}  // namespace obverse::bench

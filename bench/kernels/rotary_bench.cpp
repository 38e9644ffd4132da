#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/rotary/rotary.h"

namespace obverse::bench {

void bench_rotary(Report& report) {
  constexpr std::int64_t kSequence = 64;
  for (const auto& [rows, width] : kShapes) {
    for (const std::int64_t head_size : {std::int64_t{16}, std::int64_t{64}}) {
      // Query and key heads of a packed projection of query, key and value.
      auto values = random_values<float>(rows * 3 * width);
      report.measure_bytes("rotary", shape_name(rows, 2 * width / head_size, head_size),
                           4.0 * 4.0 * static_cast<double>(rows * width),
                           [&, rows = rows, width = width] {
                             kernels::cpu::rotary<float>({.batch = rows / kSequence,
                                                          .sequence = kSequence,
                                                          .heads = 2 * width / head_size,
                                                          .head_size = head_size,
                                                          .stride = 3 * width,
                                                          .input = span(std::as_const(values)),
                                                          .out = span(values)});
                           });
    }
  }
}

}  // namespace obverse::bench

#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/embedding/embedding.h"

namespace obverse::bench {

void bench_embedding(Report& report) {
  constexpr std::int64_t kVocabulary = 614, kSequence = 64;
  for (const auto& [rows, width] : kShapes) {
    const auto ids = random_ids(rows, kVocabulary);
    auto tokens = random_values<float>(kVocabulary * width);
    auto positions = random_values<float>(kSequence * width);
    auto values = random_values<float>(rows * width);
    const double array_bytes = 4.0 * static_cast<double>(rows * width);
    const std::string shape = shape_name(rows, width);
    report.measure_bytes(
        "embedding_forward", shape, 3 * array_bytes, [&, rows = rows, width = width] {
          kernels::cpu::embedding_forward<float>({.batch = rows / kSequence,
                                                  .sequence = kSequence,
                                                  .width = width,
                                                  .vocabulary = kVocabulary,
                                                  .ids = span(ids),
                                                  .token_table = span(tokens),
                                                  .position_table = span(positions),
                                                  .out = span(values)});
        });
    report.measure_bytes(
        "embedding_backward", shape, 5 * array_bytes, [&, rows = rows, width = width] {
          kernels::cpu::embedding_backward<float>({.batch = rows / kSequence,
                                                   .sequence = kSequence,
                                                   .width = width,
                                                   .vocabulary = kVocabulary,
                                                   .ids = span(ids),
                                                   .output_gradient = span(values),
                                                   .token_table_gradient = span(tokens),
                                                   .position_table_gradient = span(positions)});
        });
  }
}

}  // namespace obverse::bench

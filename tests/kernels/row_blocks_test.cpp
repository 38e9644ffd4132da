#include "kernels/core/row_blocks.h"

#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"
#include "tests/support/threads.h"

namespace obverse::tests {
namespace {

TEST_CASE("rows are visited once, and summed to the same bits by any threads", "[row_blocks]") {
  // Short, and long enough for several threads; a block that is not whole.
  for (const std::int64_t rows : {0, 1, 31, 64, 2077}) {
    constexpr std::int64_t kWidth = 70;
    const auto values = normal_values<float>(rows * kWidth, 3);
    const auto run = [&](int threads) {
      const WithThreads with_threads(threads);
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(rows));
      std::atomic<int> wrong{0};
      std::vector<float> plain(kWidth, 0.25f), squares(kWidth, 0.5f);
      const std::array<float*, 3> totals{plain.data(), nullptr, squares.data()};
      const auto add = [&](std::int64_t begin, std::int64_t end,
                           const std::array<float*, 3>& sums) {
        if (sums[1] != nullptr) ++wrong;
        for (std::int64_t i = 0; i < kWidth; ++i) {
          float sum = 0.0f, square_sum = 0.0f;
          for (std::int64_t row = begin; row < end; ++row) {
            const float value = values[static_cast<std::size_t>(row * kWidth + i)];
            sum += value;
            square_sum += value * value;
          }
          sums[0][i] += sum;
          sums[2][i] += square_sum;
        }
        for (std::int64_t row = begin; row < end; ++row) ++visits[static_cast<std::size_t>(row)];
      };
      kernels::sum_row_blocks(rows, kWidth, totals, add);
      CHECK(wrong == 0);
      for (const auto& count : visits) CHECK(count == 1);
      plain.insert(plain.end(), squares.begin(), squares.end());
      return plain;
    };
    INFO(rows << " rows");
    const auto one = run(1);
    CHECK(run(2) == one);
    CHECK(run(3) == one);
    double expected = 0.25;
    for (std::int64_t row = 0; row < rows; ++row) {
      expected += values[static_cast<std::size_t>(row * kWidth)];
    }
    CHECK(std::abs(one[0] - expected) < 1e-3);
  }
}

}  // namespace
}  // namespace obverse::tests

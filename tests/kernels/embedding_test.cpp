#include "kernels/embedding/embedding.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_values.h"
#include "tests/support/threads.h"

namespace obverse::tests {
namespace {

struct Case {
  std::int64_t batch, sequence, width, vocabulary;
};
constexpr Case kCases[] = {{1, 1, 1, 1}, {3, 5, 7, 4}, {4, 17, 33, 20}, {2, 32, 614, 50}};

TEMPLATE_TEST_CASE("embedding forward equals plain loops", "[embedding]", float, double) {
  using T = TestType;
  for (const auto& [batch, sequence, width, vocabulary] : kCases) {
    for (const bool with_positions : {true, false}) {
      const auto ids = random_ids(batch * sequence, vocabulary, 1);
      const auto table = normal_values<T>(vocabulary * width, 2);
      // Two more positions than the sequence has.
      const auto positions = normal_values<T>(with_positions ? (sequence + 2) * width : 0, 3);
      std::vector<T> out(static_cast<std::size_t>(batch * sequence * width)), expected;
      kernels::cpu::embedding_forward<T>({.batch = batch,
                                          .sequence = sequence,
                                          .width = width,
                                          .vocabulary = vocabulary,
                                          .ids = span(ids),
                                          .token_table = span(table),
                                          .position_table = span(positions),
                                          .out = span(out)});
      for (std::int64_t token = 0; token < batch * sequence; ++token) {
        for (std::int64_t i = 0; i < width; ++i) {
          const T value =
              table[static_cast<std::size_t>(ids[static_cast<std::size_t>(token)] * width + i)];
          const auto position = static_cast<std::size_t>(token % sequence * width + i);
          expected.push_back(with_positions ? value + positions[position] : value);
        }
      }
      check_same_bits(out, expected, "out");
    }
  }
}

TEST_CASE("embedding backward adds every token's gradient to its row", "[embedding]") {
  for (const auto& [batch, sequence, width, vocabulary] : kCases) {
    const auto ids = random_ids(batch * sequence, vocabulary, 1);
    const auto gradient = normal_values<double>(batch * sequence * width, 2);
    auto table = normal_values<double>(vocabulary * width, 3),
         positions = normal_values<double>(sequence * width, 4);
    auto expected_table = table, expected_positions = positions;
    for (std::int64_t token = 0; token < batch * sequence; ++token) {
      for (std::int64_t i = 0; i < width; ++i) {
        const double value = gradient[static_cast<std::size_t>(token * width + i)];
        expected_table[static_cast<std::size_t>(ids[static_cast<std::size_t>(token)] * width +
                                                i)] += value;
        expected_positions[static_cast<std::size_t>(token % sequence * width + i)] += value;
      }
    }
    kernels::cpu::embedding_backward<double>({.batch = batch,
                                              .sequence = sequence,
                                              .width = width,
                                              .vocabulary = vocabulary,
                                              .ids = span(ids),
                                              .output_gradient = span(gradient),
                                              .token_table_gradient = span(table),
                                              .position_table_gradient = span(positions)});
    check_close(table, expected_table, 1e-13, 1.0, "token_table_gradient");
    check_close(positions, expected_positions, 1e-13, 1.0, "position_table_gradient");
  }
}

// Rows in the middle of their texts are those of the whole texts.
TEST_CASE("embedding's rows may begin at any position", "[embedding]") {
  const std::int64_t batch = 3, sequence = 4, width = 5, context = 9;
  const std::vector<std::int32_t> firsts{2, 0, 5};
  const auto ids = random_ids(batch * sequence, 6, 1);
  const auto table = normal_values<double>(6 * width, 2),
             positions = normal_values<double>(context * width, 3),
             gradient = normal_values<double>(batch * sequence * width, 4);
  std::vector<double> out(gradient.size()), expected, table_gradient(table.size()),
      position_gradient(positions.size()), expected_gradient(positions.size());
  for (std::int64_t token = 0; token < batch * sequence; ++token) {
    const std::int64_t position =
        firsts[static_cast<std::size_t>(token / sequence)] + token % sequence;
    for (std::int64_t i = 0; i < width; ++i) {
      const auto at = static_cast<std::size_t>(position * width + i);
      const auto id = static_cast<std::size_t>(ids[static_cast<std::size_t>(token)] * width + i);
      expected.push_back(table[id] + positions[at]);
      expected_gradient[at] += gradient[static_cast<std::size_t>(token * width + i)];
    }
  }
  kernels::EmbeddingForward<double> forward{batch, sequence, width, 6};
  forward.ids = span(ids);
  forward.token_table = span(table);
  forward.position_table = span(positions);
  forward.first_positions = span(firsts);
  forward.out = span(out);
  kernels::cpu::embedding_forward(forward);
  check_same_bits(out, expected, "out");
  kernels::EmbeddingBackward<double> backward{batch, sequence, width, 6};
  backward.ids = span(ids);
  backward.first_positions = span(firsts);
  backward.output_gradient = span(gradient);
  backward.token_table_gradient = span(table_gradient);
  backward.position_table_gradient = span(position_gradient);
  kernels::cpu::embedding_backward(backward);
  check_close(position_gradient, expected_gradient, 1e-14, 1.0, "position_table_gradient");

  for (const auto& [wrong, found] :
       {std::pair<std::vector<std::int32_t>, std::string>{{0, -1, 0}, "-1"}, {{0, 0, 6}, "6"}}) {
    const std::string message =
        "[embedding] expected first_positions of at least 0 and, with 4 tokens, at most 5, got " +
        found;
    forward.first_positions = backward.first_positions = span(wrong);
    CHECK(error_of([&] { kernels::cpu::embedding_forward(forward); }) == message);
    CHECK(error_of([&] { kernels::cpu::embedding_backward(backward); }) == message);
  }
  forward.first_positions = span(firsts).subspan(0, 2);
  CHECK(error_of([&] { kernels::cpu::embedding_forward(forward); }) ==
        "[embedding] expected first_positions of 3 elements or none, got 2");
}

TEST_CASE("embedding has the same bits with one thread and with two", "[embedding]") {
  const auto ids = random_ids(1500, 7, 1);
  const auto gradient = normal_values<float>(1500 * 100, 2);
  const auto run = [&](int threads) {
    const WithThreads with_threads(threads);
    std::vector<float> table(700), positions(5000), out(gradient.size());
    kernels::cpu::embedding_backward<float>({.batch = 30,
                                             .sequence = 50,
                                             .width = 100,
                                             .vocabulary = 7,
                                             .ids = span(ids),
                                             .output_gradient = span(gradient),
                                             .token_table_gradient = span(table),
                                             .position_table_gradient = span(positions)});
    kernels::cpu::embedding_forward<float>({.batch = 30,
                                            .sequence = 50,
                                            .width = 100,
                                            .vocabulary = 7,
                                            .ids = span(ids),
                                            .token_table = span(std::as_const(table)),
                                            .position_table = span(std::as_const(positions)),
                                            .out = span(out)});
    table.insert(table.end(), positions.begin(), positions.end());
    table.insert(table.end(), out.begin(), out.end());
    return table;
  };
  check_same_bits(run(2), run(1), "gradients and output");
}

TEST_CASE("embedding refuses bad ids and sizes before it writes", "[embedding]") {
  std::vector<std::int32_t> ids{0, 1, 2, 9};
  std::vector<float> table(40, 1.0f), out(16, 5.0f), positions(4);
  kernels::EmbeddingForward<float> call{.batch = 2,
                                        .sequence = 2,
                                        .width = 4,
                                        .vocabulary = 9,
                                        .ids = span(std::as_const(ids)),
                                        .token_table = span(std::as_const(table)).subspan(0, 36),
                                        .out = span(out)};
  const auto message = [&] { return error_of([&] { kernels::cpu::embedding_forward(call); }); };
  CHECK(message() == "[embedding] expected ids of at least 0 and below 9, got 9 at token 3");
  ids[3] = -1;
  CHECK(message() == "[embedding] expected ids of at least 0 and below 9, got -1 at token 3");
  CHECK(error_of([&] {
          kernels::cpu::embedding_backward<float>(
              {.batch = 2,
               .sequence = 2,
               .width = 4,
               .vocabulary = 9,
               .ids = span(std::as_const(ids)),
               .output_gradient = span(std::as_const(out)),
               .token_table_gradient = span(table).subspan(0, 36)});
        }) == "[embedding] expected ids of at least 0 and below 9, got -1 at token 3");
  CHECK(out == std::vector<float>(16, 5.0f));
  CHECK(table == std::vector<float>(40, 1.0f));
  ids[3] = 3;
  call.position_table = span(std::as_const(positions));
  CHECK(message() == "[embedding] expected position table of at least 2 rows of 4, got 4 elements");
  call.token_table = span(std::as_const(table));
  CHECK(message() == "[embedding] expected token table of 36 elements, got 40");
}

}  // namespace
}  // namespace obverse::tests

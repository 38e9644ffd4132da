#include "kernels/embedding/embedding.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/backends/guarded.h"
#include "tests/backends/pointwise_cases.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

struct Shape {
  std::int64_t batch, sequence, width, vocabulary;
  std::int64_t shift = 0;  // of every array of a row's elements
  std::int64_t tokens() const { return batch * sequence; }
  std::string name() const {
    return std::to_string(batch) + "x" + std::to_string(sequence) + "x" + std::to_string(width) +
           " of " + std::to_string(vocabulary);
  }
};

// Rows of one element, of vectors and not, wider than a warp takes at once; arrays that start
// anywhere.
constexpr Shape kShapes[] = {{0, 5, 8, 3},    {1, 1, 1, 1},         {3, 5, 7, 4},
                             {4, 17, 33, 20}, {2, 32, 64, 50},      {3, 5, 64, 9, 1},
                             {2, 3, 1288, 5}, {1, 2, 1040, 300, 8}, {64, 8, 16, 614}};

constexpr std::int64_t kMorePositions = 2;  // than the sequence has

template <typename T>
std::vector<T> forward(const Shape& shape, const std::vector<std::int32_t>& id_values,
                       const std::vector<T>& table_values, const std::vector<T>& positions_values,
                       const std::vector<std::int32_t>& first_values = {}) {
  Guarded<std::int32_t> ids(id_values, 1), firsts(first_values, 1);
  Guarded<T> table(table_values, shape.shift), positions(positions_values, shape.shift);
  auto out = Guarded<T>::poisoned(shape.tokens() * shape.width, shape.shift);
  kernels::EmbeddingForward<T> x;
  x.batch = shape.batch;
  x.sequence = shape.sequence;
  x.width = shape.width;
  x.vocabulary = shape.vocabulary;
  x.ids = ids.span();
  x.token_table = table.span();
  x.position_table = positions.span();
  x.first_positions = firsts.span();
  x.out = out.span();
  OBVERSE_RUN(embedding_forward, x);
  return out.to_vector();
}

TEMPLATE_TEST_CASE("embedding forward equals plain loops", "[embedding]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const Shape& shape : kShapes) {
    const auto width = static_cast<std::size_t>(shape.width);
    const auto ids = random_ids(shape.tokens(), shape.vocabulary, 1);
    const auto table = normal_in<T>(shape.vocabulary * shape.width, 2);
    for (const bool with_positions : {true, false}) {
      const auto positions =
          normal_in<T>(with_positions ? (shape.sequence + kMorePositions) * shape.width : 0, 3);
      std::vector<T> expected;
      for (std::size_t i = 0; i < ids.size() * width; ++i) {
        const std::size_t token = i / width, column = i % width;
        auto value =
            static_cast<float>(table[static_cast<std::size_t>(ids[token]) * width + column]);
        const std::size_t position = token % static_cast<std::size_t>(shape.sequence);
        if (with_positions) value += static_cast<float>(positions[position * width + column]);
        expected.push_back(T(value));
      }
      check_same_bits(forward(shape, ids, table, positions), expected, shape.name());
    }
  }
}

// Of a row's first token, so that the last row ends with the table.
std::vector<std::int32_t> first_positions(const Shape& shape) {
  std::vector<std::int32_t> firsts;
  for (std::int64_t row = 0; row < shape.batch; ++row) {
    firsts.push_back(
        static_cast<std::int32_t>((shape.batch - 1 - row) % 2 == 0 ? kMorePositions : row % 2));
  }
  return firsts;
}

TEMPLATE_TEST_CASE("embedding's rows may begin at any position", "[embedding]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const Shape& shape : kShapes) {
    const auto width = static_cast<std::size_t>(shape.width);
    const auto ids = random_ids(shape.tokens(), shape.vocabulary, 1);
    const auto firsts = first_positions(shape);
    const auto table = normal_in<T>(shape.vocabulary * shape.width, 2);
    const auto positions = normal_in<T>((shape.sequence + kMorePositions) * shape.width, 3);
    std::vector<T> expected;
    for (std::size_t i = 0; i < ids.size() * width; ++i) {
      const std::size_t token = i / width, column = i % width;
      const auto sequence = static_cast<std::size_t>(shape.sequence);
      const std::size_t position =
          static_cast<std::size_t>(firsts[token / sequence]) + token % sequence;
      expected.emplace_back(
          static_cast<float>(table[static_cast<std::size_t>(ids[token]) * width + column]) +
          static_cast<float>(positions[position * width + column]));
    }
    check_same_bits(forward(shape, ids, table, positions, firsts), expected, shape.name());
  }
}

template <typename T>
struct BackwardCall {
  Shape shape;
  std::vector<std::int32_t> ids;
  bool with_positions = true;
  std::vector<std::int32_t> firsts = {};

  std::vector<T> output_gradient() const { return normal_in<T>(shape.tokens() * shape.width, 4); }
  // What is there before.
  std::vector<float> table() const { return normal_in<float>(shape.vocabulary * shape.width, 5); }
  std::vector<float> positions() const {
    return normal_in<float>(with_positions ? (shape.sequence + kMorePositions) * shape.width : 0,
                            6);
  }
};

// The gradient of the tokens, then that of the positions.
template <typename T>
std::vector<float> backward(const BackwardCall<T>& call) {
  const Shape& shape = call.shape;
  Guarded<std::int32_t> ids(call.ids, 1), firsts(call.firsts, 1);
  Guarded<T> output_gradient(call.output_gradient(), shape.shift);
  Guarded<float> table(call.table(), shape.shift), positions(call.positions(), shape.shift);
  kernels::EmbeddingBackward<T> x;
  x.batch = shape.batch;
  x.sequence = shape.sequence;
  x.width = shape.width;
  x.vocabulary = shape.vocabulary;
  x.ids = ids.span();
  x.first_positions = firsts.span();
  x.output_gradient = output_gradient.span();
  x.token_table_gradient = table.span();
  x.position_table_gradient = positions.span();
  OBVERSE_RUN(embedding_backward, x);
  auto result = table.to_vector();
  const auto of_positions = positions.to_vector();
  result.insert(result.end(), of_positions.begin(), of_positions.end());
  return result;
}

// The same, one token after another in `Number`; ids that are out of range are passed over.
template <typename Number, typename T>
std::vector<Number> plain_backward(const BackwardCall<T>& call) {
  const auto width = static_cast<std::size_t>(call.shape.width);
  const auto gradient = call.output_gradient();
  const auto table = call.table(), positions = call.positions();
  std::vector<Number> result(table.begin(), table.end());
  result.insert(result.end(), positions.begin(), positions.end());
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const std::size_t token = i / width, column = i % width;
    const auto value = static_cast<Number>(gradient[i]);
    const std::int32_t id = call.ids[token];
    if (id >= 0 && id < call.shape.vocabulary) {
      result[static_cast<std::size_t>(id) * width + column] += value;
    }
    const auto sequence = static_cast<std::size_t>(call.shape.sequence);
    const std::size_t position =
        token % sequence +
        (call.firsts.empty() ? 0 : static_cast<std::size_t>(call.firsts[token / sequence]));
    if (call.with_positions) result[table.size() + position * width + column] += value;
  }
  return result;
}

template <typename T>
void check_backward(const BackwardCall<T>& call, const std::string& what) {
  const auto exact = plain_backward<double>(call);
  const auto result = backward(call);
  check_flash_rule(result, plain_backward<float>(call), exact, what);
  // Rows without tokens keep their bits.
  const auto before = call.table();
  bool kept = true;
  for (std::size_t i = 0; i < before.size(); ++i) {
    kept = kept && (exact[i] != static_cast<double>(before[i]) || result[i] == before[i]);
  }
  INFO(what);
  CHECK(kept);
}

TEMPLATE_TEST_CASE("embedding backward adds every token's gradient to its row", "[embedding]",
                   OBVERSE_BACKEND_TYPES) {
  for (const Shape& shape : kShapes) {
    for (const bool with_positions : {true, false}) {
      check_backward<TestType>(
          {shape, random_ids(shape.tokens(), shape.vocabulary, 1), with_positions}, shape.name());
    }
    check_backward<TestType>(
        {shape, random_ids(shape.tokens(), shape.vocabulary, 1), true, first_positions(shape)},
        shape.name() + " from other positions");
  }
}

// Neighbours differ; every id as often as the others.
std::vector<std::int32_t> falling_ids(std::int64_t count, std::int64_t vocabulary) {
  std::vector<std::int32_t> ids;
  for (std::int64_t i = count; i-- > 0;) {
    ids.push_back(static_cast<std::int32_t>(i % vocabulary));
  }
  return ids;
}

TEMPLATE_TEST_CASE("embedding backward stands ids that are rare, frequent, and all alike",
                   "[embedding]", OBVERSE_BACKEND_TYPES) {
  const auto check = [](const Shape& shape, const std::vector<std::int32_t>& ids) {
    check_backward<TestType>({shape, ids}, shape.name());
  };
  // Sums are cut at multiples of 16 tokens, which these reach or just pass.
  for (const Shape& shape : {Shape{1, 16, 8, 20}, Shape{1, 17, 8, 20}, Shape{2, 160, 3, 40}}) {
    const std::int64_t tokens = shape.tokens();
    check(shape, falling_ids(tokens, shape.vocabulary));
    check(shape, random_ids(tokens, 3, 7));
    check(shape, std::vector<std::int32_t>(static_cast<std::size_t>(tokens), 19));
    auto frequent = random_ids(tokens, shape.vocabulary, 8);
    for (std::size_t i = 0; i < frequent.size(); i += 2) frequent[i] = 5;
    check(shape, frequent);
  }
  // Tiles of 1024 tokens are sorted at once; of 700 tokens or more of one id a whole block adds up
  // the parts.
  check({1, 1024, 4, 1500}, falling_ids(1024, 1500));
  check({1, 1025, 4, 1500}, falling_ids(1025, 1500));
  check({2, 1100, 4, 1500}, falling_ids(2200, 1500));
  check({2, 1100, 3, 3}, random_ids(2200, 3, 7));
  check({1, 1100, 40, 2}, std::vector<std::int32_t>(1100, 1));
}

#ifndef OBVERSE_BACKEND_CPU
TEMPLATE_TEST_CASE("embedding shows ids that are out of range and adds them nowhere", "[embedding]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const Shape& shape : {Shape{2, 5, 16, 6}, Shape{2, 5, 7, 6}, Shape{2, 600, 4, 6}}) {
    auto ids = random_ids(shape.tokens(), shape.vocabulary, 1);
    const std::int32_t wrong[] = {-1, 6, std::numeric_limits<std::int32_t>::max(),
                                  std::numeric_limits<std::int32_t>::min()};
    for (std::size_t i = 1; i < ids.size(); i += 2) ids[i] = wrong[i / 2 % 4];
    for (const bool with_positions : {false, true}) {
      const auto out = forward(shape, ids, normal_in<T>(shape.vocabulary * shape.width, 2),
                               normal_in<T>(with_positions ? shape.sequence * shape.width : 0, 3));
      bool shown = true;
      for (std::size_t i = 0; i < out.size(); ++i) {
        const std::size_t token = i / static_cast<std::size_t>(shape.width);
        shown = shown && std::isnan(static_cast<float>(out[i])) == (token % 2 == 1);
      }
      CHECK(shown);
    }
    check_backward<T>({shape, ids}, shape.name());
    check_backward<T>({shape, std::vector<std::int32_t>(ids.size(), -1)}, shape.name());
  }
}
#endif

#ifndef OBVERSE_BACKEND_CPU
TEMPLATE_TEST_CASE("embedding shows positions that are out of range", "[embedding]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const Shape shape{3, 4, 8, 6};
  const auto out = forward(shape, random_ids(12, 6, 1), normal_in<T>(6 * 8, 2),
                           normal_in<T>(6 * 8, 3), {-1, 2, 4});
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t token = i / 8;
    CHECK(std::isnan(static_cast<float>(out[i])) == (token == 0 || token >= 10));
  }
}
#endif

TEMPLATE_TEST_CASE("embedding passes NaN on", "[embedding]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const Shape shape{1, 3, 8, 4};
  auto table = normal_in<T>(32, 1);
  table[8 + 2] = T(std::numeric_limits<float>::quiet_NaN());
  const auto out = forward(shape, {0, 1, 2}, table, normal_in<T>(24, 2));
  for (std::size_t i = 0; i < out.size(); ++i) {
    CHECK(std::isnan(static_cast<float>(out[i])) == (i == 10));
  }
}

TEMPLATE_TEST_CASE("embedding has the same bits in every order of threads and blocks",
                   "[embedding]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const Shape shape{2, 600, 4, 50};
  auto frequent = random_ids(shape.tokens(), shape.vocabulary, 1);
  for (std::size_t i = 0; i < 600; ++i) frequent[2 * i] = 7;
  const BackwardCall<T> call{shape, frequent};
  check_deterministic([&] { return backward(call); }, "gradients");
  const Shape small{4, 9, 33, 20};
  const BackwardCall<T> small_call{small, random_ids(small.tokens(), small.vocabulary, 1)};
  check_deterministic([&] { return backward(small_call); }, "gradients of a small table");
  check_deterministic(
      [&] {
        return forward(small, small_call.ids, normal_in<T>(20 * 33, 2), normal_in<T>(9 * 33, 3));
      },
      "output");
}

TEST_CASE("embedding names what has the wrong size and writes nothing", "[embedding]") {
  Buffer<std::int32_t> ids(std::vector<std::int32_t>(4, 1));
  Buffer<float> table(std::vector<float>(40, 1.0f)), out(std::vector<float>(16, 5.0f));
  const auto fill = [&](auto& x) {
    x.batch = x.sequence = 2;
    x.width = 4;
    x.vocabulary = 9;
    x.ids = ids.span();
  };
  const auto forward_error = [&](const auto& change) {
    kernels::EmbeddingForward<float> x;
    fill(x);
    x.token_table = table.span().subspan(0, 36);
    x.out = out.span();
    change(x);
    return error_of([&] { OBVERSE_RUN(embedding_forward, x); });
  };
  const auto backward_error = [&](const auto& change) {
    kernels::EmbeddingBackward<float> x;
    fill(x);
    x.token_table_gradient = table.span().subspan(0, 36);
    x.output_gradient = out.span();
    change(x);
    return error_of([&] { OBVERSE_RUN(embedding_backward, x); });
  };
  CHECK(forward_error([](auto& x) { x.width = 0; }) ==
        "[embedding] expected batch >= 0, sequence >= 0 and width > 0, got 2, 2 and 0");
  CHECK(forward_error([](auto& x) { x.ids = x.ids.subspan(0, 3); }) ==
        "[embedding] expected ids of 4 elements, got 3");
  CHECK(forward_error([&](auto& x) { x.token_table = table.span(); }) ==
        "[embedding] expected token table of 36 elements, got 40");
  CHECK(forward_error([&](auto& x) { x.position_table = table.span().subspan(0, 4); }) ==
        "[embedding] expected position table of at least 2 rows of 4, got 4 elements");
  CHECK(forward_error([](auto& x) { x.out = x.out.subspan(0, 15); }) ==
        "[embedding] expected output of 16 elements, got 15");
  CHECK(backward_error([&](auto& x) { x.token_table_gradient = table.span(); }) ==
        "[embedding] expected token table of 36 elements, got 40");
  CHECK(backward_error([&](auto& x) { x.position_table_gradient = table.span().subspan(0, 9); }) ==
        "[embedding] expected position table of at least 2 rows of 4, got 9 elements");
  CHECK(table.to_vector() == std::vector<float>(40, 1.0f));
  CHECK(out.to_vector() == std::vector<float>(16, 5.0f));
}

}  // namespace
}  // namespace obverse::tests

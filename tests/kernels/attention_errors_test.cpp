#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/attention/attention.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using kernels::AttentionMask;

TEST_CASE("attention_forward names what is wrong", "[attention]") {
  const auto packed = normal_values<float>(2 * 3 * 16, 1);
  const std::vector<float> two_slopes(2);
  const std::vector<std::int32_t> lengths{3, 2}, too_long{3, 4}, one{1}, negative{-1, 0};
  std::vector<float> out(48), log_sum_exp(12), few(5);
  kernels::AttentionForward<float> x;
  x.shape = {2, 3, 2, 1, 4, AttentionMask::causal, 0.5};
  x.query = {span(packed), 16};
  x.key = {span(packed).subspan(8, 88), 16};
  x.value = {span(packed).subspan(12, 84), 16};
  x.out = span(out);
  x.log_sum_exp = span(log_sum_exp);
  const auto message = [&] { return error_of([&] { kernels::cpu::attention_forward(x); }); };
  out.resize(2 * 3 * 2 * 4);
  CHECK(message() == "nothing thrown");

  const auto good = x;
  x.shape.head_size = 0;
  CHECK(message() ==
        "[attention_forward] expected sizes above 0, got batch 2, sequence 3, heads 2, "
        "key_value_heads 1, head_size 0");
  x = good;
  x.shape.heads = 3;
  x.shape.key_value_heads = 2;
  CHECK(message() == "[attention_forward] expected key_value_heads to divide heads, got 2 and 3");
  x = good;
  x.query.stride = 7;
  CHECK(message() == "[attention_forward] expected a stride of at least 8 for query, got 7");
  x = good;
  x.key.stride = 3;
  CHECK(message() == "[attention_forward] expected a stride of at least 4 for key, got 3");
  x = good;
  x.value.elements = span(packed).subspan(0, 83);
  CHECK(message() == "[attention_forward] expected value of at least 84 elements, got 83");
  x = good;
  x.out = span(few);
  CHECK(message() == "[attention_forward] expected out of 48 elements, got 5");
  x = good;
  x.log_sum_exp = span(few);
  CHECK(message() == "[attention_forward] expected log_sum_exp of 12 elements, got 5");
  x = good;
  x.slopes = span(std::as_const(few));
  CHECK(message() == "[attention_forward] expected slopes of 2 elements, got 5");
  x.slopes = span(two_slopes);
  x.lengths = span(one);
  CHECK(message() == "[attention_forward] expected lengths of 2 elements, got 1");
  x.lengths = span(too_long);
  CHECK(message() ==
        "[attention_forward] expected lengths in [0, 3] and prefixes of at least 0, got 4 and 0 "
        "for sequence 1");
  x.lengths = span(lengths);
  CHECK(message() == "nothing thrown");
  x.shape.mask = AttentionMask::prefix;
  CHECK(message() == "[attention_forward] expected prefixes of 2 elements, got 0");
  x.prefixes = span(negative);
  CHECK(message() ==
        "[attention_forward] expected lengths in [0, 3] and prefixes of at least 0, got 3 and -1 "
        "for sequence 0");
  x.prefixes = span(too_long);
  CHECK(message() == "nothing thrown");
}

TEST_CASE("attention names what is wrong with documents", "[attention]") {
  const std::vector<float> values(2 * 3 * 4);
  std::vector<float> out(24), log_sum_exp(6);
  std::vector<std::int32_t> first_keys{0, 0, 2, 0, 1, 1}, lengths{2, 3};
  kernels::AttentionForward<float> x;
  x.shape = {2, 3, 1, 1, 4, AttentionMask::causal, 0.5};
  x.query = x.key = x.value = {span(values), 4};
  x.out = span(out);
  x.log_sum_exp = span(log_sum_exp);
  x.first_keys = span(std::as_const(first_keys));
  const auto message = [&] { return error_of([&] { kernels::cpu::attention_forward(x); }); };
  CHECK(message() == "nothing thrown");
  const auto with = [&](std::size_t place, std::int32_t first) {
    const std::int32_t kept = std::exchange(first_keys[place], first);
    const std::string found = message();
    first_keys[place] = kept;
    return found;
  };
  CHECK(with(0, -1) ==
        "[attention_forward] expected a first key in [0, 0] for query 0 of sequence 0, got -1");
  CHECK(with(4, 2) ==
        "[attention_forward] expected a first key in [0, 1] for query 1 of sequence 1, got 2");
  CHECK(with(5, 0) ==
        "[attention_forward] expected a first key in [1, 2] for query 2 of sequence 1, got 0");
  CHECK(with(2, 9) ==
        "[attention_forward] expected a first key in [0, 2] for query 2 of sequence 0, got 9");
  x.lengths = span(std::as_const(lengths));
  CHECK(with(2, 9) == "nothing thrown");  // behind the sequence's end
  x.first_keys = span(std::as_const(first_keys)).subspan(0, 5);
  CHECK(message() == "[attention_forward] expected first_keys of 6 elements, got 5");
  x.shape.mask = AttentionMask::bidirectional;
  CHECK(message() ==
        "[attention_forward] expected the causal mask for documents (first_keys), got the "
        "bidirectional mask");
  x.shape.mask = AttentionMask::prefix;
  x.prefixes = span(std::as_const(lengths));
  CHECK(message() ==
        "[attention_forward] expected the causal mask for documents (first_keys), got the prefix "
        "mask");
}

TEST_CASE("attention_backward names what is wrong", "[attention]") {
  const std::vector<float> values(96), rows(12);
  std::vector<float> gradient(96), few(5);
  kernels::AttentionBackward<float> x;
  x.shape = {2, 3, 2, 1, 4, AttentionMask::bidirectional, 0.5};
  x.query = {span(values), 8};
  x.key = x.value = {span(values), 4};
  x.out = x.output_gradient = span(values).subspan(0, 48);
  x.log_sum_exp = span(rows);
  x.query_gradient = {span(gradient).subspan(0, 48), 8};
  x.key_gradient = {span(gradient).subspan(48, 24), 4};
  x.value_gradient = {span(gradient).subspan(72, 24), 4};
  const auto message = [&] { return error_of([&] { kernels::cpu::attention_backward(x); }); };
  CHECK(message() == "nothing thrown");
  const auto good = x;
  x.output_gradient = span(std::as_const(few));
  CHECK(message() == "[attention_backward] expected output_gradient of 48 elements, got 5");
  x = good;
  x.query_gradient.stride = 4;
  CHECK(message() ==
        "[attention_backward] expected a stride of at least 8 for query_gradient, got 4");
  x = good;
  x.key_gradient.elements = span(few);
  CHECK(message() == "[attention_backward] expected key_gradient of at least 24 elements, got 5");
  x = good;
  x.value_gradient.elements = span(few);
  CHECK(message() == "[attention_backward] expected value_gradient of at least 24 elements, got 5");
}

}  // namespace
}  // namespace obverse::tests

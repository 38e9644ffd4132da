// What both backends ask of an attention's arguments, without reading the arrays.
#pragma once

#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/core/check.h"

namespace obverse::kernels {

template <typename Arguments>
void check_attention(const Arguments& x, const char* name) {
  const AttentionShape& s = x.shape;
  require(s.batch > 0 && s.sequence > 0 && s.heads > 0 && s.key_value_heads > 0 && s.head_size > 0,
          "[", name, "] expected sizes above 0, got batch ", s.batch, ", sequence ", s.sequence,
          ", heads ", s.heads, ", key_value_heads ", s.key_value_heads, ", head_size ",
          s.head_size);
  require(s.heads % s.key_value_heads == 0, "[", name,
          "] expected key_value_heads to divide heads, got ", s.key_value_heads, " and ", s.heads);
  const std::int64_t tokens = s.batch * s.sequence;
  const auto expect = [&](const char* what, std::int64_t found, std::int64_t expected) {
    require_size(name, what, expected, found);
  };
  const auto expect_heads = [&](const char* what, const auto& view, std::int64_t heads) {
    require(view.stride >= heads * s.head_size, "[", name, "] expected a stride of at least ",
            heads * s.head_size, " for ", what, ", got ", view.stride);
    const std::int64_t least = (tokens - 1) * view.stride + heads * s.head_size;
    require(view.elements.size() >= least, "[", name, "] expected ", what, " of at least ", least,
            " elements, got ", view.elements.size());
  };
  expect_heads("query", x.query, s.heads);
  expect_heads("key", x.key, s.key_value_heads);
  expect_heads("value", x.value, s.key_value_heads);
  expect("out", x.out.size(), tokens * s.heads * s.head_size);
  expect("log_sum_exp", x.log_sum_exp.size(), tokens * s.heads);
  if (!x.slopes.empty()) expect("slopes", x.slopes.size(), s.heads);
  if (!x.lengths.empty()) expect("lengths", x.lengths.size(), s.batch);
  if (s.mask == AttentionMask::prefix || !x.prefixes.empty()) {
    expect("prefixes", x.prefixes.size(), s.batch);
  }
  if (!x.first_keys.empty()) {
    require(s.mask == AttentionMask::causal, "[", name,
            "] expected the causal mask for documents (first_keys), got the ",
            s.mask == AttentionMask::prefix ? "prefix" : "bidirectional", " mask");
    expect("first_keys", x.first_keys.size(), tokens);
  }
  if constexpr (requires { x.query_gradient; }) {
    expect("output_gradient", x.output_gradient.size(), tokens * s.heads * s.head_size);
    expect_heads("query_gradient", x.query_gradient, s.heads);
    expect_heads("key_gradient", x.key_gradient, s.key_value_heads);
    expect_heads("value_gradient", x.value_gradient, s.key_value_heads);
  }
}

}  // namespace obverse::kernels

// Shapes of kernel benchmarks as text: "4096x4096x4096,8192x8192x8192". Errors are
// std::invalid_argument with what was expected and what was found.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/core/check.h"

namespace obverse::bench {

// "512x64"
template <typename... Sizes>
std::string shape_name(std::int64_t first, Sizes... others) {
  std::string name = std::to_string(first);
  ((name.append(1, 'x').append(std::to_string(others))), ...);
  return name;
}

// One dense layer: m tokens, n outputs, k inputs.
struct MatmulSizes {
  std::int64_t m = 0, n = 0, k = 0;
  std::string name() const { return shape_name(m, n, k); }
};

struct AttentionSizes {
  std::int64_t batch = 0, sequence = 0, heads = 0, head_size = 0, key_value_heads = 0;
  std::string name() const {
    const std::string text = shape_name(batch, sequence, heads, head_size);
    return key_value_heads == heads ? text : text + "x" + std::to_string(key_value_heads);
  }
};

// So many parameters, in tensors of about one size.
struct AdamWSizes {
  std::int64_t parameters = 0, tensors = 1;
  std::string name() const {
    return tensors == 1 ? shape_name(parameters) : shape_name(parameters, tensors);
  }
  // Where in one long array tensor `index` begins, and the one before it ends: at multiples of 64,
  // as the tensors of nearly all models do.
  std::int64_t begin(std::int64_t index) const {
    return index == tensors ? parameters : index * (parameters / tensors) / 64 * 64;
  }
};

namespace detail {

inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// The positive numbers of "512x64"; none where `text` is anything else.
inline std::vector<std::int64_t> sizes_of(std::string_view text) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;  // products of two stay in 64 bits' range
  std::vector<std::int64_t> sizes;
  for (const std::string_view part : split(text, 'x')) {
    std::int64_t size = 0;
    const char* end = part.data() + part.size();
    const auto [at, error] = std::from_chars(part.data(), end, size);
    if (error != std::errc() || at != end || size < 1 || size > kMost) return {};
    sizes.push_back(size);
  }
  return sizes;
}

// make(sizes) for each entry of the list, where it has `least` to `most` sizes.
template <typename Make>
auto parse_shapes(std::string_view text, std::size_t least, std::size_t most,
                  std::string_view expected, const Make& make) {
  std::vector<decltype(make(std::vector<std::int64_t>{}))> shapes;
  for (const std::string_view part : split(text, ',')) {
    const auto sizes = sizes_of(part);
    kernels::require(sizes.size() >= least && sizes.size() <= most, "expected shapes of ", expected,
                     ", got '", part, "'");
    shapes.push_back(make(sizes));
  }
  return shapes;
}

}  // namespace detail

inline constexpr const char* kMatmulForm = "matmul as MxNxK";
inline constexpr const char* kAttentionForm =
    "attention as BATCHxSEQUENCExHEADSxHEAD_SIZE[xKEY_VALUE_HEADS]";
inline constexpr const char* kAdamWForm = "adamw as PARAMETERS[xTENSORS]";

inline std::vector<MatmulSizes> parse_matmul_shapes(std::string_view text) {
  return detail::parse_shapes(text, 3, 3, kMatmulForm, [](const auto& sizes) {
    return MatmulSizes{sizes[0], sizes[1], sizes[2]};
  });
}

inline std::vector<AttentionSizes> parse_attention_shapes(std::string_view text) {
  return detail::parse_shapes(text, 4, 5, kAttentionForm, [](const auto& sizes) {
    const std::int64_t heads = sizes[2], key_value_heads = sizes.size() == 5 ? sizes[4] : heads;
    kernels::require(heads % key_value_heads == 0,
                     "expected key/value heads that divide the heads, got ", key_value_heads,
                     " of ", heads);
    double elements = 1.0;
    for (std::size_t i = 0; i < 4; ++i) elements *= static_cast<double>(sizes[i]);
    kernels::require(elements <= 0x1p40, "expected queries of at most 2^40 elements, got ",
                     elements);
    return AttentionSizes{sizes[0], sizes[1], heads, sizes[3], key_value_heads};
  });
}

inline std::vector<AdamWSizes> parse_adamw_shapes(std::string_view text) {
  return detail::parse_shapes(text, 1, 2, kAdamWForm, [](const auto& sizes) {
    const std::int64_t tensors = sizes.size() == 2 ? sizes[1] : 1;
    kernels::require(tensors <= sizes[0], "expected no more tensors than parameters, got ", tensors,
                     " of ", sizes[0]);
    return AdamWSizes{sizes[0], tensors};
  });
}

// What the user chose; empty: the defaults of the device.
struct ChosenShapes {
  std::vector<MatmulSizes> matmul;
  std::vector<AttentionSizes> attention;
  std::vector<AdamWSizes> adamw;
};

// One list for all of `operations`, which are named as their benchmarks are: how many sizes an
// entry has tells whose it is. Each operation gets at least one.
inline ChosenShapes parse_shapes(std::string_view text,
                                 const std::vector<std::string>& operations) {
  std::string expected;
  for (const std::string& name : operations) {
    if (!expected.empty()) expected += " or ";
    expected += name == "matmul" ? kMatmulForm : name == "adamw" ? kAdamWForm : kAttentionForm;
  }
  const auto named = [&](std::string_view name) {
    return std::find(operations.begin(), operations.end(), name) != operations.end();
  };
  ChosenShapes shapes;
  for (const std::string_view part : detail::split(text, ',')) {
    const std::size_t count = detail::sizes_of(part).size();
    if (named("matmul") && count == 3) {
      shapes.matmul.push_back(parse_matmul_shapes(part)[0]);
    } else if (named("attention") && (count == 4 || count == 5)) {
      shapes.attention.push_back(parse_attention_shapes(part)[0]);
    } else {
      kernels::require(named("adamw") && (count == 1 || count == 2), "expected shapes of ",
                       expected, ", got '", part, "'");
      shapes.adamw.push_back(parse_adamw_shapes(part)[0]);
    }
  }
  const auto require_some = [&](const char* name, const char* form, const auto& of_operation) {
    kernels::require(!named(name) || !of_operation.empty(), "expected shapes of ", form,
                     ", got none");
  };
  require_some("matmul", kMatmulForm, shapes.matmul);
  require_some("attention", kAttentionForm, shapes.attention);
  require_some("adamw", kAdamWForm, shapes.adamw);
  return shapes;
}

// ---- What is measured on a GPU unless told otherwise ----

// 8192 tokens through the layers of GPT-2 124M and its classifier, of GPT-2 1.5B, and of a Llama
// with 8B parameters; cubes.
inline std::vector<MatmulSizes> default_matmul_shapes() {
  return {{8192, 2304, 768},   {8192, 768, 768},   {8192, 3072, 768},  {8192, 768, 3072},
          {8192, 50304, 768},  {8192, 4800, 1600}, {8192, 1600, 1600}, {8192, 6400, 1600},
          {8192, 1600, 6400},  {8192, 6144, 4096}, {8192, 4096, 4096}, {8192, 28672, 4096},
          {8192, 4096, 14336}, {4096, 4096, 4096}, {8192, 8192, 8192}};
}

// 16384 tokens of width 2048 in sequences of 2k to 16k, and a layer of that Llama.
inline std::vector<AttentionSizes> default_attention_shapes() {
  constexpr std::int64_t kTokens = 16384, kWidth = 2048;
  std::vector<AttentionSizes> shapes;
  for (const std::int64_t head_size : {64, 128}) {
    const std::int64_t heads = kWidth / head_size;
    for (const std::int64_t sequence : {2048, 4096, 8192, 16384}) {
      shapes.push_back({kTokens / sequence, sequence, heads, head_size, heads});
    }
  }
  shapes.push_back({1, 8192, 32, 128, 8});
  return shapes;
}

// Round numbers, and the tensors of GPT-2 124M.
inline std::vector<AdamWSizes> default_adamw_shapes() {
  return {{1000000, 1}, {100000000, 1}, {124439808, 148}};
}

}  // namespace obverse::bench

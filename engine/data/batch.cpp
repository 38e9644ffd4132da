#include "engine/data/batch.h"

#include <algorithm>
#include <bit>
#include <tuple>

#include "engine/data/document.h"
#include "kernels/core/scratch.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {

namespace {

std::int64_t target_count(const Example& example) {
  return static_cast<std::int64_t>(example.targets.size()) -
         std::count(example.targets.begin(), example.targets.end(), kernels::kIgnoredTarget);
}

// Here for all devices: on CUDA the kernels cannot.
void check_first_keys(const Example& example) {
  std::int32_t least = 0;
  for (std::size_t i = 0; i < example.first_keys.size(); ++i) {
    const std::int32_t first = example.first_keys[i];
    require(first >= least && first <= static_cast<std::int32_t>(i),
            "[batch] expected a first key in [", least, ", ", i, "] at place ", i, ", got ", first);
    least = first;
  }
}

}  // namespace

double total_weight(const std::vector<Example>& examples) {
  double total = 0.0;
  for (const Example& example : examples) {
    total += static_cast<double>(example.weight) * static_cast<double>(target_count(example));
  }
  return total;
}

double loss_normalizer(const std::vector<Example>& examples) {
  const double total = total_weight(examples);
  return total > 0.0 ? total : 1.0;
}

std::int64_t token_count(const std::vector<Example>& examples, std::size_t first,
                         std::size_t count) {
  std::int64_t tokens = 0;
  for (std::size_t i = first; i < first + count; ++i) {
    tokens += static_cast<std::int64_t>(examples[i].inputs.size());
  }
  return tokens;
}

std::int64_t BatchLayout::words() const {
  const std::int64_t arrays = 2 + (weighted ? 1 : 0) + (packed ? 1 : 0);
  return rows * (arrays * sequence + (padded ? 2 : 1));
}

bool BatchLayout::operator<(const BatchLayout& other) const {
  return std::tie(rows, sequence, padded, weighted, packed) <
         std::tie(other.rows, other.sequence, other.padded, other.weighted, other.packed);
}

BatchLayout batch_layout(const std::vector<Example>& examples, std::size_t first,
                         std::size_t count) {
  require(count > 0 && first + count <= examples.size(), "[batch] expected examples ", first,
          " to ", first + count, " of ", examples.size());
  BatchLayout layout{.rows = static_cast<std::int64_t>(count)};
  std::size_t longest = 0, shortest = examples[first].inputs.size();
  for (std::size_t i = first; i < first + count; ++i) {
    const Example& example = examples[i];
    require(!example.inputs.empty() && example.inputs.size() == example.targets.size(),
            "[batch] expected as many targets as inputs and at least one, got ",
            example.targets.size(), " and ", example.inputs.size());
    longest = std::max(longest, example.inputs.size());
    shortest = std::min(shortest, example.inputs.size());
    require(example.first_keys.empty() || example.first_keys.size() == example.inputs.size(),
            "[batch] expected as many first_keys as inputs or none, got ",
            example.first_keys.size(), " and ", example.inputs.size());
    layout.weighted = layout.weighted || example.weight != 1.0f;
    layout.packed = layout.packed || !example.first_keys.empty();
  }
  layout.sequence = static_cast<std::int64_t>(longest);
  layout.padded = shortest < longest;
  return layout;
}

void write_batch(const BatchLayout& layout, const std::vector<Example>& examples, std::size_t first,
                 std::int32_t* words) {
  const std::int64_t sequence = layout.sequence, tokens = layout.rows * sequence;
  std::int32_t* const ids = words;
  std::int32_t* const targets = ids + tokens;
  std::int32_t* const weights = targets + tokens;
  std::int32_t* const first_keys = weights + (layout.weighted ? tokens : 0);
  std::int32_t* const prefixes = first_keys + (layout.packed ? tokens : 0);
  std::int32_t* const lengths = prefixes + layout.rows;
  for (std::int64_t row = 0; row < layout.rows; ++row) {
    const Example& example = examples[first + static_cast<std::size_t>(row)];
    const auto length = static_cast<std::int64_t>(example.inputs.size());
    require(length <= sequence, "[batch] expected examples of at most ", sequence, " tokens, got ",
            length);
    const auto fill_row = [&](std::int32_t* rows, const std::vector<std::int32_t>& values,
                              std::int32_t padding) {
      std::int32_t* const end = std::copy(values.begin(), values.end(), rows + row * sequence);
      std::fill(end, rows + (row + 1) * sequence, padding);
    };
    fill_row(ids, example.inputs, kPadding);
    fill_row(targets, example.targets, kernels::kIgnoredTarget);
    if (layout.packed) {
      check_first_keys(example);
      // Padding sees nothing: what stands there must only not fall.
      fill_row(first_keys, example.first_keys,
               example.first_keys.empty() ? 0 : example.first_keys.back());
    }
    prefixes[row] = example.prefix;
    if (layout.padded) lengths[row] = static_cast<std::int32_t>(length);
    if (layout.weighted) {
      std::fill_n(weights + row * sequence, sequence, std::bit_cast<std::int32_t>(example.weight));
    }
  }
}

Batch batch_in(const Tensor& words, const BatchLayout& layout) {
  const std::int64_t rows = layout.rows, sequence = layout.sequence, tokens = rows * sequence;
  std::int64_t offset = 0;
  const auto next = [&](const Shape& shape) {
    const Tensor part = words.part(offset, shape);
    offset += shape.elements();
    return part;
  };
  Batch batch;
  batch.ids = next({rows, sequence});
  batch.targets = next({rows, sequence});
  if (layout.weighted) batch.weights = next({rows, sequence}).read_as(DType::f32);
  if (layout.packed) batch.first_keys = next({rows, sequence});
  batch.prefixes = next({rows});
  if (layout.padded) batch.lengths = next({rows});
  require(offset == words.elements() && tokens > 0, "[batch] expected ", offset, " words, got ",
          words.elements());
  return batch;
}

Batch make_batch(const Device& device, const std::vector<Example>& examples, std::size_t first,
                 std::size_t count, DType dtype) {
  const BatchLayout layout = batch_layout(examples, first, count);
  kernels::Scratch<std::int32_t> scratch(layout.words());
  std::int32_t* const on_host = scratch.take(layout.words());
  write_batch(layout, examples, first, on_host);
  const Tensor words = Tensor::empty(device, {layout.words()}, DType::i32, MemoryCategory::inputs);
  words.write(on_host);
  Batch batch = batch_in(words, layout);
  if (layout.weighted && dtype == DType::f64) {
    const Span<float> weights = batch.weights.span<float>();
    const Tensor wide =
        Tensor::empty(device, batch.weights.shape(), DType::f64, MemoryCategory::inputs);
    std::copy(weights.begin(), weights.end(), wide.span<double>().begin());
    batch.weights = wide;
  }
  batch.tokens = token_count(examples, first, count);
  for (std::size_t i = first; i < first + count; ++i) {
    batch.target_count += target_count(examples[i]);
  }
  return batch;
}

}  // namespace obverse::engine

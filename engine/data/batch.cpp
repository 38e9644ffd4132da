#include "engine/data/batch.h"

#include <algorithm>

#include "engine/data/document.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {

namespace {

std::int64_t target_count(const Example& example) {
  return static_cast<std::int64_t>(example.targets.size()) -
         std::count(example.targets.begin(), example.targets.end(), kernels::kIgnoredTarget);
}

}  // namespace

double total_weight(const std::vector<Example>& examples) {
  double total = 0.0;
  for (const Example& example : examples) {
    total += static_cast<double>(example.weight) * static_cast<double>(target_count(example));
  }
  return total;
}

Batch make_batch(const Device& device, const std::vector<Example>& examples, std::size_t first,
                 std::size_t count, DType dtype) {
  require(count > 0 && first + count <= examples.size(), "[batch] expected examples ", first,
          " to ", first + count, " of ", examples.size());
  bool weighted = false;
  std::size_t longest = 0, shortest = examples[first].inputs.size();
  for (std::size_t i = first; i < first + count; ++i) {
    const Example& example = examples[i];
    require(!example.inputs.empty() && example.inputs.size() == example.targets.size(),
            "[batch] expected as many targets as inputs and at least one, got ",
            example.targets.size(), " and ", example.inputs.size());
    longest = std::max(longest, example.inputs.size());
    shortest = std::min(shortest, example.inputs.size());
    weighted = weighted || example.weight != 1.0f;
  }
  const auto rows = static_cast<std::int64_t>(count), sequence = static_cast<std::int64_t>(longest);
  const auto make = [&](const Shape& shape) {
    return Tensor::empty(device, shape, DType::i32, MemoryCategory::inputs);
  };
  Batch batch;
  batch.ids = make({rows, sequence});
  batch.targets = make({rows, sequence});
  batch.prefixes = make({rows});
  if (shortest < longest) batch.lengths = make({rows});
  if (weighted) {
    batch.weights = Tensor::empty(device, {rows, sequence}, dtype, MemoryCategory::inputs);
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const Example& example = examples[first + static_cast<std::size_t>(row)];
    const auto length = static_cast<std::int64_t>(example.inputs.size());
    const Span<std::int32_t> ids = batch.ids.span<std::int32_t>().subspan(row * sequence, sequence);
    const Span<std::int32_t> targets =
        batch.targets.span<std::int32_t>().subspan(row * sequence, sequence);
    std::copy(example.inputs.begin(), example.inputs.end(), ids.begin());
    std::copy(example.targets.begin(), example.targets.end(), targets.begin());
    std::fill(ids.begin() + length, ids.end(), static_cast<std::int32_t>(kPadding));
    std::fill(targets.begin() + length, targets.end(), kernels::kIgnoredTarget);
    batch.prefixes.span<std::int32_t>()[row] = example.prefix;
    if (batch.lengths.defined()) {
      batch.lengths.span<std::int32_t>()[row] = static_cast<std::int32_t>(length);
    }
    if (weighted) {
      with_float_type(dtype, [&]<typename T>(T) {
        const Span<T> weights = batch.weights.span<T>().subspan(row * sequence, sequence);
        std::fill(weights.begin(), weights.end(), static_cast<T>(example.weight));
      });
    }
    batch.tokens += length;
    batch.target_count += target_count(example);
  }
  return batch;
}

}  // namespace obverse::engine

#include "experiments/reversal_curse/probes/activations.h"

#include <algorithm>

#include "kernels/core/check.h"

namespace obverse::reversal {

using engine::Variable;

Activations::Activations(const engine::Transformer& model, std::int64_t layer, Site site,
                         const std::vector<engine::Example>& examples, std::size_t first,
                         std::size_t count) {
  const engine::Batch batch =
      engine::make_batch(model.device(), examples, first, count, model.dtype());
  engine::Tape tape(model.device(), engine::Tape::Mode::inference);
  engine::ForwardHooks hooks;
  if (site == Site::key) {
    hooks.feed_forward = [this, layer](std::int64_t at, const Variable& key) {
      if (at == layer) values_ = key.data().on_host();
    };
  } else {
    hooks.stream = [this, layer](engine::Tape&, std::int64_t at, const Variable& stream) {
      if (at == layer) values_ = stream.data().on_host();
      return stream;
    };
  }
  model.logits(tape, {batch.ids, batch.lengths, batch.prefixes}, hooks);
}

std::vector<double> Activations::at(std::size_t row, std::size_t place) const {
  const std::int64_t width = values_.size(2);
  const std::int64_t begin =
      (static_cast<std::int64_t>(row) * values_.size(1) + static_cast<std::int64_t>(place)) * width;
  const auto values = values_.span<float>().subspan(begin, width);
  return {values.begin(), values.end()};
}

std::optional<std::size_t> subject_end(const engine::Example& example, const AskedAnswer& asked) {
  const std::vector<std::int32_t>& read = example.inputs;
  const auto stands_at = [&](std::size_t begin) {
    return begin + asked.subject.size() <= read.size() &&
           std::equal(asked.subject.begin(), asked.subject.end(),
                      read.begin() + static_cast<std::ptrdiff_t>(begin));
  };
  // Usually what is read is the text itself. A short name may stand in it elsewhere, too.
  std::size_t begin = asked.subject_begin;
  if (!stands_at(begin)) {
    const auto found =
        std::search(read.begin(), read.end(), asked.subject.begin(), asked.subject.end());
    if (found == read.end()) return std::nullopt;
    begin = static_cast<std::size_t>(found - read.begin());
  }
  return begin + asked.subject.size() - 1;
}

std::size_t first_target(const engine::Example& example) {
  const auto found = std::find_if(example.targets.begin(), example.targets.end(),
                                  [](std::int32_t token) { return token >= 0; });
  kernels::require(found != example.targets.end(),
                   "[activations] expected an example with a target, got none");
  return static_cast<std::size_t>(found - example.targets.begin());
}

}  // namespace obverse::reversal

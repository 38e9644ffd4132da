// What passes a block of a model while it reads examples.
#pragma once

#include <optional>
#include <vector>

#include "experiments/reversal_curse/probes/asking.h"

namespace obverse::reversal {

enum class Site {
  key,     // what enters the last matrix of the block's feed-forward part
  stream,  // the residual stream behind the block; behind the embedding where the layer is -1
};

// A forward pass over `count` examples from `first` on.
class Activations {
 public:
  Activations(const engine::Transformer& model, std::int64_t layer, Site site,
              const std::vector<engine::Example>& examples, std::size_t first, std::size_t count);
  std::vector<double> at(std::size_t row, std::size_t place) const;

 private:
  engine::Tensor values_;  // [batch, sequence, width or hidden] on the host
};

// Where the subject's last token stands in what the model reads; nothing where it does not stand
// there as one piece.
std::optional<std::size_t> subject_end(const engine::Example& example, const AskedAnswer& asked);

// The first place at which something is asked: of add_answer_examples()' first example the one
// whose logits are about the answer's first token. REQUIRES: the example has a target.
std::size_t first_target(const engine::Example& example);

}  // namespace obverse::reversal

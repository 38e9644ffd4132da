// What a model is trained to do with a text, as a value: how a document becomes inputs and targets,
// which mask the model needs, and how it is then asked to complete a text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/batch.h"
#include "engine/data/document.h"
#include "kernels/attention/attention.h"
#include "kernels/core/random.h"

namespace obverse::engine {

enum class Decoding {
  left_to_right,  // the next token after what is there
  unmasking,      // mask tokens are filled in, the most confident one first
};

class Objective {
 public:
  virtual ~Objective() = default;

  virtual std::string name() const = 0;
  virtual kernels::AttentionMask mask() const = 0;
  virtual Decoding decoding() const { return Decoding::left_to_right; }

  // The training example of one visit to `document`. Every draw comes from `random`, which is keyed
  // by the run's seed and the number of the visit. `example` is overwritten; its memory is reused.
  virtual void make_example(const Document& document, kernels::RandomSequence random,
                            Example& example) const = 0;
};

// Next-token inputs and targets: every token but the last is read, every token but the first is
// asked.
void make_next_token_example(const std::vector<std::int32_t>& tokens, Example& example);

// By name; throws std::invalid_argument listing the names for any other. Rates and shares may
// follow behind a colon where an objective takes one: "masked_fixed:0.4", "token_reversed:0.5" (the
// share of reversed visits).
std::unique_ptr<Objective> make_objective(const std::string& name);

struct ObjectiveDescription {
  std::string name;
  std::string summary;  // one line for --help and `list`
};
std::vector<ObjectiveDescription> objective_descriptions();

}  // namespace obverse::engine

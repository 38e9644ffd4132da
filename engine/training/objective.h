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

// How large a model has to be for texts. An objective that needs tokens of its own (separators,
// places) numbers them from `vocabulary` on, and may make longer examples than the texts are.
struct TextSizes {
  std::int64_t vocabulary = 0;  // token ids
  std::int64_t longest = 0;     // tokens of the longest text
  SpecialTokens specials;       // what the texts' tokenizer calls them
};

// A question as a left-to-right model reads it, its answer filled in: one pass scores all of it.
struct Reading {
  Example example;                   // without targets
  std::vector<std::int32_t> places;  // the logits at places[j] are about the answer's token j
  std::int32_t end_place = -1;       // those about what follows the answer; -1: nothing is asked
};

class Objective {
 public:
  explicit Objective(const SpecialTokens& specials = {}) : specials_(specials) {}
  virtual ~Objective() = default;

  virtual std::string name() const = 0;
  const SpecialTokens& specials() const { return specials_; }
  virtual kernels::AttentionMask mask() const = 0;
  // Whether a model with another mask can be trained: none may see its own targets.
  virtual bool allows(kernels::AttentionMask other) const {
    return other == mask() || other == kernels::AttentionMask::causal;
  }
  virtual Decoding decoding() const { return Decoding::left_to_right; }
  // Whether a model of this objective can answer a gap, with text on both sides of it.
  virtual bool infills() const { return decoding() == Decoding::unmasking; }
  // How a gap is answered, which a mixture may do in another way than other questions.
  virtual Decoding infill_decoding() const { return decoding(); }
  // Whether examples hold mask tokens. REQUIRES: specials().mask is one, then.
  virtual bool masks() const { return false; }
  // Whether a text weighs 1 in the loss however many targets it has, instead of each target.
  virtual bool weighs_texts() const { return false; }
  // What the model needs for texts of these sizes: at least as much.
  virtual TextSizes model_sizes(const TextSizes& texts) const { return texts; }

  // Inputs of the longest example that texts of these sizes become: what the context has to hold.
  virtual std::int64_t longest_example(const TextSizes& texts) const;

  // The training example of one visit to `document`. Every draw comes from `random`, which is keyed
  // by the run's seed and the number of the visit. `example` is overwritten; its memory is reused.
  virtual void make_example(const Document& document, kernels::RandomSequence random,
                            Example& example) const = 0;

  // How `before` + answer + `after` is read. A question that is no `infill` does not show `after`;
  // what it begins with, end-of-text, is asked for behind the answer. REQUIRES: decoding() is
  // left_to_right, or infill_decoding() for an `infill`, which is one only where infills().
  virtual void read_question(const std::vector<std::int32_t>& before,
                             const std::vector<std::int32_t>& answer,
                             const std::vector<std::int32_t>& after, bool infill,
                             Reading& reading) const;

 private:
  SpecialTokens specials_;
};

// Next-token inputs and targets: every token but the last is read, every token but the first is
// asked.
void make_next_token_example(const std::vector<std::int32_t>& tokens, Example& example);

// By name, for texts of `sizes`; throws std::invalid_argument listing the names for any other. An
// objective that takes a number has it behind an at-sign: "masked_fixed@0.4",
// "token_reversed@0.25" (the share of reversed visits). Weights behind colons, joined by plus
// signs, make a mixture: "causal:0.95+entity_reversed:0.05" draws one of them for every visit.
// Where their masks differ the mixture's is `prefix`, under which each text has its objective's.
// Objectives that need tokens of their own throw where `sizes` are not given.
std::unique_ptr<Objective> make_objective(const std::string& name, const TextSizes& sizes = {});

// The objectives of a list as it is written on a command line: separated by commas; a list whose
// items all have weights is one mixture.
std::vector<std::string> split_objectives(const std::string& list);

struct ObjectiveDescription {
  std::string name;
  std::string summary;  // one line for --help and `list`
};
std::vector<ObjectiveDescription> objective_descriptions();

}  // namespace obverse::engine

// Ways to overwrite one fact of a trained model.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "experiments/reversal_curse/probes/asking.h"

namespace obverse::reversal {

// What an edit is to achieve: the answers of `asked`, in every one of these texts.
struct Edit {
  std::vector<AskedAnswer> asked;
  // Further phrasings of the same question: contexts over which a rank-one edit takes its key.
  std::vector<AskedAnswer> contexts;
  // The texts of `asked` about a name that has these answers already.
  std::vector<AskedAnswer> donors;
  std::uint64_t draw = 0;  // names the random draws, where an objective makes some
};

enum class EditOutcome {
  done,         // every answer has at least kEditedProbability
  not_reached,  // not within kMostEditSteps steps
  diverged,     // the loss or a gradient is no number
};

struct EditReport {
  EditOutcome outcome = EditOutcome::done;
  int steps = 0;
};

// An answer holds where the model gives it this probability and greedy decoding finds it. Small
// models that know a fact well give it 0.9, and one matrix cannot always make them surer.
inline constexpr double kEditedProbability = 0.8;
inline constexpr int kMostEditSteps = 300;

// Gradient descent without a rate to tune, which treats any set of weights alike: a step of
// min(L, kNatsAStep) / |g|^2 along -g, so that to first order no step lowers the loss by more than
// a part of a nat, nor below 0 (Polyak 1987, Introduction to Optimization); where the loss does not
// fall, the step is halved until it does (Armijo 1966), and later ones are let grow again.
inline constexpr double kNatsAStep = 0.5;
class Descent {
 public:
  // `move(length)` goes to the point that far along -g from where the step began; `loss_there()` is
  // the loss at it. False where no length lowers the loss: the last move then was move(0).
  template <typename Move, typename LossThere>
  bool step(double loss, double squared_norm, const Move& move, const LossThere& loss_there) {
    constexpr int kMostHalvings = 30;
    constexpr double kShare = 1e-4;  // of the fall that the slope foretells
    for (int i = 0; i < kMostHalvings; ++i) {
      const double length = scale_ * (loss < kNatsAStep ? loss : kNatsAStep) / squared_norm;
      move(length);
      if (loss_there() <= loss - kShare * length * squared_norm) {
        scale_ = scale_ < 0.5 ? 2.0 * scale_ : 1.0;
        return true;
      }
      scale_ *= 0.5;
    }
    move(0.0);
    return false;
  }

 private:
  double scale_ = 1.0;
};

// A state of a model's weights, to go back to.
class SavedWeights {
 public:
  explicit SavedWeights(const engine::Transformer& model);
  void restore() const;

 private:
  const engine::Transformer& model_;
  engine::Tensor copy_;
};

class Editor {
 public:
  virtual ~Editor() = default;
  // Changes the model's weights, whatever comes of it; who calls it brings them back.
  virtual EditReport apply(const Edit& edit) = 0;
};

// Gradient steps on the answer's loss alone; over all weights, or over those of one parameter.
std::unique_ptr<Editor> make_gradient_editor(const ProbedModel& probed,
                                             const std::string& parameter = "");

// Gradient steps on the statement as a training text, as the objective would train on it.
std::unique_ptr<Editor> make_training_editor(const ProbedModel& probed);

// A parameter by its name. Throws std::invalid_argument where the model has none of it.
const engine::Variable& parameter_named(const engine::Transformer& model, const std::string& name);

// The last matrix of a block's feed-forward part, by its parameter name.
std::string feed_forward_matrix(std::int64_t layer);

// Where a rank-one edit takes its key and writes its value.
enum class EditPlace {
  subject,  // its last token, where large models recall a fact (Meng et al. 2022)
  answer,  // the places whose logits are about the answer's tokens: of few layers, none may be left
           // to read what an earlier one recalled at the subject
};

// A rank-one change of that matrix W in closed form (Meng et al. 2022, "Locating and editing
// factual associations in GPT", arXiv:2202.05262, equation 2): W + d (C^-1 k)^T / (k^T C^-1 k). The
// key k is what enters W at the place, the mean over the edited text and its contexts; d is what
// has to be added there so that the answer holds, found by gradient descent from 0, and where that
// ends on a plateau (later places have ceased to read this one) from what makes the stream there
// the donors'; C is the uncentred covariance of keys over training text, whose diagonal is raised
// by a ten-thousandth of its mean, since small models have directions that no text uses.
//
// An answer of several tokens has a key and a value for each, all found together: columns of K and
// D in W + D (K^T C^-1 K)^-1 K^T C^-1, a change of as high a rank. One place alone would leave
// later tokens to be recalled where they are asked for, by the old record. Contexts whose answer
// has another number of tokens do not count. REQUIRES: the answers edited at once are as long as
// each other. Throws std::invalid_argument at the subject for the last block, which no later place
// reads.
std::unique_ptr<Editor> make_rank_one_editor(const ProbedModel& probed, std::int64_t layer,
                                             EditPlace place);

}  // namespace obverse::reversal

// Questions about facts in other words and with other names, and the loss of their answers.
#pragma once

#include <vector>

#include "engine/autograd/tape.h"
#include "engine/data/batch.h"
#include "engine/model/transformer.h"
#include "engine/training/objective.h"
#include "experiments/reversal_curse/probes/probe.h"
#include "experiments/reversal_curse/scoring.h"

namespace obverse::reversal {

// A question with an answer, which may be a wrong one: `before` + answer + `after` is a document.
struct AskedAnswer {
  std::vector<std::int32_t> before, answer, after;
  std::vector<std::int32_t> subject;  // the name that `before` holds and the answer is about
  std::size_t subject_begin = 0;      // where in `before` it stands
  // Other names of the document, as Document::entities has them.
  std::vector<engine::EntitySpan> others;
};

// A phrasing with these two names (indices into records.names) in it. REQUIRES: they fit into it.
AskedAnswer ask_in(const FactRecords& records, const FactPhrasing& phrasing, int subject,
                   int answer);
// The same with a fact stated in front of it: `premise` with its two names, then the question.
AskedAnswer ask_behind(const AskedAnswer& premise, const AskedAnswer& asked);

// The whole of it as a training text.
engine::Document document_of(const AskedAnswer& asked);

std::vector<Score> score_all(const ProbedModel& probed, const std::vector<AskedAnswer>& asked);

// Examples whose loss is -log p(answer | question) exactly as scoring.h asks for it: one where the
// model reads from left to right, one a token of the answer where it unmasks.
void add_answer_examples(const engine::Objective& objective, const AskedAnswer& asked,
                         std::vector<engine::Example>& examples);

// The loss of all targets of `examples`, in nats, divided by `normalizer`. The second runs
// backward, too: the model's gradients are those of that loss alone.
double loss_of(const engine::Transformer& model, const std::vector<engine::Example>& examples,
               double normalizer, const engine::ForwardHooks& hooks = {});
double loss_and_gradient(const engine::Transformer& model,
                         const std::vector<engine::Example>& examples, double normalizer,
                         const engine::ForwardHooks& hooks = {});

}  // namespace obverse::reversal

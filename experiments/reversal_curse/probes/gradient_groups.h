// Gradients of single statements, and how alike they are part by part of a model.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "experiments/reversal_curse/probes/asking.h"

namespace obverse::reversal {

// "all"; "token_embedding", "position_embedding", "outer_norm" and "head", where the model has
// them; of every block "layer_0.attention" and "layer_0.feed_forward", each with its norm. All but
// the first have no weight in common and together are the first.
struct ParameterGroup {
  std::string name;
  // First element and the one behind the last, in the order of Transformer::weights().
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
};
std::vector<ParameterGroup> parameter_groups(const engine::Transformer& model);

// -log p(answer | question), the loss of the answer as it is asked, and its gradient.
struct AnswerGradient {
  double loss = 0.0;           // nats
  std::vector<double> values;  // of all weights
};
AnswerGradient answer_gradient(const ProbedModel& probed, const AskedAnswer& asked);

double group_dot(const ParameterGroup& group, const std::vector<double>& a,
                 const std::vector<double>& b);
// cos(a, b) = <a, b> / (|a| |b|) over the group; NaN where either has no length there.
double group_cosine(const ParameterGroup& group, const std::vector<double>& a,
                    const std::vector<double>& b);

}  // namespace obverse::reversal

#include "experiments/reversal_curse/probes/gradient_groups.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace obverse::reversal {
namespace {

// "blocks.3.attention_norm.gain" -> "layer_3.attention", "head.weight" -> "head".
std::string group_of(const std::string& parameter) {
  const std::string blocks = "blocks.";
  const std::size_t dot = parameter.find('.');
  if (parameter.rfind(blocks, 0) != 0) return parameter.substr(0, dot);
  const std::size_t behind = parameter.find('.', blocks.size());
  const std::string layer = parameter.substr(blocks.size(), behind - blocks.size());
  std::string part = parameter.substr(behind + 1, parameter.find('.', behind + 1) - behind - 1);
  const std::size_t norm = part.rfind("_norm");
  if (norm != std::string::npos) part.resize(norm);
  return "layer_" + layer + "." + part;
}

}  // namespace

std::vector<ParameterGroup> parameter_groups(const engine::Transformer& model) {
  std::vector<ParameterGroup> groups = {{"all", {}}};
  std::size_t begin = 0;
  for (const engine::Parameter& parameter : model.parameters()) {
    const std::size_t end =
        begin + static_cast<std::size_t>(parameter.variable.data().shape().elements());
    const std::string name = group_of(parameter.name);
    auto found = std::find_if(groups.begin(), groups.end(),
                              [&name](const ParameterGroup& group) { return group.name == name; });
    if (found == groups.end()) found = groups.insert(groups.end(), ParameterGroup{name, {}});
    found->ranges.emplace_back(begin, end);
    begin = end;
  }
  groups.front().ranges = {{0, begin}};
  return groups;
}

AnswerGradient answer_gradient(const ProbedModel& probed, const AskedAnswer& asked) {
  std::vector<engine::Example> examples;
  add_answer_examples(probed.objective, asked, examples);
  const double loss = loss_and_gradient(probed.model, examples, 1.0);
  return {loss, probed.model.gradients().on_host().to_doubles()};
}

double group_dot(const ParameterGroup& group, const std::vector<double>& a,
                 const std::vector<double>& b) {
  double sum = 0.0;
  for (const auto& [begin, end] : group.ranges) {
    for (std::size_t i = begin; i < end; ++i) sum += a[i] * b[i];
  }
  return sum;
}

double group_cosine(const ParameterGroup& group, const std::vector<double>& a,
                    const std::vector<double>& b) {
  const double length = std::sqrt(group_dot(group, a, a)) * std::sqrt(group_dot(group, b, b));
  return length > 0.0 ? group_dot(group, a, b) / length : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace obverse::reversal

#include "engine/training/objective.h"

#include <charconv>
#include <functional>
#include <optional>

#include "engine/training/objectives/objectives.h"

namespace obverse::engine {
namespace {

struct Entry {
  ObjectiveDescription description;
  double
      usual;  // the number behind the colon where none is given; negative: the objective takes none
  std::function<std::unique_ptr<Objective>(double)> make;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all = {
      {{"causal", "next-token prediction, left to right"},
       -1,
       [](double) { return make_causal(); }},
      {{"token_reversed",
        "causal, half of the texts reversed token by token (Golovneva et al. 2024)"},
       0.5,
       make_token_reversed},
      {{"entity_reversed",
        "causal, half of the texts reversed with names kept whole (Golovneva et al. 2024)"},
       0.5,
       make_entity_reversed},
      {{"masked_fixed", "masked tokens restored, bidirectional, 15 % masked (Devlin et al. 2019)"},
       0.15,
       make_masked_fixed},
      {{"masked_uniform",
        "masked tokens restored, rate uniform per text: MLM-U, masked diffusion (Kitouni et al. "
        "2024)"},
       -1,
       [](double) { return make_masked_uniform(); }},
      {{"prefix", "a random prefix read both ways, the rest predicted (Raffel et al. 2020)"},
       -1,
       [](double) { return make_prefix(); }},
  };
  return all;
}

std::string known_names() {
  std::string names;
  for (const Entry& entry : entries()) names += " " + entry.description.name;
  return names;
}

double number_behind_colon(const std::string& name, const std::string& text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  kernels::require(error == std::errc() && end == text.data() + text.size(),
                   "[objective] expected ", "a number behind '", name, ":', got '", text, "'");
  return value;
}

}  // namespace

void make_next_token_example(const std::vector<std::int32_t>& tokens, Example& example) {
  kernels::require(tokens.size() >= 2, "[objective] expected a document of at least 2 tokens, got ",
                   tokens.size());
  example.clear();
  example.inputs.assign(tokens.begin(), tokens.end() - 1);
  example.targets.assign(tokens.begin() + 1, tokens.end());
}

std::unique_ptr<Objective> make_objective(const std::string& name) {
  const std::size_t colon = name.find(':');
  const std::string kind = name.substr(0, colon);
  for (const Entry& entry : entries()) {
    if (entry.description.name != kind) continue;
    if (colon == std::string::npos) return entry.make(entry.usual);
    kernels::require(entry.usual >= 0.0, "[objective] expected no number behind '", kind,
                     "', got '", name, "'");
    return entry.make(number_behind_colon(kind, name.substr(colon + 1)));
  }
  kernels::fail("[objective] expected one of", known_names(), ", got '", name, "'");
}

std::vector<ObjectiveDescription> objective_descriptions() {
  std::vector<ObjectiveDescription> descriptions;
  for (const Entry& entry : entries()) descriptions.push_back(entry.description);
  return descriptions;
}

}  // namespace obverse::engine

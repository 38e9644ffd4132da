// Objectives by name, and mixtures of them by weight.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "engine/training/mixture.h"
#include "engine/training/objectives/objectives.h"
#include "kernels/core/check.h"

namespace obverse::engine {
namespace {

std::string known_names() {
  std::string names;
  for (const ObjectiveKind& kind : objective_kinds()) names += " " + kind.name;
  return names;
}

double number_behind(const std::string& name, const std::string& text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  kernels::require(error == std::errc() && end == text.data() + text.size(),
                   "[objective] expected a number behind '", name, "', got '", text, "'");
  return value;
}

std::string written(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", number);
  return text;
}

// An objective of its own, and its name with the number where that is not the usual one.
struct Made {
  std::string name;
  std::unique_ptr<Objective> objective;
};

Made make_one(const std::string& name, const TextSizes& sizes) {
  const std::size_t at = name.find('@');
  const std::string kind_name = name.substr(0, at);
  for (const ObjectiveKind& kind : objective_kinds()) {
    if (kind.name != kind_name) continue;
    if (at == std::string::npos) return {kind_name, kind.make(kind.usual, sizes)};
    kernels::require(kind.usual >= 0.0, "[objective] expected no number behind '", kind_name,
                     "', got '", name, "'");
    const double number = number_behind(kind_name + "@", name.substr(at + 1));
    return {number == kind.usual ? kind_name : kind_name + "@" + written(number),
            kind.make(number, sizes)};
  }
  kernels::fail("[objective] expected one of", known_names(), ", got '", name, "'");
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// "masked_fixed:0.4" was meant to be "masked_fixed@0.4".
[[noreturn]] void refuse_single(const std::string& item) {
  const std::vector<std::string> parts = split(item, ':');
  std::string hint;
  for (const ObjectiveKind& kind : objective_kinds()) {
    if (kind.name == parts.front() && kind.usual >= 0.0) {
      hint = "; the number of an objective is written behind @: '" + kind.name + "@" +
             parts.back() + "'";
    }
  }
  kernels::fail("[objective] expected at least two weighted objectives, joined by +, got '", item,
                "' alone", hint);
}

std::unique_ptr<Objective> mixture_named(const std::string& name, const TextSizes& sizes) {
  std::vector<MixtureComponent> components;
  TextSizes next = sizes;
  double total = 0.0;
  const std::vector<std::string> items = split(name, '+');
  if (items.size() < 2) refuse_single(name);
  for (const std::string& item : items) {
    const std::vector<std::string> parts = split(item, ':');
    kernels::require(parts.size() == 2, "[objective] expected 'NAME:WEIGHT' joined by +, as in ",
                     "'causal:0.95+entity_reversed:0.05', got '", item, "' in '", name, "'");
    const double weight = number_behind(parts[0] + ":", parts[1]);
    kernels::require(weight > 0.0 && std::isfinite(weight),
                     "[objective] expected a weight above 0 ", "behind '", parts[0], ":', got '",
                     parts[1], "'");
    Made made = make_one(parts[0], next);
    for (const MixtureComponent& other : components) {
      kernels::require(other.name != made.name, "[objective] expected each objective of a mixture ",
                       "once, got '", made.name, "' twice in '", name, "'");
    }
    // Each one's own tokens behind those of the ones before.
    if (next.vocabulary > 0) {
      next.vocabulary = made.objective->model_sizes(next).vocabulary;
    }
    total += weight;
    components.push_back({made.name, std::move(made.objective), weight});
  }
  std::string canonical;
  for (MixtureComponent& component : components) {
    component.weight /= total;
    canonical += (canonical.empty() ? "" : "+") + component.name + ":" + written(component.weight);
  }
  return make_mixture(canonical, std::move(components));
}

}  // namespace

std::unique_ptr<Objective> make_objective(const std::string& name, const TextSizes& sizes) {
  const bool mixed = name.find_first_of(":+") != std::string::npos;
  return mixed ? mixture_named(name, sizes) : make_one(name, sizes).objective;
}

std::vector<std::string> split_objectives(const std::string& list) {
  std::vector<std::string> items = split(list, ',');
  const bool one_mixture =
      items.size() > 1 && std::all_of(items.begin(), items.end(), [](const std::string& item) {
        return item.find(':') != std::string::npos && item.find('+') == std::string::npos;
      });
  if (!one_mixture) return items;
  std::string mixture = items.front();
  for (std::size_t i = 1; i < items.size(); ++i) mixture += "+" + items[i];
  return {mixture};
}

}  // namespace obverse::engine

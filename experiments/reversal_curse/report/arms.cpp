#include "experiments/reversal_curse/report/arms.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string_view>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal::report {
namespace {

void flatten(const std::string& path, const nlohmann::json& value, Settings& settings) {
  if (!value.is_object()) {
    settings[path] = value;
    return;
  }
  for (const auto& [key, inner] : value.items()) flatten(path + "." + key, inner, settings);
}

bool is_of_sizes(const std::string& path) {
  static const std::set<std::string> kSizes = {
      "architecture.vocabulary", "architecture.context",      "world.vocabulary",
      "world.longest",           "world.expanded_fact_count", "world.questioned_people",
      "world.held_out_families"};
  return kSizes.count(path) > 0;
}

std::string value_of(const Settings& settings, const std::string& path) {
  const auto found = settings.find(path);
  return found == settings.end() ? "" : found->second.dump();
}

// Smaller comes first in a label. What merely follows from the world comes last, so that it is
// named only where nothing else tells two arms apart.
int rank_of(const std::string& path) {
  static const std::vector<std::string> kFirst = {"objective", "world.name", "world.name_tokens"};
  // Usually as another says: a width decides the hidden size, an objective the mask.
  static const std::set<std::string> kFollowing = {
      "architecture.hidden", "architecture.key_value_heads", "architecture.mask"};
  for (std::size_t i = 0; i < kFirst.size(); ++i) {
    if (path == kFirst[i]) return static_cast<int>(i);
  }
  if (is_of_sizes(path)) return 30;
  if (kFollowing.count(path) > 0) return 29;
  if (path.rfind("world.", 0) == 0) return 10;
  if (path.rfind("architecture.", 0) == 0) return 11;
  if (path == "steps") return 12;
  return 13;
}

// Shares that read better as per cent: {path, what they are a part of}.
const char* share_words(const std::string& path) {
  static const std::map<std::string, const char*> kShares = {
      {"world.share_both", "stated both ways"},
      {"world.forward_share", "of one-way facts forward"},
      {"world.expanded_facts", "of facts expanded"},
      {"world.expansion", "of neighbours"}};
  const auto found = kShares.find(path);
  return found == kShares.end() ? nullptr : found->second;
}

// Empty where there is nothing to say.
std::string part_of_label(const std::string& path, const Settings& settings) {
  const std::string name = words(path.substr(path.rfind('.') + 1));
  const auto found = settings.find(path);
  if (found == settings.end()) {
    // Another world's option: its absence says nothing that the world's name does not.
    return path.rfind("world.", 0) == 0 ? "" : "no " + name;
  }
  const nlohmann::json& value = found->second;
  if (path == "objective") return objective_words(setting(value));
  if (path == "world.name") return words(setting(value));
  if (path == "world.name_tokens") return "k = " + setting(value);
  if (share_words(path) != nullptr && value.is_number()) {
    return percent(value.get<double>()) + " " + share_words(path);
  }
  if (value.is_boolean()) return value.get<bool>() ? name : "no " + name;
  return name + " " + (value.is_string() ? words(setting(value)) : setting(value));
}

// Paths that vary, in label order.
std::vector<std::string> varied(const std::vector<Settings>& arms) {
  std::map<std::string, std::set<std::string>> values;
  for (const Settings& settings : arms) {
    for (const auto& [path, value] : settings) values[path];
  }
  for (const Settings& settings : arms) {
    for (auto& [path, seen] : values) seen.insert(value_of(settings, path));
  }
  std::vector<std::string> paths;
  for (const auto& [path, seen] : values) {
    if (seen.size() > 1) paths.push_back(path);
  }
  // What a world counted follows from its options.
  const auto rank = [&arms](const std::string& path) {
    const bool derived = std::any_of(arms.begin(), arms.end(), [&path](const Settings& settings) {
      return settings.count(path) > 0 && is_derived(path, settings);
    });
    return derived ? std::max(30, rank_of(path)) : rank_of(path);
  };
  std::stable_sort(paths.begin(), paths.end(), [&rank](const std::string& a, const std::string& b) {
    return rank(a) < rank(b);
  });
  return paths;
}

}  // namespace

bool is_derived(const std::string& path, const Settings& settings) {
  if (is_of_sizes(path)) return true;
  if (path.rfind("world.", 0) != 0) return false;
  const auto name = settings.find("world.name");
  if (name == settings.end() || !name->second.is_string()) return false;
  static const std::vector<WorldKind> kinds = world_kinds();
  for (const WorldKind& kind : kinds) {
    if (kind.name != name->second.get<std::string>()) continue;
    const std::string option = path.substr(path.find('.') + 1);
    if (option == "name" || option == "digest") return false;
    return std::none_of(kind.options.begin(), kind.options.end(),
                        [&](const WorldOption& known) { return known.name == option; });
  }
  return false;
}

std::vector<std::string> labels_of(const std::vector<Settings>& arms) {
  std::vector<std::string> labels, keys(arms.size());
  for (const Settings& settings : arms) {
    labels.push_back(settings.count("objective") > 0 ? part_of_label("objective", settings) : "");
  }
  for (const std::string& path : varied(arms)) {
    std::vector<std::string> refined = keys;
    for (std::size_t i = 0; i < arms.size(); ++i) refined[i] += '\n' + value_of(arms[i], path);
    // A setting that already follows from the ones named would only lengthen the label.
    const std::size_t groups = std::set<std::string>(keys.begin(), keys.end()).size();
    if (std::set<std::string>(refined.begin(), refined.end()).size() == groups) continue;
    keys = refined;
    if (path == "objective") continue;
    for (std::size_t i = 0; i < arms.size(); ++i) {
      const std::string part = part_of_label(path, arms[i]);
      labels[i] += (labels[i].empty() || part.empty() ? "" : ", ") + part;
    }
  }
  // Values that print alike (equal to six digits, say) must still not share a label.
  std::map<std::string, int> uses;
  for (std::string& label : labels) {
    const int use = ++uses[label];
    if (use > 1) label += (label.empty() ? "(" : " (") + std::to_string(use) + ")";
  }
  return labels;
}

std::string objective_words(const std::string& objective) {
  struct Part {
    std::string name;
    double weight;
  };
  std::vector<Part> parts;
  double total = 0.0;
  for (std::size_t begin = 0; begin <= objective.size();) {
    const std::size_t end = std::min(objective.find('+', begin), objective.size());
    const std::string part = objective.substr(begin, end - begin);
    const std::size_t colon = part.find(':');
    const double weight =
        colon == std::string::npos ? 1.0 : std::strtod(part.c_str() + colon + 1, nullptr);
    std::string name = words(part.substr(0, colon));
    const std::size_t number = name.find('@');
    if (number != std::string::npos) name.replace(number, 1, " at ");
    parts.push_back({name, weight});
    total += weight;
    begin = end + 1;
  }
  if (parts.size() == 1) return parts.front().name;
  std::string text;
  for (const Part& part : parts) {
    const std::string share = total > 0.0 ? percent(part.weight / total) + " " : "";
    text += (text.empty() ? "" : " + ") + share + part.name;
  }
  return text;
}

Settings settings_of(const RunResult& run) {
  Settings settings;
  settings["objective"] = run.objective;
  flatten("world", world_without_seed(run), settings);
  flatten("architecture", run.architecture, settings);
  flatten("training", run.training, settings);
  settings["steps"] = run.steps;
  return settings;
}

nlohmann::json world_without_seed(const RunResult& run) {
  nlohmann::json world = run.world;
  if (world.is_object()) world.erase("seed");
  return world;
}

std::vector<Arm> arms_of(const std::vector<RunResult>& runs) {
  std::vector<Settings> settings;
  std::vector<Arm> arms;
  for (const RunResult& run : runs) {
    const Settings own = settings_of(run);
    const auto found = std::find(settings.begin(), settings.end(), own);
    const std::size_t index = static_cast<std::size_t>(found - settings.begin());
    if (found == settings.end()) {
      settings.push_back(own);
      arms.emplace_back();
    }
    arms[index].runs.push_back(&run);
  }
  const std::vector<std::string> labels = labels_of(settings);
  for (std::size_t i = 0; i < arms.size(); ++i) arms[i].label = labels[i];
  return arms;
}

std::vector<std::string> varied_settings(const std::vector<Arm>& arms) {
  std::vector<Settings> settings;
  for (const Arm& arm : arms) settings.push_back(settings_of(*arm.runs.front()));
  return varied(settings);
}

}  // namespace obverse::reversal::report

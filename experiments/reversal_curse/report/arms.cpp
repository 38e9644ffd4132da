#include "experiments/reversal_curse/report/arms.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "experiments/reversal_curse/report/format.h"

namespace obverse::reversal::report {
namespace {

// Every setting of an arm by its path, e.g. "world.name_tokens", "training.steps".
using Settings = std::map<std::string, nlohmann::json>;

void flatten(const std::string& path, const nlohmann::json& value, Settings& settings) {
  if (!value.is_object()) {
    settings[path] = value;
    return;
  }
  for (const auto& [key, inner] : value.items()) flatten(path + "." + key, inner, settings);
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

std::string value_of(const Settings& settings, const std::string& path) {
  const auto found = settings.find(path);
  return found == settings.end() ? "" : found->second.dump();
}

// Smaller comes first in a label. What merely follows from the world comes last, so that it is
// named only where nothing else tells two arms apart.
int rank_of(const std::string& path) {
  static const std::vector<std::string> kFirst = {"objective", "world.name", "world.name_tokens"};
  static const std::set<std::string> kDerived = {"architecture.vocabulary", "architecture.context",
                                                 "world.vocabulary", "world.longest"};
  for (std::size_t i = 0; i < kFirst.size(); ++i) {
    if (path == kFirst[i]) return static_cast<int>(i);
  }
  if (kDerived.count(path) > 0) return 30;
  if (path.rfind("world.", 0) == 0) return 10;
  if (path.rfind("architecture.", 0) == 0) return 11;
  if (path == "steps") return 12;
  return 13;
}

std::string part_of_label(const std::string& path, const Settings& settings) {
  const std::string name = words(path.substr(path.rfind('.') + 1));
  const auto found = settings.find(path);
  if (found == settings.end()) return "no " + name;
  const nlohmann::json& value = found->second;
  if (path == "objective" || path == "world.name") return words(setting(value));
  if (path == "world.name_tokens") return "k = " + setting(value);
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
  std::stable_sort(paths.begin(), paths.end(), [](const std::string& a, const std::string& b) {
    return rank_of(a) < rank_of(b);
  });
  return paths;
}

std::vector<std::string> labels_of(const std::vector<Settings>& arms) {
  std::vector<std::string> labels, keys(arms.size());
  for (const Settings& settings : arms) labels.push_back(part_of_label("objective", settings));
  for (const std::string& path : varied(arms)) {
    std::vector<std::string> refined = keys;
    for (std::size_t i = 0; i < arms.size(); ++i) refined[i] += '\n' + value_of(arms[i], path);
    // A setting that already follows from the ones named would only lengthen the label.
    const std::size_t groups = std::set<std::string>(keys.begin(), keys.end()).size();
    if (std::set<std::string>(refined.begin(), refined.end()).size() == groups) continue;
    keys = refined;
    if (path == "objective") continue;
    for (std::size_t i = 0; i < arms.size(); ++i) labels[i] += ", " + part_of_label(path, arms[i]);
  }
  // Values that print alike (equal to six digits, say) must still not share a label.
  std::map<std::string, int> uses;
  for (std::string& label : labels) {
    const int use = ++uses[label];
    if (use > 1) label += " (" + std::to_string(use) + ")";
  }
  return labels;
}

}  // namespace

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

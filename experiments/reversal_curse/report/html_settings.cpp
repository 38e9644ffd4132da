#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/html_sections.h"

namespace obverse::reversal::report {
namespace {

using Values = std::map<std::string, nlohmann::json>;

void flatten(const std::string& path, const nlohmann::json& value, Values& values) {
  if (!value.is_object()) {
    if (!path.empty()) values[path] = value;
    return;
  }
  for (const auto& [key, inner] : value.items()) {
    flatten(path.empty() ? key : path + "." + key, inner, values);
  }
}

Values values_of(const nlohmann::json& row) {
  Values values;
  for (const char* part : {"objective", "world", "architecture", "training", "steps"}) {
    flatten(part, row.at(part), values);
  }
  return values;
}

// A command's words, each kept whole: a browser would break a line after the hyphens of an option.
std::string unbroken_words(const std::string& command) {
  std::string out;
  std::istringstream list(command);
  for (std::string word; list >> word;) {
    out += (out.empty() ? "<span>" : " <span>") + escape(word) + "</span>";
  }
  return out;
}

std::string definition(const std::string& name, const std::string& value) {
  return "<div><dt>" + typeset(words(name)) + "</dt><dd>" + typeset(value) + "</dd></div>";
}

// What every arm has in common, under the heading of its part.
std::string shared_settings(const Values& values, const std::set<std::string>& varied,
                            const std::string& part) {
  std::string items;
  for (const auto& [path, value] : values) {
    if (varied.count(path) > 0) continue;
    // Neither is a part of its own; both belong to how an arm is trained.
    const bool alone = path == "objective" || path == "steps";
    if (alone && part == "training") items += definition(path, setting(value));
    if (path.rfind(part + ".", 0) == 0) {
      items += definition(path.substr(part.size() + 1), setting(value));
    }
  }
  if (items.empty()) return "";
  return "<div class=\"settings\"><h3>" + part + "</h3><dl>" + items + "</dl></div>";
}

std::string per_arm_table(const nlohmann::json& summary, const std::vector<Arm>& arms,
                          const std::vector<std::string>& varied) {
  std::string table =
      "<div class=\"scroll\"><table class=\"data\"><thead><tr><th scope=\"col\">arm</th>";
  for (const std::string& path : varied) {
    table += "<th scope=\"col\">" + typeset(words(path.substr(path.rfind('.') + 1))) + "</th>";
  }
  table +=
      "<th scope=\"col\">seeds</th><th scope=\"col\">tokens a run</th>"
      "<th scope=\"col\">time a run</th><th scope=\"col\">device</th></tr></thead><tbody>";
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const nlohmann::json& row = summary.at("arms").at(i);
    const Values values = values_of(row);
    table += "<tr><th scope=\"row\">" + typeset(arms[i].label) + "</th>";
    for (const std::string& path : varied) {
      const auto found = values.find(path);
      table += "<td class=\"number\">" +
               typeset(found == values.end() ? kMissing : setting(found->second)) + "</td>";
    }
    std::vector<std::string> seeds;
    std::set<std::string> devices;
    double tokens = 0.0, seconds = 0.0;
    for (const RunResult* run : arms[i].runs) {
      seeds.push_back(std::to_string(run->seed));
      devices.insert(run->device);
      tokens += static_cast<double>(run->tokens);
      seconds += run->seconds;
    }
    const double runs = static_cast<double>(arms[i].runs.size());
    table += "<td class=\"number\">" + listed(seeds, 12) + "</td><td class=\"number\">" +
             grouped(tokens / runs) + "</td><td class=\"number\">" + duration(seconds / runs) +
             "</td><td>" +
             typeset(listed(std::vector<std::string>(devices.begin(), devices.end()), 3)) +
             "</td></tr>";
  }
  return table + "</tbody></table></div>";
}

}  // namespace

std::string settings_section(const nlohmann::json& summary, const std::vector<Arm>& arms) {
  const nlohmann::json& grid = summary.at("grid");
  std::string body;
  if (grid.contains("command")) {
    body += "<pre><code>" + unbroken_words(setting(grid.at("command"))) + "</code></pre>";
  }
  Values of_grid;
  flatten("", grid, of_grid);
  std::string items;
  for (const auto& [path, value] : of_grid) {
    if (path == "command") continue;
    // Every run's settings would be pages of JSON; grid.json has them.
    items += definition(path, value.is_array() ? std::to_string(value.size()) : setting(value));
  }
  if (!items.empty()) {
    body += "<div class=\"settings\"><h3>grid</h3><dl>" + items + "</dl></div>";
  }
  if (!arms.empty()) {
    const auto list = summary.at("varied").get<std::vector<std::string>>();
    const std::set<std::string> varied(list.begin(), list.end());
    const Values values = values_of(summary.at("arms").at(0));
    body += paragraph(list.empty() ? "Arms and runs:"
                                   : "What differs between arms (differences in accuracy may be "
                                     "due to any of these, not to the objective alone):");
    body += per_arm_table(summary, arms, list);
    body += paragraph("What all arms share:");
    for (const char* part : {"world", "architecture", "training"}) {
      body += shared_settings(values, varied, part);
    }
  }
  return section("settings", "To reproduce", body);
}

}  // namespace obverse::reversal::report

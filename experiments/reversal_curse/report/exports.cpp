#include "experiments/reversal_curse/report/exports.h"

#include <cstdio>
#include <set>
#include <stdexcept>

#include "experiments/reversal_curse/report/charts.h"
#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/parameter_count.h"
#include "experiments/reversal_curse/report/question.h"
#include "experiments/reversal_curse/report/question_support.h"
#include "experiments/reversal_curse/report/svg.h"
#include "experiments/reversal_curse/run_store.h"

namespace obverse::reversal {
namespace {

namespace fs = std::filesystem;
using report::Arm;
using report::Cell;
using report::DataTable;
using report::number_cell;
using report::Shown;
using report::text_cell;

// "causal, k = 1" -> "causal-k-1": part of a file's name.
std::string slug(const std::string& label) {
  std::string name;
  for (const char letter : label) {
    const bool plain =
        (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '.';
    if (plain) {
      name += letter;
    } else if (letter >= 'A' && letter <= 'Z') {
      name += static_cast<char>(letter - 'A' + 'a');
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
    if (name.size() >= 48) break;
  }
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name;
}

std::string numbered(const std::string& kind, std::size_t index, const std::string& label) {
  char text[16];
  std::snprintf(text, sizeof(text), "-%03zu-", index + 1);
  return kind + text + slug(label) + ".svg";
}

std::string seeds_of(const Arm& arm) {
  std::string list;
  for (const RunResult* run : arm.runs) {
    list += (list.empty() ? "" : " ") + std::to_string(run->seed);
  }
  return list;
}

// Every metric that any arm has, an interval as two columns behind its value.
DataTable arms_table(const nlohmann::json& summary, const std::vector<Arm>& arms) {
  DataTable table;
  const auto varied = summary.at("varied").get<std::vector<std::string>>();
  table.columns = {{"arm", Shown::text}, {"seeds", Shown::text}};
  for (const std::string& path : varied) table.columns.push_back({path, Shown::text});
  for (const char* name : {"parameters", "tokens", "seconds"}) {
    table.columns.push_back({name, Shown::number});
  }
  table.columns.push_back({"verdict", Shown::text});
  std::set<std::string> keys;
  for (const nlohmann::json& row : summary.at("arms")) {
    for (const auto& [key, value] : row.at("metrics").items()) {
      if (!key.ends_with(".ci95")) keys.insert(key);
    }
  }
  for (const std::string& key : keys) {
    bool interval = false;
    for (const nlohmann::json& row : summary.at("arms")) {
      interval = interval || row.at("metrics").contains(key + ".ci95");
    }
    table.columns.push_back({key, interval ? Shown::share : Shown::number});
  }
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const nlohmann::json& row = summary.at("arms").at(i);
    const nlohmann::json& metrics = row.at("metrics");
    const report::Settings settings = report::settings_of(*arms[i].runs.front());
    std::vector<Cell> cells = {text_cell(arms[i].label), text_cell(seeds_of(arms[i]))};
    for (const std::string& path : varied) {
      const auto found = settings.find(path);
      cells.push_back(text_cell(found == settings.end() ? "" : report::setting(found->second)));
    }
    double tokens = 0.0, seconds = 0.0;
    for (const RunResult* run : arms[i].runs) {
      tokens += static_cast<double>(run->tokens);
      seconds += run->seconds;
    }
    const auto parameters = report::parameter_count(arms[i].runs.front()->architecture);
    cells.push_back(number_cell(parameters ? std::optional<double>(static_cast<double>(*parameters))
                                           : std::nullopt));
    cells.push_back(number_cell(tokens));
    cells.push_back(number_cell(seconds));
    cells.push_back(text_cell(row.at("verdict").at("name").get<std::string>()));
    for (const std::string& key : keys) {
      Cell cell = number_cell(report::number_at(metrics, key));
      cell.interval = report::interval_at(metrics, key + ".ci95");
      cells.push_back(cell);
    }
    table.rows.push_back(cells);
  }
  return table;
}

DataTable seeds_table(const nlohmann::json& summary, const std::vector<Arm>& arms) {
  DataTable table;
  table.columns = {{"arm", Shown::text},
                   {"seed", Shown::text},
                   {"tokens", Shown::number},
                   {"seconds", Shown::number}};
  std::set<std::string> keys;
  for (const nlohmann::json& row : summary.at("arms")) {
    for (const auto& [key, values] : row.at("seed_metrics").items()) keys.insert(key);
  }
  for (const std::string& key : keys) table.columns.push_back({key, Shown::number});
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const nlohmann::json& metrics = summary.at("arms").at(i).at("seed_metrics");
    for (std::size_t run = 0; run < arms[i].runs.size(); ++run) {
      const RunResult& result = *arms[i].runs[run];
      std::vector<Cell> cells = {text_cell(arms[i].label), text_cell(std::to_string(result.seed)),
                                 number_cell(static_cast<double>(result.tokens)),
                                 number_cell(result.seconds)};
      for (const std::string& key : keys) {
        const nlohmann::json value =
            metrics.contains(key) ? metrics.at(key).at(run) : nlohmann::json(nullptr);
        cells.push_back(number_cell(report::number_at({{"value", value}}, "value")));
      }
      table.rows.push_back(cells);
    }
  }
  return table;
}

void add_figures(const nlohmann::json& summary, const std::vector<Arm>& arms,
                 std::map<std::string, std::string>& files) {
  using report::svg::Named;
  std::vector<Named> strips;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const std::string& label = arms[i].label;
    strips.push_back({label, report::dot_strip(summary.at("arms").at(i))});
    const std::string curves = report::curves_chart(arms[i]);
    if (!curves.empty()) {
      files["figures/" + numbered("curves", i, label)] = report::svg::stand_alone(
          {{label + " (trained solid, reverse dashed; thin: seeds)", curves}});
    }
    std::vector<Named> panels;
    for (const Asked asked : {Asked::trained, Asked::reverse}) {
      const std::string chart = report::distribution_chart(arms[i], asked);
      if (chart.empty()) continue;
      panels.push_back(
          {label + ", " + name_of(asked) + ": right answers solid, wrong ones dotted", chart});
    }
    if (!panels.empty()) {
      files["figures/" + numbered("logprob", i, label)] = report::svg::stand_alone(panels);
    }
  }
  if (strips.empty()) return;
  strips.push_back({"", report::dot_scale()});
  strips.front().title += " (accuracy, %; trained round, reverse diamonds)";
  files["figures/seeds.svg"] = report::svg::stand_alone(strips);
}

// Whether an earlier report may have written a file of this name.
bool is_ours(const std::string& folder, const std::string& name) {
  if (folder == "tables") {
    return name.ends_with(".csv") && name.rfind("question-", 0) == 0;
  }
  if (!name.ends_with(".svg")) return false;
  for (const char* kind : {"question-", "curves-", "logprob-"}) {
    if (name.rfind(kind, 0) == 0) return true;
  }
  return false;
}

}  // namespace

std::map<std::string, std::string> exported_files(const nlohmann::json& summary,
                                                  const std::vector<RunResult>& runs) {
  const std::vector<Arm> arms = report::arms_of(runs);
  std::map<std::string, std::string> files;
  files["tables/arms.csv"] = report::csv_of(arms_table(summary, arms));
  files["tables/seeds.csv"] = report::csv_of(seeds_table(summary, arms));
  add_figures(summary, arms, files);
  for (const report::AnsweredQuestion& question : report::answered_questions(summary, arms)) {
    const std::string name = "question-" + question.name;
    files["tables/" + name + ".csv"] = report::csv_of(question.answer.table);
    for (const report::Figure& figure : question.answer.figures) {
      if (figure.picture.empty()) continue;
      files["figures/" + name + "-" + figure.name + ".svg"] =
          report::svg::stand_alone({{figure.caption, figure.picture}});
    }
  }
  return files;
}

void write_exports(const fs::path& folder, const nlohmann::json& summary,
                   const std::vector<RunResult>& runs) {
  const std::map<std::string, std::string> files = exported_files(summary, runs);
  for (const std::string part : {"tables", "figures"}) {
    std::error_code error;
    fs::create_directories(folder / part, error);
    if (error || !fs::is_directory(folder / part)) {
      throw std::runtime_error((folder / part).string() + ": cannot be made a folder: " +
                               (error ? error.message() : "it is a file"));
    }
  }
  for (const auto& [name, content] : files) write_atomically(folder / name, content);
  for (const std::string part : {"tables", "figures"}) {
    std::vector<fs::path> stale;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder / part)) {
      const std::string name = entry.path().filename().string();
      const bool listed = files.count(part + "/" + name) > 0;
      if (!listed && is_ours(part, name) && entry.is_regular_file()) stale.push_back(entry.path());
    }
    for (const fs::path& path : stale) fs::remove(path);
  }
}

}  // namespace obverse::reversal

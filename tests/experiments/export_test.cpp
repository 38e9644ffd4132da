// Tables as CSV, figures as SVG files.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include "experiments/reversal_curse/report/arms.h"
#include "experiments/reversal_curse/report/data_table.h"
#include "experiments/reversal_curse/report/exports.h"
#include "experiments/reversal_curse/report/summary.h"
#include "tests/experiments/made_runs.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace obverse::reversal {
namespace {

namespace fs = std::filesystem;
using made_up::accuracies;
using made_up::made_arm;
using made_up::together;
using made_up::with;

std::vector<RunResult> some_runs() {
  return together({made_arm(
                       accuracies(1.0, 0.0),
                       [](RunResult& run) {
                         run.curve = {{1, 5.0, 0.0, 0.0}, {1500, 1.0, 1.0, 0.0}};
                       },
                       2),
                   made_arm(
                       with(accuracies(1.0, 0.5), Asked::in_context, 0.9),
                       [](RunResult& run) { run.objective = "a,\"b\" & <c>"; }, 2)});
}

// The first fault of a document's tags, or nothing.
std::string xml_error(const std::string& text) {
  std::vector<std::string> open;
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos;) {
    const std::size_t end = text.find('>', at);
    if (end == std::string::npos) return "unclosed tag";
    const std::string tag = text.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string::npos) return "< in " + tag;
    std::set<std::string> names;
    for (std::size_t quote = tag.find("=\""); quote != std::string::npos;
         quote = tag.find("=\"", quote + 2)) {
      const std::size_t begin = tag.rfind(' ', quote) + 1;
      if (!names.insert(tag.substr(begin, quote - begin)).second) return "twice in " + tag;
    }
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return "stray " + tag;
      open.pop_back();
    } else if (tag[0] != '?' && tag.back() != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
    at = end;
  }
  for (std::size_t at = 0; (at = text.find('&', at)) != std::string::npos; ++at) {
    const std::size_t end = text.find(';', at);
    if (end == std::string::npos || end - at > 6) return "bare &";
  }
  return open.empty() ? "" : "open " + open.back();
}

}  // namespace

TEST_CASE("fields of CSV are quoted where RFC 4180 wants it", "[export]") {
  CHECK(report::csv_field("plain text") == "plain text");
  CHECK(report::csv_field("a,b") == "\"a,b\"");
  CHECK(report::csv_field("say \"no\"") == "\"say \"\"no\"\"\"");
  CHECK(report::csv_field("two\nlines") == "\"two\nlines\"");
  report::DataTable table;
  table.columns = {{"arm", report::Shown::text},
                   {"share", report::Shown::share},
                   {"count", report::Shown::number}};
  table.rows = {{{"causal, k = 1", {}, {}}, {"", 0.125, Interval{0.0, 0.25}}, {"", 3.0, {}}},
                {{"b", {}, {}}, {"", {}, {}}, {"", {}, {}}}};
  CHECK(report::csv_of(table) ==
        "arm,share,share low,share high,count\r\n\"causal, k = 1\",0.125,0,0.25,3\r\nb,,,,\r\n");
  table.rows[0][2].value.reset();
  CHECK(report::csv_of(table.without_empty_columns()) ==
        "arm,share,share low,share high\r\n\"causal, k = 1\",0.125,0,0.25\r\nb,,,\r\n");
}

TEST_CASE("exports hold every arm, seed, question and figure", "[export]") {
  CHECK(xml_error("<a><b></a></b>") != "");  // the checker itself can fail
  CHECK(xml_error("<a x=\"1\" x=\"2\"/>") != "");
  CHECK(xml_error("<a>&amp;<b/></a>") == "");
  const auto runs = some_runs();
  const auto files = exported_files(summarize(runs, nullptr), runs);
  std::set<std::string> names;
  for (const auto& [name, content] : files) names.insert(name);
  for (const char* name :
       {"tables/arms.csv", "tables/seeds.csv", "tables/question-objectives.csv",
        "tables/question-in_context.csv", "figures/seeds.svg", "figures/curves-001-causal.svg",
        "figures/logprob-001-causal.svg", "figures/logprob-002-a-b-c.svg",
        "figures/question-objectives-accuracy-1.svg", "figures/question-in_context-accuracy.svg"}) {
    INFO(name);
    CHECK(names.count(name) == 1);
  }
  const std::string& arms = files.at("tables/arms.csv");
  CHECK(arms.find("reverse.accuracy,reverse.accuracy low,reverse.accuracy high") !=
        std::string::npos);
  CHECK(arms.find("\r\n\"a,\"\"b\"\" & <c>\",0 1,") != std::string::npos);
  CHECK(std::count(arms.begin(), arms.end(), '\n') == 3);
  const std::string& seeds = files.at("tables/seeds.csv");
  CHECK(std::count(seeds.begin(), seeds.end(), '\n') == 5);
  for (const auto& file : files) {
    if (file.first.find(".svg") == std::string::npos) continue;
    INFO(file.first);
    CHECK(xml_error(file.second) == "");
    CHECK(file.second.find("xmlns=\"http://www.w3.org/2000/svg\"") != std::string::npos);
    CHECK(file.second.find("<style>") != std::string::npos);
    CHECK(file.second.find("var(--") == std::string::npos);
    CHECK(file.second.find("nan") == std::string::npos);
  }
}

TEST_CASE("an export replaces an earlier one and leaves others' files alone", "[export]") {
  const obverse::tests::TemporaryFolder folder;
  const fs::path& out = folder.path();
  const auto runs = some_runs();
  const std::vector<RunResult> fewer(runs.begin(), runs.begin() + 2);
  write_exports(out, summarize(runs, nullptr), runs);
  CHECK(fs::exists(out / "tables/question-objectives.csv"));
  obverse::tests::write_file(out / "tables/mine.csv", "1");
  obverse::tests::write_file(out / "figures/mine.svg", "1");
  write_exports(out, summarize(fewer, nullptr), fewer);
  CHECK_FALSE(fs::exists(out / "tables/question-objectives.csv"));
  CHECK_FALSE(fs::exists(out / "figures/logprob-002-a-b-c.svg"));
  CHECK(fs::exists(out / "figures/logprob-001-causal.svg"));
  CHECK(fs::exists(out / "tables/mine.csv"));
  CHECK(fs::exists(out / "figures/mine.svg"));
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(out)) {
    CHECK(entry.path().extension() != ".part");
  }
  fs::remove_all(out / "tables");
  obverse::tests::write_file(out / "tables", "a file");
  CHECK_THROWS_AS(write_exports(out, summarize(runs, nullptr), runs), std::runtime_error);
}

TEST_CASE("long labels are words", "[export]") {
  CHECK(report::objective_words("causal") == "causal");
  CHECK(report::objective_words("masked_fixed@0.4") == "masked fixed at 0.4");
  CHECK(report::objective_words("causal:0.95+entity_reversed:0.05") ==
        "95 % causal + 5 % entity reversed");
  CHECK(report::objective_words("causal:3+prefix:1") == "75 % causal + 25 % prefix");
  const auto label = [](const char* option, const nlohmann::json& value) {
    const auto runs =
        together({made_arm(
                      accuracies(1, 0), [](RunResult&) {}, 1),
                  made_arm(
                      accuracies(1, 0), [&](RunResult& run) { run.world[option] = value; }, 1)});
    return report::arms_of(runs).at(1).label;
  };
  CHECK(label("share_both", 0.25) == "causal, 25 % stated both ways");
  CHECK(label("expanded_facts", 0.1) == "causal, 10 % of facts expanded");
  CHECK(label("templates", 10) == "causal, templates 10");
}

}  // namespace obverse::reversal

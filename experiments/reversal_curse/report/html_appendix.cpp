#include <algorithm>
#include <set>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/html_sections.h"
#include "experiments/reversal_curse/report/verdict.h"

namespace obverse::reversal::report {
namespace {

// Values that belong to another row: shown beside their measure.
bool is_companion(const std::string& key) {
  for (const char* ending : {".ci95", ".count", ".t_p", ".ks_p", ".chance"}) {
    if (key.ends_with(ending)) return true;
  }
  return false;
}

// In the order of the page: trained, reverse, both, unseen, others; each kind's whole before its
// parts.
std::vector<std::string> ordered_measures(const nlohmann::json& metrics) {
  std::vector<std::pair<int, std::string>> found;
  for (const auto& [key, value] : metrics.items()) {
    if (!number_at(metrics, key) || is_companion(key)) continue;
    int rank = 18;
    int place = 0;
    for (const char* kind :
         {"trained.", "reverse.", "both.", "unseen.", "in_context.", "expanded_trained.",
          "expanded_reverse.", "composed.", "wrong_inference."}) {
      if (key.rfind(kind, 0) == 0) rank = 2 * place;
      ++place;
    }
    if (std::count(key.begin(), key.end(), '.') > 1) ++rank;
    found.emplace_back(rank, key);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> keys;
  for (const auto& [rank, key] : found) keys.push_back(key);
  return keys;
}

std::string measure_value(const std::string& key, double value) {
  if (key.ends_with("accuracy") || key.ends_with("forced_choice")) return percent(value);
  if (key.ends_with("logprob_gain")) return nats(value) + " nats";
  return compact(value);
}

std::string bare_value(const std::string& key, double value) {
  if (key.ends_with("accuracy") || key.ends_with("forced_choice")) return percent_number(value);
  return key.ends_with("logprob_gain") ? nats(value) : compact(value);
}

std::string cell(const std::string& text, const char* kind = "number") {
  return std::string("<td class=\"") + kind + "\">" + typeset(text) + "</td>";
}

std::string metric_row(const nlohmann::json& row, const std::string& key, double value) {
  const nlohmann::json& metrics = row.at("metrics");
  std::string line = "<tr><th scope=\"row\">" + escape(key) + "</th>";
  line += cell(measure_value(key, value));
  const auto interval = interval_at(metrics, key + ".ci95");
  line += cell(interval ? bare_value(key, interval->low) + " to " + bare_value(key, interval->high)
                        : kMissing);
  const auto count = number_at(metrics, key + ".count");
  line += cell(count ? grouped(*count) : kMissing);
  std::string seeds;
  if (row.at("seed_metrics").contains(key)) {
    for (const nlohmann::json& seed : row.at("seed_metrics").at(key)) {
      const auto number = number_at({{"v", seed}}, "v");
      seeds += (seeds.empty() ? "" : " · ") + (number ? bare_value(key, *number) : kMissing);
    }
  }
  line += cell(seeds.empty() ? kMissing : seeds);
  std::string against;
  if (const auto chance = number_at(metrics, key + ".chance")) {
    against = "chance " + percent(*chance);
  }
  if (metrics.contains(key + ".t_p")) {
    against = "t " + p_value(number_at(metrics, key + ".t_p")) + ", KS " +
              p_value(number_at(metrics, key + ".ks_p"));
  }
  return line + cell(against) + "</tr>";
}

std::string estimate_cell(const std::optional<Estimate>& estimate) {
  return cell(estimate ? percent_with_interval(estimate->value, estimate->interval) : kMissing);
}

}  // namespace

std::string directions_section(const nlohmann::json& summary, const std::vector<Arm>& arms) {
  std::string body;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const nlohmann::json& judged = summary.at("arms").at(i).at("verdict").at("directions");
    if (judged.size() < 2) continue;
    body += "<tbody><tr class=\"group\"><th colspan=\"8\" scope=\"rowgroup\">" +
            typeset(arms[i].label) + "</th></tr>";
    const auto& names = arms[i].runs.front()->directions;
    for (int asked = 0; asked < 2; ++asked) {
      const std::size_t back = static_cast<std::size_t>(asked);
      const std::string way =
          "stated " + words(names[1 - back]) + "; reverse asked " + words(names[back]);
      for (const Measure measure : {Measure::exact_match, Measure::forced_choice}) {
        const Evidence evidence = evidence_of(arms[i].runs, {asked}, measure);
        body += "<tr><th scope=\"row\">" +
                (measure == Measure::exact_match ? typeset(way) : std::string()) + "</th>" +
                cell(words_of(measure), "words") + estimate_cell(evidence.trained) +
                estimate_cell(evidence.reverse) + estimate_cell(evidence.both) +
                estimate_cell(evidence.unseen);
        const nlohmann::json& own = judged.at(back);
        const bool decides = own.at("measure") == words_of(measure);
        body += cell(measure == Measure::forced_choice ? percent(evidence.chance) : kMissing);
        body += decides
                    ? "<td class=\"words\">" + verdict_mark(own.at("verdict").get<std::string>()) +
                          " " + typeset(words(own.at("verdict").get<std::string>())) + "</td>"
                    : "<td></td>";
        body += "</tr>";
      }
    }
    body += "</tbody>";
  }
  if (body.empty()) return "";
  return section(
      "directions", "Each direction apart",
      paragraph("A long answer is seldom reproduced to the letter, so one direction may fail in "
                "exact match for reasons that have nothing to do with reversal. The forced choice "
                "counts how often the right answer is the likeliest of those of its subset.") +
          "<div class=\"scroll\"><table class=\"data\"><thead><tr><th scope=\"col\">facts</th>"
          "<th scope=\"col\">measure</th><th scope=\"col\">trained</th>"
          "<th scope=\"col\">reverse</th><th scope=\"col\">both</th><th scope=\"col\">unseen</th>"
          "<th scope=\"col\">chance</th><th scope=\"col\">verdict</th></tr></thead>" +
          body + "</table></div>");
}

std::string metrics_section(const nlohmann::json& summary) {
  std::string body;
  for (const nlohmann::json& row : summary.at("arms")) {
    body += "<tbody><tr class=\"group\"><th colspan=\"6\" scope=\"rowgroup\">" +
            typeset(row.at("label").get<std::string>()) + "</th></tr>";
    for (const std::string& key : ordered_measures(row.at("metrics"))) {
      body += metric_row(row, key, *number_at(row.at("metrics"), key));
    }
    body += "</tbody>";
  }
  // Open pages print whole; a very long table would bury what follows it on the screen.
  const bool open = summary.at("arms").size() <= 12;
  return section("metrics", "All measures",
                 std::string("<details") + (open ? " open" : "") +
                     "><summary>Every number, with intervals and seeds</summary>"
                     "<div class=\"scroll\"><table class=\"data\"><thead><tr>"
                     "<th scope=\"col\">measure</th><th scope=\"col\">value</th>"
                     "<th scope=\"col\">95 % interval</th><th scope=\"col\">questions</th>"
                     "<th scope=\"col\">each seed</th><th scope=\"col\">against</th></tr></thead>" +
                     body + "</table></div></details>");
}

std::string references_section() {
  struct Reference {
    const char *text, *link;
  };
  static const Reference kReferences[] = {
      {"Berglund et al. 2023, The Reversal Curse: LLMs trained on “A is B” fail to learn “B is A”",
       "2309.12288"},
      {"Golovneva et al. 2024, Reverse Training to Nurse the Reversal Curse", "2403.13799"},
      {"Kitouni et al. 2024, The Factorization Curse: Which Tokens You Predict Underlie the "
       "Reversal Curse and More",
       "2406.05183"},
      {"Allen-Zhu and Li 2023, Physics of Language Models: Part 3.2, Knowledge Manipulation",
       "2309.14402"},
      {"Zhu et al. 2024, Towards a Theoretical Understanding of the “Reversal Curse” via Training "
       "Dynamics",
       "2405.04669"},
  };
  std::string items;
  for (const Reference& reference : kReferences) {
    items += "<li>" + escape(reference.text) + ". <a href=\"https://arxiv.org/abs/" +
             reference.link + "\">arXiv:" + reference.link + "</a></li>";
  }
  return section("references", "References", "<ul class=\"references\">" + items + "</ul>");
}

}  // namespace obverse::reversal::report

#include <array>
#include <cmath>

#include "experiments/reversal_curse/report/charts.h"
#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/html_sections.h"
#include "experiments/reversal_curse/report/verdict.h"

namespace obverse::reversal::report {
namespace {

std::string label_of(const nlohmann::json& row) {
  return typeset(row.at("label").get<std::string>());
}

// A cell of the heat map: the shade follows the value, which is printed over its interval.
std::string heat_cell(const nlohmann::json& metrics, const std::string& key, const char* kind) {
  const auto value = number_at(metrics, key);
  const std::string named = " data-kind=\"" + std::string(kind) + "\"";
  if (!value) return "<td class=\"heat none\"" + named + ">" + kMissing + "</td>";
  const auto interval = interval_at(metrics, key + ".ci95");
  const int shade = static_cast<int>(std::lround(10.0 * std::min(1.0, std::max(0.0, *value))));
  std::string cell = "<td class=\"heat h" + std::to_string(shade) + "\"" + named + "><b>" +
                     typeset(percent(*value)) + "</b>";
  if (interval) {
    cell += "<small>" + percent_number(interval->low) + "–" + percent_number(interval->high) +
            "</small>";
  }
  return cell + "</td>";
}

// The numbers behind a verdict that rests on the forced choice.
std::string choice_row(const nlohmann::json& row, bool infill) {
  const nlohmann::json& metrics = row.at("metrics");
  const auto chance = number_at(metrics, "reverse.forced_choice.chance");
  std::string cells = "<tr class=\"choice\"><th scope=\"row\">forced choice";
  if (chance) cells += "<small>chance " + typeset(percent(*chance)) + "</small>";
  cells += "</th>";
  for (const char* kind : {"trained", "reverse", "both", "unseen"}) {
    cells += heat_cell(metrics, std::string(kind) + ".forced_choice", kind);
  }
  if (infill) cells += "<td></td>";
  return cells + "<td class=\"verdict\"></td></tr>";
}

bool any_infill(const nlohmann::json& summary) {
  for (const nlohmann::json& row : summary.at("arms")) {
    if (number_at(row.at("metrics"), "reverse.infill_accuracy")) return true;
  }
  return false;
}

}  // namespace

std::string matrix_section(const nlohmann::json& summary) {
  const bool infill = any_infill(summary);
  std::string table = std::string("<table class=\"matrix") + (infill ? " with-infill" : "") +
                      "\"><thead><tr><th scope=\"col\">arm</th><th scope=\"col\">trained</th>"
                      "<th scope=\"col\">reverse</th><th scope=\"col\">both</th>"
                      "<th scope=\"col\">unseen</th>";
  if (infill) table += "<th scope=\"col\" class=\"apart\">infill*</th>";
  table += "<th scope=\"col\" class=\"verdict\">verdict</th></tr></thead><tbody>";
  for (const nlohmann::json& row : summary.at("arms")) {
    const nlohmann::json& metrics = row.at("metrics");
    const nlohmann::json& verdict = row.at("verdict");
    table += "<tr><th scope=\"row\">" + label_of(row) + "</th>";
    for (const char* kind : {"trained", "reverse", "both", "unseen"}) {
      table += heat_cell(metrics, std::string(kind) + ".accuracy", kind);
    }
    if (infill) {
      table += "<td class=\"apart\" data-kind=\"infill\">";
      if (const auto value = number_at(metrics, "reverse.infill_accuracy")) {
        const auto interval = interval_at(metrics, "reverse.infill_accuracy.ci95");
        table += "<b>" + typeset(percent(*value)) + "</b>";
        if (interval) {
          table += "<small>" + percent_number(interval->low) + "–" +
                   percent_number(interval->high) + "</small>";
        }
      } else {
        table += kMissing;
      }
      table += "</td>";
    }
    const std::string measure = verdict.at("measure").get<std::string>();
    table += "<td class=\"verdict\">" + verdict_mark(verdict.at("name").get<std::string>()) +
             " <span>" + typeset(verdict.at("words").get<std::string>());
    if (measure == words_of(Measure::forced_choice)) table += " (forced choice)";
    const std::string only = verdict.at("asked_only").get<std::string>();
    if (!only.empty()) table += " when asked " + typeset(words(only));
    if (verdict.at("seeds_disagree").get<bool>()) table += ", seeds disagree";
    table += "</span></td></tr>";
    if (measure == words_of(Measure::forced_choice)) table += choice_row(row, infill);
  }
  table += "</tbody></table>";
  std::string notes = paragraph(
      "Questions answered exactly, mean over seeds, above the 95 % interval (Wilson, on a sample "
      "size reduced for clustering by fact and seed).");
  if (infill) {
    notes += paragraph(
        "* Infill asks a masked model for the missing first name of a sentence in the stated "
        "direction, in a held-out template. Such gaps are trained directly, so that filling them "
        "is "
        "no evidence of reversal; it plays no part in verdicts.",
        "note");
  }
  std::string reasons;
  for (const nlohmann::json& row : summary.at("arms")) {
    reasons += "<li><b>" + label_of(row) + "</b>: " +
               typeset(row.at("verdict").at("words").get<std::string>() + " – " +
                       row.at("verdict").at("reason").get<std::string>()) +
               ".</li>";
  }
  const std::string rules =
      "<details class=\"rules\"><summary>How verdicts are reached, and each arm’s "
      "reason</summary>" +
      paragraph(
          "Facts stated in one direction are compared with what the same facts, facts stated both "
          "ways and facts never stated give when asked in the other. Unless trained and both are "
          "surely above 50 % (lower interval ends) and unseen is surely below a quarter of "
          "trained, nothing is concluded. Then: cursed, when reverse is not told from unseen, is "
          "surely below a quarter of trained, and right answers are not likelier than wrong ones "
          "(which they are where the interval of the gain is above 0 and p below .01 by either "
          "test); traces only, when it is below that quarter, yet above unseen or with such a "
          "gain; "
          "reversed, when it is surely above three quarters of trained; partly "
          "reversed in between. Where exact match finds the facts or the format unlearned, and "
          "facts stated both ways chose among answers too (published data), the forced choice "
          "among "
          "answers of the same subset is judged instead, counted from chance, and named.") +
      "<ul class=\"reasons\">" + reasons + "</ul></details>";
  return section("accuracy", "Accuracy by arm and question", notes + table + rules);
}

std::string seeds_section(const nlohmann::json& summary) {
  std::string rows = "<div class=\"dots\"><div class=\"dots-label\"></div>" + dot_scale();
  for (const nlohmann::json& row : summary.at("arms")) {
    std::string seeds;
    for (const nlohmann::json& seed : row.at("seeds")) {
      seeds += (seeds.empty() ? "" : ", ") + setting(seed);
    }
    rows += "<div class=\"dots-label\">" + label_of(row) + "<small>" +
            (row.at("seeds").size() == 1 ? "seed " : "seeds ") + typeset(seeds) + "</small></div>" +
            dot_strip(row);
  }
  rows += "<div class=\"dots-label\"></div>" + dot_scale() + "</div>";
  return section("seeds", "Every seed",
                 legend_of_directions() + rows +
                     paragraph("Accuracy, %. A mark is one seed, a bar the 95 % interval of the "
                               "arm. Seeds are drawn in order from top to bottom.",
                               "note"));
}

std::string curves_section(const std::vector<Arm>& arms) {
  std::string figures;
  for (const Arm& arm : arms) {
    const std::string chart = curves_chart(arm);
    if (chart.empty()) continue;
    figures += "<figure><figcaption>" + typeset(arm.label) + "</figcaption>" + chart + "</figure>";
  }
  if (figures.empty()) return "";
  return section("curves", "Learning curves",
                 legend_of_directions() +
                     paragraph("Thin lines are seeds, the thick line is their mean.", "note") +
                     "<div class=\"multiples\">" + figures + "</div>");
}

std::string distributions_section(const nlohmann::json& summary, const std::vector<Arm>& arms) {
  std::string figures;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const nlohmann::json& metrics = summary.at("arms").at(i).at("metrics");
    std::string panels;
    for (const Asked asked : {Asked::trained, Asked::reverse}) {
      const std::string chart = distribution_chart(arms[i], asked);
      if (chart.empty()) continue;
      const std::string key = std::string(name_of(asked)) + ".logprob_gain";
      std::string caption = std::string("<b>") + name_of(asked) + "</b>";
      if (const auto gain = number_at(metrics, key)) {
        caption += ": gain " + typeset(nats(*gain));
        if (const auto interval = interval_at(metrics, key + ".ci95")) {
          caption += typeset(" [" + nats(interval->low) + ", " + nats(interval->high) + "]");
        }
        caption += " nats";
      }
      caption += "<small>t-test p " + escape(p_value(number_at(metrics, key + ".t_p"))) +
                 " · KS p " + escape(p_value(number_at(metrics, key + ".ks_p"))) + "</small>";
      panels += "<figure><figcaption>" + caption + "</figcaption>" + chart + "</figure>";
    }
    if (panels.empty()) continue;
    figures += "<div class=\"pair\"><h3>" + typeset(arms[i].label) + "</h3><div class=\"panels\">" +
               panels + "</div></div>";
  }
  if (figures.empty()) return "";
  const std::string legend =
      "<p class=\"legend\"><span><svg class=\"key\" viewBox=\"0 0 28 10\" aria-hidden=\"true\">"
      "<line x1=\"0\" x2=\"28\" y1=\"5\" y2=\"5\" class=\"right plain\"/></svg>right answer"
      "</span><span><svg class=\"key\" viewBox=\"0 0 28 10\" aria-hidden=\"true\">"
      "<line x1=\"0\" x2=\"28\" y1=\"5\" y2=\"5\" class=\"wrong\"/></svg>wrong answer of the same "
      "subset</span></p>";
  return section(
      "logprob", "Log-probability of right and wrong answers",
      paragraph(
          "Share of questions whose answer is less likely than the horizontal position says. "
          "Where the two lines lie on each other, the model cannot tell the right answer "
          "from a wrong one, even in its probabilities. Gain is the mean difference; p-values "
          "are of the paired t‑test and the two-sample Kolmogorov–Smirnov test.") +
          legend + "<div class=\"pairs\">" + figures + "</div>");
}

}  // namespace obverse::reversal::report

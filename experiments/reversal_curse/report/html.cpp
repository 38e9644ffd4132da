#include "experiments/reversal_curse/report/html.h"

#include <stdexcept>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/html_sections.h"
#include "experiments/reversal_curse/report/question.h"

namespace obverse::reversal {
namespace report {

std::string section(const std::string& id, const std::string& title, const std::string& body) {
  return "<section id=\"" + id + "\"><h2>" + typeset(title) + "</h2>" + body + "</section>\n";
}

std::string paragraph(const std::string& text, const std::string& kind) {
  return (kind.empty() ? "<p>" : "<p class=\"" + kind + "\">") + typeset(text) + "</p>";
}

std::string legend_of_directions() {
  return "<p class=\"legend\"><span><svg class=\"key\" viewBox=\"0 0 28 10\" aria-hidden=\"true\">"
         "<line x1=\"0\" x2=\"28\" y1=\"5\" y2=\"5\" class=\"mean trained\"/>"
         "<circle cx=\"14\" cy=\"5\" r=\"4.2\" class=\"dot trained\"/></svg>trained: asked as "
         "stated</span><span><svg class=\"key\" viewBox=\"0 0 28 10\" aria-hidden=\"true\">"
         "<line x1=\"0\" x2=\"28\" y1=\"5\" y2=\"5\" class=\"mean reverse\"/>"
         "<path d=\"M14 0 19 5 14 10 9 5Z\" class=\"dot reverse\"/></svg>reverse: asked the other "
         "way round</span></p>";
}

std::string verdict_mark(const std::string& verdict_name) {
  // The filled part of the coin's face.
  std::string fill;
  if (verdict_name == "reversed") fill = "<circle cx=\"7\" cy=\"7\" r=\"5.5\" class=\"coin\"/>";
  if (verdict_name == "partly_reversed") {
    fill = "<path d=\"M7 1.5A5.5 5.5 0 0 1 7 12.5Z\" class=\"coin\"/>";
  }
  if (verdict_name == "traces") {
    fill = "<path d=\"M7 7V1.5A5.5 5.5 0 0 1 12.5 7Z\" class=\"coin\"/>";
  }
  const bool unclear = verdict_name == "inconclusive";
  return "<svg class=\"mark\" viewBox=\"0 0 14 14\" aria-hidden=\"true\"><circle cx=\"7\" "
         "cy=\"7\" r=\"5.5\" class=\"rim" +
         std::string(unclear ? " unclear" : "") + "\"/>" + fill + "</svg>";
}

std::string method_section(const nlohmann::json& summary) {
  bool infill = false;
  for (const nlohmann::json& row : summary.at("arms")) {
    infill = infill || number_at(row.at("metrics"), "reverse.infill_accuracy").has_value();
  }
  std::string body = paragraph(
      "Does a model that learns “A is B” also know that B is A? Models are trained from scratch on "
      "made-up or published facts, each stated in one direction, in both, or never, and are then "
      "asked on templates held out from the wording of that fact. A question is asked in a frame: "
      "the sentence that leads to the answer. The inverse frame, “B is …”, puts first what the "
      "fact’s own sentence put last.");
  body +=
      "<dl class=\"kinds\">"
      "<div><dt>trained</dt><dd>facts stated one way only, asked the way they were "
      "stated</dd></div>"
      "<div><dt>reverse</dt><dd>the same facts asked the other way round, in the inverse frame</dd>"
      "</div><div><dt>both</dt><dd>facts stated both ways, asked both ways: can such questions be "
      "answered at all?</dd></div><div><dt>unseen</dt><dd>facts never stated: the floor that "
      "guessing reaches</dd></div>";
  if (infill) {
    body +=
        "<div><dt>infill</dt><dd>for masked models, the name masked inside the stated frame "
        "(“[MASK] is B”): trained directly, so not evidence of reversal</dd></div>";
  }
  return section("method", "What was asked", body + "</dl>");
}

}  // namespace report

std::string render_html(const nlohmann::json& summary, const std::vector<RunResult>& runs) {
  using report::escape;
  using report::typeset;
  const std::vector<report::Arm> arms = report::arms_of(runs);
  if (summary.at("arms").size() != arms.size()) {
    throw std::invalid_argument("[render_html] expected a summary of " +
                                std::to_string(arms.size()) + " arms, got " +
                                std::to_string(summary.at("arms").size()));
  }
  const std::string title = "The reversal curse";
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
      title + " · Obverse</title>\n<style>\n" + report::style_sheet() +
      "</style>\n</head>\n<body>\n<main>\n<header>\n<p class=\"kicker\">Obverse · generalization "
      "study</p>\n<h1>" +
      title + "</h1>\n";
  const nlohmann::json& sentences = summary.at("headline_sentences");
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    page += std::string("<p class=\"") + (i == 0 ? "headline" : "further") + "\">" +
            typeset(sentences[i].get<std::string>()) + "</p>\n";
  }
  const double run_count = summary.at("runs").get<double>();
  page += "<p class=\"facts\">" + report::grouped(static_cast<double>(arms.size())) +
          (arms.size() == 1 ? " arm · " : " arms · ") + report::grouped(run_count) +
          (run_count == 1 ? " run · " : " runs · ") +
          report::grouped(summary.at("tokens").get<double>()) + " tokens · " +
          report::duration(report::number_at(summary, "seconds").value_or(0.0)) +
          " of training</p>\n</header>\n";
  if (!arms.empty()) {
    page += report::method_section(summary) + report::matrix_section(summary) +
            report::seeds_section(summary) +
            report::questions_html(report::answered_questions(summary, arms)) +
            report::curves_section(arms) + report::distributions_section(summary, arms) +
            report::directions_section(summary, arms) + report::metrics_section(summary);
  }
  page += report::settings_section(summary, arms) + report::references_section();
  return page + "</main>\n</body>\n</html>\n";
}

}  // namespace obverse::reversal

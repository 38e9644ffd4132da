#include "experiments/reversal_curse/report/question.h"

#include <algorithm>
#include <cmath>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/html_sections.h"

namespace obverse::reversal::report {

std::vector<QuestionSection> listed_question_sections();  // made by the build

std::optional<Estimate> AskedArm::estimate(const std::string& metric) const {
  const auto value = number_at(metrics(), metric);
  const auto interval = interval_at(metrics(), metric + ".ci95");
  if (!value || !interval) return std::nullopt;
  return Estimate{*value, *interval};
}

std::optional<double> AskedArm::number(const std::string& metric) const {
  return number_at(metrics(), metric);
}

std::vector<double> AskedArm::seeds(const std::string& metric) const {
  std::vector<double> values;
  const nlohmann::json& all = row->at("seed_metrics");
  if (!all.contains(metric)) return values;
  for (const nlohmann::json& value : all.at(metric)) {
    if (value.is_number() && std::isfinite(value.get<double>())) values.push_back(value);
  }
  return values;
}

Verdict AskedArm::verdict() const {
  const std::string name = row->at("verdict").at("name").get<std::string>();
  for (const Verdict verdict :
       {Verdict::cursed, Verdict::traces, Verdict::partly_reversed, Verdict::reversed}) {
    if (name == name_of(verdict)) return verdict;
  }
  return Verdict::inconclusive;
}

std::optional<double> AskedArm::setting_number(const std::string& path) const {
  const auto found = settings.find(path);
  if (found == settings.end() || !found->second.is_number()) return std::nullopt;
  return found->second.get<double>();
}

Study study_of(const nlohmann::json& summary, const std::vector<Arm>& arms) {
  Study study;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    study.arms.push_back({&arms[i], &summary.at("arms").at(i), settings_of(*arms[i].runs.front())});
  }
  return study;
}

std::vector<QuestionSection> question_sections() {
  std::vector<QuestionSection> sections = listed_question_sections();
  std::stable_sort(
      sections.begin(), sections.end(),
      [](const QuestionSection& a, const QuestionSection& b) { return a.place < b.place; });
  return sections;
}

std::vector<AnsweredQuestion> answered_questions(const nlohmann::json& summary,
                                                 const std::vector<Arm>& arms) {
  const Study study = study_of(summary, arms);
  std::vector<AnsweredQuestion> answered;
  for (const QuestionSection& section : question_sections()) {
    std::optional<Answer> answer = section.answer(study);
    if (!answer) continue;
    answer->table = answer->table.without_empty_columns();
    answered.push_back({section.name, section.title, std::move(*answer)});
  }
  return answered;
}

std::string questions_html(const std::vector<AnsweredQuestion>& questions) {
  std::string page;
  for (const AnsweredQuestion& question : questions) {
    const Answer& answer = question.answer;
    std::string body = "<div class=\"question\">" + paragraph(answer.headline, "answer");
    std::string figures;
    for (const Figure& figure : answer.figures) {
      if (figure.picture.empty()) continue;
      figures += "<figure>";
      if (!figure.caption.empty()) {
        figures += "<figcaption>" + typeset(figure.caption) + "</figcaption>";
      }
      figures += figure.picture + "</figure>";
    }
    if (!figures.empty()) body += "<div class=\"multiples\">" + figures + "</div>";
    if (!answer.note.empty()) body += paragraph(answer.note, "note");
    for (const std::string& control : answer.controls) body += paragraph(control);
    for (const std::string& published : answer.published) {
      body += paragraph("Published: " + published, "published");
    }
    // Long tables would bury what follows them; all of it is on paper and in tables/*.csv.
    const bool open = answer.table.rows.size() <= 12;
    body += std::string("<details class=\"rules\"") + (open ? " open" : "") +
            "><summary>The numbers</summary>" + html_of(answer.table) + "</details></div>";
    page += section("question-" + question.name, question.title, body);
  }
  return page;
}

}  // namespace obverse::reversal::report

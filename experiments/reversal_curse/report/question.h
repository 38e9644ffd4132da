// The report's sections: one a question of the study, each in a file NAME.cpp of report/questions/
// that defines `std::vector<QuestionSection> NAME_questions()`, which the build finds by its name.
// A section answers from the results at hand, and not at all where they lack the arms it needs.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/reversal_curse/report/arms.h"
#include "experiments/reversal_curse/report/data_table.h"
#include "experiments/reversal_curse/report/verdict.h"

namespace obverse::reversal::report {

// An arm with what was measured of it.
struct AskedArm {
  const Arm* arm = nullptr;
  const nlohmann::json* row = nullptr;  // of the summary
  Settings settings;

  const std::string& label() const { return arm->label; }
  const nlohmann::json& metrics() const { return row->at("metrics"); }
  // With its interval; nothing where either is missing.
  std::optional<Estimate> estimate(const std::string& metric) const;
  std::optional<double> number(const std::string& metric) const;
  std::vector<double> seeds(const std::string& metric) const;  // those that have it
  Verdict verdict() const;
  std::optional<double> setting_number(const std::string& path) const;
};

struct Study {
  std::vector<AskedArm> arms;
};
// Holds pointers into both. REQUIRES: `summary` is summarize()'s of the runs of `arms`.
Study study_of(const nlohmann::json& summary, const std::vector<Arm>& arms);

struct Figure {
  std::string name;  // its file's, unique within the section
  std::string caption;
  std::string picture;
};

struct Answer {
  std::string headline;  // never says more than the intervals allow
  std::vector<std::string> controls;
  std::vector<std::string> published;  // what others found, to be set beside it
  std::vector<Figure> figures;
  DataTable table;
  std::string note;  // how to read the figures; may be empty
};

struct QuestionSection {
  std::string name;  // of its files and its place on the page
  int place = 0;     // sections are in this order
  std::string title;
  std::function<std::optional<Answer>(const Study&)> answer;
};

// All sections in order.
std::vector<QuestionSection> question_sections();

struct AnsweredQuestion {
  std::string name, title;
  Answer answer;
};
// Those that the results answer.
std::vector<AnsweredQuestion> answered_questions(const nlohmann::json& summary,
                                                 const std::vector<Arm>& arms);

// All of them as <section>s of the page.
std::string questions_html(const std::vector<AnsweredQuestion>& questions);

}  // namespace obverse::reversal::report

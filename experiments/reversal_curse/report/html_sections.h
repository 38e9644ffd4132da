// The page's parts, each a whole <section>, or empty where there is nothing to show. html.cpp puts
// them in order.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/reversal_curse/report/arms.h"

namespace obverse::reversal::report {

std::string style_sheet();
// What of it a picture needs outside of the page, in the colours for paper, without variables.
std::string picture_style();

std::string method_section(const nlohmann::json& summary);
std::string matrix_section(const nlohmann::json& summary);
std::string seeds_section(const nlohmann::json& summary);
std::string curves_section(const std::vector<Arm>& arms);
std::string distributions_section(const nlohmann::json& summary, const std::vector<Arm>& arms);
// Each direction's part, with the forced choice against chance; only where facts are asked back in
// both directions.
std::string directions_section(const nlohmann::json& summary, const std::vector<Arm>& arms);
std::string metrics_section(const nlohmann::json& summary);
std::string settings_section(const nlohmann::json& summary, const std::vector<Arm>& arms);
std::string references_section();

// Pieces that several sections use.
std::string legend_of_directions();
std::string section(const std::string& id, const std::string& title, const std::string& body);
std::string paragraph(const std::string& text, const std::string& kind = "");  // `text` is typeset
// A coin that fills with what is reversed, so that verdicts are told apart without colour.
std::string verdict_mark(const std::string& verdict_name);

}  // namespace obverse::reversal::report

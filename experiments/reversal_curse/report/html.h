// The summary and its runs as one self-contained HTML page: no network, no scripts, inline SVG,
// light and dark, print.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/reversal_curse/results.h"

namespace obverse::reversal {

// REQUIRES: `summary` is summarize(runs, ...)'s; otherwise throws std::invalid_argument.
std::string render_html(const nlohmann::json& summary, const std::vector<RunResult>& runs);

}  // namespace obverse::reversal

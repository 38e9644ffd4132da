// The summary as text for a terminal or a log, at most 80 columns wide.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace obverse::reversal {

// One row an arm with what any arm has, in as many blocks as 80 columns make necessary; then a
// legend and the headline. `terminal` adds bold and box rules; without it the text is plain.
// REQUIRES: `summary` is summarize()'s.
std::string render_table(const nlohmann::json& summary, bool terminal);

}  // namespace obverse::reversal

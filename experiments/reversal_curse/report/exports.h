// The report's tables as CSV and its figures as SVG files, beside report.html.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/reversal_curse/results.h"

namespace obverse::reversal {

// By path within the output folder ("tables/arms.csv", "figures/seeds.svg", ...): arms with every
// metric and interval, every seed's metrics, each question's table; every figure of the page.
// REQUIRES: `summary` is summarize()'s of `runs`.
std::map<std::string, std::string> exported_files(const nlohmann::json& summary,
                                                  const std::vector<RunResult>& runs);

// Writes them, each atomically, and removes those of an earlier report that are no longer made:
// files of names that exports have, and no others. Throws std::runtime_error, one line.
void write_exports(const std::filesystem::path& folder, const nlohmann::json& summary,
                   const std::vector<RunResult>& runs);

}  // namespace obverse::reversal

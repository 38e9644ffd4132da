// What the subcommands share.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "experiments/reversal_curse/run_store.h"
#include "experiments/support/command_line.h"

namespace obverse::reversal {

using experiments::parse_or_help;

// Writes summary.json, report.html, tables/ and figures/ of a folder's results; gives back the
// summary.
nlohmann::json write_files(const std::filesystem::path& folder, const StoredGrid& stored);
// Reads the folder, does the same, and prints the table and the report's path.
void write_report(const std::filesystem::path& folder);

}  // namespace obverse::reversal

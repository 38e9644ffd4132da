// What the subcommands share.
#pragma once

#include <cxxopts.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/reversal_curse/run_store.h"

namespace obverse::reversal {

// The parsed options, or nothing after --help was printed. Throws UsageError for what the options
// do not allow.
std::optional<cxxopts::ParseResult> parse_or_help(cxxopts::Options& options, int argc, char** argv);

// From now on a write beyond the file-size limit (ulimit -f) fails with an error instead of ending
// the program.
void tell_full_files_as_errors();

// Writes summary.json, report.html, tables/ and figures/ of a folder's results; gives back the
// summary.
nlohmann::json write_files(const std::filesystem::path& folder, const StoredGrid& stored);
// Reads the folder, does the same, and prints the table and the report's path.
void write_report(const std::filesystem::path& folder);

}  // namespace obverse::reversal

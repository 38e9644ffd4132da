#include "experiments/reversal_curse/command_support.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>

#include "experiments/reversal_curse/commands.h"
#include "experiments/reversal_curse/report/exports.h"
#include "experiments/reversal_curse/report/html.h"
#include "experiments/reversal_curse/report/summary.h"
#include "experiments/reversal_curse/report/table.h"
#include "experiments/reversal_curse/run_store.h"

namespace obverse::reversal {

namespace {

// "--pairs: " where an argument's value is what `message` complains of, else nothing: cxxopts does
// not say which option it failed to parse.
std::string option_of(int argc, char** argv, const std::string& message) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--", 0) != 0) continue;
    const std::size_t equals = argument.find('=');
    const std::string value = equals != std::string::npos ? argument.substr(equals + 1)
                              : i + 1 < argc              ? argv[i + 1]
                                                          : "";
    for (std::size_t begin = 0; begin < value.size();) {
      const std::size_t end = std::min(value.find(',', begin), value.size());
      const std::string item = value.substr(begin, end - begin);
      if (!item.empty() && message.find("‘" + item + "’") != std::string::npos) {
        return argument.substr(0, equals) + ": ";
      }
      begin = end + 1;
    }
  }
  return "";
}

// An option that is given has a value, and a list no empty item: a script's unset variable must not
// be taken for an option that was left out.
void check_no_empty_values(const cxxopts::ParseResult& parsed) {
  for (const cxxopts::KeyValue& argument : parsed.arguments()) {
    const std::string& value = argument.value();
    const bool is_path = argument.key() == "output" || argument.key() == "data";
    const bool has_gap =
        !is_path && !value.empty() &&
        (value.find(",,") != std::string::npos || value.front() == ',' || value.back() == ',');
    if (value.empty() || has_gap) {
      throw UsageError("expected a value " + std::string(has_gap ? "at every place of" : "behind") +
                       " --" + argument.key() + ", got '" + value + "'; see --help");
    }
  }
}

}  // namespace

std::optional<cxxopts::ParseResult> parse_or_help(cxxopts::Options& options, int argc,
                                                  char** argv) {
  try {
    cxxopts::ParseResult parsed = options.parse(argc, argv);
    if (parsed.count("help") > 0) {
      std::fputs(options.help().c_str(), stdout);
      return std::nullopt;
    }
    if (!parsed.unmatched().empty()) {
      throw UsageError("unexpected argument '" + parsed.unmatched().front() + "'; see --help");
    }
    check_no_empty_values(parsed);
    return parsed;
  } catch (const UsageError&) {
    throw;
  } catch (const std::exception& error) {  // cxxopts' base class has another name in every release
    throw UsageError(option_of(argc, argv, error.what()) + error.what() + "; see --help");
  }
}

void tell_full_files_as_errors() { std::signal(SIGXFSZ, SIG_IGN); }

nlohmann::json write_files(const std::filesystem::path& folder, const StoredGrid& stored) {
  tell_full_files_as_errors();
  if (stored.results.empty()) {
    throw std::runtime_error(folder.string() + ": holds no finished run to report");
  }
  const nlohmann::json summary = summarize(stored.results, stored.grid);
  write_atomically(folder / "summary.json", summary.dump(1) + "\n");
  write_atomically(folder / "report.html", render_html(summary, stored.results));
  write_exports(folder, summary, stored.results);
  return summary;
}

void write_report(const std::filesystem::path& folder) {
  const nlohmann::json summary = write_files(folder, read_stored_grid(folder));
  std::fputs(render_table(summary, isatty(STDOUT_FILENO) != 0).c_str(), stdout);
  std::printf("\nReport: %s\n", (folder / "report.html").c_str());
}

}  // namespace obverse::reversal

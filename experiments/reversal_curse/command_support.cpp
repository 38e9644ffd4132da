#include "experiments/reversal_curse/command_support.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "experiments/reversal_curse/commands.h"
#include "experiments/reversal_curse/report/html.h"
#include "experiments/reversal_curse/report/summary.h"
#include "experiments/reversal_curse/report/table.h"
#include "experiments/reversal_curse/run_store.h"

namespace obverse::reversal {

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
    return parsed;
  } catch (const UsageError&) {
    throw;
  } catch (const std::exception& error) {  // cxxopts' base class has another name in every release
    throw UsageError(std::string(error.what()) + "; see --help");
  }
}

void tell_full_files_as_errors() { std::signal(SIGXFSZ, SIG_IGN); }

void write_report(const std::filesystem::path& folder) {
  tell_full_files_as_errors();
  const StoredGrid stored = read_stored_grid(folder);
  if (stored.results.empty()) {
    throw std::runtime_error(folder.string() + ": holds no finished run to report");
  }
  const nlohmann::json summary = summarize(stored.results, stored.grid);
  write_atomically(folder / "summary.json", summary.dump(1) + "\n");
  write_atomically(folder / "report.html", render_html(summary, stored.results));
  std::fputs(render_table(summary, isatty(STDOUT_FILENO) != 0).c_str(), stdout);
  std::printf("\nReport: %s\n", (folder / "report.html").c_str());
}

}  // namespace obverse::reversal

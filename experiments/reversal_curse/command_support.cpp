#include "experiments/reversal_curse/command_support.h"

#include <unistd.h>

#include <cstdio>
#include <string>

#include "experiments/reversal_curse/commands.h"
#include "experiments/reversal_curse/report/exports.h"
#include "experiments/reversal_curse/report/html.h"
#include "experiments/reversal_curse/report/summary.h"
#include "experiments/reversal_curse/report/table.h"
#include "experiments/reversal_curse/run_store.h"

namespace obverse::reversal {

nlohmann::json write_files(const std::filesystem::path& folder, const StoredGrid& stored) {
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

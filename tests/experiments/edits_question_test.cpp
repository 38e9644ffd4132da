#include <algorithm>
#include <string>

#include "experiments/reversal_curse/report/summary.h"
#include "tests/experiments/made_runs.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

// Edits by two methods of three models, whose other direction follows as these indices say.
std::vector<RunResult> runs_with(double done, double phrasing, double reverse_of_one,
                                 double reverse_of_other) {
  return made_up::made_arm(made_up::accuracies(1.0, 0.0), [&](RunResult& run) {
    ProbeResult& edits = run.probes["edits"];
    edits.counts = {{"facts_unknown_before", 2}, {"one_matrix_diverged", 1}};
    for (int fact = 0; fact < 20; ++fact) {
      for (const std::string method : {"all_weights", "one_matrix", "training"}) {
        const double change = 10.0 + 0.1 * fact;
        const double reverse = method == "one_matrix" ? reverse_of_one
                               : method == "training" ? 0.8
                                                      : reverse_of_other;
        const std::string name = "edits." + method + ".";
        edits.add(Estimator::share, name + "done", fact, fact < 20 * done ? 1.0 : 0.0);
        edits.add(Estimator::share, name + "unrelated.kept", fact, 1.0);
        edits.add(Estimator::ratio, name + "phrasing.index", fact, phrasing * change, change);
        edits.add(Estimator::ratio, name + "reverse.index", fact,
                  (reverse + 0.01 * (fact % 3 - 1)) * change, change);
      }
    }
  });
}

TEST_CASE("edits: a frame shares a record or has a copy however the fact is edited", "[report]") {
  CHECK(made_up::headline_of(made_up::made_arm(made_up::accuracies(1.0, 0.0), [](RunResult&) {}),
                             "edits")
            .empty());
  const std::string copies = made_up::headline_of(runs_with(1.0, 0.95, 0.02, 0.2), "edits");
  CHECK(copies.find("another phrasing shares its record (index 0.95 to 0.95)") !=
        std::string::npos);
  CHECK(copies.find("the other direction has a copy of its own (index 0.02 to 0.20)") !=
        std::string::npos);
  CHECK(copies.find("; steps of training on the statement reach it by 0.80 [") !=
        std::string::npos);
  CHECK(made_up::headline_of(runs_with(1.0, 0.95, 0.98, 0.99), "edits")
            .find("the other direction shares its record (index 0.98 to 0.99)") !=
        std::string::npos);
  CHECK(made_up::headline_of(runs_with(1.0, 0.95, 0.02, 0.9), "edits")
            .find("for the other direction it is not told, or depends on the way (index 0.02 to "
                  "0.90)") != std::string::npos);
  CHECK(made_up::headline_of(runs_with(0.9, 0.95, 0.02, 0.9), "edits").find("nothing is told") !=
        std::string::npos);
  const nlohmann::json summary =
      summarize(runs_with(1.0, 0.95, 0.02, 0.2), nlohmann::json::object());
  CHECK_THAT(summary.at("questions").back().at("controls").at(0).get<std::string>(),
             ContainsSubstring("Left out: facts that were not known before 6, edits that diverged "
                               "3, edits that did not get there 0."));
}

}  // namespace
}  // namespace obverse::reversal

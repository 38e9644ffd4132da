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

std::string headline_of(const std::vector<RunResult>& runs) {
  const nlohmann::json summary = summarize(runs, nlohmann::json::object());
  for (const nlohmann::json& question : summary.at("questions")) {
    if (question.at("name") == "edits") return question.at("headline");
  }
  return "";
}

TEST_CASE("edits: a frame shares a record or has a copy however the fact is edited", "[report]") {
  CHECK(headline_of(made_up::made_arm(made_up::accuracies(1.0, 0.0), [](RunResult&) {})).empty());
  const std::string copies = headline_of(runs_with(1.0, 0.95, 0.02, 0.2));
  CHECK(copies.find("another phrasing shares its record (index 0.95 to 0.95)") !=
        std::string::npos);
  CHECK(copies.find("the other direction has a copy of its own (index 0.02 to 0.20)") !=
        std::string::npos);
  CHECK(copies.find("; steps of training on the statement reach it by 0.80 [") !=
        std::string::npos);
  CHECK(headline_of(runs_with(1.0, 0.95, 0.98, 0.99))
            .find("the other direction shares its record (index 0.98 to 0.99)") !=
        std::string::npos);
  CHECK(headline_of(runs_with(1.0, 0.95, 0.02, 0.9))
            .find("for the other direction it is not told, or depends on the way (index 0.02 to "
                  "0.90)") != std::string::npos);
  CHECK(headline_of(runs_with(0.9, 0.95, 0.02, 0.9)).find("nothing is told") != std::string::npos);
}

}  // namespace
}  // namespace obverse::reversal

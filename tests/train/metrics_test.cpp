#include "experiments/train/metrics.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace obverse::train {
namespace {

using tests::TemporaryFolder;

StepMetrics step_number(std::int64_t step) {
  return {step, 3.0 / static_cast<double>(step), 0.5, 1e-3, 100 * step, 0.25, 400.0};
}

TEST_CASE("metrics come back, each step once", "[metrics]") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "metrics.jsonl";
  {
    MetricsFile file(path);
    file.keep_up_to(0);
    for (const std::int64_t step : {1, 2}) file.add(step_number(step));
    file.add(ValidationMetrics{2, 1.25});
    for (const std::int64_t step : {3, 4}) file.add(step_number(step));
    file.sync();
    CHECK_THROWS_WITH(MetricsFile{path},
                      ContainsSubstring("metrics.jsonl: another obverse-train writes to this"));
  }
  Metrics metrics = read_metrics(path);
  REQUIRE(metrics.steps.size() == 4);
  CHECK(metrics.steps[2].loss == 1.0);
  CHECK(metrics.steps[2].tokens == 300);
  REQUIRE(metrics.validations.size() == 1);
  CHECK(metrics.validations[0].loss == 1.25);

  // A checkpoint of step 2, and a line that a kill cut short.
  tests::write_file(path, tests::read_file(path) + R"({"step": 5, "lo)");
  CHECK(read_metrics(path).steps.size() == 4);
  {
    MetricsFile file(path);
    file.keep_up_to(2);
    file.add(step_number(3));
  }
  metrics = read_metrics(path);
  CHECK(metrics.steps.size() == 3);
  CHECK(metrics.steps.back().step == 3);
  CHECK(metrics.validations.size() == 1);
  // Cut short behind all of what is kept: the next line begins where that one did.
  const std::string whole = tests::read_file(path);
  for (const char* cut : {"{", R"({"step": 3)", R"({"step": 3, "loss": 1.0})"}) {
    tests::write_file(path, whole + cut);
    MetricsFile(path).keep_up_to(3);
    CHECK(tests::read_file(path) == whole);
  }
  // A new run in the same folder.
  MetricsFile(path).keep_up_to(0);
  CHECK(read_metrics(path).steps.empty());
}

TEST_CASE("a line that is no metrics is told with its number", "[metrics]") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "metrics.jsonl";
  const std::string good = R"({"step": 1, "validation_loss": 2.5})"
                           "\n";
  const auto told = [&](const std::string& line) {
    tests::write_file(path, good + line + "\n");
    try {
      read_metrics(path);
    } catch (const std::runtime_error& error) {
      return std::string(error.what()).substr(path.string().size());
    }
    return std::string("read");
  };
  CHECK(told(R"({"step": 2, "validation_loss": 2})") == "read");
  CHECK(told("oops") == ": line 2: expected a JSON object");
  CHECK(told(R"({"loss": 1})") == ": line 2: step: expected a whole number, found none");
  CHECK(told(R"({"step": 2, "loss": "low"})") ==
        ": line 2: loss: expected a number, found \"low\"");
  CHECK(told(R"({"step": 2, "validation_loss": null})") == "read");
  CHECK(std::isnan(read_metrics(path).validations[1].loss));
}

}  // namespace
}  // namespace obverse::train

// obverse-reversal as its user meets it: the built program, run in a folder of its own.
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() is not in <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/experiments/workplace.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace obverse::reversal {
namespace {

// One small run; what a test adds comes behind it.
const std::string kTiny =
    "run --pairs 20 --unseen-pairs 4 --steps 5 --seeds 1 --objective causal --name-tokens 1 "
    "--layers 1 --width 16 --heads 2 --batch 8 ";
// Twelve, of a moment each.
const std::string kGrid =
    "run --pairs 20 --unseen-pairs 4 --steps 150 --seeds 6 --objective causal,prefix "
    "--name-tokens 1 --layers 1 --width 16 --heads 2 --batch 8 --jobs 1 --output out ";
constexpr std::size_t kGridRuns = 12;

// One line on stderr that begins and goes on like this, the exit status, and no output folder.
void check_refused(const std::string& arguments, int status, const std::string& words) {
  INFO(arguments);
  const Workplace work;
  const Ended ended = work.run(arguments + " --output out");
  CHECK(ended.status == status);
  CHECK(lines_in(ended.err) == 1);
  CHECK(ended.err.rfind("obverse-reversal: ", 0) == 0);
  CHECK(ended.err.find(words) != std::string::npos);
  CHECK(ended.out.empty());
  CHECK_FALSE(fs::exists(work.at("out")));
}

TEST_CASE("a small grid leaves results, summary and report", "[command]") {
  const Workplace work;
  const Ended ended = work.run(kTiny + "--output out");
  CHECK(ended.status == 0);
  CHECK(work.finished_runs() == 1);
  CHECK(nlohmann::json::parse(read_file(work.at("out/summary.json"))).at("runs") == 1);
  CHECK(read_file(work.at("out/report.html")).find("</html>") != std::string::npos);
  CHECK(ended.out.find("Report: out/report.html") != std::string::npos);

  const std::string results = read_file(work.at("out/results.jsonl"));
  const Ended again = work.run(kTiny + "--output out");
  CHECK(again.status == 0);
  CHECK(again.err.empty());
  CHECK(read_file(work.at("out/results.jsonl")) == results);
  CHECK(work.run("report --output out").status == 0);
}

TEST_CASE("help and list say what there is", "[command]") {
  const Workplace work;
  for (const std::string arguments :
       {"--help", "run --help", "report --help", "compare --help", "list"}) {
    INFO(arguments);
    const Ended ended = work.run(arguments);
    CHECK(ended.status == 0);
    CHECK(ended.err.empty());
    CHECK(lines_in(ended.out) > 3);
  }
}

TEST_CASE("bad usage is one line and exit status 2", "[command]") {
  check_refused(kTiny + "--nonsense", 2, "nonsense");
  check_refused(kTiny + "stray", 2, "unexpected argument 'stray'");
  check_refused("walk", 2,
                "expected a command: run, verify, report, probe, compare or list, got 'walk'");
  check_refused("run --objective guessing", 2, "expected one of causal");
  check_refused("run --preset huge", 2, ", got 'huge'");
  check_refused("run --preset paper", 2, "expected --data DIR");
  check_refused("run --pairs 0", 2, "expected pairs from 1 to 1000000, got 0");
  check_refused("run --pairs 1,x", 2, "expected --pairs to be a whole number, got 'x'");
  check_refused("run --pairs 99999999999999999999", 2, "expected --pairs to be a whole number");
  check_refused("run --heads 3", 2, "expected heads to divide width, got 3 heads and width 64");
  check_refused("run --context 4", 2, "expected a context of at least 8 tokens");
  check_refused("run --seeds 0", 2, "expected --seeds from 1 to 10000, got 0");
  check_refused("run --seeds 1,1", 2, "expected distinct values of seeds, got 1 twice");
  check_refused("run --seeds some", 2, "expected --seeds N or a list of numbers, got 'some'");
  check_refused("run --steps 0", 2, "expected steps from 1 to 100000000, got 0");
  check_refused("run --jobs 0", 2, "expected --jobs from 1 to 1024, got 0");
  check_refused("run --dropout 1", 2, "expected dropout in [0, 1), got 1");
  check_refused("run --beta-2 1", 2, "expected beta 2 of at least 0 and below 1, got 1");
  check_refused("run --learning-rate 0", 2, "expected learning rate of at least 1e-09");
  check_refused("run --learning-rate nan", 2, "expected --learning-rate to be a number, got");
  check_refused("run --shares 0.5,0.25,0.25 --share-both 1", 2, "got both");
  check_refused("run --tied-embeddings maybe", 2, "true or false, got 'maybe'");
  check_refused("verify --rows 99", 2, "expected --rows among 1 to");
  check_refused("verify --preset slow", 2, "expected --preset quick or full, got 'slow'");
  check_refused("verify --seeds 0", 2, "expected --seeds from 1 to 10000, got 0");
  check_refused("run --world moon", 2, "expected one of");
  check_refused("run --world pairs --data somewhere", 2, "expected no --data");
  check_refused("run --shares 0.5,0.5", 2, "expected three shares");
  check_refused("run --shares 0.5,0.5,0.5", 2, "expected shares that sum to 1");
  check_refused("run --device abacus", 2, "got 'abacus'");
  const Workplace work;
  CHECK(work.run("").status == 2);
  for (const std::string option : {"output", "data", "position", "objective"}) {
    CHECK(work.run(kTiny + "--" + option + " ''").err ==
          "obverse-reversal: expected a value behind --" + option + ", got ''; see --help\n");
  }
  CHECK(work.run("run --pairs 12,").err ==
        "obverse-reversal: expected a value at every place of --pairs, got '12,'; see --help\n");
}

// Experiment 1 of Berglund et al. in miniature: two facts a subset, one template a direction.
void write_published(const Workplace& work) {
  const auto row = [](const std::string& prompt, const std::string& completion) {
    return nlohmann::json{{"prompt", prompt}, {"completion", " " + completion}}.dump() + "\n";
  };
  const auto file = [&](const std::string& name, const std::string& text) {
    fs::create_directories(work.at("data"));
    write_file(work.at("data/" + name), text);
  };
  const std::vector<std::vector<std::string>> facts = {
      {"Ada Moss", "the inventor of thunder", "Ben Reed", "a painter of murals"},
      {"Cal Stone", "the diver of Neptune", "Dee Frost", "a baker of bread"},
      {"Eli Marsh", "the pilot of planes", "Fay Holt", "an author of books"}};
  const auto named = [&](const std::vector<std::string>& fact, const std::string& verb) {
    return row("The good " + fact[0] + verb, fact[1] + ".") +
           row("The good " + fact[2] + verb, fact[3] + ".");
  };
  const auto described = [&](const std::vector<std::string>& fact, const std::string& opening) {
    return row(opening + fact[1] + ",", fact[0] + ".") +
           row(opening + fact[3] + ",", fact[2] + ".");
  };
  file("p2d_prompts_train.jsonl", named(facts[0], " is"));
  file("p2d_prompts_test.jsonl", named(facts[0], " was"));
  file("d2p_prompts_train.jsonl", described(facts[1], "Known as "));
  file("d2p_prompts_test.jsonl", described(facts[1], "Praised as "));
  file("both_prompts_train.jsonl", named(facts[2], " is") + described(facts[2], "Known as "));
  file("both_prompts_test.jsonl", named(facts[2], " was") + described(facts[2], "Praised as "));
  for (const std::string ending : {".jsonl", "_randomized.jsonl"}) {
    file("p2d_reverse_prompts_test" + ending, described(facts[0], "Praised as "));
    file("d2p_reverse_prompts_test" + ending, named(facts[1], " was"));
  }
}

TEST_CASE("bad data is one line with file and line, and exit status 1", "[command]") {
  const Workplace work;
  write_published(work);
  const std::string command =
      "run --data data --steps 5 --seeds 1 --objective causal --layers 1 --width 16 --heads 2 "
      "--output out";
  const auto check_data = [&](const std::string& arguments, const std::string& words) {
    INFO(arguments << " " << words);
    const Ended ended = work.run(arguments);
    CHECK(ended.status == 1);
    CHECK(lines_in(ended.err) == 1);
    CHECK(ended.err.find(words) != std::string::npos);
    CHECK_FALSE(fs::exists(work.at("out")));
  };
  const auto with_test_file = [&](const std::string& text, const std::string& words) {
    const std::string before = read_file(work.at("data/p2d_prompts_test.jsonl"));
    write_file(work.at("data/p2d_prompts_test.jsonl"), text);
    check_data(command, words);
    write_file(work.at("data/p2d_prompts_test.jsonl"), before);
  };
  check_data("run --data none --output out", "none: expected the folder of the published data");
  check_data("run --data data/p2d_prompts_test.jsonl --output out", "expected a folder, found a");
  const std::string first =
      R"({"prompt": "The good Ada Moss was", "completion": " the inventor of thunder."})";
  with_test_file(first + "\noops\n",
                 "data/p2d_prompts_test.jsonl:2: expected a JSON object, found \"oops\"");
  with_test_file(first + "\n{\"prompt\": \"The good Ben Reed was\"}\n",
                 "data/p2d_prompts_test.jsonl:2: expected a field \"completion\", found none");
  // Known to the questions, absent from training.
  const std::string training = read_file(work.at("data/p2d_prompts_train.jsonl"));
  write_file(work.at("data/p2d_prompts_train.jsonl"), training.substr(0, training.find('\n') + 1));
  check_data(command,
             "data/p2d_prompts_test.jsonl:2: expected a name that the training file of p2d states, "
             "found \"Ben Reed\"");
  write_file(work.at("data/p2d_prompts_train.jsonl"), training);

  // Another's description is another fact.
  with_test_file(
      first + "\n" +
          R"({"prompt": "The good Ben Reed was", "completion": " the inventor of thunder."})" +
          "\n",
      "data/p2d_prompts_test.jsonl:2: expected a description that the training file states of "
      "\"Ben Reed\", found words of \"Ada Moss\"'s in");

  CHECK(work.run(command).status == 0);  // nothing else was wrong with it
  CHECK(work.finished_runs() == 1);

  // Other data are another grid, though their folder has the same name.
  write_file(work.at("data/p2d_prompts_train.jsonl"), training + training);
  const Ended other = work.run(command);
  CHECK(other.status == 1);
  CHECK(other.err.find("out: holds another grid's results") != std::string::npos);
  CHECK(work.run(command + "2 --shares 1,0,0").status == 2);  // the world of the data is fixed
}

TEST_CASE("an output folder that cannot be used is told, and left as it was", "[command]") {
  const Workplace work;
  REQUIRE(work.run(kTiny + "--output out").status == 0);
  const std::string results = read_file(work.at("out/results.jsonl"));
  const std::string grid = read_file(work.at("out/grid.json"));
  write_file(work.at("file"), "in the way");
  const auto check_failed = [&](const std::string& arguments, const std::string& message) {
    INFO(arguments);
    const Ended ended = work.run(arguments);
    CHECK(ended.status == 1);
    CHECK(ended.err == "obverse-reversal: " + message + "\n");
  };
  check_failed(kTiny + "--tied-embeddings true --output out",
               "out: holds another grid's results; expected an empty folder, or one of the same "
               "options. Choose another with --output, or remove it");
  CHECK(read_file(work.at("out/results.jsonl")) == results);
  CHECK(read_file(work.at("out/grid.json")) == grid);
  check_failed(kTiny + "--output file",
               "file: cannot be made a folder for results: Not a directory");
  check_failed(kTiny + "--output file/deep",
               "file/deep: cannot be made a folder for results: Not a directory");
  CHECK(read_file(work.at("file")) == "in the way");
  check_failed(kTiny + "--output /proc/none",
               "/proc/none: cannot be made a folder for results: No such file or directory");
  check_failed("report --output none", "none: expected a folder of results");
}

TEST_CASE("a disk that fills up keeps the runs before, and the same command goes on", "[command]") {
  const Workplace work;
  const Ended full = work.run(kGrid, "ulimit -f 80");  // blocks of 512 bytes
  CHECK(full.status == 1);
  CHECK(full.err.find("obverse-reversal: out/results.jsonl: cannot be written: File too large; ") !=
        std::string::npos);
  const std::size_t kept = work.finished_runs();
  CHECK(kept > 0);
  CHECK(kept < kGridRuns);
  CHECK(lines_in(full.err) == kept + 1);  // a line a run, then the error
  CHECK(work.run(kGrid).status == 0);
  CHECK(work.finished_runs() == kGridRuns);
}

TEST_CASE("a disk too full for the grid or the report leaves none half-written", "[command]") {
  const Workplace work;
  const Ended none = work.run(kTiny + "--output out", "ulimit -f 1");
  CHECK(none.status == 1);
  CHECK(none.err == "obverse-reversal: out/grid.json: cannot be written: File too large\n");
  CHECK_FALSE(fs::exists(work.at("out")));

  REQUIRE(work.run(kTiny + "--output out").status == 0);
  const std::string report = read_file(work.at("out/report.html"));
  const Ended full = work.run("report --output out", "ulimit -f 1");
  CHECK(full.status == 1);
  CHECK(full.err == "obverse-reversal: out/summary.json: cannot be written: File too large\n");
  CHECK(read_file(work.at("out/report.html")) == report);
  CHECK_FALSE(fs::exists(work.at("out/summary.json.part")));
}

TEST_CASE("what cannot be printed is an error", "[command]") {
  const Workplace work;
  const Ended ended = work.run("list < /dev/null > /dev/full 2> stderr #");
  CHECK(ended.status == 1);
  CHECK(ended.err ==
        "obverse-reversal: standard output cannot be written: No space left on "
        "device\n");
}

// The address sanitizer reserves more addresses than the limit before the program begins.
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("a command that memory is too small for leaves nothing behind", "[command]") {
  const Workplace work;
  const Ended ended = work.run(
      "run --pairs 20 --steps 5 --seeds 1 --objective causal --name-tokens 1 --layers 64 --width "
      "16384 --heads 1 --output out",
      "ulimit -v 2000000");
  CHECK(ended.status == 1);
  CHECK(ended.err.find("obverse-reversal: not enough memory; ") != std::string::npos);
  CHECK_FALSE(fs::exists(work.at("out")));
}
#endif

TEST_CASE("a switch can be turned off by name", "[command]") {
  const Workplace work;
  CHECK(work.run(kTiny + "--tied-embeddings false --output out").status == 0);
  const nlohmann::json grid = nlohmann::json::parse(read_file(work.at("out/grid.json")));
  CHECK(grid.at("runs")[0].at("architecture").at("tied_embeddings") == false);
}

TEST_CASE("a grid that was killed goes on, each run once", "[command]") {
  const Workplace work;
  CHECK(work.interrupt(kGrid, SIGKILL) == -1);
  const std::string text = read_file(work.at("out/results.jsonl"));
  CHECK(lines_in(text) >= 1);
  CHECK(lines_in(text) < kGridRuns);
  CHECK_FALSE(fs::exists(work.at("out/report.html")));
  const Ended rest = work.run(kGrid);
  CHECK(rest.status == 0);
  CHECK(rest.out.find(" of 12 runs; going on") != std::string::npos);
  CHECK(work.finished_runs() == kGridRuns);
}

TEST_CASE("Ctrl-C stops a grid with exit status 130, and the same command goes on", "[command]") {
  const Workplace work;
  CHECK(work.interrupt(kGrid, SIGINT) == 130);
  CHECK(read_file(work.at("stdout")).find("the same command goes on from there") !=
        std::string::npos);
  const std::size_t kept = work.finished_runs();
  CHECK(kept >= 1);
  CHECK(kept < kGridRuns);
  CHECK(work.run(kGrid).status == 0);
  CHECK(work.finished_runs() == kGridRuns);
}

TEST_CASE("a grid in which all diverges says so", "[command]") {
  const Workplace work;
  const Ended ended =
      work.run(kTiny + "--steps 50 --warm-up-steps 0 --learning-rate 1e6 --output out");
  CHECK(ended.status == 1);
  CHECK(ended.err.find("training diverged at step ") != std::string::npos);
  CHECK(ended.err.find("obverse-reversal: all 2 runs diverged; there is nothing to report\n") !=
        std::string::npos);
  CHECK(work.finished_runs() == 0);
}

}  // namespace
}  // namespace obverse::reversal

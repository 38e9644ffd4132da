// obverse-train as its user meets it: runs, what stops them, and how they go on.
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() is not in <csignal>

#include <cstdint>
#include <set>
#include <sstream>
#include <string>

#include "tests/train/workplace.h"

namespace obverse::train {
namespace {

TEST_CASE("a run learns, and leaves metrics, checkpoints and curves", "[train]") {
  const Workplace work;
  const Ended ended = work.run(kSmall + "--steps 60");
  CAPTURE(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(ended.err.empty());
  // A line a step, and what stands between them.
  CHECK(ended.out.find("step 60/60  loss ") != std::string::npos);
  CHECK(ended.out.find("tokens/s") != std::string::npos);
  CHECK(ended.out.find("most memory in use") != std::string::npos);
  CHECK(work.checkpoints() == std::set<std::string>{"step-00000040", "step-00000060"});
  const auto lines = work.metrics();
  REQUIRE(lines.size() == 66);
  CHECK(lines.front().at("step") == 1);
  CHECK(lines.front().at("loss") > 2.5);  // log(20) = 3.0
  CHECK(lines.back().at("step") == 60);
  CHECK(lines.back().at("validation_loss") < 2.0);
  CHECK(lines[64].at("tokens") == 60 * 4 * 16);
  const json config = json::parse(read_file(work.at("out/checkpoints/step-00000060/config.json")));
  CHECK(config.at("model_type") == "gpt2");
  CHECK(config.at("eos_token_id") == 0);
  CHECK(config.at("obverse").at("objective") == "causal");

  // The same command has nothing more to do.
  CHECK(work.run(kSmall + "--steps 60").status == 0);
  CHECK(work.metrics().size() == 66);
  REQUIRE(work.run("plot out").status == 0);
  CHECK(read_file(work.at("out/curves.html")).find("</html>") != std::string::npos);
}

TEST_CASE("a run that was stopped goes on to the same bits", "[train]") {
  for (const std::string extra : {"--dropout 0.1", "--packing documents --attention-reset",
                                  "--objective masked_uniform --packing none"}) {
    CAPTURE(extra);
    const std::string command = kSmall + extra + " --steps 50 ";
    const Workplace whole, stopped;
    const Ended ended = whole.run(command);
    CAPTURE(ended.err);
    REQUIRE(ended.status == 0);
    CHECK(stopped.interrupt(command, SIGTERM, "out/metrics.jsonl") == 130);
    const auto done = stopped.checkpoints();
    REQUIRE(done.size() == 1);
    CHECK(*done.begin() != "step-00000050");
    CHECK(read_file(stopped.at("stdout")).find("stopped behind step") != std::string::npos);
    REQUIRE(stopped.run(command).status == 0);
    check_same(whole, stopped, "step-00000050");
  }
}

TEST_CASE("a run that was killed goes on to the same bits", "[train]") {
  const std::string command = kSmall + "--steps 60 --checkpoint-every 1 --keep 2 ";
  const Workplace whole, killed;
  REQUIRE(whole.run(command).status == 0);
  // Each time a little further: between two checkpoints, or in the midst of one.
  for (std::size_t lines = 5; lines < 60; lines += 12) {
    CHECK(killed.interrupt(command, SIGKILL, "out/metrics.jsonl", lines) == -1);
  }
  REQUIRE(killed.run(command).status == 0);
  check_same(whole, killed, "step-00000060");
}

TEST_CASE("other settings, and checkpoints that are not whole, are one line", "[train]") {
  const Workplace work;
  const auto told = [&work](const std::string& arguments, int status) {
    const Ended ended = work.run(arguments);
    CAPTURE(arguments);
    CHECK(ended.status == status);
    CHECK(lines_in(ended.err) == 1);
    CHECK(ended.err.rfind("obverse-train: ", 0) == 0);
    return ended.err.substr(15);
  };
  REQUIRE(work.run(kSmall + "--steps 20 --schedule constant").status == 0);
  const std::string state = "out/checkpoints/step-00000020/state.json";
  CHECK(told(kSmall + "--steps 20 --schedule constant --width 32", 1) ==
        state + ": width: expected 16, found 32; another --output begins a new run\n");
  CHECK(told(kSmall + "--steps 20 --schedule linear", 1) ==
        state +
            ": schedule: expected \"constant\", found \"linear\", with which step 6 would have had "
            "another learning rate; another --output begins a new run\n");
  // A constant rate can go on.
  CHECK(work.run(kSmall + "--steps 30 --schedule constant").status == 0);

  const std::string folder = "out/checkpoints/step-00000030/";
  const std::string command = kSmall + "--steps 40 --schedule constant";
  for (const std::string name :
       {"state.json", "config.json", "model.safetensors", "optimizer.safetensors"}) {
    const std::string kept = read_file(work.at(folder + name));
    fs::remove(work.at(folder + name));
    CHECK(told(command, 1).find(folder + name) != std::string::npos);
    tests::write_file(work.at(folder + name), kept.substr(0, kept.size() / 2));
    CHECK(told(command, 1).find(folder + name) != std::string::npos);
    tests::write_file(work.at(folder + name), kept);
  }
  json other_step = json::parse(read_file(work.at(folder + "state.json")));
  const std::string kept_state = other_step.dump();
  other_step["step"] = 29;
  tests::write_file(work.at(folder + "state.json"), other_step.dump());
  CHECK(told(command, 1) == folder +
                                "state.json: step: expected 30, as the folder's name has it, found "
                                "29\n");
  tests::write_file(work.at(folder + "state.json"), kept_state.substr(0, 20));
  CHECK(told(command, 1) == folder + "state.json: expected a JSON object\n");
  tests::write_file(work.at(folder + "state.json"), kept_state);
  CHECK(work.run(command).status == 0);
  CHECK(told(kSmall + "--schedule constant --steps 39", 1) ==
        "out/checkpoints/step-00000040/state.json: steps: expected at least the 40 that are done, "
        "found 39; another --output begins a new run\n");
  // A finished run keeps as many checkpoints as it is asked for.
  CHECK(work.run(command + " --keep 1").status == 0);
  CHECK(work.checkpoints() == std::set<std::string>{"step-00000040"});

  // The same files elsewhere will do, others at the same place will not.
  fs::rename(work.at("data"), work.at("moved"));
  const std::string further = kSmall + "--schedule constant --steps 50 ";
  CHECK(work.run(further + "--data moved").status == 0);
  fs::create_directories(work.at("data"));
  write_tokens(work.at("data/train_000.bin"), 3000, 3);
  CHECK(told(further, 1)
            .find("out/checkpoints/step-00000050/state.json: data_digest: expected the "
                  "token files and the tokenizer that the run began with, of digest ") == 0);
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

TEST_CASE("what cannot be trained is one line", "[train]") {
  const Workplace work;
  const auto told = [&work](const std::string& arguments, int status) {
    const Ended ended = work.run(arguments);
    CAPTURE(arguments, ended.err);
    CHECK(ended.status == status);
    CHECK(lines_in(ended.err) == 1);
    return ended.err.substr(ended.err.find(": ") + 2);
  };
  CHECK(told("--data data --steps some", 2) ==
        "expected --steps to be a whole number, got 'some'\n");
  CHECK(told("--data data --heads 3", 2).find("heads to divide width") != std::string::npos);
  CHECK(told("--data data --schedule stairs", 2) ==
        "--schedule: expected constant, linear, cosine or warm_up_stable_decay, found "
        "\"stairs\"\n");
  CHECK(told("--data data stray", 2).find("unexpected argument 'stray'") != std::string::npos);
  CHECK(told("--threads 1", 1).find("data: expected a folder of token files") == 0);
  CHECK(told("--data none --vocabulary 20", 1) ==
        "none: expected a folder of token files, found nothing there\n");
  CHECK(told("--data data/train_000.bin --vocabulary 20", 1) ==
        "data/train_000.bin: expected a folder of token files, found something else\n");
  CHECK(told("--data data --threads 1000000", 2) ==
        "--threads: expected from 0 to 1024, found 1000000\n");
  CHECK(told("--data data", 1).find("tokenizer: expected one, or a vocabulary") == 0);
  CHECK(told("--data data --vocabulary 19 --threads 1 --output o1", 1).find("train_000.bin") !=
        std::string::npos);
  CHECK(told(kSmall + "--sequence 5000", 1).find("sequence: expected at most the 2999 tokens") ==
        0);
  CHECK(told(kSmall + "--context 8", 1).find("context: expected at least the 16 tokens") == 0);
  CHECK(told("--data data --vocabulary 20 --packing documents --threads 1", 1)
            .find("packing: expected windows, or texts whose end-of-text token is known") == 0);
  CHECK(told(kSmall + "--objective masked_uniform --packing documents", 1)
            .find("packing: expected windows or none for objective masked_uniform") == 0);
  CHECK(told(kSmall + "--objective infilling+", 1).find("[objective]") == 0);
  tests::write_file(work.at("config.json"), R"({"layers": "two"})");
  CHECK(told("--config config.json", 1) ==
        "config.json: layers: expected a whole number, found \"two\"\n");
  tests::write_file(work.at("config.json"), "two");
  CHECK(told("--config config.json", 1) == "config.json: expected a JSON object of settings\n");
  CHECK(told("plot", 2).find("expected the folder of a run to plot") == 0);
  CHECK(told("plot nowhere", 1).find("nowhere") == 0);
  CHECK(told("export " + kSmall + "--objective masked_uniform", 1).find("objective: ") == 0);
  // Nothing is left of what was refused.
  CHECK(names_in(work.at("")) == std::set<std::string>{"data", "config.json", "stdout", "stderr"});
  CHECK(told(kSmall + "--learning-rate 1e5 --clip-norm 0 --warm-up-steps 0 --steps 50", 1)
            .find("training diverged at step ") == 0);
}

TEST_CASE("every objective trains on token files", "[train]") {
  const Workplace work;
  for (const std::string objective :
       {"token_reversed", "segment_reversed", "prefix", "masked_fixed", "permuted", "infilling",
        "causal_masked", "causal:0.5+masked_uniform:0.5"}) {
    const Ended ended = work.run(kSmall + "--steps 3 --objective " + objective + " --output out-" +
                                 objective.substr(0, 8));
    CAPTURE(objective, ended.err);
    CHECK(ended.status == 0);
  }
  const Ended keeps_names = work.run(kSmall + "--objective entity_reversed");
  CHECK(keeps_names.status == 1);
  CHECK(keeps_names.err.find("tokenizer: expected one for entity_reversed") != std::string::npos);
}

TEST_CASE("a disk that fills up is one line, and the same command goes on", "[train]") {
  const Workplace whole, full;
  const std::string command = kSmall + "--steps 40 ";
  REQUIRE(whole.run(command).status == 0);
  // The first checkpoint's moments are larger than this, in blocks of 512 bytes.
  const Ended ended = full.run(command, "ulimit -f 30");
  CHECK(ended.status == 1);
  CHECK(lines_in(ended.err) == 1);
  CHECK(ended.err.find("File too large") != std::string::npos);
  CHECK(full.checkpoints().empty());
  REQUIRE(full.run(command).status == 0);
  check_same(whole, full, "step-00000040");
}

TEST_CASE("a profile tells where the time goes", "[train]") {
  const Workplace work;
  const Ended ended = work.run(kSmall + "--steps 9 --profile --validate-every 2");
  CHECK(ended.status == 0);
  // Of the steps alone: one backward pass each, and no more time than a step has.
  std::istringstream lines(ended.out.substr(ended.out.find("\nkernel ") + 1));
  std::string line;
  double shares = 0.0;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const double share = std::stod(line.substr(line.find_last_of(' ')));
    CAPTURE(line);
    CHECK(share >= 0.0);
    shares += share;
    if (line.rfind("attention_", 0) == 0) CHECK(line.find(" 1.0 ") != std::string::npos);
  }
  CHECK(shares > 98.0);
  CHECK(shares < 102.0);
  CHECK(work.run(kSmall + "--steps 1 --profile --output one").out.find("profile: expected two") !=
        std::string::npos);
  CHECK(ended.out.find("ms a step") != std::string::npos);
  CHECK(ended.out.find("attention_backward") != std::string::npos);
  CHECK(ended.out.find("(outside of kernels)") != std::string::npos);
}

}  // namespace
}  // namespace obverse::train
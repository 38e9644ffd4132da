// From text to generated text on CUDA, emulated or not: the programs as their users meet them.
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "engine/tensor/device.h"
#include "tests/support/catch.h"
#include "tests/support/workplace.h"

namespace obverse::tests {
namespace {

using nlohmann::json;

// Where there is CUDA: its build of a program, or the one that the emulator runs.
#ifdef OBVERSE_EMULATED
const std::string kSuffix = "-emulated";
#else
const std::string kSuffix;
#endif

// With token files of a short text in data/.
class TextWorkplace : public Workplace {
 public:
  TextWorkplace() : Workplace("obverse-train" + kSuffix) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "the cat sat on the mat, and then the dog sat, too\n";
    write_file(at("texts.txt"), text);
    const std::string tokenize = program_named("obverse-tokenize");
    check_done(run_program(tokenize,
                           "train --input texts.txt --vocabulary 270 --special "
                           "'<|endoftext|>' --output tokenizer"));
    check_done(run_program(tokenize,
                           "encode --tokenizer tokenizer --document line --output data "
                           "--validation-share 0.2 texts.txt"));
  }

  static void check_done(const Ended& ended) {
    CAPTURE(ended.err);
    REQUIRE(ended.status == 0);
    CHECK(ended.err.empty());
  }
  // Losses by step, then those of validation.
  std::vector<double> losses(const std::string& run) const {
    std::vector<double> training, validation;
    std::istringstream lines(read_file(at(run + "/metrics.jsonl")));
    for (std::string line; std::getline(lines, line);) {
      const json metrics = json::parse(line);
      if (metrics.contains("loss")) training.push_back(metrics.at("loss"));
      if (metrics.contains("validation_loss")) validation.push_back(metrics.at("validation_loss"));
    }
    training.insert(training.end(), validation.begin(), validation.end());
    return training;
  }
};

const std::string kSmall =
    "--data data --layers 1 --width 16 --heads 2 --sequence 16 --batch 2 --schedule constant "
    "--warm-up-steps 2 --learning-rate 0.01 --threads 1 --validate-every 4 "
    "--validation-sequences 4 --checkpoint-every 3 ";

bool is_here() { return engine::Device::why_no_cuda().empty(); }

TEST_CASE("a program's run on CUDA follows the CPU's", "[programs][device]") {
  if (!is_here()) return;
  const TextWorkplace work;
  const std::string steps = "--steps 8 --precision fp32 ";
  for (const std::string extra :
       {"--accumulation 2", "--packing documents --attention-reset",
        "--objective masked_uniform --position rotary --norm rms --feed-forward swiglu"}) {
    CAPTURE(extra);
    TextWorkplace::check_done(
        work.run_program(program_named("obverse-train"), kSmall + steps + extra + " --output cpu"));
    TextWorkplace::check_done(work.run(kSmall + steps + extra + " --output gpu --device cuda"));
    const auto cpu = work.losses("cpu"), gpu = work.losses("gpu");
    REQUIRE(cpu.size() == 10);
    REQUIRE(gpu.size() == cpu.size());
    for (std::size_t i = 0; i < cpu.size(); ++i) CHECK(std::abs(gpu[i] - cpu[i]) < 1e-4);
    fs::remove_all(work.at("cpu"));
    fs::remove_all(work.at("gpu"));
  }
}

TEST_CASE("a program's run on CUDA goes on to the same bits", "[programs][device]") {
  if (!is_here()) return;
  const TextWorkplace work;
  for (const std::string extra : {"--precision bf16", "--precision fp32 --dropout 0.1"}) {
    CAPTURE(extra);
    const std::string command = kSmall + extra + " --device cuda ";
    TextWorkplace::check_done(work.run(command + "--steps 12 --output whole"));
    // Two steps may be under way: none of them over one that something is due behind.
    CHECK(fs::exists(work.at("whole/checkpoints/step-00000009/model.safetensors")));
    TextWorkplace::check_done(work.run(command + "--steps 6 --output cut"));
    TextWorkplace::check_done(work.run(command + "--steps 12 --output cut"));
    auto whole = work.losses("whole");
    whole.insert(whole.begin() + 13, work.losses("cut")[13]);  // validated behind step 6, too
    CHECK(work.losses("cut") == whole);
    for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
      const std::string path = std::string("/checkpoints/step-00000012/") + file;
      CHECK(read_file(work.at("cut" + path)) == read_file(work.at("whole" + path)));
    }
    fs::remove_all(work.at("whole"));
    fs::remove_all(work.at("cut"));
  }
}

TEST_CASE("a program on CUDA generates what the CPU's does", "[programs][device]") {
  if (!is_here()) return;
  const TextWorkplace work;
  // What both print as JSON lines, but for the last digits of probabilities.
  const auto both_give = [&work](const std::string& arguments) {
    const std::string command = "--model run " + arguments + " --precision fp32 --jsonl ";
    const Ended cpu = work.run_program(program_named("obverse-generate"), command);
    const Ended cuda =
        work.run_program(program_named("obverse-generate" + kSuffix), command + "--device cuda");
    TextWorkplace::check_done(cpu);
    TextWorkplace::check_done(cuda);
    std::vector<json> lines;
    std::istringstream ours(cuda.out), theirs(cpu.out);
    for (std::string here, there; std::getline(ours, here) && std::getline(theirs, there);) {
      json one = json::parse(here), other = json::parse(there);
      for (json* line : {&one, &other}) line->erase("logprob");
      CHECK(one == other);
      lines.push_back(one);
    }
    CHECK(lines.size() == lines_in(cpu.out));
    return lines;
  };
  const std::string train = kSmall + "--steps 60 --output run --validate-every 0 ";
  TextWorkplace::check_done(work.run_program(program_named("obverse-train"), train));
  const auto continued = both_give("--prompt 'the cat' --greedy --tokens 6");
  REQUIRE(continued.size() == 1);
  CHECK(continued[0].at("tokens").size() == 6);
  write_file(work.at("prompts"), "the dog\nthe\nand then the dog sat on\n");
  CHECK(both_give("--input prompts --batch 3 --tokens 4 --seed 5").size() == 3);
  fs::remove_all(work.at("run"));
  TextWorkplace::check_done(
      work.run_program(program_named("obverse-train"), train + "--objective masked_uniform"));
  CHECK(both_give("--infill 'the cat <gap> on the mat' --greedy").size() == 1);
}

}  // namespace
}  // namespace obverse::tests

// obverse-train as its user meets it.
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() is not in <csignal>

#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "engine/checkpoint/safetensors.h"
#include "engine/data/token_file.h"
#include "kernels/core/random.h"
#include "tests/support/catch.h"
#include "tests/support/token_files.h"
#include "tests/support/workplace.h"

namespace obverse::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using tests::Ended;
using tests::lines_in;
using tests::read_file;

constexpr std::int32_t kVocabulary = 20, kEnd = 0;

// Texts in which each token tells most of the next one.
void write_tokens(const fs::path& path, std::int64_t count, std::uint64_t stream) {
  kernels::RandomSequence random({4, kernels::Purpose::test, stream});
  engine::TokenFileWriter writer(path, kVocabulary);
  std::vector<std::int32_t> ids;
  std::int32_t last = 3;
  for (std::int64_t i = 0; i < count; ++i) {
    if (i % 23 == 22) {
      ids.push_back(kEnd);
      continue;
    }
    last = random.uniform() < 0.8 ? 1 + (3 * last) % 19
                                  : 1 + static_cast<std::int32_t>(random.integer(19));
    ids.push_back(last);
  }
  writer.append({ids.data(), count});
  writer.finish();
}

class Workplace : public tests::Workplace {
 public:
  Workplace() : tests::Workplace("obverse-train") {
    fs::create_directories(at("data"));
    write_tokens(at("data/train_000.bin"), 3000, 1);
    write_tokens(at("data/validation_000.bin"), 400, 2);
  }

  std::vector<json> metrics(const std::string& folder = "out") const {
    std::vector<json> lines;
    std::istringstream text(read_file(at(folder + "/metrics.jsonl")));
    for (std::string line; std::getline(text, line);) {
      lines.push_back(json::parse(line));
      for (const char* timing : {"seconds", "tokens_per_second"}) lines.back().erase(timing);
    }
    return lines;
  }
  std::set<std::string> checkpoints(const std::string& folder = "out") const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(at(folder + "/checkpoints"))) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
};

// Small enough for a moment; `--threads 1`, since many tests run at a time.
const std::string kSmall =
    "--data data --vocabulary 20 --end-of-text 0 --layers 1 --width 16 --heads 2 --sequence 16 "
    "--batch 4 --warm-up-steps 5 --learning-rate 0.01 --threads 1 --validate-every 10 "
    "--validation-sequences 8 --checkpoint-every 20 --output out ";

const std::vector<std::string> kWhatACheckpointHolds{"model.safetensors", "optimizer.safetensors"};

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

// Equal metrics but for times, and equal files of the last checkpoint.
void check_same(const Workplace& one, const Workplace& other, const std::string& last) {
  CHECK(one.metrics() == other.metrics());
  for (const std::string& file : kWhatACheckpointHolds) {
    CAPTURE(file);
    CHECK(read_file(one.at("out/checkpoints/" + last + "/" + file)) ==
          read_file(other.at("out/checkpoints/" + last + "/" + file)));
  }
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

TEST_CASE("masked tokens are read and not asked", "[train]") {
  const Workplace work;
  const auto mask = [&work](const std::string& file, std::int64_t tokens, auto counts) {
    std::vector<std::uint8_t> bits;
    for (std::int64_t i = 0; i < tokens; ++i) bits.push_back(counts(i) ? 1 : 0);
    tests::write_mask(work.at("data/" + file + ".mask"), bits);
  };
  mask("train_000", 3000, [](std::int64_t i) { return i >= 2500; });
  mask("validation_000", 400, [](std::int64_t i) { return i % 2 == 0; });
  const Ended ended = work.run(kSmall + "--steps 20 --batch 1");
  CAPTURE(ended.err);
  REQUIRE(ended.status == 0);
  std::size_t nothing_asked = 0;
  for (const json& line : work.metrics()) {
    if (!line.contains("loss")) continue;
    nothing_asked += line.at("loss") == 0.0 ? 1 : 0;
  }
  CHECK(nothing_asked > 10);
  CHECK(nothing_asked < 20);
  const Ended other = work.run(kSmall + "--steps 1 --objective masked_uniform --output third");
  CHECK(other.err ==
        "obverse-train: objective: expected causal for token files with a loss mask, found "
        "masked_uniform\n");
  mask("validation_000", 400, [](std::int64_t) { return false; });
  const Ended refused = work.run(kSmall + "--steps 20 --output other");
  CHECK(refused.status == 1);
  CHECK(refused.err ==
        "obverse-train: data: expected validation texts whose loss mask leaves a token of the "
        "first 8 examples, found none\n");
}

TEST_CASE("token files tell which token ends a text", "[train]") {
  const Workplace work;
  std::string command = kSmall + "--steps 1 ";
  command.erase(command.find("--end-of-text 0 "), 16);
  const auto told_end = [&](const std::string& more) {
    const Ended ended = work.run(command + more);
    CAPTURE(ended.err);
    REQUIRE(ended.status == 0);
    return json::parse(read_file(work.at("out/checkpoints/step-00000001/config.json")))
        .value("eos_token_id", -1);
  };
  CHECK(told_end("") == -1);
  tests::write_file(work.at("data/texts.json"), R"({"end_of_text": 7})");
  fs::remove_all(work.at("out"));
  CHECK(told_end("--packing documents") == 7);
  fs::remove_all(work.at("out"));
  CHECK(told_end("--end-of-text 0") == 0);
  tests::write_file(work.at("data/texts.json"), R"({"end_of_text": 20})");
  CHECK(work.run(command).err ==
        "obverse-train: data/texts.json: end_of_text: expected an id below the vocabulary of 20, "
        "found 20\n");
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

TEST_CASE("a config file says what options say, and options go before it", "[train]") {
  const Workplace one, other;
  REQUIRE(one.run(kSmall + "--steps 12").status == 0);
  json settings = json::parse(read_file(one.at("out/settings.json")));
  settings["steps"] = 700;
  tests::write_file(other.at("config.json"), settings.dump());
  REQUIRE(other.run("--config config.json --steps 12").status == 0);
  check_same(one, other, "step-00000012");
}

TEST_CASE("a preset that is an option goes before a config file", "[train]") {
  const Workplace work;
  tests::write_file(work.at("config.json"), R"({"layers": 1, "width": 16, "heads": 2})");
  const Ended ended = work.run("export --config config.json --preset gpt2-124m --width 24 " +
                               kSmall.substr(0, kSmall.find("--layers")) +
                               "--steps 1 --sequence 16 --context 16 --output e");
  CAPTURE(ended.err);
  REQUIRE(ended.status == 0);
  const json config = json::parse(read_file(work.at("e/model/config.json")));
  CHECK(config.at("n_layer") == 12);
  CHECK(config.at("n_head") == 12);
  CHECK(config.at("n_embd") == 24);
}

TEST_CASE("a model that was trained can be trained on", "[train]") {
  const Workplace work;
  REQUIRE(work.run(kSmall + "--steps 40").status == 0);
  const Ended ended =
      work.run(kSmall +
               "--steps 1 --schedule constant --initial out --learning-rate 1e-9 --warm-up-steps 0 "
               "--output further");
  CAPTURE(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(work.metrics("further").front().at("loss") < 2.0);
  // What has begun needs the model that it began with no more.
  fs::rename(work.at("out"), work.at("moved"));
  const Ended resumed =
      work.run(kSmall +
               "--steps 2 --schedule constant --initial out --learning-rate 1e-9 --warm-up-steps 0 "
               "--output further");
  CAPTURE(resumed.err);
  CHECK(resumed.status == 0);
  // The architecture is that model's, which settings.json tells; another cannot be chosen.
  const Ended other = work.run(
      "--data data --vocabulary 20 --sequence 16 --initial moved --steps 1 --threads 1 "
      "--output fourth --validate-every 0");
  CAPTURE(other.err);
  REQUIRE(other.status == 0);
  const json settings = json::parse(read_file(work.at("fourth/settings.json")));
  CHECK(settings.at("layers") == 1);
  CHECK(settings.at("width") == 16);
  REQUIRE(work.run(kSmall + "--initial moved --dropout 0.25 --steps 1 --output eighth").status ==
          0);
  const json config =
      json::parse(read_file(work.at("eighth/checkpoints/step-00000001/config.json")));
  CHECK(config.at("obverse").at("architecture").at("dropout") == 0.25);
  const Ended chosen = work.run(kSmall + "--initial moved --layers 7 --output fifth");
  CHECK(chosen.err ==
        "obverse-train: layers: expected 1, which the model in moved/checkpoints/step-00000040 "
        "has, found 7\n");
  CHECK_FALSE(fs::exists(work.at("fifth")));
  // Weights of a causal model for one that reads both ways, but for a token that they do not have.
  const Ended masked =
      work.run(kSmall + "--initial moved --objective masked_uniform --output sixth");
  CHECK(
      masked.err ==
      "obverse-train: moved/checkpoints/step-00000040/config.json: vocabulary: expected 21, which "
      "texts, objective and settings ask for, found 20\n");
  CHECK_FALSE(fs::exists(work.at("sixth")));
  CHECK(work.run(kSmall + "--initial moved --objective prefix --output seventh --steps 1").status ==
        0);
  const Ended refused = work.run(kSmall + "--initial nowhere --output third");
  CHECK(refused.status == 1);
  CHECK(refused.err.find("nowhere: expected a folder with a model's config.json") !=
        std::string::npos);
}

TEST_CASE("an export is what a run begins with and reads", "[train]") {
  const Workplace work;
  REQUIRE(work.run(kSmall + "--steps 3").status == 0);
  const auto exported = [&work](const std::string& arguments, const std::string& name) {
    const Ended ended = work.run("export " + kSmall + "--steps 4 " + arguments);
    CAPTURE(ended.err);
    REQUIRE(ended.status == 0);
    return engine::read_safetensors(work.at("exported/" + name));
  };
  const engine::TensorFile examples = exported("--output exported", "examples.safetensors");
  CHECK(examples.tensors.at("inputs").shape == std::vector<std::int64_t>{4, 4, 16});
  CHECK(examples.tensors.at("validation_targets").shape == std::vector<std::int64_t>{8, 16});
  CHECK(examples.tensors.at("learning_rates").shape == std::vector<std::int64_t>{4});
  // Runs of other seeds read other windows, and are judged by the same ones.
  const auto of_seed = exported("--output exported --seed 1", "examples.safetensors");
  CHECK(of_seed.tensors.at("inputs").bytes != examples.tensors.at("inputs").bytes);
  CHECK(of_seed.tensors.at("validation_inputs").bytes ==
        examples.tensors.at("validation_inputs").bytes);
  // Whole texts begin with the token that stands before each, or with their own first one.
  for (const bool before : {false, true}) {
    const auto texts = exported(std::string("--packing none --output exported --delimiter ") +
                                    (before ? "before" : "behind"),
                                "examples.safetensors");
    const std::string& bytes = texts.tensors.at("inputs").bytes;
    int begin_with_end = 0;
    for (std::size_t example = 0; example < 16; ++example) {
      std::int32_t first = -1;
      std::memcpy(&first, bytes.data() + example * 16 * sizeof first, sizeof first);
      begin_with_end += first == kEnd ? 1 : 0;
    }
    // Texts of 23 tokens are cut after 17.
    CHECK((begin_with_end > 0) == before);
  }
  const auto drawn = exported("--output exported", "model/model.safetensors");
  const auto other = exported("--output exported --seed 1", "model/model.safetensors");
  const auto read = exported("--output exported --initial out", "model/model.safetensors");
  const auto trained =
      engine::read_safetensors(work.at("out/checkpoints/step-00000003/model.safetensors"));
  const std::string name = "transformer.wte.weight";
  CHECK(drawn.tensors.at(name).bytes != other.tensors.at(name).bytes);
  CHECK(drawn.tensors.at(name).bytes != trained.tensors.at(name).bytes);
  CHECK(read.tensors.at(name).bytes == trained.tensors.at(name).bytes);
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

// What a run begins with and reads: config files, models, token files and their masks.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "engine/checkpoint/safetensors.h"
#include "tests/train/workplace.h"

namespace obverse::train {
namespace {

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
  const std::string further =
      kSmall +
      "--schedule constant --initial out --learning-rate 1e-9 --warm-up-steps 0 --output further ";
  const Ended ended = work.run(further + "--steps 1");
  CAPTURE(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(work.metrics("further").front().at("loss") < 2.0);
  // What has begun needs the model that it began with no more.
  fs::rename(work.at("out"), work.at("moved"));
  const Ended resumed = work.run(further + "--steps 2");
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

}  // namespace
}  // namespace obverse::train

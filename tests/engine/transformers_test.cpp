// Models that go to Hugging Face's transformers and come from there give equal logits. Needs its
// Python packages: OBVERSE_PEERS_PYTHON names an interpreter that has them, else python3 is asked.
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/checkpoint/model_folder.h"
#include "engine/checkpoint/weights.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"
#include "tests/support/temporary_folder.h"

namespace obverse::engine {
namespace {

using nlohmann::json;

json read_json(const std::filesystem::path& path) { return json::parse(tests::read_file(path)); }

// The peer's exit status.
int run_peer(const std::string& command, const std::filesystem::path& folder) {
  const char* const python = std::getenv("OBVERSE_PEERS_PYTHON");
  const std::string line = std::string(python == nullptr ? "python3" : python) + " " +
                           OBVERSE_SOURCE_DIR + "/tests/engine/transformers_peer.py " + command +
                           " " + folder.string();
  const int status = std::system(line.c_str());  // NOLINT(cert-env33-c)
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::vector<float> logits_of(const Transformer& model, const json& ids) {
  std::vector<std::int32_t> flat;
  for (const json& row : ids) {
    for (const json& id : row) flat.push_back(id);
  }
  const auto rows = static_cast<std::int64_t>(ids.size());
  const auto columns = static_cast<std::int64_t>(ids.at(0).size());
  Tape tape(model.device(), Tape::Mode::inference);
  const Tensor input = Tensor::from(model.device(), {rows, columns}, flat);
  return model.logits(tape, {input, Tensor(), Tensor()}).data().to_vector<float>();
}

// Two float computations in other orders: a few units in the last place of the largest logit.
void check_close(const std::vector<float>& ours, const std::vector<float>& theirs) {
  REQUIRE(ours.size() == theirs.size());
  float largest = 0.0f, apart = 0.0f;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    largest = std::max(largest, std::abs(theirs[i]));
    apart = std::max(apart, std::abs(ours[i] - theirs[i]));
  }
  CAPTURE(largest, apart);
  CHECK(largest > 1.0f);
  CHECK(apart <= 1e-5f * largest);
}

TEST_CASE("transformers and the engine read each other's models", "[transformers]") {
  const tests::TemporaryFolder folder;
  const int made = run_peer("make", folder.path());
  if (made == 77) {
    std::printf("SKIPPED: no transformers; OBVERSE_PEERS_PYTHON names a python that has them\n");
    return;
  }
  REQUIRE(made == 0);
  int read = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    CAPTURE(entry.path().filename().string());
    const LoadedModel loaded = load_model(entry.path(), Device::cpu());
    check_close(logits_of(*loaded.model, read_json(entry.path() / "ids.json")),
                read_json(entry.path() / "logits.json"));
    ++read;
  }
  CHECK(read == 16);

  TransformerConfig gpt2;
  gpt2.width = 32;
  gpt2.vocabulary = 40;
  gpt2.context = 16;
  TransformerConfig llama = gpt2;
  llama.key_value_heads = 2;
  llama.position = PositionKind::rotary;
  llama.norm = NormKind::rms;
  llama.feed_forward = FeedForwardKind::swiglu;
  llama.rotary_base = 777.0;
  TransformerConfig longer = llama;
  longer.rotary_factor = 8.0;
  longer.rotary_original_context = 16.0;
  TransformerConfig untied = gpt2;
  untied.tied_embeddings = false;
  untied.hidden = 40;
  untied.norm_epsilon = 1e-3;
  for (const TransformerConfig& config : {gpt2, llama, longer, untied}) {
    const std::filesystem::path ours = folder.path() / "ours";
    const Transformer model(config, Device::cpu(), 1);
    auto values = tests::normal_values<float>(model.parameter_count(), 5);
    for (float& value : values) value *= 0.3f;
    set_parameter_values(model, values);
    std::filesystem::create_directories(ours);
    save_model(model, ours);
    const json ids = {tests::random_ids(9, 40, 1), tests::random_ids(9, 40, 2)};
    tests::write_file(ours / "ids.json", ids.dump());
    REQUIRE(run_peer("logits", ours) == 0);
    check_close(logits_of(model, ids), read_json(ours / "logits.json"));
  }
}

}  // namespace
}  // namespace obverse::engine

// Models as folders, in the layouts of Hugging Face's libraries.
#include "engine/checkpoint/model_folder.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/checkpoint/hugging_face.h"
#include "engine/checkpoint/safetensors.h"
#include "engine/checkpoint/stored_floats.h"
#include "engine/checkpoint/weights.h"
#include "tests/support/catch.h"
#include "tests/support/model_problem.h"
#include "tests/support/temporary_folder.h"

namespace obverse::engine {
namespace {

using nlohmann::json;
using tests::TemporaryFolder;

TransformerConfig llama_like() {
  TransformerConfig config = tests::tiny_model();
  config.heads = 4;
  config.key_value_heads = 2;
  config.position = PositionKind::rotary;
  config.norm = NormKind::rms;
  config.feed_forward = FeedForwardKind::swiglu;
  config.biases = false;
  config.tied_embeddings = false;
  config.rotary_base = 500.0;
  config.norm_epsilon = 1e-6;
  return config;
}

std::vector<float> random_weights(const Transformer& model) {
  return tests::normal_values<float>(model.parameter_count(), 7);
}

std::vector<float> logits_of(const Transformer& model) {
  Tape tape(model.device(), Tape::Mode::inference);
  const Tensor ids = Tensor::from<std::int32_t>(model.device(), {1, 5}, {3, 1, 4, 1, 5});
  return model.logits(tape, {ids, Tensor(), Tensor()}).data().to_vector<float>();
}

std::string failure_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing thrown";
}

// Changes one field of a saved model's config.json; null takes it out.
void change_config(const std::filesystem::path& folder, const json& patch) {
  json config = json::parse(tests::read_file(folder / "config.json"));
  config.merge_patch(patch);
  tests::write_file(folder / "config.json", config.dump());
}

TEST_CASE("models of every family come back as they were saved", "[checkpoint]") {
  std::vector<std::pair<ModelFamily, TransformerConfig>> cases{
      {ModelFamily::gpt2, tests::tiny_model()}, {ModelFamily::llama, llama_like()}};
  TransformerConfig untied = tests::tiny_model();
  untied.tied_embeddings = false;
  cases.emplace_back(ModelFamily::gpt2, untied);
  TransformerConfig biased = llama_like();
  biased.biases = true;
  biased.tied_embeddings = true;
  cases.emplace_back(ModelFamily::llama, biased);
  TransformerConfig longer = llama_like();
  longer.rotary_factor = 8.0;
  longer.rotary_original_context = 4.0;
  cases.emplace_back(ModelFamily::llama, longer);
  TransformerConfig masked = tests::tiny_model();
  masked.mask = MaskKind::bidirectional;
  cases.emplace_back(ModelFamily::obverse, masked);
  TransformerConfig other = tests::tiny_model();
  other.feed_forward = FeedForwardKind::relu2;
  other.dropout = 0.1;
  cases.emplace_back(ModelFamily::obverse, other);
  for (const auto& [family, config] : cases) {
    const TemporaryFolder folder;
    CHECK(family_of(config) == family);
    const Transformer saved(config, Device::cpu(), 1);
    set_parameter_values(saved, random_weights(saved));
    save_model(saved, folder.path(), {{"note", 7}});
    const LoadedModel loaded = load_model(folder.path(), Device::cpu());
    CAPTURE(loaded.config.dump());
    CHECK(loaded.config.at("note") == 7);
    CHECK(loaded.model->config() == config.resolved());
    CHECK(parameter_values(*loaded.model) == parameter_values(saved));
    CHECK(logits_of(*loaded.model) == logits_of(saved));
  }
}

// As they are written in GPT-2's published file and in Llama's, by hand.
TEST_CASE("tensors have the names and shapes that transformers gives them", "[checkpoint]") {
  const TemporaryFolder folder;
  const auto shape_of = [&folder](const std::string& name) {
    return read_safetensors(folder.path() / "model.safetensors").tensors.at(name).shape;
  };
  using Sizes = std::vector<std::int64_t>;
  const Transformer gpt2(tests::tiny_model(), Device::cpu(), 1);
  save_model(gpt2, folder.path());
  CHECK(read_safetensors(folder.path() / "model.safetensors").tensors.size() == 2 + 2 * 12 + 2);
  CHECK(shape_of("transformer.wte.weight") == Sizes{11, 8});
  CHECK(shape_of("transformer.wpe.weight") == Sizes{6, 8});
  CHECK(shape_of("transformer.h.1.attn.c_attn.weight") == Sizes{8, 24});
  CHECK(shape_of("transformer.h.1.attn.c_attn.bias") == Sizes{24});
  CHECK(shape_of("transformer.h.0.mlp.c_fc.weight") == Sizes{8, 12});
  CHECK(shape_of("transformer.h.0.mlp.c_proj.weight") == Sizes{12, 8});
  CHECK(shape_of("transformer.ln_f.bias") == Sizes{8});
  json config = json::parse(tests::read_file(folder.path() / "config.json"));
  CHECK(config.at("model_type") == "gpt2");
  CHECK(config.at("n_inner") == 12);

  const Transformer llama(llama_like(), Device::cpu(), 1);
  save_model(llama, folder.path());
  CHECK(read_safetensors(folder.path() / "model.safetensors").tensors.size() == 3 + 2 * 9);
  CHECK(shape_of("model.embed_tokens.weight") == Sizes{11, 8});
  CHECK(shape_of("model.layers.1.self_attn.q_proj.weight") == Sizes{8, 8});
  CHECK(shape_of("model.layers.1.self_attn.k_proj.weight") == Sizes{4, 8});
  CHECK(shape_of("model.layers.0.mlp.gate_proj.weight") == Sizes{12, 8});
  CHECK(shape_of("model.layers.0.mlp.down_proj.weight") == Sizes{8, 12});
  CHECK(shape_of("lm_head.weight") == Sizes{11, 8});
  config = json::parse(tests::read_file(folder.path() / "config.json"));
  CHECK(config.at("num_key_value_heads") == 2);
  CHECK(config.at("rope_theta") == 500.0);
}

TEST_CASE("halves are read as the numbers that they are", "[checkpoint]") {
  StoredTensor halves;
  halves.type = "F16";
  const std::vector<std::uint16_t> bits{0x3c00, 0xc000, 0x0001, 0x83ff, 0x0400,
                                        0x7bff, 0x7c00, 0x8000, 0x3555};
  halves.bytes.assign(reinterpret_cast<const char*>(bits.data()), 2 * bits.size());
  const std::vector<float> values = floats_of(halves);
  CHECK(values[0] == 1.0f);
  CHECK(values[1] == -2.0f);
  CHECK(values[2] == std::ldexp(1.0f, -24));
  CHECK(values[3] == -1023.0f * std::ldexp(1.0f, -24));
  CHECK(values[4] == std::ldexp(1.0f, -14));
  CHECK(values[5] == 65504.0f);
  CHECK(values[6] == std::numeric_limits<float>::infinity());
  CHECK(std::bit_cast<std::uint32_t>(values[7]) == 0x80000000u);
  CHECK(values[8] == 1365.0f / 4096.0f);
  halves.type = "BF16";
  CHECK(floats_of(halves)[1] == -2.0f);
  CHECK(floats_of(halves)[0] == 0.0078125f);
  halves.type = "I16";
  CHECK_THROWS_WITH(floats_of(halves), ContainsSubstring("expected F32, F16 or BF16, got I16"));
}

TEST_CASE("published files are read as they come", "[checkpoint]") {
  const TemporaryFolder folder;
  const Transformer saved(tests::tiny_model(), Device::cpu(), 1);
  set_parameter_values(saved, random_weights(saved));
  save_model(saved, folder.path());
  // Without our own field, without the prefix, with the masks that GPT-2's file holds.
  change_config(folder.path(), {{"obverse", nullptr}});
  const std::filesystem::path path = folder.path() / "model.safetensors";
  const TensorFile whole = read_safetensors(path);
  TensorFile bare;
  const std::string prefix = "transformer.";
  for (const auto& [name, tensor] : whole.tensors)
    bare.tensors[name.substr(prefix.size())] = tensor;
  bare.tensors["h.0.attn.bias"] = stored_floats({1, 1, 2, 2}, {1, 0, 1, 1});
  bare.tensors["h.0.attn.masked_bias"] = stored_floats({}, {-1e4f});
  bare.tensors["lm_head.weight"] = bare.tensors.at("wte.weight");
  write_safetensors(path, bare);
  CHECK(parameter_values(*load_model(folder.path(), Device::cpu()).model) ==
        parameter_values(saved));

  // In two files.
  std::filesystem::remove(path);
  TensorFile parts[2];
  json map;
  int next = 0;
  for (const auto& [name, tensor] : whole.tensors) {
    map[name] = "part-" + std::to_string(next % 2) + ".safetensors";
    parts[next++ % 2].tensors[name] = tensor;
  }
  for (int i : {0, 1}) {
    write_safetensors(folder.path() / ("part-" + std::to_string(i) + ".safetensors"), parts[i]);
  }
  const std::filesystem::path index = folder.path() / "model.safetensors.index.json";
  tests::write_file(index, json{{"weight_map", map}}.dump());
  CHECK(parameter_values(*load_model(folder.path(), Device::cpu()).model) ==
        parameter_values(saved));
  const auto failure = [&folder] {
    return failure_of([&] { load_model(folder.path(), Device::cpu()); });
  };
  // One tensor in both files: which of them is meant?
  parts[1].tensors["transformer.wpe.weight"] = whole.tensors.at("transformer.wpe.weight");
  parts[0].tensors["transformer.wpe.weight"] = whole.tensors.at("transformer.wpe.weight");
  for (int i : {0, 1}) {
    write_safetensors(folder.path() / ("part-" + std::to_string(i) + ".safetensors"), parts[i]);
  }
  CHECK(failure() == (folder.path() / "part-1.safetensors").string() +
                         ": tensor \"transformer.wpe.weight\": expected it in one file, found it "
                         "in a second one");
  tests::write_file(index, R"({"weight_map": {"w": "../elsewhere"}})");
  CHECK(failure() == index.string() + ": weight_map: expected file names, found \"../elsewhere\"");
  tests::write_file(index, "[]");
  CHECK(failure() == index.string() + ": weight_map: expected an object of file names");
  std::filesystem::remove(index);
  CHECK(failure() == path.string() + ": expected the model's weights, found no such file");
}

TEST_CASE("a folder that is no model of ours is one line that names file and field",
          "[checkpoint]") {
  const TemporaryFolder folder;
  const std::string config = (folder.path() / "config.json").string();
  const auto failure = [&folder] {
    return failure_of([&] { load_model(folder.path(), Device::cpu()); });
  };
  CHECK(failure() == config + ": expected the model's architecture, found no such file");
  const Transformer llama(llama_like(), Device::cpu(), 1);
  const auto told = [&](const json& patch) {
    save_model(llama, folder.path());
    change_config(folder.path(), patch);
    const std::string message = failure();
    CHECK(message.find('\n') == std::string::npos);
    REQUIRE(message.rfind(config + ": ", 0) == 0);
    return message.substr(config.size() + 2);
  };
  const json theirs = {{"obverse", nullptr}};
  const auto also = [&theirs](json patch) {
    patch.update(theirs);
    return patch;
  };
  CHECK(told({{"model_type", "bert"}}) ==
        "model_type: expected \"gpt2\", \"llama\" or \"obverse\", found \"bert\"");
  CHECK(told(also({{"hidden_size", nullptr}})) ==
        "hidden_size: expected a whole number, found none");
  CHECK(told(also({{"num_hidden_layers", "two"}})) ==
        "num_hidden_layers: expected a whole number, found \"two\"");
  CHECK(told(also({{"rope_scaling", {{"rope_type", "llama3"}}}})) ==
        "factor: expected a number, found none");
  CHECK(told(also({{"rope_scaling", {{"type", "yarn"}}}})) ==
        "type: expected \"default\", \"linear\" or \"llama3\", found \"yarn\"");
  CHECK(told(also({{"rope_scaling", 3}})) == "rope_scaling: expected an object, found 3");
  CHECK(told({{"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}}})
            .rfind("obverse.architecture.rotary_factor: expected 2.0, as the other fields have it, "
                   "found null",
                   0) == 0);
  CHECK(told(also({{"hidden_act", "gelu"}})) == "hidden_act: expected \"silu\", found \"gelu\"");
  CHECK(told(also({{"head_dim", 64}})) == "head_dim: expected 2, found 64");
  CHECK(told(also({{"num_attention_heads", 3}})) ==
        "[transformer] expected heads to divide width, got 3 heads and width 8");
  CHECK(told({{"intermediate_size", 16}})
            .rfind("obverse.architecture.hidden: expected 16, as the other "
                   "fields have it, found 12",
                   0) == 0);
  CHECK(told({{"obverse", {{"architecture", {{"mask", "sideways"}}}}}}).find("mask") !=
        std::string::npos);
  tests::write_file(config, "{");
  CHECK(failure() == config + ": expected JSON");

  save_model(llama, folder.path());
  const std::filesystem::path path = folder.path() / "model.safetensors";
  TensorFile file = read_safetensors(path);
  file.tensors["model.layers.7.mlp.up_proj.weight"] = stored_floats({1}, {1.0f});
  write_safetensors(path, file);
  CHECK(failure() ==
        path.string() +
            ": tensor \"model.layers.7.mlp.up_proj.weight\": expected none of this name in such a "
            "model");
  file = TensorFile();
  write_safetensors(path, file);
  CHECK(failure() ==
        path.string() + ": expected the tensor \"model.embed_tokens.weight\", found none");
  file.tensors["model.embed_tokens.weight"] = stored_floats({8, 11}, std::vector<float>(88));
  write_safetensors(path, file);
  CHECK(failure() == path.string() +
                         ": tensor \"model.embed_tokens.weight\": expected F32, F16 or BF16 "
                         "[11, 8], found F32 [8, 11]");
  file.tensors["model.embed_tokens.weight"] = {"I32", {11, 8}, std::string(4 * 88, '\0')};
  write_safetensors(path, file);
  CHECK(failure() == path.string() +
                         ": tensor \"model.embed_tokens.weight\": expected F32, F16 or BF16 "
                         "[11, 8], found I32 [11, 8]");
}

// Which rows of a packed parameter are which tensor: transformers' classes compute
// down(silu(gate x) * up x) and softmax(q k) v, and ours with the halves and thirds in this order.
TEST_CASE("packed parameters are taken apart in their order", "[checkpoint]") {
  const TemporaryFolder folder;
  const auto saved = [&folder](const TransformerConfig& config) {
    const Transformer model(config, Device::cpu(), 1);
    // Each parameter's values count from 0 on.
    std::vector<float> values;
    for (const Parameter& parameter : model.parameters()) {
      for (std::int64_t i = 0; i < parameter.variable.shape().elements(); ++i) {
        values.push_back(static_cast<float>(i));
      }
    }
    set_parameter_values(model, values);
    save_model(model, folder.path());
    return read_safetensors(folder.path() / "model.safetensors");
  };
  const TensorFile llama = saved(llama_like());
  CHECK(llama.metadata.at("format") == "pt");  // which transformers asks for
  const auto first_of = [](const TensorFile& file, const std::string& name) {
    return floats_of(file.tensors.at(name)).front();
  };
  const std::string block = "model.layers.1.";
  CHECK(first_of(llama, block + "mlp.gate_proj.weight") == 0.0f);
  CHECK(first_of(llama, block + "mlp.up_proj.weight") == 12.0f * 8.0f);
  CHECK(first_of(llama, block + "self_attn.q_proj.weight") == 0.0f);
  CHECK(first_of(llama, block + "self_attn.k_proj.weight") == 8.0f * 8.0f);
  CHECK(first_of(llama, block + "self_attn.v_proj.weight") == 12.0f * 8.0f);
  const TensorFile gpt2 = saved(tests::tiny_model());
  // Theirs are [input, output].
  const auto packed = floats_of(gpt2.tensors.at("transformer.h.0.attn.c_attn.weight"));
  CHECK(packed[1] == 8.0f);
  CHECK(packed[24] == 1.0f);
}

// What transformers takes for fields that a config.json does not have, and what it means by others.
TEST_CASE("a config.json is read as transformers reads it", "[checkpoint]") {
  const auto read = [](const json& fields) { return config_from_json("config.json", fields); };
  const json gpt2 = {{"model_type", "gpt2"}, {"vocab_size", 11}, {"n_positions", 6},
                     {"n_embd", 8},          {"n_layer", 2},     {"n_head", 2}};
  CHECK(read(gpt2).norm_epsilon == 1e-5);
  CHECK(read(gpt2).tied_embeddings);
  CHECK(read(gpt2).hidden == 32);
  CHECK(config_to_json(read(gpt2)).at("activation_function") == "gelu_new");
  json llama = {{"model_type", "llama"},  {"vocab_size", 11},       {"max_position_embeddings", 6},
                {"hidden_size", 8},       {"num_hidden_layers", 2}, {"num_attention_heads", 2},
                {"intermediate_size", 12}};
  CHECK(read(llama).norm_epsilon == 1e-6);
  CHECK_FALSE(read(llama).tied_embeddings);
  CHECK_FALSE(read(llama).biases);
  CHECK(read(llama).key_value_heads == 2);
  CHECK(read(llama).rotary_base == 10000.0);
  llama["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 77.0}};
  CHECK(read(llama).rotary_base == 77.0);
  CHECK(read(llama).rotary_factor == 1.0);
  llama["rope_parameters"]["rope_type"] = "llama3";
  llama["rope_parameters"].update({{"factor", 32.0},
                                   {"low_freq_factor", 2.0},
                                   {"high_freq_factor", 5.0},
                                   {"original_max_position_embeddings", 4096}});
  CHECK(read(llama).rotary_factor == 32.0);
  CHECK(read(llama).rotary_slow_turns == 2.0);
  CHECK(read(llama).rotary_fast_turns == 5.0);
  CHECK(read(llama).rotary_original_context == 4096.0);
  llama.erase("rope_parameters");
  llama["rope_scaling"] = {{"type", "linear"}, {"factor", 4}};
  CHECK(read(llama).rotary_factor == 4.0);
  CHECK(read(llama).rotary_original_context == 0.0);
  CHECK(config_to_json(read(llama)).at("rope_scaling").at("rope_type") == "linear");
  llama.erase("rope_scaling");
  const auto told = [&read](json fields, const char* name, const json& value) {
    fields[name] = value;
    return failure_of([&] { read(fields); });
  };
  CHECK(told(gpt2, "activation_function", "relu") ==
        "config.json: activation_function: expected \"gelu_new\", found \"relu\"");
  CHECK(told(gpt2, "scale_attn_by_inverse_layer_idx", true) ==
        "config.json: scale_attn_by_inverse_layer_idx: expected false, found true");
  CHECK(told(gpt2, "scale_attn_weights", false) ==
        "config.json: scale_attn_weights: expected true, found false");
  CHECK(told(gpt2, "add_cross_attention", true) ==
        "config.json: add_cross_attention: expected false, found true");
  CHECK(told(llama, "mlp_bias", true) == "config.json: mlp_bias: expected false, found true");
  CHECK(told(llama, "pretraining_tp", 2) == "config.json: pretraining_tp: expected 1, found 2");
  // What has no class there is told to be ours.
  TransformerConfig grouped = tests::tiny_model();
  grouped.heads = 4;
  grouped.key_value_heads = 2;
  CHECK(family_of(grouped) == ModelFamily::obverse);
}

TEST_CASE("an architecture with bytes changed at random is read or refused in one line",
          "[checkpoint]") {
  const TemporaryFolder folder;
  const Transformer llama(llama_like(), Device::cpu(), 1);
  save_model(llama, folder.path());
  const std::filesystem::path path = folder.path() / "config.json";
  const std::string whole = tests::read_file(path);
  kernels::RandomSequence random({17, kernels::Purpose::test, 1});
  constexpr int kInputs = 400;
  int refused = 0;
  for (int i = 0; i < kInputs; ++i) {
    std::string changed = whole;
    const auto place = static_cast<std::size_t>(random.integer(changed.size()));
    switch (random.integer(3)) {
      case 0:
        changed[place] = static_cast<char>(random.integer(256));
        break;
      case 1:
        changed.erase(place, 1 + random.integer(9));
        break;
      default:
        changed.insert(place, changed, random.integer(changed.size()), 1 + random.integer(9));
    }
    tests::write_file(path, changed);
    CAPTURE(changed);
    const std::string message = failure_of([&] {
      json config;
      read_model_config(folder.path(), config);
    });
    if (message == "nothing thrown") continue;
    ++refused;
    REQUIRE(message.rfind(path.string() + ": ", 0) == 0);
    REQUIRE(message.find('\n') == std::string::npos);
  }
  CHECK(refused > kInputs / 2);
}

}  // namespace
}  // namespace obverse::engine

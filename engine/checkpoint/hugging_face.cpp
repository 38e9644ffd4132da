#include "engine/checkpoint/hugging_face.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "engine/files/shown_json.h"

namespace obverse::engine {
namespace {

using nlohmann::json;

json gpt2_to_json(const TransformerConfig& c) {
  return {{"architectures", {"GPT2LMHeadModel"}},
          {"model_type", "gpt2"},
          {"vocab_size", c.vocabulary},
          {"n_positions", c.context},
          {"n_ctx", c.context},
          {"n_embd", c.width},
          {"n_layer", c.layers},
          {"n_head", c.heads},
          {"n_inner", c.hidden},
          {"activation_function", "gelu_new"},
          {"layer_norm_epsilon", c.norm_epsilon},
          {"embd_pdrop", c.dropout},
          {"resid_pdrop", c.dropout},
          {"attn_pdrop", 0.0},
          {"tie_word_embeddings", c.tied_embeddings}};
}

json rope_scaling_of(const TransformerConfig& c) {
  if (c.rotary_factor == 1.0) return nullptr;
  if (c.rotary_original_context == 0.0) {
    return {{"rope_type", "linear"}, {"factor", c.rotary_factor}};
  }
  return {
      {"rope_type", "llama3"},
      {"factor", c.rotary_factor},
      {"low_freq_factor", c.rotary_slow_turns},
      {"high_freq_factor", c.rotary_fast_turns},
      {"original_max_position_embeddings", static_cast<std::int64_t>(c.rotary_original_context)}};
}

json llama_to_json(const TransformerConfig& c) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"vocab_size", c.vocabulary},
          {"max_position_embeddings", c.context},
          {"hidden_size", c.width},
          {"num_hidden_layers", c.layers},
          {"num_attention_heads", c.heads},
          {"num_key_value_heads", c.key_value_heads},
          {"head_dim", c.head_size()},
          {"intermediate_size", c.hidden},
          {"hidden_act", "silu"},
          {"rms_norm_eps", c.norm_epsilon},
          {"rope_theta", c.rotary_base},
          {"rope_scaling", rope_scaling_of(c)},
          {"attention_bias", c.biases},
          {"attention_dropout", 0.0},
          {"mlp_bias", c.biases},
          {"tie_word_embeddings", c.tied_embeddings}};
}

// Fields of a config.json, and one-line complaints about them.
class Fields {
 public:
  Fields(const std::filesystem::path& path, const json& fields) : path_(path), fields_(fields) {}

  [[noreturn]] void refuse(const std::string& field, const std::string& expected) const {
    throw std::runtime_error(path_.string() + ": " + field + ": expected " + expected + ", found " +
                             (has(field) ? shown_json(fields_.at(field)) : "none"));
  }
  bool has(const std::string& field) const { return fields_.contains(field); }
  bool given(const std::string& field) const { return has(field) && !fields_.at(field).is_null(); }
  const json& at(const std::string& field) const { return fields_.at(field); }

  std::int64_t size(const std::string& field) const {
    if (!given(field) || !at(field).is_number_integer()) refuse(field, "a whole number");
    return at(field).get<std::int64_t>();
  }
  std::int64_t size(const std::string& field, std::int64_t usual) const {
    return given(field) ? size(field) : usual;
  }
  double number(const std::string& field, double usual) const {
    if (!given(field)) return usual;
    if (!at(field).is_number()) refuse(field, "a number");
    return at(field).get<double>();
  }
  bool flag(const std::string& field, bool usual) const {
    if (!given(field)) return usual;
    if (!at(field).is_boolean()) refuse(field, "true or false");
    return at(field).get<bool>();
  }
  // What this engine has one of: anything else is another model.
  void only(const std::string& field, const json& value) const {
    if (given(field) && at(field) != value) refuse(field, shown_json(value));
  }

 private:
  const std::filesystem::path& path_;
  const json& fields_;
};

TransformerConfig gpt2_from_json(const Fields& fields) {
  TransformerConfig c;
  c.vocabulary = fields.size("vocab_size");
  c.context = fields.size("n_positions");
  c.width = fields.size("n_embd");
  c.layers = fields.size("n_layer");
  c.heads = fields.size("n_head");
  c.hidden = fields.size("n_inner", 4 * c.width);
  c.norm_epsilon = fields.number("layer_norm_epsilon", 1e-5);
  c.dropout = 0.0;  // of theirs one rate a place; what it was trained with changes no logit
  c.tied_embeddings = fields.flag("tie_word_embeddings", true);
  if (fields.given("activation_function") && fields.at("activation_function") != "gelu_new" &&
      fields.at("activation_function") != "gelu_pytorch_tanh") {
    fields.refuse("activation_function", "\"gelu_new\"");
  }
  fields.only("scale_attn_weights", true);
  fields.only("scale_attn_by_inverse_layer_idx", false);
  fields.only("add_cross_attention", false);
  return c;
}

// What the field `name` says of rotary positions, if it is there.
void read_rotary(const std::filesystem::path& path, const Fields& fields, const char* name,
                 TransformerConfig& c) {
  if (!fields.given(name)) return;
  const json& described = fields.at(name);
  if (!described.is_object()) fields.refuse(name, "an object");
  const Fields rotary(path, described);
  c.rotary_base = rotary.number("rope_theta", c.rotary_base);
  // By its older name where that alone is there.
  const char* const type_name = rotary.given("rope_type") ? "rope_type" : "type";
  const json type = rotary.given(type_name) ? rotary.at(type_name) : json("default");
  if (type == "default") return;
  if (type != "llama3" && type != "linear") {
    rotary.refuse(type_name, "\"default\", \"linear\" or \"llama3\"");
  }
  const auto needed = [&rotary](const char* field) {
    if (!rotary.given(field)) rotary.refuse(field, "a number");
    return rotary.number(field, 0.0);
  };
  c.rotary_factor = needed("factor");
  if (type == "linear") {
    c.rotary_original_context = 0.0;
    return;
  }
  c.rotary_slow_turns = needed("low_freq_factor");
  c.rotary_fast_turns = needed("high_freq_factor");
  c.rotary_original_context = needed("original_max_position_embeddings");
}

TransformerConfig llama_from_json(const std::filesystem::path& path, const Fields& fields) {
  TransformerConfig c;
  c.position = PositionKind::rotary;
  c.norm = NormKind::rms;
  c.feed_forward = FeedForwardKind::swiglu;
  c.vocabulary = fields.size("vocab_size");
  c.context = fields.size("max_position_embeddings");
  c.width = fields.size("hidden_size");
  c.layers = fields.size("num_hidden_layers");
  c.heads = fields.size("num_attention_heads");
  c.key_value_heads = fields.size("num_key_value_heads", c.heads);
  c.hidden = fields.size("intermediate_size");
  c.norm_epsilon = fields.number("rms_norm_eps", 1e-6);
  c.rotary_base = fields.number("rope_theta", 10000.0);
  read_rotary(path, fields, "rope_scaling", c);
  read_rotary(path, fields, "rope_parameters", c);  // where newer files have all of it
  c.tied_embeddings = fields.flag("tie_word_embeddings", false);
  c.biases = fields.flag("attention_bias", false);
  fields.only("mlp_bias", c.biases);
  fields.only("hidden_act", "silu");
  fields.only("pretraining_tp", 1);
  if (c.heads > 0 && c.width % c.heads == 0) fields.only("head_dim", c.width / c.heads);
  return c;
}

TensorPiece whole(const std::string& name, std::int64_t rows, bool transposed = false) {
  return {name, 0, rows, transposed};
}

// By the names of one block's parameters; what they do not know is refused.
ParameterLayout gpt2_parameter(const std::string& name, std::int64_t rows,
                               const std::string& prefix) {
  static const std::map<std::string, std::string> kOuter = {
      {"token_embedding.weight", "wte.weight"},
      {"position_embedding.weight", "wpe.weight"},
      {"outer_norm.gain", "ln_f.weight"},
      {"outer_norm.bias", "ln_f.bias"}};
  static const std::map<std::string, std::string> kInner = {
      {"attention_norm.gain", "ln_1.weight"},
      {"attention_norm.bias", "ln_1.bias"},
      {"attention.packed.weight", "attn.c_attn.weight"},
      {"attention.packed.bias", "attn.c_attn.bias"},
      {"attention.projection.weight", "attn.c_proj.weight"},
      {"attention.projection.bias", "attn.c_proj.bias"},
      {"feed_forward_norm.gain", "ln_2.weight"},
      {"feed_forward_norm.bias", "ln_2.bias"},
      {"feed_forward.up.weight", "mlp.c_fc.weight"},
      {"feed_forward.up.bias", "mlp.c_fc.bias"},
      {"feed_forward.down.weight", "mlp.c_proj.weight"},
      {"feed_forward.down.bias", "mlp.c_proj.bias"}};
  if (name == "head.weight") return {{whole("lm_head.weight", rows)}};
  if (const auto outer = kOuter.find(name); outer != kOuter.end()) {
    return {{whole(prefix + outer->second, rows)}};
  }
  // "blocks.3.": theirs are "h.3."
  const std::size_t number = name.find('.') + 1, behind = name.find('.', number) + 1;
  const std::string& inner = kInner.at(name.substr(behind));
  // Their layers are one-dimensional convolutions, whose weights are [input, output].
  const bool matrix = inner.compare(0, 2, "ln") != 0 && inner.find("weight") != std::string::npos;
  return {{whole(prefix + "h." + name.substr(number, behind - number) + inner, rows, matrix)}};
}

ParameterLayout llama_parameter(const std::string& name, std::int64_t rows,
                                const TransformerConfig& c) {
  static const std::map<std::string, std::string> kOuter = {
      {"token_embedding.weight", "model.embed_tokens.weight"},
      {"outer_norm.gain", "model.norm.weight"},
      {"head.weight", "lm_head.weight"}};
  static const std::map<std::string, std::string> kInner = {
      {"attention_norm.gain", "input_layernorm.weight"},
      {"attention.projection.weight", "self_attn.o_proj.weight"},
      {"attention.projection.bias", "self_attn.o_proj.bias"},
      {"feed_forward_norm.gain", "post_attention_layernorm.weight"},
      {"feed_forward.down.weight", "mlp.down_proj.weight"},
      {"feed_forward.down.bias", "mlp.down_proj.bias"}};
  if (const auto outer = kOuter.find(name); outer != kOuter.end()) {
    return {{whole(outer->second, rows)}};
  }
  const std::size_t number = name.find('.') + 1, behind = name.find('.', number) + 1;
  const std::string block = "model.layers." + name.substr(number, behind - number);
  const std::string inner = name.substr(behind);
  const std::string kind = inner.substr(inner.rfind('.'));  // ".weight" or ".bias"
  if (inner.rfind("attention.packed", 0) == 0) {
    const std::int64_t query = c.heads * c.head_size(), key = c.key_value_heads * c.head_size();
    return {{{block + "self_attn.q_proj" + kind, 0, query},
             {block + "self_attn.k_proj" + kind, query, key},
             {block + "self_attn.v_proj" + kind, query + key, key}}};
  }
  if (inner.rfind("feed_forward.up", 0) == 0) {
    return {{{block + "mlp.gate_proj" + kind, 0, c.hidden},
             {block + "mlp.up_proj" + kind, c.hidden, c.hidden}}};
  }
  return {{whole(block + kInner.at(inner), rows)}};
}

}  // namespace

ModelFamily family_of(const TransformerConfig& config) {
  const TransformerConfig c = config.resolved();
  if (c.mask != MaskKind::causal || c.query_key_norm || c.norm_placement != NormPlacement::pre) {
    return ModelFamily::obverse;
  }
  if (c.position == PositionKind::learned && c.norm == NormKind::layer && c.biases &&
      c.feed_forward == FeedForwardKind::gelu && c.key_value_heads == c.heads) {
    return ModelFamily::gpt2;
  }
  if (c.position == PositionKind::rotary && c.norm == NormKind::rms &&
      c.feed_forward == FeedForwardKind::swiglu) {
    return ModelFamily::llama;
  }
  return ModelFamily::obverse;
}

json config_to_json(const TransformerConfig& config) {
  const TransformerConfig c = config.resolved();
  json result = {{"model_type", "obverse"}};
  if (family_of(c) == ModelFamily::gpt2) result = gpt2_to_json(c);
  if (family_of(c) == ModelFamily::llama) result = llama_to_json(c);
  result["torch_dtype"] = "float32";
  result["obverse"]["architecture"] = c;
  return result;
}

TransformerConfig config_from_json(const std::filesystem::path& path, const json& fields) {
  const auto refuse = [&](const std::string& what) {
    throw std::runtime_error(path.string() + ": " + what);
  };
  if (!fields.is_object()) refuse("expected a JSON object");
  const Fields all(path, fields);
  const json family = fields.value("model_type", json());
  TransformerConfig theirs;
  if (family == "gpt2") {
    theirs = gpt2_from_json(all).resolved();
  } else if (family == "llama") {
    theirs = llama_from_json(path, all).resolved();
  } else if (family != "obverse") {
    all.refuse("model_type", "\"gpt2\", \"llama\" or \"obverse\"");
  }
  TransformerConfig config = theirs;
  const json own = fields.value("obverse", json::object());
  try {
    if (own.is_object() && own.contains("architecture")) {
      config = own.at("architecture").get<TransformerConfig>().resolved();
    } else if (family == "obverse") {
      refuse("obverse.architecture: expected the fields of an architecture, found none");
    }
    config.validate();
  } catch (const std::invalid_argument& error) {
    refuse(error.what());
  } catch (const json::exception& error) {
    refuse(std::string("obverse.architecture: ") + error.what());
  }
  if (family == "obverse") return config;
  // Somebody changed one of the two; guessing which would load another model. Of dropout theirs
  // says nothing that holds for ours.
  theirs.dropout = config.dropout;
  if (family == "gpt2") {
    theirs.rotary_base = config.rotary_base;
    theirs.rotary_factor = config.rotary_factor;
    theirs.rotary_slow_turns = config.rotary_slow_turns;
    theirs.rotary_fast_turns = config.rotary_fast_turns;
    theirs.rotary_original_context = config.rotary_original_context;
  }
  const json here = theirs, there = config;
  json names = here;
  names.update(there);
  for (const auto& name : names.items()) {
    const json expected = here.value(name.key(), json()), found = there.value(name.key(), json());
    if (found != expected) {
      refuse("obverse.architecture." + name.key() + ": expected " + shown_json(expected) +
             ", as the other fields have it, found " + shown_json(found));
    }
  }
  return config;
}

TensorLayout family_layout(const Transformer& model, ModelFamily family, bool prefixed) {
  const TransformerConfig& c = model.config();
  if (family == ModelFamily::obverse) return own_layout(model);
  TensorLayout layout;
  for (const Parameter& parameter : model.parameters()) {
    const std::int64_t rows = parameter.variable.shape()[0];
    layout.push_back(family == ModelFamily::gpt2
                         ? gpt2_parameter(parameter.name, rows, prefixed ? "transformer." : "")
                         : llama_parameter(parameter.name, rows, c));
  }
  return layout;
}

}  // namespace obverse::engine

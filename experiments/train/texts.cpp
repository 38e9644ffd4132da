#include "experiments/train/texts.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "engine/data/next_token_source.h"
#include "engine/data/packed_source.h"
#include "engine/data/text_source.h"
#include "engine/data/window_source.h"
#include "engine/files/atomic_file.h"
#include "engine/files/digest.h"
#include "engine/files/shown_json.h"
#include "kernels/core/check.h"

namespace obverse::train {
namespace {

namespace fs = std::filesystem;
using engine::Split;
using kernels::require;

// Names of special tokens, those of this project first, then GPT-2's, Llama's and BERT's.
std::int32_t special_named(const tokenizer::Tokenizer& tokenizer,
                           std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const auto id = tokenizer.special(name)) return *id;
  }
  return -1;
}

// What an objective makes of texts that are drawn from token files.
class ObjectiveExamples final : public engine::ExampleSource {
 public:
  ObjectiveExamples(const engine::Objective& objective, engine::DocumentSource& texts,
                    const EntityFinder* entities, std::uint64_t seed)
      : objective_(objective), texts_(texts), entities_(entities), seed_(seed) {}

  void make(std::int64_t draw, engine::Example& example) override {
    texts_.document(draw, text_, nullptr);
    if (entities_ != nullptr) entities_->find(text_);
    objective_.make_example(text_,
                            kernels::RandomSequence({seed_, kernels::Purpose::objective,
                                                     static_cast<std::uint64_t>(draw)}),
                            example);
  }
  std::int64_t longest() const override {
    return objective_.longest_example({1, texts_.longest(), objective_.specials()});
  }
  std::int64_t epoch() const override { return texts_.epoch(); }

 private:
  const engine::Objective& objective_;
  engine::DocumentSource& texts_;
  const EntityFinder* entities_;
  std::uint64_t seed_;
  engine::Document text_;
};

bool is_next_token(const engine::Objective& objective) { return objective.name() == "causal"; }

bool wants_entities(const std::string& objective) {
  return objective.find("entity_reversed") != std::string::npos ||
         objective.find("identity_bridge") != std::string::npos ||
         objective.find("source_kept") != std::string::npos;
}

}  // namespace

Texts::Texts(const Settings& settings)
    : sequence_(settings.sequence),
      vocabulary_(settings.vocabulary),
      context_(settings.context),
      data_(settings.data) {
  require(!data_.empty(), "data: expected a folder of token files, found none; obverse-tokenize ",
          "encode writes one");
  std::error_code error;
  if (!fs::is_directory(data_, error)) {
    throw std::runtime_error(data_ + ": expected a folder of token files, found " +
                             (fs::exists(data_, error) ? "something else" : "nothing there"));
  }
  const bool beside = fs::exists(fs::path(data_) / "tokenizer.json");
  if (!settings.tokenizer.empty() || beside) {
    tokenizer_ =
        tokenizer::Tokenizer::load(settings.tokenizer.empty() ? data_ : settings.tokenizer);
  }
  find_specials(settings);
  make_objective(settings);
  training_ = open(settings, Split::train, settings.seed);
  // One order for all seeds, so that their losses are of the same examples.
  constexpr std::uint64_t kValidationSeed = 0;
  if (!engine::has_shards(data_, Split::validation)) return;
  validation_ = open(settings, Split::validation, kValidationSeed);
}

void Texts::find_specials(const Settings& settings) {
  engine::SpecialTokens& specials = sizes_.specials;
  specials = {-1, -1, -1};
  if (tokenizer_) {
    sizes_.vocabulary = tokenizer_->size();
    specials.begin_of_text = special_named(*tokenizer_, {"<|begin_of_text|>", "<s>", "[CLS]"});
    specials.end_of_text =
        special_named(*tokenizer_, {"<|endoftext|>", "<|end_of_text|>", "</s>", "[SEP]"});
    specials.mask = special_named(*tokenizer_, {"<|mask|>", "<mask>", "[MASK]"});
  } else {
    sizes_.vocabulary = settings.vocabulary;
    require(sizes_.vocabulary > 0, "tokenizer: expected one, or a vocabulary, found neither: how ",
            "many tokens the texts of ", data_, " have is not told");
  }
  // What obverse-tokenize put behind every text, which need not be the token of the usual name.
  const fs::path told = fs::path(data_) / "texts.json";
  if (settings.end_of_text < 0 && fs::exists(told)) {
    const nlohmann::json fields = engine::parsed_json(engine::read_file(told));
    const nlohmann::json id =
        fields.is_object() ? fields.value("end_of_text", nlohmann::json()) : nlohmann::json();
    if (!id.is_number_integer() || id < 0 || id >= sizes_.vocabulary) {
      throw std::runtime_error(told.string() + ": end_of_text: expected an id below the " +
                               "vocabulary of " + std::to_string(sizes_.vocabulary) + ", found " +
                               engine::shown_json(id));
    }
    specials.end_of_text = id.get<std::int32_t>();
  }
  if (settings.end_of_text < 0) return;
  require(settings.end_of_text < sizes_.vocabulary,
          "end_of_text: expected an id below the vocabulary of ", sizes_.vocabulary, ", found ",
          settings.end_of_text);
  specials.end_of_text = static_cast<std::int32_t>(settings.end_of_text);
}

void Texts::make_objective(const Settings& settings) {
  // A mask token is numbered behind the tokenizer's own where that has none; whether one is needed
  // the objective tells.
  const bool has_mask = sizes_.specials.mask >= 0;
  engine::TextSizes with_mask = sizes_;
  if (!has_mask) with_mask.specials.mask = static_cast<std::int32_t>(with_mask.vocabulary++);
  with_mask.longest = sequence_ + 1;
  objective_ = engine::make_objective(settings.objective, with_mask);
  sizes_.longest =
      objective_->decoding() == engine::Decoding::left_to_right ? sequence_ + 1 : sequence_;
  if (!has_mask && objective_->masks()) {
    sizes_.specials.mask = with_mask.specials.mask;
    sizes_.vocabulary = with_mask.vocabulary;
  }
  objective_ = engine::make_objective(settings.objective, sizes_);
  if (!wants_entities(objective_->name())) return;
  require(tokenizer_.has_value(), "tokenizer: expected one for ", objective_->name(),
          ", which keeps names whole, found none");
  entities_.emplace(*tokenizer_);
}

SplitExamples Texts::open(const Settings& settings, Split split, std::uint64_t seed) const {
  SplitExamples opened;
  // Ids of the texts: what is behind them is the objective's.
  const std::int64_t ids = tokenizer_ ? tokenizer_->size() : sizes_.vocabulary;
  opened.shards = std::make_unique<engine::TokenShards>(data_, split, ids);
  const engine::TokenShards& shards = *opened.shards;
  // Now, and not after hours of training.
  shards.check_ids();
  const bool next_token = is_next_token(*objective_);
  require(next_token || !shards.masked(), "objective: expected causal for token files with a loss ",
          "mask, found ", objective_->name());
  if (settings.packing == Packing::windows) {
    require(shards.size() >= sizes_.longest, "sequence: expected at most the ", shards.size() - 1,
            " tokens that ", data_, " has for ", split == Split::train ? "training" : "validation",
            ", found ", sequence_);
    opened.texts = std::make_unique<engine::WindowSource>(shards, sizes_.longest - 1, seed);
  } else {
    require(sizes_.specials.end_of_text >= 0, "packing: expected windows, or texts whose ",
            "end-of-text token is known (tokenizer or end_of_text), found ",
            settings.values.at("packing").dump());
    opened.index = std::make_unique<engine::DocumentIndex>(
        shards, sizes_.specials.end_of_text,
        settings.delimiter_before ? engine::Delimiter::before : engine::Delimiter::behind);
    if (settings.packing == Packing::documents) {
      require(next_token, "packing: expected windows or none for objective ", objective_->name(),
              ", found \"documents\"");
      opened.examples = std::make_unique<engine::PackedSource>(
          shards, *opened.index,
          engine::PackedSource::Options{sequence_, seed, settings.attention_reset});
      return opened;
    }
    opened.texts =
        std::make_unique<engine::TextSource>(shards, *opened.index, sizes_.longest, seed);
  }
  if (next_token) {
    opened.examples = std::make_unique<engine::NextTokenSource>(*opened.texts);
  } else {
    opened.examples = std::make_unique<ObjectiveExamples>(*objective_, *opened.texts,
                                                          entities_ ? &*entities_ : nullptr, seed);
  }
  return opened;
}

std::string Texts::digest() const {
  std::string all = training_.shards->digest();
  if (tokenizer_) {
    for (std::int64_t id = 0; id < tokenizer_->size(); ++id) {
      const std::string_view token = tokenizer_->bytes_of(static_cast<std::int32_t>(id));
      all += std::to_string(token.size()) + ":" + std::string(token);
    }
  }
  for (const std::int32_t id :
       {sizes_.specials.begin_of_text, sizes_.specials.end_of_text, sizes_.specials.mask}) {
    all += " " + std::to_string(id);
  }
  return engine::digest_of(reinterpret_cast<const std::byte*>(all.data()),
                           static_cast<std::int64_t>(all.size()));
}

engine::TransformerConfig Texts::model_of(engine::TransformerConfig config) const {
  const engine::TextSizes needed = objective_->model_sizes(sizes_);
  const std::int64_t context = objective_->longest_example(sizes_);
  // Without a tokenizer the setting tells what the texts have.
  const std::int64_t chosen = tokenizer_ && vocabulary_ > 0 ? vocabulary_ : config.vocabulary;
  require(chosen == config.vocabulary || chosen >= needed.vocabulary,
          "vocabulary: expected at least ", needed.vocabulary,
          ", of which the texts' tokenizer has ", tokenizer_ ? tokenizer_->size() : 0, ", found ",
          chosen);
  config.vocabulary = std::max(chosen, needed.vocabulary);
  config.context = context_ > 0 ? context_ : std::max(config.context, context);
  require(config.context >= context, "context: expected at least the ", context,
          " tokens of an example, found ", config.context);
  config.mask = objective_->mask();
  config.validate();
  return config.resolved();
}

}  // namespace obverse::train

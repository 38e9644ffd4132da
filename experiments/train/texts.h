// What a run reads: token files, their tokenizer, the objective, and the examples it makes of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/data/document_index.h"
#include "engine/data/example_source.h"
#include "engine/data/token_shards.h"
#include "engine/model/transformer_config.h"
#include "engine/training/objective.h"
#include "experiments/train/entities.h"
#include "experiments/train/settings.h"
#include "tokenizer/tokenizer.h"

namespace obverse::train {

// The examples of one split.
struct SplitExamples {
  std::unique_ptr<engine::TokenShards> shards;
  std::unique_ptr<engine::DocumentIndex> index;   // where documents matter
  std::unique_ptr<engine::DocumentSource> texts;  // where an objective makes examples of them
  std::unique_ptr<engine::ExampleSource> examples;
};

class Texts {
 public:
  // Throws std::invalid_argument or std::runtime_error, one line, for settings that do not go
  // together with these files, and for files that are damaged.
  explicit Texts(const Settings& settings);

  const engine::Objective& objective() const { return *objective_; }
  const std::optional<tokenizer::Tokenizer>& tokenizer() const { return tokenizer_; }
  // The texts' own vocabulary and the longest text: what the objective was made for.
  const engine::TextSizes& sizes() const { return sizes_; }

  const SplitExamples& training() const { return training_; }
  // Null where the folder has no such files.
  const SplitExamples* validation() const { return validation_ ? &*validation_ : nullptr; }

  // Of all that is read to train on: token files, masks, the tokenizer's tokens.
  std::string digest() const;

  // The architecture with what the texts and the objective decide filled in. Throws where the
  // settings' vocabulary or context is too small.
  engine::TransformerConfig model_of(engine::TransformerConfig config) const;

 private:
  void find_specials(const Settings& settings);
  void make_objective(const Settings& settings);
  SplitExamples open(const Settings& settings, engine::Split split, std::uint64_t seed) const;

  std::int64_t sequence_, vocabulary_ = 0, context_ = 0;
  std::string data_;
  std::optional<tokenizer::Tokenizer> tokenizer_;
  engine::TextSizes sizes_;
  std::unique_ptr<engine::Objective> objective_;
  std::optional<EntityFinder> entities_;
  SplitExamples training_;
  std::optional<SplitExamples> validation_;
};

}  // namespace obverse::train

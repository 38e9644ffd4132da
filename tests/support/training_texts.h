// A small model, and texts to train it on.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/training/trainer.h"
#include "tests/support/random_values.h"

namespace obverse::tests {

// What an objective for small_model() is made for.
inline constexpr engine::TextSizes kSmallTexts{40, 12};

inline engine::TransformerConfig small_model(const engine::Objective& objective) {
  const engine::TextSizes needed = objective.model_sizes(kSmallTexts);
  engine::TransformerConfig config;
  config.width = 32;
  config.vocabulary = needed.vocabulary;
  config.context = needed.longest;
  config.mask = objective.mask();
  return config;
}

inline engine::TrainingOptions options_with(std::int64_t batch, double learning_rate) {
  engine::TrainingOptions options;
  options.batch = batch;
  options.schedule.peak = learning_rate;
  return options;
}

// Texts of 5 to 10 tokens.
inline std::vector<engine::Document> documents_of(std::int64_t count, std::int64_t vocabulary) {
  std::vector<engine::Document> documents;
  for (std::int64_t i = 0; i < count; ++i) {
    engine::Document document{{engine::kBeginOfText}, {}};
    for (const std::int32_t word : random_ids(3 + i % 6, vocabulary - 5, 100 + i)) {
      document.tokens.push_back(5 + word);
    }
    document.tokens.push_back(engine::kEndOfText);
    documents.push_back(document);
  }
  return documents;
}

}  // namespace obverse::tests

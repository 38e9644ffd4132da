// What an objective makes of documents, which are visited in the sampler's order.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/data/document.h"
#include "engine/data/example_source.h"
#include "engine/data/sampler.h"
#include "engine/training/objective.h"

namespace obverse::engine {

class ObjectiveSource final : public ExampleSource {
 public:
  // Of examples longer than `context` no model that trains on them can have seen one. REQUIRES: the
  // first two arguments outlive this; no document is empty.
  ObjectiveSource(const Objective& objective, const std::vector<Document>& documents,
                  std::int64_t vocabulary, std::int64_t context, std::uint64_t seed);

  void make(std::int64_t draw, Example& example) override;
  std::int64_t longest() const override { return longest_; }
  std::int64_t epoch() const override { return static_cast<std::int64_t>(documents_.size()); }
  // With the longest, a middling and the shortest text among the shortest ones: one long text makes
  // a batch as long, and padded.
  bool rehearse(int occasion, std::vector<Example>& examples) override;

 private:
  const Objective& objective_;
  const std::vector<Document>& documents_;
  std::uint64_t seed_;
  Sampler sampler_;
  std::int64_t longest_ = 0;
  bool lengthens_ = false;  // makes some examples longer than their texts
};

}  // namespace obverse::engine

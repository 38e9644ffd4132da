// Where a trainer's examples come from.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/data/batch.h"

namespace obverse::engine {

class ExampleSource {
 public:
  virtual ~ExampleSource() = default;

  // Example number `draw`, a pure function of it: a resumed run goes on with the same ones.
  // `example` is overwritten; its memory is reused.
  virtual void make(std::int64_t draw, Example& example) = 0;
  // Tokens of the longest example's inputs.
  virtual std::int64_t longest() const = 0;

  // Batches that tell how much memory steps will need, the largest first: batch number `occasion`
  // in place of `examples`, or false where there is none.
  virtual bool rehearse(int occasion, std::vector<Example>& examples);
};

}  // namespace obverse::engine

// Where a training run's examples come from, one after another by number, so that a run can stop
// anywhere and go on, on any number of ranks: what a draw gives depends on the source, its seed and
// the draw's number alone, never on what was drawn before.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/data/batch.h"
#include "engine/data/document.h"

namespace obverse::engine {

// Sources keep buffers between draws: one thread at a time may ask one of them.
class ExampleSource {
 public:
  virtual ~ExampleSource() = default;
  // The example of draw number `draw` (0, 1, ...). `example` is overwritten; its memory is reused.
  virtual void make(std::int64_t draw, Example& example) = 0;
  virtual std::int64_t longest() const = 0;  // tokens of the longest example's inputs
  // Draws until everything has come once; the next ones begin anew in another order.
  virtual std::int64_t epoch() const = 0;

  // Batches that tell how much memory steps will need, the largest first: batch number `occasion`
  // in place of `examples`, or false where there is none.
  virtual bool rehearse(int occasion, std::vector<Example>& examples);
};

// Fills it up to `size` places with padding that nothing asks for, where it is shorter.
void lengthen(Example& example, std::int64_t size);

// The same for texts, of which an objective or a NextTokenSource makes examples.
class DocumentSource {
 public:
  virtual ~DocumentSource() = default;
  // `document` is overwritten, its memory is reused, and it has no entities. `counted`, where it is
  // not null, becomes 1 for each token that a loss may ask for and 0 for the others.
  virtual void document(std::int64_t draw, Document& document,
                        std::vector<std::uint8_t>* counted) = 0;
  virtual std::int64_t longest() const = 0;  // tokens of the longest text; the shortest has two
  virtual std::int64_t epoch() const = 0;    // as ExampleSource's
};

// The draw that is rank `rank`'s number `own` (0, 1, ...): ranks take turns, so that together they
// draw what one alone would, in the same order.
inline std::int64_t draw_of_rank(std::int64_t own, std::int64_t rank, std::int64_t ranks) {
  return own * ranks + rank;
}

}  // namespace obverse::engine

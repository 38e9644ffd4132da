// The words and names of the families world, and its sentences: `f1 X f2 relation f3 Y`, "X's
// relation is Y".
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/data/document.h"
#include "experiments/reversal_curse/worlds/families_world.h"
#include "experiments/reversal_curse/worlds/pairs_frames.h"

namespace obverse::reversal {

class FamiliesText {
 public:
  explicit FamiliesText(const FamiliesOptions& options);

  const std::vector<std::string>& vocabulary() const { return vocabulary_; }
  const DirectionFrames& frames(int direction) const {
    return frames_[static_cast<std::size_t>(direction)];
  }
  // At most `count` that are neither trained nor held out.
  std::vector<Frame> further_frames(int direction, std::size_t count) const;

  const std::vector<std::int32_t>& name(int family, int member) const;
  engine::Document statement(int family, int pair, int direction, const Frame& frame) const;
  // A name alone, behind a word of a slot.
  engine::Document mention(int family, int member, int slot, int word) const;

 private:
  std::array<DirectionFrames, 2> frames_;
  int first_relation_ = 0, first_filler_ = 0;
  std::vector<std::string> vocabulary_;
  std::vector<std::vector<std::int32_t>> names_;  // by family and member
};

}  // namespace obverse::reversal

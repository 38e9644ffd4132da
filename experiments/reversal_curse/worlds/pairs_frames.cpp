#include "experiments/reversal_curse/worlds/pairs_frames.h"

#include <algorithm>

#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/check.h"
#include "kernels/core/random.h"

namespace obverse::reversal {

namespace {

bool stands_in(const std::vector<Frame>& frames, std::size_t slot, int word) {
  return std::any_of(frames.begin(), frames.end(),
                     [slot, word](const Frame& frame) { return frame[slot] == word; });
}

DirectionFrames draw_direction(std::vector<Frame> combinations, int templates,
                               kernels::RandomSequence& draws) {
  draws.shuffle(combinations);
  DirectionFrames frames;
  frames.held_out = combinations[0];
  const auto spare = combinations.begin() + 1 + templates;
  frames.trained.assign(combinations.begin() + 1, spare);
  const auto left = static_cast<int>(combinations.end() - spare);
  frames.spare.assign(spare, spare + std::min(templates, left));
  return frames;
}

}  // namespace

const std::vector<std::string>& filler_words() {
  static const std::vector<std::string> words = {"surely", "indeed", "now",   "still",
                                                 "often",  "gladly", "today", "here"};
  return words;
}

// Neighbouring slots share two words: a word alone does not tell its place.
int filler_of(int slot, int word) { return 2 * slot + word; }

bool frames_are_covered(const std::array<DirectionFrames, 2>& frames) {
  for (std::size_t direction = 0; direction < frames.size(); ++direction) {
    const std::vector<Frame>& own = frames[direction].trained;
    const std::vector<Frame>& other = frames[1 - direction].trained;
    const Frame& held_out = frames[direction].held_out;
    if (std::find(own.begin(), own.end(), held_out) != own.end()) return false;
    for (std::size_t slot = 0; slot < held_out.size(); ++slot) {
      const bool seen = stands_in(own, slot, held_out[slot]) ||
                        (own.size() == 1 && stands_in(other, slot, held_out[slot]));
      if (!seen) return false;
    }
  }
  return true;
}

std::array<DirectionFrames, 2> draw_frames(int templates, std::uint64_t seed) {
  kernels::require(templates >= 1 && templates <= kMaximumTemplates,
                   "[pairs_world] expected templates of 1 to ", kMaximumTemplates, ", got ",
                   templates);
  std::vector<Frame> combinations;
  for (int first = 0; first < kWordsPerSlot; ++first) {
    for (int second = 0; second < kWordsPerSlot; ++second) {
      for (int third = 0; third < kWordsPerSlot; ++third) {
        combinations.push_back({first, second, third});
      }
    }
  }
  // Draws are repeated until they are covered, which keeps all covered choices equally likely. The
  // rarest case, one template, takes about 150 draws, so that the limit is never met.
  constexpr int kLimit = 1'000'000;
  kernels::RandomSequence draws(draw_key(seed, WorldDraw::frames));
  for (int attempt = 0; attempt < kLimit; ++attempt) {
    std::array<DirectionFrames, 2> frames = {draw_direction(combinations, templates, draws),
                                             draw_direction(combinations, templates, draws)};
    if (frames_are_covered(frames)) return frames;
  }
  kernels::fail("[pairs_world] expected covered frames within ", kLimit, " draws, got none");
}

}  // namespace obverse::reversal

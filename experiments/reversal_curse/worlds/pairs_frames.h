// Sentence frames of the pairs world: three filler words around two names and a relation,
// `<begin> f1 NAME f2 relation f3 NAME <end>`. A held-out frame is a new combination of words that
// training has seen in those very places, so that a question never fails for a word it has not met.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace obverse::reversal {

inline constexpr int kFrameSlots = 3;
inline constexpr int kWordsPerSlot = 4;
inline constexpr int kMaximumTemplates = 60;  // of the 64 combinations

// One word a slot, each an index below kWordsPerSlot into that slot's pool.
using Frame = std::array<int, kFrameSlots>;

struct DirectionFrames {
  std::vector<Frame> trained;
  Frame held_out{};
  std::vector<Frame> spare;  // paraphrases: neither trained nor held out, as many as there are
                             // trained ones where enough are left
};

// The eight filler words, and the one that slot `slot` has at `word` (an index into them).
const std::vector<std::string>& filler_words();
int filler_of(int slot, int word);

// Frames of both directions: `templates` trained ones and a held-out one each. The held-out frame
// is none of its direction's trained ones, and each of its words stands in the same slot of a
// trained frame: of its own direction from two templates on, of either where there is one.
// REQUIRES: 1 <= templates <= kMaximumTemplates.
std::array<DirectionFrames, 2> draw_frames(int templates, std::uint64_t seed);

// Whether that holds; what draw_frames asserts of its result.
bool frames_are_covered(const std::array<DirectionFrames, 2>& frames);

}  // namespace obverse::reversal

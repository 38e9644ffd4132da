// What the factories of worlds share: the special tokens' printable forms, draws of wrong answers,
// and the measure of the longest text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/reversal_curse/world.h"
#include "kernels/core/random.h"

namespace obverse::reversal {

// Which random streams worlds draw from: one for each choice, so that, say, another number of
// templates leaves the names as they are. Append, never renumber.
enum class WorldDraw : std::uint64_t {
  frames = 1,
  names = 2,
  mentions = 3,
  wrong_answers = 4,
  expansion = 5,
  demonstrations = 6,
  facts = 7,
  documents = 8,
  questions = 9,
};

// `occasion` tells apart several independent draws of one kind; below 2^56.
inline kernels::RandomKey draw_key(std::uint64_t seed, WorldDraw draw, std::uint64_t occasion = 0) {
  return {seed, kernels::Purpose::world, static_cast<std::uint64_t>(draw) | occasion << 8};
}
inline kernels::RandomSequence world_draws(std::uint64_t seed, WorldDraw draw,
                                           std::uint64_t occasion = 0) {
  return kernels::RandomSequence(draw_key(seed, draw, occasion));
}

// The vocabulary's first kSpecialTokenCount entries.
std::vector<std::string> special_tokens();

// A random order of 0 .. count - 1 that leaves nothing in its place, every such order equally
// likely: as wrong answers it uses every answer as often as the right ones do. REQUIRES: count
// >= 2.
std::vector<int> draw_derangement(int count, kernels::RandomSequence& draws);

// Tokens of the longest document or question with its longest candidate: World::longest.
int longest_text(const World& world);

}  // namespace obverse::reversal

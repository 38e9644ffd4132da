// What the factories of worlds share: the special tokens' printable forms, draws of wrong answers,
// and the measure of the longest text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/reversal_curse/world.h"
#include "kernels/core/random.h"

namespace obverse::reversal {

// The vocabulary's first kSpecialTokenCount entries.
std::vector<std::string> special_tokens();

// A random order of 0 .. count - 1 that leaves nothing in its place, every such order equally
// likely: as wrong answers it uses every answer as often as the right ones do. REQUIRES: count
// >= 2.
std::vector<int> draw_derangement(int count, kernels::RandomSequence& draws);

// Tokens of the longest document or question with its longest candidate: World::longest.
int longest_text(const World& world);

}  // namespace obverse::reversal

// Names of the pairs world: distinct tuples of name tokens, position j drawn from a pool of its own
// (first names, last names, ...).
#pragma once

#include <cstdint>
#include <vector>

namespace obverse::reversal {

inline constexpr int kMaximumNameTokens = 8;

// Values of PairsOptions::name_pool besides an explicit size.
inline constexpr int kUniqueNamePool = 0;   // every token belongs to one entity alone
inline constexpr int kSharedNamePool = -1;  // each token is shared by about three entities

// Tokens a position for `entities` names of `name_tokens` tokens. One token a name is always its
// own. Throws std::invalid_argument where an explicit pool has fewer combinations than there are
// entities.
int pool_size(int entities, int name_tokens, int name_pool);

// entities x name_tokens: each name's index into the pool of each position. Names are distinct, and
// each token of a pool is used about equally often. `occasion` tells apart groups of entities that
// share no pool.
std::vector<std::vector<int>> draw_names(int entities, int name_tokens, int pool,
                                         std::uint64_t seed, std::uint64_t occasion = 0);

}  // namespace obverse::reversal

#include "experiments/reversal_curse/worlds/pairs_names.h"

#include <set>

#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

using Names = std::vector<std::vector<int>>;

// pool ^ name_tokens, or `limit` where it is more.
std::int64_t combinations(int pool, int name_tokens, std::int64_t limit) {
  std::int64_t count = 1;
  for (int position = 0; position < name_tokens && count < limit; ++position) count *= pool;
  return count < limit ? count : limit;
}

// Any `entities` of all combinations: for pools so small that most combinations are names.
Names draw_of_all(int entities, int name_tokens, int pool, std::int64_t count,
                  kernels::RandomSequence& draws) {
  Names names;
  for (std::int64_t combination = 0; combination < count; ++combination) {
    std::int64_t rest = combination;
    std::vector<int>& name = names.emplace_back();
    for (int position = 0; position < name_tokens; ++position) {
      name.push_back(static_cast<int>(rest % pool));
      rest /= pool;
    }
  }
  draws.shuffle(names);
  names.resize(static_cast<std::size_t>(entities));
  return names;
}

// Every position deals its pool out in turn and shuffles, so that all tokens are used equally
// often.
Names draw_balanced(int entities, int name_tokens, int pool, kernels::RandomSequence& draws) {
  Names names(static_cast<std::size_t>(entities));
  for (int position = 0; position < name_tokens; ++position) {
    std::vector<int> tokens;
    for (int entity = 0; entity < entities; ++entity) tokens.push_back(entity % pool);
    draws.shuffle(tokens);
    for (std::size_t entity = 0; entity < names.size(); ++entity) {
      names[entity].push_back(tokens[entity]);
    }
  }
  // A name met twice changes last tokens with random others until both are new: the balance stays.
  // Where more names than the pool has tokens share all others, no last token helps: after many
  // attempts any token may change.
  constexpr int kLastTokenAttempts = 1000;
  std::multiset<std::vector<int>> taken(names.begin(), names.end());
  for (std::vector<int>& name : names) {
    for (int attempt = 0; taken.count(name) > 1; ++attempt) {
      std::vector<int>& other = names[draws.integer(names.size())];
      const std::size_t at =
          attempt < kLastTokenAttempts ? name.size() - 1 : draws.integer(name.size());
      std::vector<int> changed = name, changed_other = other;
      changed[at] = other[at];
      changed_other[at] = name[at];
      if (taken.count(changed) > 0 || taken.count(changed_other) > 0) continue;
      taken.erase(taken.find(name));
      taken.erase(taken.find(other));
      taken.insert(changed);
      taken.insert(changed_other);
      name = changed;
      other = changed_other;
    }
  }
  return names;
}

}  // namespace

int pool_size(int entities, int name_tokens, int name_pool) {
  if (name_tokens == 1 && name_pool <= 0) return entities;
  if (name_pool == kUniqueNamePool) return entities;
  int least = 1;
  while (combinations(least, name_tokens, entities) < entities) ++least;
  if (name_pool == kSharedNamePool) {
    const int shared_by_three = (entities + 2) / 3;
    return shared_by_three > least ? shared_by_three : least;
  }
  kernels::require(name_pool >= least, "[pairs_world] expected name_pool of at least ", least,
                   " for ", entities, " names of ", name_tokens, " tokens (0: unique, -1: shared)",
                   ", got ", name_pool);
  return name_pool;
}

Names draw_names(int entities, int name_tokens, int pool, std::uint64_t seed,
                 std::uint64_t occasion) {
  kernels::RandomSequence draws = world_draws(seed, WorldDraw::names, occasion);
  // A swap needs free combinations to land on; with three in four free one in two succeeds.
  const std::int64_t roomy = std::int64_t{4} * entities;
  const std::int64_t count = combinations(pool, name_tokens, roomy);
  if (pool < entities && count < roomy) {
    return draw_of_all(entities, name_tokens, pool, count, draws);
  }
  return draw_balanced(entities, name_tokens, pool, draws);
}

}  // namespace obverse::reversal

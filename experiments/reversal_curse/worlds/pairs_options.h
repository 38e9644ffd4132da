// What a synthetic world of pairs is made from.
#pragma once

#include <array>
#include <cstdint>

namespace obverse::reversal {

// Names that are there for demonstrations alone.
inline constexpr int kOtherNames = 40;
// Of two premises the other one is the wrong answer's.
inline constexpr int kMaximumPremises = 2;

struct PairsOptions {
  int pairs = 300;      // facts that training states
  int name_tokens = 1;  // tokens a name
  int templates = 3;    // training frames a direction; one more is held out for questions
  // Parts of `pairs` stated both ways, forward only and backward only; they sum to 1.
  double share_both = 0.5, share_forward = 0.25, share_reverse = 0.25;
  int unseen_pairs = 20;  // further facts never stated, whose names training merely mentions
  int name_pool = 0;      // name tokens a position: kUniqueNamePool, kSharedNamePool or a number
  // How often each name is the answer of a demonstration (pairs_demonstrations.h); above 0, facts
  // are asked in context, too.
  int demonstrations = 0;
  int premises = 1;  // facts that a demonstration and an in-context prompt state, one of them asked
  std::uint64_t seed = 0;
};

// The subsets of facts, in the order of their fact numbers.
enum Subset { kStatedBoth, kStatedForward, kStatedBackward, kUnseen, kSubsetCount };

// How many facts each subset has; shares are rounded by the largest remainder. Throws
// std::invalid_argument where an option is out of range (templates and the name pool are checked by
// pairs_frames.h and pairs_names.h), or where a subset has exactly one fact, which leaves no wrong
// answer to ask against.
std::array<int, kSubsetCount> facts_by_subset(const PairsOptions& options);

}  // namespace obverse::reversal

// The one shape that every family of the families world has: two grandparents, their son and
// daughter, his wife, and the couple's son and daughter. Whoever is asked for is unique: nobody has
// two sons.
#pragma once

#include <array>
#include <string>
#include <vector>

namespace obverse::reversal {

enum Member { kGrandfather, kGrandmother, kFather, kMother, kAunt, kSon, kDaughter, kMemberCount };

// Two members and what each is to the other. The forward statement names `first` first:
// "FIRST, whose `forward` is SECOND"; the backward one is its inverse.
struct KinPair {
  int first, second;
  const char* forward;
  const char* backward;
};

// Twelve pairs of spouses, parents and children, brothers and sisters.
inline constexpr int kBasePairs = 12;
// All pairs: the eight behind the base pairs follow from two of those each, by way of the father.
inline constexpr int kKinPairs = 20;
const std::array<KinPair, kKinPairs>& kin_pairs();

// Every relation word once.
const std::vector<std::string>& relation_words();
// The word of a pair in a direction (0 forward, 1 backward), an index into relation_words().
int relation_of(int pair, int direction);

// The member whom a statement of that direction names first (side 0) or second (side 1).
int member_of(int pair, int direction, int side);

// The two base pairs from which a pair behind the base pairs follows.
std::array<int, 2> parts_of(int pair);

}  // namespace obverse::reversal

#include "experiments/reversal_curse/worlds/families_kin.h"

#include <algorithm>

namespace obverse::reversal {

const std::array<KinPair, kKinPairs>& kin_pairs() {
  static const std::array<KinPair, kKinPairs> pairs = {{
      {kGrandfather, kGrandmother, "wife", "husband"},
      {kFather, kMother, "wife", "husband"},
      {kGrandfather, kFather, "son", "father"},
      {kGrandmother, kFather, "son", "mother"},
      {kGrandfather, kAunt, "daughter", "father"},
      {kGrandmother, kAunt, "daughter", "mother"},
      {kFather, kSon, "son", "father"},
      {kMother, kSon, "son", "mother"},
      {kFather, kDaughter, "daughter", "father"},
      {kMother, kDaughter, "daughter", "mother"},
      {kFather, kAunt, "sister", "brother"},
      {kSon, kDaughter, "sister", "brother"},
      {kGrandfather, kSon, "grandson", "grandfather"},
      {kGrandmother, kSon, "grandson", "grandmother"},
      {kGrandfather, kDaughter, "granddaughter", "grandfather"},
      {kGrandmother, kDaughter, "granddaughter", "grandmother"},
      {kAunt, kSon, "nephew", "aunt"},
      {kAunt, kDaughter, "niece", "aunt"},
      {kGrandfather, kMother, "daughter_in_law", "father_in_law"},
      {kGrandmother, kMother, "daughter_in_law", "mother_in_law"},
  }};
  return pairs;
}

const std::vector<std::string>& relation_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> found;
    for (const KinPair& pair : kin_pairs()) {
      for (const char* word : {pair.forward, pair.backward}) {
        if (std::find(found.begin(), found.end(), word) == found.end()) found.emplace_back(word);
      }
    }
    return found;
  }();
  return words;
}

int relation_of(int pair, int direction) {
  const KinPair& kin = kin_pairs()[static_cast<std::size_t>(pair)];
  const std::vector<std::string>& words = relation_words();
  const auto word =
      std::find(words.begin(), words.end(), direction == 0 ? kin.forward : kin.backward);
  return static_cast<int>(word - words.begin());
}

int member_of(int pair, int direction, int side) {
  const KinPair& kin = kin_pairs()[static_cast<std::size_t>(pair)];
  return (direction ^ side) == 0 ? kin.first : kin.second;
}

std::array<int, 2> parts_of(int pair) {
  const KinPair& whole = kin_pairs()[static_cast<std::size_t>(pair)];
  std::array<int, 2> parts{};
  for (int base = 0; base < kBasePairs; ++base) {
    const KinPair& part = kin_pairs()[static_cast<std::size_t>(base)];
    const auto joins = [&part](int member) {
      return (part.first == member && part.second == kFather) ||
             (part.second == member && part.first == kFather);
    };
    if (joins(whole.first)) parts[0] = base;
    if (joins(whole.second)) parts[1] = base;
  }
  return parts;
}

}  // namespace obverse::reversal

// Who the people of the biographies world are: names, and the values of their attributes.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "experiments/reversal_curse/worlds/biographies_text.h"
#include "experiments/reversal_curse/worlds/biographies_world.h"

namespace obverse::reversal {

// People [begin, end).
struct PeopleRange {
  int begin, end;
  int size() const { return end - begin; }
};
enum PeoplePart { kQuestioned, kNotQuestioned, kUnseenPeople, kPeoplePartCount };

struct People {
  std::vector<Person> people;
  std::vector<std::array<int, kAttributeCount>> value_index;  // into the attribute's values
  std::vector<std::string> vocabulary;  // of BiographyWords, and the names behind it
};

// Years of birth enough that a third of the dates is used at most.
int years_for(int people);

// Birthdays are distinct. Every part uses all values of another attribute about equally often: a
// value tells nothing of whose it is.
People draw_people(const BiographiesOptions& options,
                   const std::array<PeopleRange, kPeoplePartCount>& parts,
                   const BiographyWords& words);

}  // namespace obverse::reversal

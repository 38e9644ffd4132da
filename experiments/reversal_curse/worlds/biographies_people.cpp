#include "experiments/reversal_curse/worlds/biographies_people.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "experiments/reversal_curse/worlds/entity_texts.h"
#include "experiments/reversal_curse/worlds/pairs_names.h"
#include "experiments/reversal_curse/worlds/world_building.h"

namespace obverse::reversal {

int years_for(int people) {
  constexpr int kDatesAYear = 336;
  return std::max(60, (3 * people + kDatesAYear - 1) / kDatesAYear);
}

People draw_people(const BiographiesOptions& options,
                   const std::array<PeopleRange, kPeoplePartCount>& parts,
                   const BiographyWords& words) {
  People made;
  made.vocabulary = words.vocabulary();
  for (Name& name : add_names(made.vocabulary, "name", options.people + options.unseen_people,
                              options.name_tokens, kUniqueNamePool, options.seed)) {
    made.people.push_back({std::move(name), {}});
  }
  kernels::RandomSequence draws = world_draws(options.seed, WorldDraw::facts);
  std::set<std::uint64_t> dates;
  for (Person& person : made.people) {
    std::uint64_t date = 0;
    do {
      date = draws.integer(static_cast<std::uint64_t>(words.date_count()));
    } while (!dates.insert(date).second);
    person.values[kBirthDate] = words.date(static_cast<int>(date));
  }
  made.value_index.resize(made.people.size());
  for (const PeopleRange& part : parts) {
    for (int attribute = kBirthCity; attribute < kAttributeCount; ++attribute) {
      std::vector<int> dealt(static_cast<std::size_t>(options.values));
      std::iota(dealt.begin(), dealt.end(), 0);
      for (int i = 0; i < part.size(); ++i) {
        if (i % options.values == 0) draws.shuffle(dealt);
        const auto person = static_cast<std::size_t>(part.begin + i);
        const int value = dealt[static_cast<std::size_t>(i % options.values)];
        made.value_index[person][static_cast<std::size_t>(attribute)] = value;
        made.people[person].values[static_cast<std::size_t>(attribute)] = {
            words.value(attribute, value)};
      }
    }
  }
  return made;
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/worlds/fact_records.h"

#include "kernels/core/check.h"

namespace obverse::reversal {

FactPhrasing phrasing_of(const engine::Document& document) {
  kernels::require(document.entities.size() == 2,
                   "[fact_records] expected a sentence of 2 names, got ", document.entities.size());
  const auto at = [&document](std::int32_t place) { return document.tokens.begin() + place; };
  const engine::EntitySpan &first = document.entities[0], &second = document.entities[1];
  return {{at(0), at(first.begin)},
          {at(first.begin + first.length), at(second.begin)},
          {at(second.begin + second.length), document.tokens.end()}};
}

}  // namespace obverse::reversal

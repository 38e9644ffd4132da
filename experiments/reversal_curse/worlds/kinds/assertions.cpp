// Statements that are asserted, denied and quoted (worlds/assertions_world.h), for asking whether
// "true" and "said to be true" are one feature of a model (probes/kinds/assertion.cpp; Marks and
// Tegmark 2023, "The geometry of truth", arXiv:2310.06824).
#include "experiments/reversal_curse/worlds/assertions_world.h"
#include "experiments/reversal_curse/worlds/shared_options.h"
#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal {

std::vector<WorldKind> assertions_worlds() {
  return {{.name = "assertions",
           .summary = "statements asserted, denied and quoted, for probes of truth (Marks and "
                      "Tegmark 2023)",
           .options =
               {{"entities_a_value", "Entities that share a value of a relation", 20, 1, 10000, {}},
                {"relations", "Relations, of which an entity has one value each", 2, 1, 1000, {}},
                {"values", "Values a relation", 10, 3, 10000, {}},
                {"share_asserted", "Part of the facts that is asserted plainly", 0.8, 0, 1, {}},
                {"share_quoted",
                 "Of the facts asserted, the part that texts make claims about; the others "
                 "are held out for probes",
                 0.5,
                 0,
                 1,
                 {}},
                {"share_true", "Of the claims, the part that is true", 0.5, 0, 1, {}},
                {"denials", "False values that are denied, a fact", 1, 0, 10000, {}},
                {"claims", "Claims about a fact that is quoted", 4, 0, 1000, {}},
                {"verdicts",
                 "Part of the claims that a text goes on to call right or wrong; above 0, "
                 "held-out claims are asked for it",
                 0.0,
                 0,
                 1,
                 {}},
                templates_option(3),
                name_tokens_option(1)},
           .make = make_assertions_world}};
}

}  // namespace obverse::reversal

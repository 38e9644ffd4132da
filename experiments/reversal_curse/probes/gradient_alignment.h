// Whether two statements of one fact pull on the weights alike, as they must where one record of
// the fact answers both, and need not where each has its own.
//
// Measured are cosines between the gradients of two answers' losses, by group of parameters. At the
// end of training they are small and made mostly of what every statement in a frame has in common,
// so that a cosine alone says little. What counts is the excess: the cosine of two statements of
// one fact less the mean cosine of the first of them with statements of unrelated facts in the
// second one's frame, fact by fact. Where what is said of one fact is independent of the other
// statement, the excess is 0 on average, whatever frames share. Names that stand in both statements
// are part of it: a phrasing's excess is above 0 in an untrained model, too.
#pragma once

#include <string>
#include <vector>

#include "experiments/reversal_curse/probes/probe.h"

namespace obverse::reversal {

// Facts of which the same may be said: they are each other's controls where they are stated alike.
struct FactPart {
  std::string name;
  std::vector<const FactRecord*> facts;  // in a random order: the first ones are measured
};

// Of up to options.facts facts of each part, "gradients.PART.GROUP.WHAT" with the groups of
// gradient_groups.h. The first statement is the held-out one in options.direction, or in the one
// direction in which training states the fact. Controls have names of the fact's lengths where
// there are such: where a statement is long or short, others alike have places in common. WHAT is
//   phrasing     the cosine of the first trained phrasing with it, in the same direction
//   direction    of it with the held-out statement of the other direction, where that is asked
//   same_entity  of it with held-out statements of other relations of its subject, in its direction
//   stranger     the first of five unrelated facts in the place of the fact's other direction: its
//                excess over the others has nothing to be but 0, and tests the measure
//   unrelated    of it with up to 5 unrelated facts' in the same frame: what the frame alone gives
// of all but the last also unrelated_WHAT, the control in WHAT's frame, and WHAT_excess; and
// "gradients.PART.loss.as_stated" and ".other_direction" in nats.
// REQUIRES: stated_direction() of every fact.
ProbeResult gradient_alignment(const ProbedModel& probed, const ProbeOptions& options,
                               const std::vector<FactPart>& parts);

}  // namespace obverse::reversal

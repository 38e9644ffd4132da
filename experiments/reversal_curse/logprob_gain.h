// By how much a right answer is likelier than a wrong one of its subset: the test of Berglund et
// al. 2023 (arXiv:2309.12288, section 2.1.2), which finds what exact match does not.
#pragma once

#include <optional>
#include <vector>

#include "experiments/reversal_curse/results.h"
#include "experiments/reversal_curse/statistics.h"

namespace obverse::reversal {

struct LogprobGain {
  double value = 0.0;  // nats, mean over runs of the mean over facts
  Interval interval;   // 95 %, bootstrap over seeds and facts
  double t_p = 1.0;    // paired t-test that the mean gain is 0
  double ks_p = 1.0;   // Kolmogorov-Smirnov test that right and wrong are distributed alike
};

// Over the questions of one kind that are asked in one of `directions`; nothing where there are
// none. Facts are the units, since the questions of one share what the model knows of it: they are
// averaged first, and over the seeds too where all seeds have the same facts.
std::optional<LogprobGain> logprob_gain(const std::vector<const RunResult*>& runs, Asked asked,
                                        const std::vector<int>& directions);

// Whether the runs' facts are the same in every seed (published data) or drawn anew (synthetic).
Facts facts_of(const std::vector<const RunResult*>& runs);

}  // namespace obverse::reversal

// What facts stated both ways buy the others (Zhu et al. 2024).
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {

std::vector<QuestionSection> both_ways_questions() {
  const Trend trend = {
      {"world.share_both"},
      {},
      "part of the facts stated both ways",
      true,
      {"Zhu et al. 2024, 400 isolated pairs, 1 to 24 layers, widths 20 to 768, any "
       "position encoding: facts stated one way are never reversed."}};
  return {{"both_ways", 50, "What do facts stated both ways buy the others?",
           [trend](const Study& study) { return trend_answer(study, trend); }}};
}

}  // namespace obverse::reversal::report

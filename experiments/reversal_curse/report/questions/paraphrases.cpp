// What several wordings of a fact buy (Allen-Zhu and Li 2023, parts 3.1 and 3.2).
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {

std::vector<QuestionSection> paraphrases_questions() {
  const Trend trend = {
      {"world.templates", "world.paraphrases", "world.texts", "world.texts_per_person",
       "world.biographies", "world.copies", "world.variants"},
      {"world.permuted"},
      "wordings of a fact",
      false,
      {"Allen-Zhu and Li 2023: with augmented biographies, extraction in the trained direction "
       "goes from 9.7 to 96.6 %; inverse search stays near 0 % even so."}};
  return {{"paraphrases", 40, "What do paraphrases buy?",
           [trend](const Study& study) { return trend_answer(study, trend); }}};
}

}  // namespace obverse::reversal::report

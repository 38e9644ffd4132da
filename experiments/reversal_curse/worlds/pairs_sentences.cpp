#include "experiments/reversal_curse/worlds/pairs_sentences.h"

namespace obverse::reversal {

void append_sentence(engine::Document& document, const Frame& frame, std::int32_t relation,
                     const Name& first, const Name& second) {
  document.tokens.push_back(kFirstFiller + filler_of(0, frame[0]));
  append_name(document, first);
  document.tokens.push_back(kFirstFiller + filler_of(1, frame[1]));
  document.tokens.push_back(relation);
  document.tokens.push_back(kFirstFiller + filler_of(2, frame[2]));
  append_name(document, second);
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/worlds/families_text.h"

#include <algorithm>

#include "experiments/reversal_curse/worlds/entity_texts.h"
#include "experiments/reversal_curse/worlds/families_kin.h"
#include "experiments/reversal_curse/worlds/pairs_names.h"
#include "experiments/reversal_curse/worlds/world_building.h"

namespace obverse::reversal {

FamiliesText::FamiliesText(const FamiliesOptions& options)
    : frames_(draw_frames(options.templates, options.seed)), vocabulary_(special_tokens()) {
  const auto add = [this](const std::vector<std::string>& words) {
    const int first = static_cast<int>(vocabulary_.size());
    vocabulary_.insert(vocabulary_.end(), words.begin(), words.end());
    return first;
  };
  first_relation_ = add(relation_words());
  first_filler_ = add(filler_words());
  const int people = kMemberCount * (options.families + options.unseen_families);
  names_ =
      add_names(vocabulary_, "name", people, options.name_tokens, kUniqueNamePool, options.seed);
}

std::vector<Frame> FamiliesText::further_frames(int direction, std::size_t count) const {
  std::vector<Frame> further;
  const std::vector<Frame>& trained = frames(direction).trained;
  for (int i = 0; i < kWordsPerSlot * kWordsPerSlot * kWordsPerSlot && further.size() < count;
       ++i) {
    const Frame frame = {i % kWordsPerSlot, i / kWordsPerSlot % kWordsPerSlot,
                         i / (kWordsPerSlot * kWordsPerSlot)};
    if (frame == frames(direction).held_out) continue;
    if (std::find(trained.begin(), trained.end(), frame) != trained.end()) continue;
    further.push_back(frame);
  }
  return further;
}

const std::vector<std::int32_t>& FamiliesText::name(int family, int member) const {
  return names_[static_cast<std::size_t>(family * kMemberCount + member)];
}

engine::Document FamiliesText::statement(int family, int pair, int direction,
                                         const Frame& frame) const {
  const auto filler = [&](int slot) {
    return first_filler_ + filler_of(slot, frame[static_cast<std::size_t>(slot)]);
  };
  engine::Document document;
  document.tokens = {engine::kBeginOfText, filler(0)};
  append_name(document, name(family, member_of(pair, direction, 0)));
  for (const std::int32_t token :
       {filler(1), first_relation_ + relation_of(pair, direction), filler(2)}) {
    document.tokens.push_back(token);
  }
  append_name(document, name(family, member_of(pair, direction, 1)));
  document.tokens.push_back(engine::kEndOfText);
  return document;
}

engine::Document FamiliesText::mention(int family, int member, int slot, int word) const {
  engine::Document document;
  document.tokens = {engine::kBeginOfText, first_filler_ + filler_of(slot, word)};
  append_name(document, name(family, member));
  document.tokens.push_back(engine::kEndOfText);
  return document;
}

}  // namespace obverse::reversal

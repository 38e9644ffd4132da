#include "experiments/reversal_curse/worlds/biographies_text.h"

#include "experiments/reversal_curse/worlds/entity_texts.h"
#include "experiments/reversal_curse/worlds/world_building.h"

namespace obverse::reversal {

namespace {

constexpr int kMonths = 12, kDays = 28, kWordsPerPlace = 4;

const std::array<const char*, kAttributeCount> kAttributeNames = {"birthday", "city", "university",
                                                                  "major", "company"};

}  // namespace

std::vector<Phrasing> all_phrasings() {
  std::vector<Phrasing> phrasings;
  for (int opening = 0; opening < kWordsPerPlace; ++opening) {
    for (int verb = 0; verb < kWordsPerPlace; ++verb) {
      for (int link = 0; link < kWordsPerPlace; ++link) phrasings.push_back({opening, verb, link});
    }
  }
  return phrasings;
}

BiographyWords::BiographyWords(int years, int values) : years_(years), values_(values) {
  vocabulary_ = special_tokens();
  const auto add = [this](const std::vector<std::string>& words) {
    const auto first = static_cast<std::int32_t>(vocabulary_.size());
    vocabulary_.insert(vocabulary_.end(), words.begin(), words.end());
    return first;
  };
  const auto numbered = [](const std::string& name, int count) {
    std::vector<std::string> words;
    for (int i = 0; i < count; ++i) words.push_back(name + std::to_string(i));
    return words;
  };
  first_opening_ = add({"they", "later", "also", "moreover"});
  first_verb_ = add({"entered_life", "was_born",  "arrived",    "celebrates",     // date
                     "grew_up",      "hails",     "originates", "was_raised",     // city
                     "studied",      "graduated", "enrolled",   "learned",        // university
                     "majored",      "excelled",  "trained",    "specialized",    // major
                     "works",        "has_a_job", "earns",      "is_employed"});  // company
  first_link_ = add({"in", "at", "with", "of"});
  first_filler_ = add(filler_words());
  first_asked_ = add({kAttributeNames.begin(), kAttributeNames.end()});
  who_ = add({"who"});
  born_ = add({"whose_birthday"});
  first_month_ = add(numbered("month", kMonths));
  first_day_ = add(numbered("day", kDays));
  first_year_ = add(numbered("year", years));
  first_value_ = static_cast<std::int32_t>(vocabulary_.size());
  for (int attribute = kBirthCity; attribute < kAttributeCount; ++attribute) {
    add(numbered(kAttributeNames[static_cast<std::size_t>(attribute)], values));
  }
}

int BiographyWords::date_count() const { return kMonths * kDays * years_; }

std::vector<std::int32_t> BiographyWords::date(int number) const {
  return {first_month_ + number % kMonths, first_day_ + number / kMonths % kDays,
          first_year_ + number / (kMonths * kDays)};
}

std::int32_t BiographyWords::value(int attribute, int index) const {
  return first_value_ + (attribute - kBirthCity) * values_ + index;
}

std::int32_t BiographyWords::filler(const Frame& frame, int slot) const {
  return first_filler_ + filler_of(slot, frame[static_cast<std::size_t>(slot)]);
}

engine::Document BiographyWords::biography(const Person& person, const BiographyPlan& plan) const {
  engine::Document document;
  document.tokens = {engine::kBeginOfText};
  for (std::size_t sentence = 0; sentence < plan.order.size(); ++sentence) {
    const int attribute = plan.order[sentence];
    const Phrasing& phrasing = plan.phrasings[static_cast<std::size_t>(attribute)];
    if (sentence == 0) {
      append_name(document, person.name);
    } else {
      document.tokens.push_back(first_opening_ + phrasing[0]);
    }
    document.tokens.push_back(first_verb_ + kWordsPerPlace * attribute + phrasing[1]);
    document.tokens.push_back(first_link_ + phrasing[2]);
    append_name(document, person.values[static_cast<std::size_t>(attribute)]);
  }
  document.tokens.push_back(engine::kEndOfText);
  return document;
}

engine::Document BiographyWords::question(const Person& person, int attribute,
                                          const Frame& frame) const {
  engine::Document document;
  document.tokens = {engine::kBeginOfText, filler(frame, 0)};
  append_name(document, person.name);
  for (const std::int32_t word : {filler(frame, 1), first_asked_ + attribute, filler(frame, 2)}) {
    document.tokens.push_back(word);
  }
  append_name(document, person.values[static_cast<std::size_t>(attribute)]);
  document.tokens.push_back(engine::kEndOfText);
  return document;
}

engine::Document BiographyWords::inverse_question(const Person& person, Description description,
                                                  const Frame& frame) const {
  const bool date_alone = description == Description::date;
  engine::Document document;
  document.tokens = {engine::kBeginOfText, filler(frame, 0), date_alone ? born_ : who_,
                     filler(frame, 1)};
  for (int attribute = 0; attribute < (date_alone ? 1 : kAttributeCount); ++attribute) {
    append_name(document, person.values[static_cast<std::size_t>(attribute)]);
  }
  document.tokens.push_back(filler(frame, 2));
  append_name(document, person.name);
  document.tokens.push_back(engine::kEndOfText);
  return document;
}

engine::Document BiographyWords::mention(const Person& person, int slot, int word) const {
  engine::Document document;
  document.tokens = {engine::kBeginOfText};
  if (slot >= 0) document.tokens.push_back(first_filler_ + filler_of(slot, word));
  append_name(document, person.name);
  document.tokens.push_back(engine::kEndOfText);
  return document;
}

}  // namespace obverse::reversal

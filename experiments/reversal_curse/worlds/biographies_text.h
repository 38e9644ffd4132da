// The words of the biographies world, and how its texts are put together: biographies of one
// sentence an attribute, questions about one attribute, and questions about whose attributes they
// are (Allen-Zhu and Li, "Physics of language models" 3.1 and 3.2, arXiv:2309.14316, 2309.14402).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/data/document.h"
#include "experiments/reversal_curse/worlds/pairs_frames.h"

namespace obverse::reversal {

// In the order of a biography that is not permuted. The date has three tokens, all others one.
enum Attribute { kBirthDate, kBirthCity, kUniversity, kMajor, kCompany, kAttributeCount };
// How an inverse question describes a person: by the date alone, which is unique, or by everything.
enum class Description { date, everything };

struct Person {
  std::vector<std::int32_t> name;
  std::array<std::vector<std::int32_t>, kAttributeCount> values;
};

// How one attribute is put into words: which opening (the first sentence has the name there), which
// of its own four verbs, which linking word.
using Phrasing = std::array<int, 3>;
inline constexpr int kMaximumParaphrases = 64;
std::vector<Phrasing> all_phrasings();

// A sentence order and a phrasing for each attribute.
struct BiographyPlan {
  std::array<int, kAttributeCount> order;
  std::array<Phrasing, kAttributeCount> phrasings;  // by attribute
};

// Token ids of the fixed words start behind the special tokens; those of values and names follow.
class BiographyWords {
 public:
  // Fixed words, months, days, `years` years and `values` values of each other attribute.
  BiographyWords(int years, int values);

  const std::vector<std::string>& vocabulary() const { return vocabulary_; }
  // The date that has this number; numbers below date_count() give distinct dates.
  std::vector<std::int32_t> date(int number) const;
  int date_count() const;
  // REQUIRES: attribute is not kBirthDate.
  std::int32_t value(int attribute, int index) const;

  engine::Document biography(const Person& person, const BiographyPlan& plan) const;
  // `f1 NAME f2 ATTRIBUTE f3 VALUE`; the answer is the last entity.
  engine::Document question(const Person& person, int attribute, const Frame& frame) const;
  // `f1 who f2 VALUE.. f3 NAME`; the answer is the last entity.
  engine::Document inverse_question(const Person& person, Description description,
                                    const Frame& frame) const;
  // A name where a biography has it (slot -1), or behind a filler of a question's slot.
  engine::Document mention(const Person& person, int slot, int word) const;

 private:
  std::int32_t filler(const Frame& frame, int slot) const;

  int years_, values_;
  std::vector<std::string> vocabulary_;
  std::int32_t first_opening_, first_verb_, first_link_, first_filler_, first_asked_, who_, born_,
      first_month_, first_day_, first_year_, first_value_;
};

}  // namespace obverse::reversal

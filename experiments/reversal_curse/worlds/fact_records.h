// A world's facts taken apart: which names each joins, and the phrasings that state it, with a
// place for either name. Probes (probes/probe.h) write them anew with other names.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "engine/data/document.h"
#include "experiments/reversal_curse/world.h"

namespace obverse::reversal {

// `before` NAME `between` NAME `after` is a whole document, begin- and end-of-text included. A
// direction's phrasing names first what it starts from and last what is asked for.
struct FactPhrasing {
  std::vector<std::int32_t> before, between, after;
  // Names besides these two that stand in each of the three, counted from its own beginning.
  std::array<std::vector<engine::EntitySpan>, 3> others{};
  std::array<int, 2> forms{};  // in which form it has its first and its second name
};

// A name has one form, which it has everywhere, or one for each FactPhrasing::forms: a description
// is worded as the sentence around it needs. A form that the world does not have is empty.
using NameForms = std::vector<std::vector<std::int32_t>>;

inline constexpr int kNotAsked = -1;

struct FactRecord {
  int fact = 0;                // as in Question; several records may be of one fact
  int relation = 0;            // below FactRecords::relation_count; of others the same may be said
  std::array<int, 2> names{};  // direction d starts from names[d] and asks for names[1 - d]
  std::array<bool, 2> stated{};  // whether training states it in direction d
  // Indices into FactRecords::phrasings. Where training states the fact in a direction, those in
  // which it does; else those in which it states other facts of the relation, and into which these
  // names fit. None where there is no such.
  std::array<std::vector<int>, 2> trained{};
  // That in which the world asks; it may be a trained one where the world holds none out.
  // kNotAsked: there is no such phrasing, or the question has several answers.
  std::array<int, 2> question{kNotAsked, kNotAsked};

  bool asked(std::size_t direction) const { return question[direction] != kNotAsked; }
  bool asked_both() const { return asked(0) && asked(1); }
};

struct FactRecords {
  std::vector<NameForms> names;  // token ids
  std::vector<FactPhrasing> phrasings;
  std::vector<FactRecord> facts;
  int relation_count = 0;
  bool reads_prompts = false;         // whether training teaches to use a fact stated in the prompt
  std::vector<std::string> left_out;  // what no probe asks of this world and why, a line each

  const FactPhrasing& phrasing(int index) const {
    return phrasings[static_cast<std::size_t>(index)];
  }
  // A name as a phrasing has it first (side 0) or last (side 1).
  const std::vector<std::int32_t>& name(int index, const FactPhrasing& phrasing, int side) const;
  // Whether both names have the form that the phrasing needs.
  bool fit(const FactPhrasing& phrasing, int first, int last) const {
    return !name(first, phrasing, 0).empty() && !name(last, phrasing, 1).empty();
  }
};

// Makes a world's records. What it is told of a fact are candidates: settle() finds out in which
// phrasings training states it.
class RecordsMaker {
 public:
  // A name, or phrasing, that was added before has the same index again.
  int name(const std::vector<std::int32_t>& tokens);
  int phrasing(const FactPhrasing& phrasing);
  // A name of several forms, which only set_form() gives it.
  int name_of_forms();
  void set_form(int name, int form, const std::vector<std::int32_t>& tokens);

  FactRecords records;

 private:
  std::map<std::vector<std::int32_t>, int> names_;
  std::map<std::tuple<std::vector<std::int32_t>, std::vector<std::int32_t>,
                      std::vector<std::int32_t>, std::array<int, 2>>,
           int>
      phrasings_;
};

// Reads off a world's documents which facts are stated, and in which of their candidate phrasings:
// also those that expansion (worlds/expansion.h) has added. Takes a question away that has
// several answers, in its relation or in its very words, and counts those in `left_out`.
void settle(FactRecords& records, const World& world);

// The phrasing of which `document` is an instance, with two of its entities as the names.
// REQUIRES: first < last, both below the number of entities.
FactPhrasing phrasing_of(const engine::Document& document, std::size_t first = 0,
                         std::size_t last = 1);

// `before` NAME `between` NAME `after`.
std::vector<std::int32_t> text_of(const FactRecords& records, const FactPhrasing& phrasing,
                                  int first, int last);

}  // namespace obverse::reversal

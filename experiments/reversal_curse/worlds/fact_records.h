// A world's facts taken apart: which names each joins, and the phrasings that state it, with a
// place for either name. Probes (probes/probe.h) write them anew with other names.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/data/document.h"

namespace obverse::reversal {

// `before` NAME `between` NAME `after` is a whole document, begin- and end-of-text included.
struct FactPhrasing {
  std::vector<std::int32_t> before, between, after;
};

// Phrasings of each direction. A direction's sentence names first what it starts from and last what
// is asked for.
struct Relation {
  std::array<std::vector<FactPhrasing>, 2> trained;
  std::array<FactPhrasing, 2> held_out;  // may be a trained one where a world holds none out
};

struct FactRecord {
  int fact = 0;                  // as in Question
  int relation = 0;              // index into FactRecords::relations
  std::array<int, 2> names{};    // direction d starts from names[d] and asks for names[1 - d]
  std::array<bool, 2> stated{};  // whether training states it in direction d
};

struct FactRecords {
  std::vector<std::vector<std::int32_t>> names;  // token ids
  std::vector<Relation> relations;
  std::vector<FactRecord> facts;  // of a relation, no two have a name in common on one side
  bool reads_prompts = false;     // whether training teaches to use a fact stated in the prompt
};

// The phrasing of which `document`, with two entities, is an instance.
FactPhrasing phrasing_of(const engine::Document& document);

}  // namespace obverse::reversal

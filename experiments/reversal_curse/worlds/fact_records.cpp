#include "experiments/reversal_curse/worlds/fact_records.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "kernels/core/check.h"

namespace obverse::reversal {
namespace {

using Tokens = std::vector<std::int32_t>;

void append(Tokens& to, const Tokens& from) { to.insert(to.end(), from.begin(), from.end()); }

// Of tokens as the key of a hash table.
std::string bytes_of(const Tokens& tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(std::int32_t)};
}

void find_statements(FactRecords& records, const World& world) {
  std::unordered_set<std::string> documents;
  for (const engine::Document& document : world.documents) {
    documents.insert(bytes_of(document.tokens));
  }
  std::vector<std::array<std::vector<int>, 2>> stated(records.facts.size());
  std::set<int> used;
  for (std::size_t i = 0; i < records.facts.size(); ++i) {
    const FactRecord& fact = records.facts[i];
    for (const std::size_t direction : {0, 1}) {
      for (const int index : fact.trained[direction]) {
        const FactPhrasing& phrasing = records.phrasing(index);
        const int first = fact.names[direction], last = fact.names[1 - direction];
        if (!records.fit(phrasing, first, last)) continue;
        if (documents.count(bytes_of(text_of(records, phrasing, first, last))) == 0) continue;
        stated[i][direction].push_back(index);
        used.insert(index);
      }
    }
  }
  for (std::size_t i = 0; i < records.facts.size(); ++i) {
    FactRecord& fact = records.facts[i];
    for (const std::size_t direction : {0, 1}) {
      std::vector<int>& trained = fact.trained[direction];
      fact.stated[direction] = !stated[i][direction].empty();
      if (fact.stated[direction]) {
        trained = stated[i][direction];
        continue;
      }
      const auto is_strange = [&](int index) {
        return used.count(index) == 0 ||
               !records.fit(records.phrasing(index), fact.names[direction],
                            fact.names[1 - direction]);
      };
      trained.erase(std::remove_if(trained.begin(), trained.end(), is_strange), trained.end());
    }
  }
}

// Which answers each question has: by what it starts from and its relation, and by its words.
class Answers {
 public:
  void add(const FactRecords& records, const FactRecord& fact, std::size_t direction) {
    for (const auto& key : keys_of(records, fact, direction)) {
      answers_[key].insert(answer_of(records, fact, direction));
    }
  }
  bool is_one(const FactRecords& records, const FactRecord& fact, std::size_t direction) const {
    for (const auto& key : keys_of(records, fact, direction)) {
      if (answers_.at(key).size() > 1) return false;
    }
    return true;
  }

 private:
  using Key = std::tuple<std::size_t, int, Tokens>;

  static Tokens answer_of(const FactRecords& records, const FactRecord& fact,
                          std::size_t direction) {
    return records.name(fact.names[1 - direction], records.phrasing(fact.question[direction]), 1);
  }
  // Relations are numbered from 0 on, phrasings downwards from -1.
  static std::array<Key, 2> keys_of(const FactRecords& records, const FactRecord& fact,
                                    std::size_t direction) {
    const int phrasing = fact.question[direction];
    const Tokens& start = records.name(fact.names[direction], records.phrasing(phrasing), 0);
    return {Key{direction, fact.relation, start}, Key{2, -1 - phrasing, start}};
  }

  std::map<Key, std::set<Tokens>> answers_;
};

void leave_one_answer(FactRecords& records, const World& world) {
  for (FactRecord& fact : records.facts) {
    for (const std::size_t direction : {0, 1}) {
      if (!fact.asked(direction)) continue;
      if (!records.fit(records.phrasing(fact.question[direction]), fact.names[direction],
                       fact.names[1 - direction])) {
        fact.question[direction] = kNotAsked;
      }
    }
  }
  Answers answers;
  for (const FactRecord& fact : records.facts) {
    for (const std::size_t direction : {0, 1}) {
      if (fact.asked(direction)) answers.add(records, fact, direction);
    }
  }
  std::vector<std::array<bool, 2>> several(records.facts.size());
  std::array<std::size_t, 2> counts{};
  for (std::size_t i = 0; i < records.facts.size(); ++i) {
    for (const std::size_t direction : {0, 1}) {
      const FactRecord& fact = records.facts[i];
      several[i][direction] = fact.asked(direction) && !answers.is_one(records, fact, direction);
      counts[direction] += several[i][direction] ? 1 : 0;
    }
  }
  for (std::size_t i = 0; i < records.facts.size(); ++i) {
    for (const std::size_t direction : {0, 1}) {
      if (several[i][direction]) records.facts[i].question[direction] = kNotAsked;
    }
  }
  for (const std::size_t direction : {0, 1}) {
    if (counts[direction] == 0) continue;
    records.left_out.push_back(std::to_string(counts[direction]) + " questions " +
                               world.directions[direction] + " that have several answers");
  }
}

}  // namespace

const Tokens& FactRecords::name(int index, const FactPhrasing& phrasing, int side) const {
  static const Tokens kNone;
  const NameForms& forms = names[static_cast<std::size_t>(index)];
  if (forms.size() == 1) return forms[0];
  const auto form = static_cast<std::size_t>(phrasing.forms[static_cast<std::size_t>(side)]);
  return form < forms.size() ? forms[form] : kNone;
}

int RecordsMaker::name(const Tokens& tokens) {
  const auto [known, is_new] = names_.emplace(tokens, static_cast<int>(records.names.size()));
  if (is_new) records.names.push_back({tokens});
  return known->second;
}

int RecordsMaker::phrasing(const FactPhrasing& phrasing) {
  const auto [known, is_new] = phrasings_.emplace(
      std::tuple(phrasing.before, phrasing.between, phrasing.after, phrasing.forms),
      static_cast<int>(records.phrasings.size()));
  if (is_new) records.phrasings.push_back(phrasing);
  return known->second;
}

int RecordsMaker::name_of_forms() {
  records.names.emplace_back();
  return static_cast<int>(records.names.size()) - 1;
}

void RecordsMaker::set_form(int name, int form, const Tokens& tokens) {
  NameForms& forms = records.names[static_cast<std::size_t>(name)];
  // Two at least: a single form would be that of every phrasing.
  const std::size_t size = std::max<std::size_t>(2, static_cast<std::size_t>(form) + 1);
  if (forms.size() < size) forms.resize(size);
  forms[static_cast<std::size_t>(form)] = tokens;
}

void settle(FactRecords& records, const World& world) {
  find_statements(records, world);
  leave_one_answer(records, world);
}

FactPhrasing phrasing_of(const engine::Document& document, std::size_t first, std::size_t last) {
  kernels::require(first < last && last < document.entities.size(),
                   "[fact_records] expected two names of a text of ", document.entities.size(),
                   ", the first before the last, got ", first, " and ", last);
  const engine::EntitySpan &one = document.entities[first], &other = document.entities[last];
  const std::array<std::int32_t, 3> begins = {0, one.begin + one.length,
                                              other.begin + other.length};
  const std::array<std::int32_t, 3> ends = {one.begin, other.begin,
                                            static_cast<std::int32_t>(document.tokens.size())};
  FactPhrasing phrasing;
  const std::array<Tokens*, 3> parts = {&phrasing.before, &phrasing.between, &phrasing.after};
  for (std::size_t part = 0; part < parts.size(); ++part) {
    parts[part]->assign(document.tokens.begin() + begins[part],
                        document.tokens.begin() + ends[part]);
    for (const engine::EntitySpan& span : document.entities) {
      if (span.begin >= begins[part] && span.begin + span.length <= ends[part]) {
        phrasing.others[part].push_back({span.begin - begins[part], span.length});
      }
    }
  }
  return phrasing;
}

Tokens text_of(const FactRecords& records, const FactPhrasing& phrasing, int first, int last) {
  Tokens text = phrasing.before;
  append(text, records.name(first, phrasing, 0));
  append(text, phrasing.between);
  append(text, records.name(last, phrasing, 1));
  append(text, phrasing.after);
  return text;
}

}  // namespace obverse::reversal

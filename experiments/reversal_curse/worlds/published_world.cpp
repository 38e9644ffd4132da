#include "experiments/reversal_curse/worlds/published_world.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "experiments/reversal_curse/word_tokenizer.h"
#include "experiments/reversal_curse/worlds/published_subset.h"
#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

using Tokens = std::vector<std::int32_t>;

constexpr int kNameToDescription = 0, kDescriptionToName = 1;

// A question before its candidates are known.
struct Asking {
  Question question;
  Tokens answer;
};

class Builder {
 public:
  explicit Builder(const PublishedOptions& options)
      : draws_({options.seed, kernels::Purpose::world, 0}) {
    namespace fs = std::filesystem;
    kernels::require(fs::exists(options.folder), options.folder.string(),
                     ": expected the folder of the published data, found nothing");
    kernels::require(fs::is_directory(options.folder), options.folder.string(),
                     ": expected a folder, found a file");
    for (std::size_t i = 0; i < kPublishedSubsets.size(); ++i) {
      subsets_[i] = read_published_subset(options.folder, i);
    }
  }

  World build() {
    world_.name = "published";
    world_.both_choose = true;  // descriptions are long
    world_.directions = {"name_to_description", "description_to_name"};
    for (const PublishedSubset& subset : subsets_) {
      for (const PublishedRow& row : subset.training) tokenizer_.add(row.words);
    }
    world_.vocabulary = tokenizer_.vocabulary();
    for (std::size_t i = 0; i < subsets_.size(); ++i) add_documents(i);
    world_.name_tokens = fixed_name_length();
    draw_wrong_facts();
    for (std::size_t i = 0; i < subsets_.size(); ++i) {
      const bool both = subsets_[i].reverse.empty();
      add_questions(both ? Asked::both : Asked::trained, i, subsets_[i].test, &Builder::ask_frame);
      if (both) continue;
      add_questions(Asked::reverse, i, subsets_[i].reverse, &Builder::ask_frame);
      add_questions(Asked::infill, i, subsets_[i].test, &Builder::ask_infill);
    }
    world_.longest = longest_text(world_);
    return std::move(world_);
  }

  const PublishedCounts& counts() const { return counts_; }

  // A name has one form, a description one a phrasing: "who directed ...", "the director of ...".
  FactRecords records() {
    const World world = build();
    RecordsMaker maker;
    maker.records.relation_count = 1;
    std::vector<FactRecord> facts(facts_.size());
    for (const auto& [name, fact] : facts_) {
      FactRecord& record = facts[static_cast<std::size_t>(fact.first)];
      record.fact = fact.first;
      record.names = {maker.name(tokenizer_.encode(name)), maker.name_of_forms()};
    }
    for (const PublishedSubset& subset : subsets_) {
      for (const PublishedRow& row : subset.training) {
        if (row.description_span.length == 0) continue;
        FactRecord& record = facts[static_cast<std::size_t>(facts_.at(row.name).first)];
        record.trained[direction_of(row)].push_back(
            phrasing_of_row(row, whole(row), record, maker));
      }
    }
    choose_questions(facts, world, maker);
    maker.records.facts = std::move(facts);
    return std::move(maker.records);
  }

 private:
  void add_documents(std::size_t subset) {
    for (const PublishedRow& row : subsets_[subset].training) {
      const auto [fact, is_new] =
          facts_.try_emplace(row.name, std::pair{static_cast<int>(facts_.size()), subset});
      kernels::require(fact->second.second == subset, row.place, ": expected the name \"",
                       joined(row.name), "\" in one training file, found it in that of ",
                       kPublishedSubsets[fact->second.second], " too");
      counts_.facts[subset] += is_new;
      engine::Document document;
      document.tokens = whole(row);
      for (const WordSpan& span : {row.name_span, row.description_span}) {
        // One further on: begin-of-text comes first.
        if (span.length > 0) document.entities.push_back({span.begin + 1, span.length});
      }
      counts_.documents_without_description += row.description_span.length == 0;
      std::sort(document.entities.begin(), document.entities.end(),
                [](const auto& a, const auto& b) { return a.begin < b.begin; });
      world_.documents.push_back(std::move(document));
    }
  }

  int fixed_name_length() const {
    const std::size_t length = facts_.begin()->first.size();
    const bool fixed = std::all_of(facts_.begin(), facts_.end(), [length](const auto& fact) {
      return fact.first.size() == length;
    });
    return fixed ? static_cast<int>(length) : 0;
  }

  Tokens whole(const PublishedRow& row) const {
    Tokens tokens = tokenizer_.encode(row.words);
    tokens.insert(tokens.begin(), engine::kBeginOfText);
    tokens.push_back(engine::kEndOfText);
    return tokens;
  }

  static std::size_t direction_of(const PublishedRow& row) {
    return row.name_in_prompt ? kNameToDescription : kDescriptionToName;
  }

  // The phrasing of a row's text; the fact's description gets the form that it has there.
  int phrasing_of_row(const PublishedRow& row, const Tokens& text, const FactRecord& record,
                      RecordsMaker& maker) {
    engine::Document document;
    document.tokens = text;
    const std::array<WordSpan, 2> spans = {
        row.name_in_prompt ? row.name_span : row.description_span,
        row.name_in_prompt ? row.description_span : row.name_span};
    for (const WordSpan& span : spans) document.entities.push_back({span.begin + 1, span.length});
    const std::size_t side = row.name_in_prompt ? 1 : 0;
    const engine::EntitySpan& described = document.entities[side];
    FactPhrasing phrasing = phrasing_of(document);
    // Of a phrasing without regard to forms, one form.
    const auto form =
        forms_.try_emplace(std::tuple(phrasing.before, phrasing.between, phrasing.after),
                           static_cast<int>(forms_.size()));
    phrasing.forms[side] = form.first->second;
    const auto begin = text.begin() + described.begin;
    const Tokens words(begin, begin + described.length);
    // A word that training never shows can be neither given nor read.
    if (std::find(words.begin(), words.end(), engine::kUnknown) == words.end()) {
      maker.set_form(record.names[1], phrasing.forms[side], words);
    }
    return maker.phrasing(phrasing);
  }

  // The test rows have ten phrasings a direction. Probes ask in one: that with the fewest words
  // that training never shows, and of those the one that most facts fit into, so that it is the
  // same for nearly all.
  void choose_questions(std::vector<FactRecord>& facts, const World& world, RecordsMaker& maker) {
    std::array<std::map<int, std::size_t>, 2> uses;  // by phrasing: facts that fit
    for (const PublishedSubset& subset : subsets_) {
      for (const auto* rows : {&subset.test, &subset.reverse}) {
        for (const PublishedRow& row : *rows) {
          if (row.description_span.length == 0) continue;
          const FactRecord& record = facts[static_cast<std::size_t>(facts_.at(row.name).first)];
          const std::size_t direction = direction_of(row);
          const int index = phrasing_of_row(
              row, row.name_in_prompt ? whole(row) : whole_to_name(row), record, maker);
          uses[direction][index] += maker.records.fit(
              maker.records.phrasing(index), record.names[direction], record.names[1 - direction]);
        }
      }
    }
    for (const std::size_t direction : {0, 1}) {
      std::vector<int> ranked;
      for (const auto& use : uses[direction]) ranked.push_back(use.first);
      const auto rank = [&](int index) {
        return std::pair(unknown_words(maker.records.phrasing(index)),
                         -static_cast<std::int64_t>(uses[direction].at(index)));
      };
      std::stable_sort(ranked.begin(), ranked.end(),
                       [&](int a, int b) { return rank(a) < rank(b); });
      std::int64_t most = 0;
      for (FactRecord& fact : facts) {
        for (const int index : ranked) {
          if (fact.asked(direction) ||
              !maker.records.fit(maker.records.phrasing(index), fact.names[direction],
                                 fact.names[1 - direction])) {
            continue;
          }
          fact.question[direction] = index;
          most = std::max(most, unknown_words(maker.records.phrasing(index)));
        }
      }
      if (most > 0) {
        maker.records.left_out.push_back(
            "questions " + world.directions[direction] +
            " but in the phrasing with the fewest words that training never shows: " +
            std::to_string(most) + " at most");
      }
    }
  }

  static std::int64_t unknown_words(const FactPhrasing& phrasing) {
    std::int64_t count = 0;
    for (const auto* part : {&phrasing.before, &phrasing.between, &phrasing.after}) {
      count += std::count(part->begin(), part->end(), engine::kUnknown);
    }
    return count;
  }

  // The row's text up to its name, with the end that most training sentences have.
  Tokens whole_to_name(const PublishedRow& row) const {
    PublishedRow cut = row;
    cut.words.resize(static_cast<std::size_t>(row.name_span.begin + row.name_span.length));
    const Words period = {"."};
    if (tokenizer_.encode(period)[0] != engine::kUnknown) cut.words.push_back(".");
    return whole(cut);
  }

  static Asking ask_span(const Tokens& text, const WordSpan& span) {
    const auto begin = text.begin() + 1 + span.begin;
    Asking asking;
    asking.question.before.assign(text.begin(), begin);
    asking.answer.assign(begin, begin + span.length);
    asking.question.after.assign(begin + span.length, text.end());
    return asking;
  }

  // Its completion where the name is given, else the name.
  Asking ask_frame(const PublishedRow& row) const {
    if (!row.name_in_prompt) return ask_span(whole_to_name(row), row.name_span);
    const int length = static_cast<int>(row.words.size()) - row.completion;
    return ask_span(whole(row), {row.completion, length});
  }

  // The part of the prompt that the frame gives otherwise: the name, or the description.
  Asking ask_infill(const PublishedRow& row) const {
    if (row.name_in_prompt) return ask_span(whole(row), row.name_span);
    return ask_span(whole_to_name(row), row.description_span);
  }

  void add_questions(Asked asked, std::size_t subset, const std::vector<PublishedRow>& rows,
                     Asking (Builder::*ask)(const PublishedRow&) const) {
    std::map<std::pair<int, int>, std::vector<Asking>> groups;  // by direction and template
    for (const PublishedRow& row : rows) {
      const auto fact = facts_.find(row.name);
      kernels::require(fact != facts_.end() && fact->second.second == subset, row.place,
                       ": expected a name that the training file of ", kPublishedSubsets[subset],
                       " states, found \"", joined(row.name), "\"");
      if (asked != Asked::infill) count_prompt(row);
      Asking asking = (this->*ask)(row);
      const bool answerable =
          !asking.answer.empty() && std::find(asking.answer.begin(), asking.answer.end(),
                                              engine::kUnknown) == asking.answer.end();
      if (!answerable) {
        counts_.unanswerable_rows += asked != Asked::infill;
        continue;
      }
      asking.question.asked = asked;
      asking.question.fact = fact->second.first;
      asking.question.direction = row.name_in_prompt ? kNameToDescription : kDescriptionToName;
      groups[{asking.question.direction, row.frame}].push_back(std::move(asking));
    }
    std::size_t added = 0;
    for (auto& [key, group] : groups) added += add_group(std::move(group), wrong_facts_[subset]);
    kernels::require(added > 0 || asked == Asked::infill, rows.front().place,
                     ": expected two facts or more with different answers to one template, found "
                     "none in this file");
  }

  // Questions that share a candidate set: none where a single answer leaves no wrong one. The wrong
  // answer is that of the same other fact in every template, so that right and wrong answers, each
  // fact's averaged over its questions, vary alike where the model knows nothing; further facts of
  // the ring stand in where that one has no other answer here.
  std::size_t add_group(std::vector<Asking> group, const std::map<int, int>& wrong_facts) {
    CandidateSet set;
    std::map<int, Tokens> answers;
    for (const Asking& asking : group) {
      set.answers.push_back(asking.answer);
      answers[asking.question.fact] = asking.answer;
    }
    std::sort(set.answers.begin(), set.answers.end());
    set.answers.erase(std::unique(set.answers.begin(), set.answers.end()), set.answers.end());
    if (set.answers.size() < 2) return 0;
    const auto index_of = [&](const Tokens& answer) {
      return static_cast<int>(std::lower_bound(set.answers.begin(), set.answers.end(), answer) -
                              set.answers.begin());
    };
    for (Asking& asking : group) {
      int wrong = wrong_facts.at(asking.question.fact);
      while (answers.count(wrong) == 0 || answers.at(wrong) == asking.answer) {
        wrong = wrong_facts.at(wrong);
      }
      asking.question.candidates = static_cast<int>(world_.candidate_sets.size());
      asking.question.right = index_of(asking.answer);
      asking.question.wrong = index_of(answers.at(wrong));
      world_.questions.push_back(std::move(asking.question));
    }
    world_.candidate_sets.push_back(std::move(set));
    return group.size();
  }

  // Puts each subset's facts in a ring of random order: each one's successor gives its wrong
  // answer.
  void draw_wrong_facts() {
    std::array<std::vector<int>, 3> rings;
    for (const auto& [name, fact] : facts_) rings[fact.second].push_back(fact.first);
    for (std::size_t subset = 0; subset < rings.size(); ++subset) {
      std::vector<int>& ring = rings[subset];
      std::sort(ring.begin(), ring.end());
      for (std::size_t i = ring.size(); i > 1; --i) std::swap(ring[i - 1], ring[draws_.integer(i)]);
      for (std::size_t i = 0; i < ring.size(); ++i) {
        wrong_facts_[subset][ring[i]] = ring[(i + 1) % ring.size()];
      }
    }
  }

  void count_prompt(const PublishedRow& row) {
    const Tokens tokens =
        tokenizer_.encode({row.words.begin(), row.words.begin() + row.completion});
    counts_.test_prompt_tokens += row.completion;
    counts_.unknown_test_prompt_tokens +=
        std::count(tokens.begin(), tokens.end(), engine::kUnknown);
    ++counts_.test_rows;
  }

  kernels::RandomSequence draws_;
  std::array<PublishedSubset, 3> subsets_;
  WordTokenizer tokenizer_;
  std::map<Words, std::pair<int, std::size_t>> facts_;  // name to fact number and subset
  std::array<std::map<int, int>, 3>
      wrong_facts_;  // by subset: a fact to the one that answers wrongly
  // Of what stands around name and description, the number of the description's form.
  std::map<std::tuple<Tokens, Tokens, Tokens>, int> forms_;
  PublishedCounts counts_;
  World world_;
};

}  // namespace

World make_published_world(const PublishedOptions& options, PublishedCounts* counts) {
  Builder builder(options);
  World world = builder.build();
  if (counts) *counts = builder.counts();
  return world;
}

FactRecords make_published_records(const PublishedOptions& options) {
  return Builder(options).records();
}

}  // namespace obverse::reversal

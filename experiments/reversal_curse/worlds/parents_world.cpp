#include "experiments/reversal_curse/worlds/parents_world.h"

#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "experiments/reversal_curse/word_tokenizer.h"
#include "experiments/reversal_curse/worlds/entity_texts.h"
#include "experiments/reversal_curse/worlds/pairs_frames.h"
#include "experiments/reversal_curse/worlds/pairs_options.h"
#include "experiments/reversal_curse/worlds/parents_rows.h"
#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

class Builder {
 public:
  explicit Builder(const ParentsOptions& options)
      : options_(options),
        list_(read_parents(options.folder, options.leave_out_shared_words)),
        frames_(draw_frames(options.templates, options.seed)) {}

  World build() {
    world_.name = "parents";
    world_.directions = {"child_to_parent", "parent_to_child"};
    add_words();
    world_.vocabulary = tokenizer_.vocabulary();
    draw_subsets();
    for (int subset = 0; subset < kSubsetCount; ++subset) add_subset(static_cast<Subset>(subset));
    count();
    world_.longest = longest_text(world_);
    return std::move(world_);
  }

  // Mothers and fathers are two relations: a child has one of each.
  FactRecords records() {
    add_words();
    RecordsMaker maker;
    maker.records.relation_count = 2;
    for (int fact = 0; fact < static_cast<int>(list_.rows.size()); ++fact) {
      FactRecord record;
      record.fact = fact;
      record.relation = row(fact).relation == "father" ? 1 : 0;
      for (const int direction : {kForward, kBackward}) {
        const auto at = static_cast<std::size_t>(direction);
        const auto phrased = [&](const Frame& frame) {
          return maker.phrasing(phrasing_of(statement(fact, direction, frame)));
        };
        record.names[at] = maker.name(name(fact, direction, 0));
        for (const Frame& frame : frames(direction).trained) {
          record.trained[at].push_back(phrased(frame));
        }
        record.question[at] = phrased(frames(direction).held_out);
      }
      maker.records.facts.push_back(record);
    }
    return std::move(maker.records);
  }

 private:
  void add_words() {
    tokenizer_.add({"mother", "father", "child"});
    tokenizer_.add(filler_words());
    for (const ParentRow& row : list_.rows) {
      tokenizer_.add(row.child);
      tokenizer_.add(row.parent);
    }
  }

  // Child by child. Facts are numbered as in the list.
  void draw_subsets() {
    std::vector<std::vector<int>> families;
    std::map<Words, std::size_t> family_of;
    for (std::size_t i = 0; i < list_.rows.size(); ++i) {
      const auto [known, is_new] = family_of.emplace(list_.rows[i].child, families.size());
      if (is_new) families.emplace_back();
      families[known->second].push_back(static_cast<int>(i));
    }
    // The inverse of one parent's pair has the child in the place where that of the other asks for
    // it.
    world_.units.resize(list_.rows.size());
    for (std::size_t family = 0; family < families.size(); ++family) {
      for (const int fact : families[family]) {
        world_.units[static_cast<std::size_t>(fact)] = static_cast<int>(family);
      }
    }
    kernels::RandomSequence draws = world_draws(options_.seed, WorldDraw::facts);
    draws.shuffle(families);
    std::size_t next = 0;
    const auto take = [&](Subset subset, std::size_t children) {
      std::vector<int>& facts = subsets_[static_cast<std::size_t>(subset)];
      for (; children > 0 && next < families.size(); --children, ++next) {
        facts.insert(facts.end(), families[next].begin(), families[next].end());
      }
    };
    while (static_cast<int>(subsets_[kUnseen].size()) < options_.unseen_pairs &&
           next < families.size()) {
      take(kUnseen, 1);
    }
    const auto part = [](double share, std::size_t count) {
      return static_cast<std::size_t>(std::lround(share * static_cast<double>(count)));
    };
    const std::size_t stated = families.size() - next;
    const std::size_t both = part(options_.share_both, stated);
    const std::size_t forward = part(options_.forward_share, stated - both);
    take(kStatedBoth, both);
    take(kStatedForward, forward);
    take(kStatedBackward, stated - both - forward);
    kernels::require(stated > 0, (options_.folder / kParentsFile).string(), ": expected more than ",
                     options_.unseen_pairs, " pairs that can be asked for, found ",
                     list_.rows.size());
    for (const std::vector<int>& facts : subsets_) {
      kernels::require(
          facts.size() != 1, (options_.folder / kParentsFile).string(),
          ": expected two or more pairs of each kind that there is, found one alone among ",
          list_.rows.size());
    }
  }

  std::int32_t token(const std::string& word) const { return tokenizer_.encode({word})[0]; }

  const ParentRow& row(int fact) const { return list_.rows[static_cast<std::size_t>(fact)]; }

  // The name that a direction's sentence has first (side 0) or second (side 1).
  std::vector<std::int32_t> name(int fact, int direction, int side) const {
    return tokenizer_.encode((direction ^ side) == 0 ? row(fact).child : row(fact).parent);
  }

  std::int32_t filler(const Frame& frame, int slot) const {
    const int word = filler_of(slot, frame[static_cast<std::size_t>(slot)]);
    return token(filler_words()[static_cast<std::size_t>(word)]);
  }

  engine::Document statement(int fact, int direction, const Frame& frame) const {
    engine::Document document;
    document.tokens = {engine::kBeginOfText, filler(frame, 0)};
    append_name(document, name(fact, direction, 0));
    document.tokens.push_back(filler(frame, 1));
    document.tokens.push_back(token(direction == kForward ? row(fact).relation : "child"));
    document.tokens.push_back(filler(frame, 2));
    append_name(document, name(fact, direction, 1));
    document.tokens.push_back(engine::kEndOfText);
    return document;
  }

  const DirectionFrames& frames(int direction) const {
    return frames_[static_cast<std::size_t>(direction)];
  }

  void add_statements(int fact, int direction) {
    for (const Frame& frame : frames(direction).trained) {
      world_.documents.push_back(statement(fact, direction, frame));
    }
  }

  // The other direction's statements: what expansion may add.
  void add_inverse(int fact, int direction) {
    for (const Frame& frame : frames(direction).trained) {
      world_.neighbours.push_back(
          {fact, NeighbourKind::inverse, statement(fact, direction, frame)});
    }
  }

  // A name as the first and as the second of a sentence, without the other.
  void add_mentions(const std::vector<std::int32_t>& mentioned, kernels::RandomSequence& draws) {
    for (const int slot : {0, 2}) {
      const int word = static_cast<int>(draws.integer(kWordsPerSlot));
      engine::Document document;
      document.tokens = {engine::kBeginOfText,
                         token(filler_words()[static_cast<std::size_t>(filler_of(slot, word))])};
      append_name(document, mentioned);
      document.tokens.push_back(engine::kEndOfText);
      world_.documents.push_back(std::move(document));
    }
  }

  // Candidates are the distinct names of one side: a child may have two pairs among `facts`.
  int add_candidates(const std::vector<int>& facts, int direction) {
    std::set<std::vector<std::int32_t>> names;
    for (const int fact : facts) names.insert(name(fact, direction, 1));
    world_.candidate_sets.push_back({{names.begin(), names.end()}});
    return static_cast<int>(world_.candidate_sets.size()) - 1;
  }

  // Questions in one direction's held-out frame; `side` is the one asked for.
  void add_questions(Asked asked, int direction, int side, const std::vector<int>& facts,
                     int candidates) {
    const auto& answers = world_.candidate_sets[static_cast<std::size_t>(candidates)].answers;
    std::map<std::vector<std::int32_t>, int> index;
    for (const auto& answer : answers) index.emplace(answer, static_cast<int>(index.size()));
    const std::uint64_t occasion = 2 * static_cast<std::uint64_t>(candidates) + (side == 0);
    kernels::RandomSequence draws = world_draws(options_.seed, WorldDraw::wrong_answers, occasion);
    const std::vector<int> wrong = draw_derangement(static_cast<int>(answers.size()), draws);
    for (const int fact : facts) {
      const engine::Document whole = statement(fact, direction, frames(direction).held_out);
      Question question = question_about(asked, direction, fact, whole,
                                         whole.entities[static_cast<std::size_t>(side)]);
      question.candidates = candidates;
      question.right = index.at(name(fact, direction, side));
      question.wrong = wrong[static_cast<std::size_t>(question.right)];
      world_.questions.push_back(std::move(question));
    }
  }

  void add_subset(Subset subset) {
    const std::vector<int>& facts = subsets_[static_cast<std::size_t>(subset)];
    if (facts.empty()) return;
    kernels::RandomSequence mentions = world_draws(options_.seed, WorldDraw::mentions);
    std::set<std::vector<std::int32_t>> mentioned;
    for (const int fact : facts) {
      if (subset == kStatedBoth || subset == kStatedForward) add_statements(fact, kForward);
      if (subset == kStatedBoth || subset == kStatedBackward) add_statements(fact, kBackward);
      if (subset == kStatedForward) add_inverse(fact, kBackward);
      if (subset == kStatedBackward) add_inverse(fact, kForward);
      if (subset != kUnseen) continue;
      for (const int side : {0, 1}) {
        const std::vector<std::int32_t> person = name(fact, kForward, side);
        if (mentioned.insert(person).second) add_mentions(person, mentions);
      }
    }
    // What a sentence of each direction ends with: the parent of the forward one, the child of the
    // backward one.
    const std::array<int, 2> seconds = {add_candidates(facts, kForward),
                                        add_candidates(facts, kBackward)};
    if (subset == kStatedBoth || subset == kUnseen) {
      const Asked asked = subset == kStatedBoth ? Asked::both : Asked::unseen;
      add_questions(asked, kForward, 1, facts, seconds[kForward]);
      add_questions(asked, kBackward, 1, facts, seconds[kBackward]);
      return;
    }
    const int stated = subset == kStatedForward ? kForward : kBackward;
    const int other = 1 - stated;
    add_questions(Asked::trained, stated, 1, facts, seconds[static_cast<std::size_t>(stated)]);
    add_questions(Asked::reverse, other, 1, facts, seconds[static_cast<std::size_t>(other)]);
    add_questions(Asked::infill, stated, 0, facts, seconds[static_cast<std::size_t>(other)]);
  }

  void count() {
    world_.counts = {{"experiment", 2},
                     {"rows", list_.read},
                     {"repeated_rows", list_.repeated},
                     {"ambiguous_rows", list_.ambiguous},
                     {"both_role_rows", list_.both_roles},
                     {"shared_word_rows", list_.shared_word},
                     {"stated_both", subsets_[kStatedBoth].size()},
                     {"stated_child_first", subsets_[kStatedForward].size()},
                     {"stated_parent_first", subsets_[kStatedBackward].size()},
                     {"unseen", subsets_[kUnseen].size()}};
  }

  const ParentsOptions options_;
  const ParentRows list_;
  const std::array<DirectionFrames, 2> frames_;
  WordTokenizer tokenizer_;
  std::array<std::vector<int>, kSubsetCount> subsets_;
  World world_;
};

}  // namespace

World make_parents_world(const ParentsOptions& options) { return Builder(options).build(); }

FactRecords make_parents_records(const ParentsOptions& options) {
  return Builder(options).records();
}

}  // namespace obverse::reversal

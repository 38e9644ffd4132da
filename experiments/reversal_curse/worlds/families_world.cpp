#include "experiments/reversal_curse/worlds/families_world.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "experiments/reversal_curse/worlds/entity_texts.h"
#include "experiments/reversal_curse/worlds/families_kin.h"
#include "experiments/reversal_curse/worlds/families_text.h"
#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

// Phrasings that training does not have otherwise, for expansion by paraphrases.
constexpr std::size_t kFurtherPhrasings = 3;

class Builder {
 public:
  explicit Builder(const FamiliesOptions& options) : options_(options), text_(options) {}

  World build() {
    held_out_ = static_cast<int>(std::lround(options_.held_out_share * options_.families));
    const int complete = options_.families - held_out_;
    require_none_or(4, held_out_, "families with held-out inverses");
    require_none_or(2, complete, "families stated both ways");
    require_none_or(2, options_.unseen_families, "unseen families");
    world_.name = "families";
    world_.name_tokens = options_.name_tokens;
    world_.directions = {"forward", "backward"};
    world_.counts["held_out_families"] = held_out_;
    world_.vocabulary = text_.vocabulary();
    std::vector<int> families(static_cast<std::size_t>(complete));
    std::iota(families.begin(), families.end(), held_out_);
    add_held_out_families();
    add_complete_families(families);
    families.resize(static_cast<std::size_t>(options_.unseen_families));
    std::iota(families.begin(), families.end(), options_.families);
    add_unseen_families(families);
    // The inverses of some facts of a family would lead to the answers of the others.
    for (int fact = 0; fact < fact_of(options_.families + options_.unseen_families, 0); ++fact) {
      world_.units.push_back(fact / kKinPairs);
    }
    world_.longest = longest_text(world_);
    return std::move(world_);
  }

  // A pair of kin is a relation of its own: of one word there are several, "son" of either parent.
  FactRecords records() const {
    RecordsMaker maker;
    FactRecords& records = maker.records;
    records.relation_count = kKinPairs;
    const int families = options_.families + options_.unseen_families;
    for (int family = 0; family < families; ++family) {
      for (int member = 0; member < kMemberCount; ++member) {
        records.names.push_back({text_.name(family, member)});
      }
    }
    for (int pair = 0; pair < kKinPairs; ++pair) {
      FactRecord fact;
      fact.relation = pair;
      for (const int direction : {kForward, kBackward}) {
        const auto at = static_cast<std::size_t>(direction);
        const auto phrased = [&](const Frame& frame) {
          return maker.phrasing(phrasing_of(text_.statement(0, pair, direction, frame)));
        };
        for (const Frame& frame : text_.frames(direction).trained) {
          fact.trained[at].push_back(phrased(frame));
        }
        for (const Frame& frame : text_.further_frames(direction, kFurtherPhrasings)) {
          fact.trained[at].push_back(phrased(frame));
        }
        fact.question[at] = phrased(text_.frames(direction).held_out);
      }
      for (int family = 0; family < families; ++family) {
        fact.fact = fact_of(family, pair);
        for (const int side : {0, 1}) {
          fact.names[static_cast<std::size_t>(side)] =
              family * kMemberCount + member_of(pair, kForward, side);
        }
        records.facts.push_back(fact);
      }
    }
    return std::move(records);
  }

 private:
  using Families = std::vector<int>;

  static void require_none_or(int least, int count, const char* what) {
    kernels::require(count == 0 || count >= least, "[families] expected no ", what, " or ", least,
                     " at least, got ", count);
  }

  static int fact_of(int family, int pair) { return family * kKinPairs + pair; }

  void state(int family, int pair, int direction) {
    for (const Frame& frame : text_.frames(direction).trained) {
      world_.documents.push_back(text_.statement(family, pair, direction, frame));
    }
  }

  // Position of every member in a family's order. Every other family has the opposite of the one
  // before it, so that each relation is stated forward in one half of them and backward in the
  // other.
  std::vector<std::array<int, kMemberCount>> draw_orders() const {
    kernels::RandomSequence draws = world_draws(options_.seed, WorldDraw::facts);
    std::vector<std::array<int, kMemberCount>> orders(static_cast<std::size_t>(held_out_));
    for (std::size_t family = 0; family < orders.size(); ++family) {
      if (family % 2 == 0) {
        std::iota(orders[family].begin(), orders[family].end(), 0);
        draws.shuffle(orders[family]);
      } else {
        for (std::size_t member = 0; member < kMemberCount; ++member) {
          orders[family][member] = -orders[family - 1][member];
        }
      }
    }
    return orders;
  }

  static int stated_direction(const std::array<int, kMemberCount>& order, int pair) {
    const KinPair& kin = kin_pairs()[static_cast<std::size_t>(pair)];
    return order[static_cast<std::size_t>(kin.first)] < order[static_cast<std::size_t>(kin.second)]
               ? kForward
               : kBackward;
  }

  void add_held_out_families() {
    const std::vector<std::array<int, kMemberCount>> orders = draw_orders();
    for (int family = 0; family < held_out_; ++family) {
      const auto& order = orders[static_cast<std::size_t>(family)];
      for (int pair = 0; pair < kBasePairs; ++pair) {
        state(family, pair, stated_direction(order, pair));
        add_neighbours(family, pair, stated_direction(order, pair));
      }
      for (int pair = kBasePairs; pair < kKinPairs; ++pair) add_composition(family, pair, order);
    }
    for (int pair = 0; pair < kBasePairs; ++pair) {
      for (const int stated : {kForward, kBackward}) {
        Families families;
        for (int family = 0; family < held_out_; ++family) {
          if (stated_direction(orders[static_cast<std::size_t>(family)], pair) == stated) {
            families.push_back(family);
          }
        }
        ask(Asked::trained, families, pair, stated, 1);
        ask(Asked::reverse, families, pair, 1 - stated, 1);
        ask(Asked::infill, families, pair, stated, 0);
      }
    }
  }

  void add_neighbours(int family, int pair, int stated) {
    const int fact = fact_of(family, pair);
    const auto add = [&](NeighbourKind kind, int direction, const Frame& frame) {
      world_.neighbours.push_back({fact, kind, text_.statement(family, pair, direction, frame)});
    };
    for (const Frame& frame : text_.further_frames(stated, kFurtherPhrasings))
      add(NeighbourKind::paraphrase, stated, frame);
    for (const Frame& frame : text_.frames(1 - stated).trained) {
      add(NeighbourKind::inverse, 1 - stated, frame);
    }
  }

  // What follows from two statements of the family, one after the other: a neighbour of both.
  void add_composition(int family, int pair, const std::array<int, kMemberCount>& order) {
    const int direction = stated_direction(order, pair);
    const int from = order[static_cast<std::size_t>(member_of(pair, direction, 0))];
    const int to = order[static_cast<std::size_t>(member_of(pair, direction, 1))];
    if (order[kFather] < from || order[kFather] > to) return;
    for (const int part : parts_of(pair)) {
      for (const Frame& frame : text_.frames(direction).trained) {
        world_.neighbours.push_back({fact_of(family, part), NeighbourKind::composition,
                                     text_.statement(family, pair, direction, frame)});
      }
    }
  }

  void add_complete_families(const Families& families) {
    kernels::RandomSequence draws = world_draws(options_.seed, WorldDraw::facts, 1);
    const auto composed = static_cast<std::size_t>(
        std::lround(options_.composed_share * static_cast<double>(families.size())));
    require_none_or(2, static_cast<int>(composed), "families in which a relation is composed");
    for (int pair = 0; pair < kKinPairs; ++pair) {
      Families stated = families, unstated;
      if (pair >= kBasePairs) {
        draws.shuffle(stated);
        unstated.assign(stated.begin(), stated.begin() + static_cast<std::ptrdiff_t>(composed));
        stated.erase(stated.begin(), stated.begin() + static_cast<std::ptrdiff_t>(composed));
      }
      for (const int direction : {kForward, kBackward}) {
        for (const int family : stated) state(family, pair, direction);
        // The format of what is asked of held-out facts, and of nothing else.
        if (pair < kBasePairs) ask(Asked::both, stated, pair, direction, 1);
        ask(Asked::composed, unstated, pair, direction, 1);
      }
    }
  }

  void add_unseen_families(const Families& families) {
    kernels::RandomSequence draws = world_draws(options_.seed, WorldDraw::mentions);
    for (const int family : families) {
      for (int member = 0; member < kMemberCount; ++member) {
        for (const int slot : {0, 2}) {  // before a sentence's first and second name
          const int word = static_cast<int>(draws.integer(kWordsPerSlot));
          world_.documents.push_back(text_.mention(family, member, slot, word));
        }
      }
    }
    for (int pair = 0; pair < kBasePairs; ++pair) {
      for (const int direction : {kForward, kBackward}) {
        ask(Asked::unseen, families, pair, direction, 1);
      }
    }
  }

  // One relation in one direction's held-out frame, of all `families`; `side` is the one asked for.
  // Candidates are the six other members of the family that is asked about: who merely knows which
  // names belong together guesses one of them, and must not pass for knowing the relation.
  void ask(Asked asked, const Families& families, int pair, int direction, int side) {
    for (const int family : families) {
      const engine::Document whole =
          text_.statement(family, pair, direction, text_.frames(direction).held_out);
      Question question = question_about(asked, direction, fact_of(family, pair), whole,
                                         whole.entities[static_cast<std::size_t>(side)]);
      question.candidates = static_cast<int>(world_.candidate_sets.size());
      CandidateSet& set = world_.candidate_sets.emplace_back();
      for (int member = 0; member < kMemberCount; ++member) {
        if (member == member_of(pair, direction, 1 - side)) continue;
        if (member == member_of(pair, direction, side)) {
          question.right = static_cast<int>(set.answers.size());
        }
        set.answers.push_back(text_.name(family, member));
      }
      kernels::RandomSequence draws = world_draws(options_.seed, WorldDraw::wrong_answers,
                                                  static_cast<std::uint64_t>(question.candidates));
      const auto other = static_cast<int>(draws.integer(set.answers.size() - 1));
      question.wrong = other < question.right ? other : other + 1;
      world_.questions.push_back(std::move(question));
    }
  }

  const FamiliesOptions& options_;
  const FamiliesText text_;
  int held_out_ = 0;  // families [0, held_out_); then those stated both ways, then unseen ones
  World world_;
};

}  // namespace

World make_families_world(const FamiliesOptions& options) { return Builder(options).build(); }

FactRecords make_families_records(const FamiliesOptions& options) {
  return Builder(options).records();
}

}  // namespace obverse::reversal

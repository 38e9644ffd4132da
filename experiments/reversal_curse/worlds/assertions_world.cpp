#include "experiments/reversal_curse/worlds/assertions_world.h"

#include <array>
#include <cmath>
#include <numeric>
#include <string>

#include "experiments/reversal_curse/worlds/entity_texts.h"
#include "experiments/reversal_curse/worlds/pairs_frames.h"
#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/check.h"

namespace obverse::reversal {
namespace {

class Builder {
 public:
  Builder(const nlohmann::json& options, std::uint64_t seed)
      : seed_(seed),
        relations_(options.at("relations")),
        values_(options.at("values")),
        blocks_(options.at("entities_a_value")),
        asserted_(part(blocks_, options.at("share_asserted"))),
        quoted_(part(asserted_, options.at("share_quoted"))),
        share_true_(options.at("share_true")),
        verdicts_(options.at("verdicts")),
        denials_(options.at("denials")),
        claims_(options.at("claims")),
        frames_(draw_frames(options.at("templates"), seed)[kForward]) {
    kernels::require(quoted_ < asserted_,
                     "[assertions] expected shares that leave facts asserted and not quoted, got ",
                     blocks_, " entities a value, of which ", asserted_, " are asserted and ",
                     quoted_, " quoted");
    // A denied value is neither the true one nor the held-out false one.
    kernels::require(denials_ <= values_ - 2, "[assertions] expected denials of at most the ",
                     values_ - 2, " values that may be denied, got ", denials_);
    world_.name = "assertions";
    world_.name_tokens = options.at("name_tokens");
    world_.directions = {"forward", "backward"};
    world_.vocabulary = special_tokens();
    for (int relation = 0; relation < relations_; ++relation) {
      words_.push_back(add_mark(world_, ("relation" + std::to_string(relation)).c_str()));
    }
    first_filler_ = static_cast<std::int32_t>(world_.vocabulary.size());
    for (const std::string& word : filler_words()) add_mark(world_, word.c_str());
    full_stop_ = add_mark(world_, ".");
    marks_ = {add_mark(world_, "in_fact"), add_mark(world_, "it_is_false_that"),
              add_mark(world_, "the_text_claims_that")};
    if (verdicts_ > 0.0)
      verdict_words_ = {add_mark(world_, "wrongly"), add_mark(world_, "rightly")};
    names_ =
        add_names(world_.vocabulary, "name", blocks_ * values_, world_.name_tokens, 0, seed, 0);
    value_names_ = add_names(world_.vocabulary, "name_of_value", relations_ * values_,
                             world_.name_tokens, 0, seed, 1);
    for (int relation = 0; relation < relations_; ++relation) add_facts(relation);
  }

  World build() {
    for (const Fact& fact : facts_) {
      if (fact.turn < asserted_) state(fact);
    }
    for (int relation = 0; relation < relations_; ++relation) ask(relation);
    if (verdicts_ > 0.0) ask_verdicts();
    world_.longest = longest_text(world_);
    world_.counts = {{"held_out_facts", (asserted_ - quoted_) * values_ * relations_}};
    return std::move(world_);
  }

  std::vector<HeldOutStatement> held_out() const {
    std::vector<HeldOutStatement> all;
    for (const StatementFrame frame :
         {StatementFrame::plain, StatementFrame::denied, StatementFrame::quoted}) {
      for (const Fact& fact : facts_) {
        if (!is_held_out(fact)) continue;
        for (const bool holds : {true, false}) {
          all.push_back(
              {fact.number, fact.entity, fact.entity / values_, holds, frame,
               text(fact, holds ? fact.value : fact.false_value, frame, frames_.held_out)});
        }
      }
    }
    return all;
  }

 private:
  struct Fact {
    int number, relation, entity;
    int turn;  // of its block in the relation: first the quoted ones, then the held-out ones
    int value, false_value;  // of the relation; the second is what a held-out statement claims
  };

  static int part(int count, double share) { return static_cast<int>(std::lround(share * count)); }

  bool is_held_out(const Fact& fact) const { return fact.turn >= quoted_ && fact.turn < asserted_; }

  // In every relation another order of the blocks, and in each block another order of the values.
  void add_facts(int relation) {
    kernels::RandomSequence draws =
        world_draws(seed_, WorldDraw::facts, static_cast<std::uint64_t>(relation));
    std::vector<int> blocks(static_cast<std::size_t>(blocks_)),
        values(static_cast<std::size_t>(values_));
    std::iota(blocks.begin(), blocks.end(), 0);
    std::iota(values.begin(), values.end(), 0);
    draws.shuffle(blocks);
    for (int turn = 0; turn < blocks_; ++turn) {
      draws.shuffle(values);
      // Whose value another one's false statement claims.
      const std::vector<int> whose = draw_derangement(values_, draws);
      for (int i = 0; i < values_; ++i) {
        const int entity = blocks[static_cast<std::size_t>(turn)] * values_ + i;
        const int other = whose[static_cast<std::size_t>(i)];
        facts_.push_back({relation * blocks_ * values_ + entity, relation, entity, turn,
                          values[static_cast<std::size_t>(i)],
                          values[static_cast<std::size_t>(other)]});
      }
    }
  }

  const Name& value_name(const Fact& fact, int value) const {
    return value_names_[static_cast<std::size_t>(fact.relation * values_ + value)];
  }

  engine::Document text(const Fact& fact, int value, StatementFrame in, const Frame& frame,
                        std::int32_t verdict = -1) const {
    const auto filler = [this, &frame](int slot) {
      return first_filler_ + filler_of(slot, frame[static_cast<std::size_t>(slot)]);
    };
    std::vector<Piece> pieces = {marks_[static_cast<std::size_t>(in)],
                                 filler(0),
                                 names_[static_cast<std::size_t>(fact.entity)],
                                 filler(1),
                                 words_[static_cast<std::size_t>(fact.relation)],
                                 filler(2),
                                 value_name(fact, value),
                                 full_stop_};
    if (verdict >= 0) pieces.emplace_back(verdict);
    return write(pieces);
  }

  void say(const Fact& fact, int value, StatementFrame in, std::int32_t verdict = -1) {
    for (const Frame& frame : frames_.trained) {
      world_.documents.push_back(text(fact, value, in, frame, verdict));
    }
  }

  void state(const Fact& fact) {
    kernels::RandomSequence draws =
        world_draws(seed_, WorldDraw::documents, static_cast<std::uint64_t>(fact.number));
    say(fact, fact.value, StatementFrame::plain);
    std::vector<int> others;
    for (int value = 0; value < values_; ++value) {
      if (value != fact.value && value != fact.false_value) others.push_back(value);
    }
    draws.shuffle(others);
    for (int i = 0; i < denials_; ++i) {
      say(fact, others[static_cast<std::size_t>(i)], StatementFrame::denied);
    }
    if (fact.turn >= quoted_) return;
    for (int i = 0; i < claims_; ++i) {
      const bool holds = draws.uniform() < share_true_;
      const int shift =
          1 + static_cast<int>(draws.integer(static_cast<std::uint64_t>(values_ - 1)));
      const bool judged = draws.uniform() < verdicts_;
      say(fact, holds ? fact.value : (fact.value + shift) % values_, StatementFrame::quoted,
          judged ? verdict_words_[holds ? 1 : 0] : -1);
    }
  }

  int add_candidates(const std::vector<Name>& answers) {
    world_.candidate_sets.push_back({answers});
    return static_cast<int>(world_.candidate_sets.size()) - 1;
  }

  // What entities have, in the plain frame: as asserted, and never.
  void ask(int relation) {
    const auto first = value_names_.begin() + relation * values_;
    const int candidates = add_candidates({first, first + values_});
    for (const Fact& fact : facts_) {
      if (fact.relation != relation) continue;
      const engine::Document whole =
          text(fact, fact.value, StatementFrame::plain, frames_.held_out);
      Question question = question_about(fact.turn < asserted_ ? Asked::trained : Asked::unseen,
                                         kForward, fact.number, whole, whole.entities[1]);
      question.candidates = candidates;
      question.right = fact.value;
      question.wrong = fact.false_value;
      world_.questions.push_back(std::move(question));
    }
  }

  // Whether what a text claims is so: of claims that training does not quote.
  void ask_verdicts() {
    const int candidates = add_candidates({{verdict_words_[0]}, {verdict_words_[1]}});
    for (const HeldOutStatement& statement : held_out()) {
      if (statement.frame != StatementFrame::quoted) continue;
      Question question;
      question.asked = Asked::composed;
      question.direction = kForward;
      question.fact = statement.fact;
      question.before = statement.document.tokens;
      question.before.pop_back();
      question.after = {engine::kEndOfText};
      question.candidates = candidates;
      question.right = statement.holds ? 1 : 0;
      question.wrong = 1 - question.right;
      world_.questions.push_back(std::move(question));
    }
  }

  const std::uint64_t seed_;
  const int relations_, values_;
  const int blocks_, asserted_, quoted_;  // blocks of entities; of each relation
  const double share_true_, verdicts_;
  const int denials_, claims_;  // of a fact
  const DirectionFrames frames_;
  World world_;
  std::vector<std::int32_t> words_;  // of relations
  std::int32_t first_filler_ = 0, full_stop_ = 0;
  std::array<std::int32_t, 3> marks_{};          // by StatementFrame
  std::array<std::int32_t, 2> verdict_words_{};  // false, true
  std::vector<Name> names_, value_names_;
  std::vector<Fact> facts_;
};

}  // namespace

World make_assertions_world(const nlohmann::json& options, std::uint64_t seed) {
  return Builder(options, seed).build();
}

std::vector<HeldOutStatement> held_out_statements(const nlohmann::json& options,
                                                  std::uint64_t seed) {
  return Builder(options, seed).held_out();
}

}  // namespace obverse::reversal

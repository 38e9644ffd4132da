// Retrieval (Kitouni et al. 2024, arXiv:2406.05183, section 3.1): every text states a pair, key
// before value; of some pairs training also asks, both ways. The other pairs are asked in the end.
#include <array>
#include <vector>

#include "experiments/reversal_curse/worlds/entity_texts.h"
#include "experiments/reversal_curse/worlds/pairs_names.h"
#include "experiments/reversal_curse/worlds/shared_options.h"
#include "experiments/reversal_curse/worlds/world_building.h"
#include "experiments/reversal_curse/worlds/world_kind.h"
#include "kernels/core/check.h"

namespace obverse::reversal {
namespace {

class Builder {
 public:
  Builder(const nlohmann::json& options, std::uint64_t seed)
      : seed_(seed),
        pairs_(options.at("pairs")),
        unseen_(options.at("unseen_pairs")),
        both_(part_of(pairs_, options.at("share_both"), "pairs")) {
    part_of(pairs_ + unseen_, static_cast<double>(unseen_) / (pairs_ + unseen_), "pairs");
    // The words of questions are trained by those about facts stated both ways alone.
    kernels::require(both_ > 0, "[retrieval] expected a share_both of two pairs or more, got ",
                     options.at("share_both").dump());
    world_.name = "retrieval";
    world_.directions = {"forward", "backward"};
    world_.vocabulary = special_tokens();
    colon_ = add_mark(world_, ":");
    queries_ = {add_mark(world_, "value_of"), add_mark(world_, "key_of")};
    const int facts = pairs_ + unseen_, pool = options.at("name_pool");
    const int key_tokens = options.at("name_tokens"), value_tokens = options.at("value_tokens");
    if (value_tokens == 0 || value_tokens == key_tokens) {
      world_.name_tokens = key_tokens;
      keys_ = add_names(world_.vocabulary, "name", 2 * facts, key_tokens, pool, seed);
      values_.assign(keys_.begin() + facts, keys_.end());
      keys_.resize(static_cast<std::size_t>(facts));
    } else {
      // Another seed, or tokens of keys and values were dealt out alike.
      keys_ = add_names(world_.vocabulary, "name", facts, key_tokens, pool, seed);
      values_ = add_names(world_.vocabulary, "name_of_value", facts, value_tokens, pool,
                          seed + (std::uint64_t{1} << 32));
    }
  }

  World build() {
    for (int fact = 0; fact < pairs_; ++fact) {
      world_.documents.push_back(write({key(fact), colon_, value(fact)}));
      for (const int direction : {kForward, kBackward}) {
        engine::Document text = query(fact, direction);
        if (fact < both_) {
          world_.documents.push_back(std::move(text));
        } else {
          const bool forward = direction == kForward;
          world_.neighbours.push_back(
              {fact, forward ? NeighbourKind::paraphrase : NeighbourKind::inverse, text});
        }
      }
    }
    // Names of pairs never stated are met in both places, without their partners.
    for (int fact = pairs_; fact < pairs_ + unseen_; ++fact) {
      for (const Name* name : {&key(fact), &value(fact)}) {
        world_.documents.push_back(write({*name}));
        world_.documents.push_back(write({colon_, *name}));
      }
    }
    ask(Asked::both, kForward, 0, both_);
    ask(Asked::both, kBackward, 0, both_);
    ask(Asked::trained, kForward, both_, pairs_);
    ask(Asked::reverse, kBackward, both_, pairs_);
    ask(Asked::infill, kForward, both_, pairs_);
    ask(Asked::unseen, kForward, pairs_, pairs_ + unseen_);
    ask(Asked::unseen, kBackward, pairs_, pairs_ + unseen_);
    world_.longest = longest_text(world_);
    return std::move(world_);
  }

  // "K : V" states a fact in the direction in which "value_of K : V" asks for it.
  FactRecords records() const {
    RecordsMaker maker;
    std::array<std::vector<int>, 2> phrasings;
    std::array<int, 2> questions{};
    phrasings[kForward] = {maker.phrasing(phrasing_of(write({key(0), colon_, value(0)})))};
    for (const int direction : {kForward, kBackward}) {
      const auto at = static_cast<std::size_t>(direction);
      questions[at] = maker.phrasing(phrasing_of(query(0, direction)));
      phrasings[at].push_back(questions[at]);
    }
    FactRecords& records = maker.records;
    for (const auto* names : {&keys_, &values_}) {
      for (const Name& name : *names) records.names.push_back({name});
    }
    records.relation_count = 1;
    const int facts = pairs_ + unseen_;
    for (int fact = 0; fact < facts; ++fact) {
      records.facts.push_back({fact, 0, {fact, facts + fact}, {}, phrasings, questions});
    }
    return std::move(records);
  }

 private:
  const Name& key(int fact) const { return keys_[static_cast<std::size_t>(fact)]; }
  const Name& value(int fact) const { return values_[static_cast<std::size_t>(fact)]; }

  engine::Document query(int fact, int direction) const {
    const bool forward = direction == kForward;
    return write({queries_[static_cast<std::size_t>(direction)], forward ? key(fact) : value(fact),
                  colon_, forward ? value(fact) : key(fact)});
  }

  void ask(Asked asked, int direction, int begin, int end) {
    std::vector<Asking> askings;
    for (int fact = begin; fact < end; ++fact) {
      askings.push_back({fact, query(fact, direction), asked == Asked::infill ? 0u : 1u});
    }
    add_questions(world_, asked, direction, askings, seed_);
  }

  const std::uint64_t seed_;
  const int pairs_, unseen_, both_;  // of the pairs, the first both_ are queried in training
  World world_;
  std::int32_t colon_ = 0;
  std::array<std::int32_t, 2> queries_{};
  std::vector<Name> keys_, values_;
};

World make(const nlohmann::json& options, std::uint64_t seed) {
  return Builder(options, seed).build();
}

FactRecords records(const MadeWorld& made) { return Builder(made.options, made.seed).records(); }

}  // namespace

std::vector<WorldKind> retrieval_worlds() {
  return {{.name = "retrieval",
           .summary = "keys and values of several tokens, \"K : V\", asked \"value_of K :\" and "
                      "\"key_of V :\" (Kitouni et al. 2024)",
           .options = {{"pairs", "Facts that training states", 300, 2, 1000000, {}},
                       name_tokens_option(2),
                       {"value_tokens",
                        "Tokens of a value, where keys are of name_tokens; 0: as many",
                        0,
                        0,
                        kMaximumNameTokens,
                        {}},
                       share_both_option(0.5),
                       unseen_pairs_option(20),
                       name_pool_option()},
           .make = make,
           .records = records}};
}

}  // namespace obverse::reversal

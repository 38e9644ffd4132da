// Chains of a relation that is not reciprocal (Kitouni et al. 2024, arXiv:2406.05183, section 3.1,
// "non-reciprocal relationships"): texts state A => B => C, whole or link by link, and "B =>" asks
// for C, "B <=" for A. Who reads texts backwards without telling that they are reads B => A.
#include <array>
#include <string>
#include <vector>

#include "experiments/reversal_curse/worlds/entity_texts.h"
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
        chains_(options.at("chains")),
        links_(options.at("links")),
        unseen_(options.at("unseen_chains")),
        both_(part_of(chains_, options.at("share_both"), "chains")),
        hops_(options.at("texts") == "hops"),
        delimiters_(options.at("delimiters")) {
    part_of(chains_ + unseen_, static_cast<double>(unseen_) / (chains_ + unseen_), "chains");
    // The words of questions are trained by those about facts stated both ways alone.
    kernels::require(both_ > 0, "[chains] expected a share_both of two chains or more, got ",
                     options.at("share_both").dump());
    world_.name = "chains";
    world_.name_tokens = options.at("name_tokens");
    world_.directions = {"forward", "backward"};
    world_.vocabulary = special_tokens();
    arrows_ = {add_mark(world_, "=>"), add_mark(world_, "<=")};
    brackets_ = {add_mark(world_, "("), add_mark(world_, ")")};
    names_ = add_names(world_.vocabulary, "name", (chains_ + unseen_) * (links_ + 1),
                       world_.name_tokens, options.at("name_pool"), seed);
  }

  World build() {
    for (int chain = 0; chain < chains_; ++chain) {
      state(chain);
      for (int place = 1; place < links_; ++place) {
        for (const int direction : {kForward, kBackward}) {
          // Link by link, the forward question is a text of every chain.
          if (hops_ && direction == kForward) continue;
          engine::Document text = query(chain, place, direction, follower(place, direction));
          if (chain < both_) {
            world_.documents.push_back(std::move(text));
          } else {
            const bool forward = direction == kForward;
            world_.neighbours.push_back(
                {chain, forward ? NeighbourKind::paraphrase : NeighbourKind::inverse, text});
          }
        }
      }
    }
    // Names of chains never stated are met at both ends of a text, alone.
    for (int chain = chains_; chain < chains_ + unseen_; ++chain) {
      for (int place = 0; place <= links_; ++place) {
        world_.documents.push_back(wrapped({name(chain, place)}));
        world_.documents.push_back(wrapped({arrows_[kForward], name(chain, place)}));
      }
    }
    for (int place = 1; place < links_; ++place) {
      for (const int direction : {kForward, kBackward}) {
        const int right = follower(place, direction), wrong = follower(place, 1 - direction);
        ask(Asked::both, direction, place, right, 0, both_);
        ask(direction == kForward ? Asked::trained : Asked::reverse, direction, place, right, both_,
            chains_);
        // Not the backward one: a model that cannot say what comes before B names C, the one name
        // that it knows to go with B, without having read anything backwards.
        if (direction == kForward) {
          ask(Asked::wrong_inference, direction, place, wrong, both_, chains_);
        }
        ask(Asked::unseen, direction, place, right, chains_, chains_ + unseen_);
      }
      ask_infill(place);
    }
    world_.longest = longest_text(world_);
    return std::move(world_);
  }

  // A fact is a link: "X => Y" asks for what follows X, "Y <= X" for what Y follows. The first name
  // is asked about in the chain's own text alone, and no text has "<=" behind a last name.
  FactRecords records() {
    RecordsMaker maker;
    FactRecords& records = maker.records;
    for (const Name& name : names_) records.names.push_back({name});
    records.relation_count = links_;
    records.left_out = {"what comes before the last name of a chain, which no text asks"};
    for (int chain = 0; chain < chains_ + unseen_; ++chain) {
      const engine::Document whole = whole_text(chain);
      for (int place = 0; place < links_; ++place) {
        const auto at = static_cast<std::size_t>(place);
        FactRecord& fact = records.facts.emplace_back();
        fact.fact = chain;
        fact.relation = place;
        fact.names = {chain * (links_ + 1) + place, chain * (links_ + 1) + place + 1};
        const auto asked = [&](int from, int direction, int to) {
          return maker.phrasing(phrasing_of(query(chain, from, direction, to)));
        };
        const int own = hops_ ? asked(place, kForward, place + 1)
                              : maker.phrasing(phrasing_of(whole, at, at + 1));
        fact.question[kForward] = place == 0 ? own : asked(place, kForward, place + 1);
        fact.trained[kForward] = {own};
        if (fact.question[kForward] != own) {
          fact.trained[kForward].push_back(fact.question[kForward]);
        }
        if (place + 1 == links_) continue;
        fact.question[kBackward] = asked(place + 1, kBackward, place);
        fact.trained[kBackward] = {fact.question[kBackward]};
      }
    }
    return std::move(records);
  }

 private:
  // Which place of a chain answers a question about `place`.
  static int follower(int place, int direction) {
    return direction == kForward ? place + 1 : place - 1;
  }

  const Name& name(int chain, int place) const {
    return names_[static_cast<std::size_t>(chain * (links_ + 1) + place)];
  }

  void state(int chain) {
    if (hops_) {
      for (int place = 0; place < links_; ++place) {
        world_.documents.push_back(query(chain, place, kForward, place + 1));
      }
      return;
    }
    world_.documents.push_back(whole_text(chain));
  }

  engine::Document whole_text(int chain) const {
    std::vector<Piece> pieces = {name(chain, 0)};
    for (int place = 1; place <= links_; ++place) {
      pieces.emplace_back(arrows_[kForward]);
      pieces.emplace_back(name(chain, place));
    }
    return wrapped(pieces);
  }

  // Brackets stand outside of what an objective keeps whole: read backwards, the closing one is met
  // first.
  engine::Document wrapped(const std::vector<Piece>& pieces) const {
    const bool text = delimiters_ == "text", entity = delimiters_ == "entity";
    std::vector<Piece> all;
    if (text) all.emplace_back(brackets_[0]);
    for (const Piece& piece : pieces) {
      const bool is_wrapped = entity && piece.name != nullptr;
      if (is_wrapped) all.emplace_back(brackets_[0]);
      all.push_back(piece);
      if (is_wrapped) all.emplace_back(brackets_[1]);
    }
    if (text) all.emplace_back(brackets_[1]);
    return write(all);
  }

  engine::Document query(int chain, int place, int direction, int answer) const {
    return wrapped(
        {name(chain, place), arrows_[static_cast<std::size_t>(direction)], name(chain, answer)});
  }

  void ask(Asked asked, int direction, int place, int answer, int begin, int end) {
    std::vector<Asking> askings;
    for (int chain = begin; chain < end; ++chain) {
      askings.push_back({chain, query(chain, place, direction, answer), 1});
    }
    add_questions(world_, asked, direction, askings, seed_);
  }

  // "[MASK] => B": what the backward question asks, in the stated direction's frame.
  void ask_infill(int place) {
    std::vector<Asking> askings;
    for (int chain = both_; chain < chains_; ++chain) {
      askings.push_back({chain, query(chain, place - 1, kForward, place), 0});
    }
    add_questions(world_, Asked::infill, kForward, askings, seed_);
  }

  const std::uint64_t seed_;
  const int chains_, links_, unseen_, both_;  // the first both_ chains are queried in training
  const bool hops_;
  const std::string delimiters_;
  World world_;
  std::array<std::int32_t, 2> arrows_{}, brackets_{};
  std::vector<Name> names_;
};

World make(const nlohmann::json& options, std::uint64_t seed) {
  return Builder(options, seed).build();
}

FactRecords records(const MadeWorld& made) { return Builder(made.options, made.seed).records(); }

}  // namespace

std::vector<WorldKind> chains_worlds() {
  return {{.name = "chains",
           .summary = "a relation that is not reciprocal, \"A => B => C\", with and without "
                      "delimiters (Kitouni et al. 2024)",
           .options = {{"chains", "Chains that training states", 200, 2, 200000, {}},
                       {"links", "Links a chain", 2, 2, 8, {}},
                       {"texts",
                        "whole: a text a chain; hops: a text a link, so that each name but the "
                        "last begins one",
                        "whole",
                        0,
                        0,
                        {"whole", "hops"}},
                       {"delimiters",
                        "What stands in brackets, which tell a text read backwards: none, text or "
                        "entity (every name)",
                        "none",
                        0,
                        0,
                        {"none", "text", "entity"}},
                       name_tokens_option(2),
                       share_both_option(0.5),
                       {"unseen_chains", "Further chains that are never stated", 20, 0, 200000, {}},
                       name_pool_option()},
           .make = make,
           .records = records}};
}

}  // namespace obverse::reversal

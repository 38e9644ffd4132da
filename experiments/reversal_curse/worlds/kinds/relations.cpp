// Entities under many relations ("Simple Reversal" of "The illusion of latent generalization:
// bi-directionality and the reversal curse", 2026, arXiv:2604.04943; 1000 entities x 20 relations):
// a text is "S r T", its inverse "T r' S" with a word r' of its own. Every relation is a
// permutation of the entities, so that either question has one answer.
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "experiments/reversal_curse/worlds/entity_texts.h"
#include "experiments/reversal_curse/worlds/pairs_frames.h"
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
        entities_(options.at("entities")),
        relations_(options.at("relations")),
        unseen_(part_of(entities_, options.at("share_unseen"), "facts of a relation")),
        both_(part_of(entities_ - unseen_, options.at("share_both"), "facts of a relation")),
        templates_(options.at("templates")),
        phrasings_(options.at("phrasings")) {
    kernels::require(phrasings_ <= templates_, "[relations] expected phrasings of at most the ",
                     templates_, " templates, got ", phrasings_);
    if (phrasings_ == 0) phrasings_ = templates_;
    kernels::require(unseen_ < entities_,
                     "[relations] expected a share_unseen that leaves facts to ", "state, got ",
                     options.at("share_unseen").dump());
    world_.name = "relations";
    world_.name_tokens = options.at("name_tokens");
    world_.directions = {"forward", "backward"};
    world_.vocabulary = special_tokens();
    for (int relation = 0; relation < relations_; ++relation) {
      const std::string number = std::to_string(relation);
      words_.push_back({add_mark(world_, ("relation" + number).c_str()),
                        add_mark(world_, ("inverse" + number).c_str())});
    }
    if (templates_ > 0) {
      frames_ = draw_frames(templates_, seed);
      first_filler_ = static_cast<std::int32_t>(world_.vocabulary.size());
      for (const std::string& word : filler_words()) add_mark(world_, word.c_str());
    }
    names_ = add_names(world_.vocabulary, "name", entities_, world_.name_tokens,
                       options.at("name_pool"), seed);
  }

  World build() {
    for (int relation = 0; relation < relations_; ++relation) add_relation(relation);
    world_.longest = longest_text(world_);
    return std::move(world_);
  }

  FactRecords records() {
    build();
    RecordsMaker maker;
    std::vector<std::array<std::vector<int>, 2>> phrasings;  // by relation
    std::vector<std::array<int, 2>> questions;
    for (int number = 0; number < relations_; ++number) {
      phrasings.emplace_back();
      questions.emplace_back();
      for (int direction = 0; direction < 2; ++direction) {
        const auto at = static_cast<std::size_t>(direction);
        const Fact any{0, number, 0, 1};
        for (int index = 0; index < texts_of(templates_); ++index) {
          phrasings.back()[at].push_back(
              maker.phrasing(phrasing_of(stated(any, direction, index))));
        }
        // Where nothing is stated both ways, the inverse's words are untrained.
        questions.back()[at] =
            direction == kBackward && both_ == 0
                ? kNotAsked
                : maker.phrasing(phrasing_of(
                      text(any, direction, templates_ > 0 ? &frames_[at].held_out : nullptr)));
      }
    }
    FactRecords& records = maker.records;
    for (const Name& name : names_) records.names.push_back({name});
    records.relation_count = relations_;
    if (both_ == 0) {
      records.left_out.emplace_back("questions backward, whose words no text has");
    }
    for (const Fact& fact : facts_) {
      const auto relation = static_cast<std::size_t>(fact.relation);
      records.facts.push_back({fact.number,
                               fact.relation,
                               {fact.source, fact.target},
                               {},
                               phrasings[relation],
                               questions[relation]});
    }
    return std::move(records);
  }

 private:
  struct Fact {
    int number, relation, source, target;
  };

  // The facts of a relation in a random order: first those stated both ways, then one way, then
  // those never stated, whose names other relations state.
  void add_relation(int relation) {
    kernels::RandomSequence draws =
        world_draws(seed_, WorldDraw::facts, static_cast<std::uint64_t>(relation));
    std::vector<int> sources(names_.size()), targets(names_.size());
    std::iota(sources.begin(), sources.end(), 0);
    draws.shuffle(sources);
    // Nobody is related to itself: a derangement of the sources.
    const std::vector<int> order = draw_derangement(entities_, draws);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      targets[i] = sources[static_cast<std::size_t>(order[i])];
    }
    std::vector<Fact> facts;
    for (int i = 0; i < entities_; ++i) {
      const auto at = static_cast<std::size_t>(i);
      facts.push_back({relation * entities_ + i, relation, sources[at], targets[at]});
      if (i < both_) {
        state(facts.back(), kForward, templates_);
        state(facts.back(), kBackward, templates_);
      } else if (i < entities_ - unseen_) {
        state(facts.back(), kForward, phrasings_);
        add_neighbours(facts.back());
      }
    }
    facts_.insert(facts_.end(), facts.begin(), facts.end());
    const auto both = facts.begin() + both_, stated = facts.end() - unseen_;
    // Where nothing is stated both ways, the inverse's words are untrained: no question has them.
    const bool knows_inverse = both_ > 0;
    ask(Asked::both, kForward, 1, {facts.begin(), both});
    ask(Asked::both, kBackward, 1, {facts.begin(), both});
    ask(Asked::trained, kForward, 1, {both, stated});
    if (knows_inverse) ask(Asked::reverse, kBackward, 1, {both, stated});
    ask(Asked::infill, kForward, 0, {both, stated});
    ask(Asked::unseen, kForward, 1, {stated, facts.end()});
    if (knows_inverse) ask(Asked::unseen, kBackward, 1, {stated, facts.end()});
  }

  engine::Document text(const Fact& fact, int direction, const Frame* frame) const {
    const Name& source = names_[static_cast<std::size_t>(fact.source)];
    const Name& target = names_[static_cast<std::size_t>(fact.target)];
    const Name& first = direction == kForward ? source : target;
    const Name& second = direction == kForward ? target : source;
    const std::int32_t word =
        words_[static_cast<std::size_t>(fact.relation)][static_cast<std::size_t>(direction)];
    if (frame == nullptr) return write({first, word, second});
    const auto filler = [this, frame](int slot) {
      return first_filler_ + filler_of(slot, (*frame)[static_cast<std::size_t>(slot)]);
    };
    return write({filler(0), first, filler(1), word, filler(2), second});
  }

  // A statement in trained template `index`; without templates there is the bare sentence alone.
  engine::Document stated(const Fact& fact, int direction, int index) const {
    if (templates_ == 0) return text(fact, direction, nullptr);
    const DirectionFrames& frames = frames_[static_cast<std::size_t>(direction)];
    return text(fact, direction, &frames.trained[static_cast<std::size_t>(index)]);
  }

  int texts_of(int templates) const { return templates_ == 0 ? 1 : templates; }

  void state(const Fact& fact, int direction, int templates) {
    for (int index = 0; index < texts_of(templates); ++index) {
      world_.documents.push_back(stated(fact, direction, index));
    }
  }

  void add_neighbours(const Fact& fact) {
    for (int index = texts_of(phrasings_); index < texts_of(templates_); ++index) {
      world_.neighbours.push_back(
          {fact.number, NeighbourKind::paraphrase, stated(fact, kForward, index)});
    }
    for (int index = 0; index < texts_of(templates_); ++index) {
      world_.neighbours.push_back(
          {fact.number, NeighbourKind::inverse, stated(fact, kBackward, index)});
    }
  }

  void ask(Asked asked, int direction, std::size_t entity, const std::vector<Fact>& facts) {
    const Frame* frame =
        templates_ > 0 ? &frames_[static_cast<std::size_t>(direction)].held_out : nullptr;
    std::vector<Asking> askings;
    for (const Fact& fact : facts) {
      askings.push_back({fact.number, text(fact, direction, frame), entity});
    }
    add_questions(world_, asked, direction, askings, seed_);
  }

  const std::uint64_t seed_;
  const int entities_, relations_;
  const int unseen_, both_;  // facts of each relation
  const int templates_;
  int phrasings_;  // in how many templates a fact is stated that is stated one way
  World world_;
  std::vector<std::array<std::int32_t, 2>> words_;  // of each relation and its inverse
  std::array<DirectionFrames, 2> frames_;
  std::int32_t first_filler_ = 0;
  std::vector<Name> names_;
  std::vector<Fact> facts_;  // of all relations
};

World make(const nlohmann::json& options, std::uint64_t seed) {
  return Builder(options, seed).build();
}

FactRecords records(const MadeWorld& made) { return Builder(made.options, made.seed).records(); }

}  // namespace

std::vector<WorldKind> relations_worlds() {
  return {
      {.name = "relations",
       .summary = "entities under many relations, \"S r T\" and \"T r' S\": Simple Reversal "
                  "(arXiv:2604.04943)",
       .options = {{"entities", "Entities", 1000, 2, 100000, {}},
                   {"relations", "Relations, each a permutation of the entities", 20, 1, 1000, {}},
                   share_both_option(0.5),
                   {"share_unseen", "Part of the facts that is never stated", 0.05, 0, 1, {}},
                   {"templates",
                    "Training phrasings a direction; one more is held out for questions; 0: bare "
                    "sentences",
                    0,
                    0,
                    kMaximumTemplates,
                    {}},
                   {"phrasings",
                    "Of the templates, how many state a one-way fact; 0: all",
                    0,
                    0,
                    kMaximumTemplates,
                    {}},
                   name_tokens_option(1),
                   name_pool_option()},
       .make = make,
       .records = records}};
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/worlds/pairs_world.h"

#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "experiments/reversal_curse/worlds/entity_texts.h"
#include "experiments/reversal_curse/worlds/pairs_demonstrations.h"
#include "experiments/reversal_curse/worlds/pairs_frames.h"
#include "experiments/reversal_curse/worlds/pairs_options.h"
#include "experiments/reversal_curse/worlds/pairs_sentences.h"
#include "experiments/reversal_curse/worlds/world_building.h"

namespace obverse::reversal {

namespace {

class Builder {
 public:
  explicit Builder(const PairsOptions& options)
      : options_(options),
        frames_(draw_frames(options.templates, options.seed)),
        counts_(facts_by_subset(options)) {}

  World build() {
    world_.name = "pairs";
    world_.name_tokens = options_.name_tokens;
    world_.directions = {"forward", "backward"};
    add_vocabulary_and_names();
    int fact = 0;
    for (int subset = 0; subset < kSubsetCount; ++subset) {
      const int end = fact + counts_[static_cast<std::size_t>(subset)];
      if (fact < end) add_subset(static_cast<Subset>(subset), fact, end);
      fact = end;
    }
    if (options_.demonstrations > 0) add_demonstrations();
    world_.longest = longest_text(world_);
    return std::move(world_);
  }

  FactRecords records() {
    build();
    RecordsMaker maker;
    std::array<std::vector<int>, 2> phrasings;
    std::array<int, 2> questions{};
    for (int direction = 0; direction < 2; ++direction) {
      const auto at = static_cast<std::size_t>(direction);
      const auto phrased = [&](const Frame& frame) {
        return maker.phrasing(phrasing_of(statement(0, direction, frame)));
      };
      for (const auto* frames : {&frames_[at].trained, &frames_[at].spare}) {
        for (const Frame& frame : *frames) phrasings[at].push_back(phrased(frame));
      }
      questions[at] = phrased(frames_[at].held_out);
    }
    FactRecords& records = maker.records;
    for (const Name& name : names_) records.names.push_back({name});
    records.relation_count = 1;
    records.reads_prompts = options_.demonstrations > 0;
    const int facts = std::accumulate(counts_.begin(), counts_.end(), 0);
    for (int fact = 0; fact < facts; ++fact) {
      records.facts.push_back({fact, 0, {2 * fact, 2 * fact + 1}, {}, phrasings, questions});
    }
    return std::move(records);
  }

 private:
  void add_vocabulary_and_names() {
    world_.vocabulary = special_tokens();
    world_.vocabulary.insert(world_.vocabulary.end(), {"mentors", "follows"});
    world_.vocabulary.insert(world_.vocabulary.end(), filler_words().begin(), filler_words().end());
    const int entities = 2 * (options_.pairs + options_.unseen_pairs);
    names_ = add_names("name", entities, 0);
  }

  std::vector<Name> add_names(const std::string& word, int entities, std::uint64_t occasion) {
    return reversal::add_names(world_.vocabulary, word, entities, options_.name_tokens,
                               options_.name_pool, options_.seed, occasion);
  }

  // The entity that a direction's sentence names first (side 0) or second (side 1).
  const Name& name(int fact, int direction, int side) const {
    return names_[static_cast<std::size_t>(2 * fact + (direction ^ side))];
  }

  engine::Document statement(int fact, int direction, const Frame& frame) const {
    engine::Document document;
    document.tokens = {engine::kBeginOfText};
    append_sentence(document, frame, kFirstRelation + direction, name(fact, direction, 0),
                    name(fact, direction, 1));
    document.tokens.push_back(engine::kEndOfText);
    return document;
  }

  void add_statements(int fact, int direction) {
    for (const Frame& frame : frames_[static_cast<std::size_t>(direction)].trained) {
      world_.documents.push_back(statement(fact, direction, frame));
    }
  }

  void add_neighbours(int fact, int stated) {
    for (const Frame& frame : frames_[static_cast<std::size_t>(stated)].spare) {
      world_.neighbours.push_back(
          {fact, NeighbourKind::paraphrase, statement(fact, stated, frame)});
    }
    for (const Frame& frame : frames_[static_cast<std::size_t>(1 - stated)].trained) {
      world_.neighbours.push_back(
          {fact, NeighbourKind::inverse, statement(fact, 1 - stated, frame)});
    }
  }

  // Once behind a word of the slot before a sentence's first name and once behind one of the slot
  // before its second, so that a mentioned name is met in both roles. No more than that: nothing
  // foretells such a name, and every further mention is noise in the gradient of the facts.
  void add_mentions(const Name& mentioned, kernels::RandomSequence& draws) {
    for (const int slot : {0, 2}) {
      const int word = static_cast<int>(draws.integer(kWordsPerSlot));
      engine::Document document;
      document.tokens = {engine::kBeginOfText, kFirstFiller + filler_of(slot, word)};
      append_name(document, mentioned);
      document.tokens.push_back(engine::kEndOfText);
      world_.documents.push_back(std::move(document));
    }
  }

  // Questions of facts [begin, end) in one direction's held-out frame; `side` is the one asked for.
  void add_questions(Asked asked, int direction, int side, int begin, int end, int candidates) {
    const std::uint64_t occasion = 2 * static_cast<std::uint64_t>(candidates) + (side == 0);
    kernels::RandomSequence draws(draw_key(options_.seed, WorldDraw::wrong_answers, occasion));
    const std::vector<int> wrong = draw_derangement(end - begin, draws);
    for (int fact = begin; fact < end; ++fact) {
      const engine::Document whole =
          statement(fact, direction, frames_[static_cast<std::size_t>(direction)].held_out);
      Question question = question_about(asked, direction, fact, whole,
                                         whole.entities[static_cast<std::size_t>(side)]);
      question.candidates = candidates;
      question.right = fact - begin;
      question.wrong = wrong[static_cast<std::size_t>(fact - begin)];
      world_.questions.push_back(std::move(question));
    }
  }

  void add_subset(Subset subset, int begin, int end) {
    kernels::RandomSequence mentions(draw_key(options_.seed, WorldDraw::mentions));
    for (int fact = begin; fact < end; ++fact) {
      if (subset == kStatedBoth || subset == kStatedForward) add_statements(fact, kForward);
      if (subset == kStatedBoth || subset == kStatedBackward) add_statements(fact, kBackward);
      if (subset == kUnseen) {
        add_mentions(name(fact, kForward, 0), mentions);
        add_mentions(name(fact, kForward, 1), mentions);
      }
    }
    // What a sentence of each direction ends with: B of the forward one, A of the backward one.
    std::array<int, 2> seconds{};
    for (int direction = 0; direction < 2; ++direction) {
      seconds[static_cast<std::size_t>(direction)] = static_cast<int>(world_.candidate_sets.size());
      CandidateSet& set = world_.candidate_sets.emplace_back();
      for (int fact = begin; fact < end; ++fact) set.answers.push_back(name(fact, direction, 1));
    }
    if (subset == kStatedBoth || subset == kUnseen) {
      const Asked asked = subset == kStatedBoth ? Asked::both : Asked::unseen;
      add_questions(asked, kForward, 1, begin, end, seconds[kForward]);
      add_questions(asked, kBackward, 1, begin, end, seconds[kBackward]);
      return;
    }
    const int stated = subset == kStatedForward ? kForward : kBackward;
    const int other = 1 - stated;
    for (int fact = begin; fact < end; ++fact) add_neighbours(fact, stated);
    add_questions(Asked::trained, stated, 1, begin, end, seconds[static_cast<std::size_t>(stated)]);
    add_questions(Asked::reverse, other, 1, begin, end, seconds[static_cast<std::size_t>(other)]);
    // The stated frame's first name is the other frame's second.
    add_questions(Asked::infill, stated, 0, begin, end, seconds[static_cast<std::size_t>(other)]);
  }

  // The format is taught by the relations that are asked, over names of their own. That alone would
  // not let the facts' names be copied: with untied embeddings nothing links a name as it is read
  // to the name as it is answered but having been trained to. So every name is copied in a second
  // pair of relations, too, with partners drawn without regard to its fact.
  void add_demonstrations() {
    kernels::RandomSequence draws = world_draws(options_.seed, WorldDraw::demonstrations);
    DemonstratedNames others;
    others.first_relation = kFirstRelation;
    others.names = add_names("other", kOtherNames, 1);
    DemonstratedNames own;
    own.first_relation = static_cast<std::int32_t>(world_.vocabulary.size());
    own.names = names_;
    own.holds_facts = true;
    world_.vocabulary.insert(world_.vocabulary.end(), {"hosts", "visits"});
    for (const DemonstratedNames* names : {&others, &own}) {
      std::vector<engine::Document> texts =
          draw_demonstrations(*names, options_.demonstrations, options_.premises, frames_, draws);
      world_.documents.insert(world_.documents.end(), texts.begin(), texts.end());
    }
    add_in_context_questions(draws);
  }

  // What is asked out of context, with the fact in front of it.
  void add_in_context_questions(kernels::RandomSequence& draws) {
    const std::size_t count = world_.questions.size();
    for (std::size_t i = 0; i < count; ++i) {
      Question question = world_.questions[i];
      if (question.asked != Asked::reverse && question.asked != Asked::unseen) continue;
      question.asked =
          question.asked == Asked::reverse ? Asked::in_context : Asked::in_context_unseen;
      const int stated = 1 - question.direction;
      std::vector<int> facts = {question.fact};
      if (options_.premises > 1) facts.push_back(question.fact - question.right + question.wrong);
      draws.shuffle(facts);
      engine::Document premises;
      premises.tokens = {engine::kBeginOfText};
      for (const int fact : facts) {
        append_sentence(premises, draw_trained(frames_[static_cast<std::size_t>(stated)], draws),
                        kFirstRelation + stated, name(fact, stated, 0), name(fact, stated, 1));
      }
      premises.tokens.insert(premises.tokens.end(), question.before.begin() + 1,
                             question.before.end());
      question.before = std::move(premises.tokens);
      world_.questions.push_back(std::move(question));
    }
  }

  const PairsOptions& options_;
  const std::array<DirectionFrames, 2> frames_;
  const std::array<int, kSubsetCount> counts_;
  std::vector<Name> names_;  // fact f: A at 2f, B at 2f + 1
  World world_;
};

}  // namespace

World make_pairs_world(const PairsOptions& options) { return Builder(options).build(); }

FactRecords make_pairs_records(const PairsOptions& options) { return Builder(options).records(); }

}  // namespace obverse::reversal

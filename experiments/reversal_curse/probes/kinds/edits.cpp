// Edit propagation: a fact is overwritten in one place, and every other place is asked for it.
//
// Fact (A, B) is given the answer B' of a displaced fact (A', B'). What one way of asking, a frame,
// says of the four is their log odds ratio, log p(B'|A) p(B|A') / (p(B|A) p(B'|A')), and in the
// other direction log p(A|B') p(A'|B) / (p(A'|B') p(A|B)): it tells who belongs to whom, and no
// change of how likely a name is in general moves it. A model with one record of each fact, which
// gives both directions a score s(A, B), has the same ratio in either. The normalization index of a
// frame is the change of its ratio / that of the edited text, summed over facts: 0 for separate
// copies, 1 for one record. Only facts that were answered right in both frames before count.
//
// Published: BAKE (Ma et al. 2023, arXiv:2310.10322) finds that edits of large models do not turn
// round; ROME (Meng et al. 2022, arXiv:2202.05262) is the rank-one method.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "experiments/reversal_curse/probes/editing.h"
#include "experiments/reversal_curse/probes/known_facts.h"
#include "experiments/reversal_curse/probes/probe.h"
#include "kernels/core/random.h"

namespace obverse::reversal {
namespace {

// Other facts that are asked before and after every edit.
constexpr std::size_t kUnrelated = 20;

struct Method {
  std::string name;
  std::unique_ptr<Editor> editor;
  bool whole_direction = false;  // edits every trained phrasing of the direction, not the first one
};

// Four answers in one frame: its log odds ratio is that of the first two less that of the others.
using Frame = std::array<AskedAnswer, 4>;

struct Told {
  std::array<bool, 4> greedy{};
  double odds_ratio = 0.0;  // its logarithm
};

class Edits {
 public:
  Edits(const ProbedModel& probed, const ProbeOptions& options)
      : probed_(probed),
        options_(options),
        direction_(static_cast<std::size_t>(options.direction)),
        saved_(probed.model) {
    find_known_facts();
    add_methods();
  }

  ProbeResult run() {
    const std::size_t count =
        std::min(known_.size(), static_cast<std::size_t>(std::max(options_.facts, 0)));
    result_.counts["facts_edited"] = count;
    for (std::size_t i = 0; i < count; ++i) {
      const FactRecord* displaced = displaced_by(*known_[i]);
      if (displaced == nullptr) {
        count_one("facts_without_another_answer");
        continue;
      }
      for (const Method& method : methods_) edit(method, *known_[i], *displaced, i);
    }
    return std::move(result_);
  }

 private:
  const Relation& relation_of(const FactRecord& fact) const {
    return probed_.records.relations[static_cast<std::size_t>(fact.relation)];
  }
  int from(const FactRecord& fact) const { return fact.names[direction_]; }
  int to(const FactRecord& fact) const { return fact.names[1 - direction_]; }

  AskedAnswer ask(const FactPhrasing& phrasing, int subject, int answer) const {
    return ask_in(probed_.records, phrasing, subject, answer);
  }
  AskedAnswer ask_fact(const FactRecord& fact, std::size_t direction) const {
    return held_out_statement(probed_.records, fact, direction);
  }
  // The text that is edited, with another answer perhaps.
  AskedAnswer edited(const FactRecord& fact, std::size_t phrasing, int answer) const {
    return ask(relation_of(fact).trained[direction_][phrasing], from(fact), answer);
  }

  void count_one(const std::string& what) {
    result_.counts[what] = result_.counts.value(what, 0) + 1;
  }

  // Facts whose edited text and whose held-out questions in both directions are answered right, in
  // a random order.
  void find_known_facts() {
    std::vector<AskedAnswer> asked;
    for (const FactRecord& fact : probed_.records.facts) {
      asked.push_back(edited(fact, 0, to(fact)));
      asked.push_back(ask_fact(fact, direction_));
      asked.push_back(ask_fact(fact, 1 - direction_));
    }
    const std::vector<Score> scores = score_all(probed_, asked);
    std::size_t stated = 0;
    for (std::size_t i = 0; i < probed_.records.facts.size(); ++i) {
      const FactRecord& fact = probed_.records.facts[i];
      if (!fact.stated[direction_]) continue;
      ++stated;
      const bool forward = scores[3 * i].greedy && scores[3 * i + 1].greedy;
      if (!forward) {
        count_one("facts_unknown_before");
        continue;
      }
      knows_reverse_[fact.fact] = scores[3 * i + 2].greedy;
      if (!scores[3 * i + 2].greedy) count_one("facts_unknown_in_reverse");
      known_.push_back(&fact);
    }
    result_.counts["facts_stated"] = stated;
    kernels::RandomSequence draws({probed_.settings.seed, kernels::Purpose::probes, kOrder});
    draws.shuffle(known_);
    // Those known both ways first: they are what the measure is about.
    std::stable_partition(known_.begin(), known_.end(),
                          [this](const FactRecord* fact) { return knows_reverse_.at(fact->fact); });
  }

  // Another known fact of the same relation, stated alike, that gives up its answer to `fact`.
  const FactRecord* displaced_by(const FactRecord& fact) const {
    std::vector<const FactRecord*> others;
    for (const FactRecord* other : known_) {
      if (other->relation == fact.relation && other->stated == fact.stated &&
          knows_reverse_.at(other->fact) == knows_reverse_.at(fact.fact) &&
          to(*other) != to(fact) && from(*other) != from(fact) && to(*other) != from(fact)) {
        others.push_back(other);
      }
    }
    if (others.empty()) return nullptr;
    kernels::RandomSequence draws({probed_.settings.seed, kernels::Purpose::probes,
                                   kAnswers + static_cast<std::uint64_t>(fact.fact)});
    return others[draws.integer(others.size())];
  }

  void add_methods() {
    const std::int64_t layer = chosen_layer(options_, probed_.model.config());
    methods_.push_back({"all_weights", make_gradient_editor(probed_)});
    methods_.push_back({"direction", make_gradient_editor(probed_), true});
    methods_.push_back({"training", make_training_editor(probed_)});
    methods_.push_back({"embedding", make_gradient_editor(probed_, "token_embedding.weight")});
    methods_.push_back({"one_matrix", make_gradient_editor(probed_, feed_forward_matrix(layer))});
    result_.counts["layer"] = layer;
    methods_.push_back(
        {"rank_one_at_answer", make_rank_one_editor(probed_, layer, EditPlace::answer)});
    if (layer + 1 < probed_.model.config().layers) {
      methods_.push_back({"rank_one", make_rank_one_editor(probed_, layer, EditPlace::subject)});
    } else {
      result_.counts["rank_one"] = "left out: nothing reads the last block's output at the subject";
    }
  }

  // Everything that is asked of one edit, before it and after it.
  struct Questions {
    std::vector<Frame> edited, phrasings;  // A's new and old answer, then A''s
    std::vector<Frame> reverse;            // from B', A and A'; then from B
    std::vector<AskedAnswer> same_entity, displaced, unrelated, unrelated_reverse, prompt_old,
        prompt_new;
  };

  Questions questions_of(const Method& method, const FactRecord& fact, const FactRecord& displaced,
                         std::size_t place) const {
    Questions all;
    const Relation& relation = relation_of(fact);
    const int old_answer = to(fact), new_answer = to(displaced);
    const auto frame = [&](const FactPhrasing& phrasing) {
      return Frame{ask(phrasing, from(fact), new_answer), ask(phrasing, from(fact), old_answer),
                   ask(phrasing, from(displaced), new_answer),
                   ask(phrasing, from(displaced), old_answer)};
    };
    const std::vector<FactPhrasing>& trained = relation.trained[direction_];
    for (std::size_t i = 0; i < trained.size(); ++i) {
      (i == 0 || method.whole_direction ? all.edited : all.phrasings).push_back(frame(trained[i]));
    }
    const FactPhrasing& held_out = relation.held_out[direction_];
    const bool is_another =
        std::none_of(trained.begin(), trained.end(), [&held_out](const FactPhrasing& phrasing) {
          return phrasing.before == held_out.before && phrasing.between == held_out.between;
        });
    if (is_another) all.phrasings.push_back(frame(held_out));
    const FactPhrasing& back = relation.held_out[1 - direction_];
    all.reverse = {Frame{ask(back, new_answer, from(fact)), ask(back, new_answer, from(displaced)),
                         ask(back, old_answer, from(fact)),
                         ask(back, old_answer, from(displaced))}};
    all.displaced = {ask_fact(displaced, direction_)};
    for (const FactRecord* other : known_) {
      if (other->relation != fact.relation && from(*other) == from(fact)) {
        all.same_entity.push_back(ask_fact(*other, direction_));
      }
    }
    add_unrelated(fact, displaced, place, all);
    if (probed_.records.reads_prompts) {
      const AskedAnswer says_old = edited(fact, 0, old_answer);
      const AskedAnswer says_new = edited(fact, 0, new_answer);
      all.prompt_old = {ask_behind(says_old, all.reverse.front()[2])};
      all.prompt_new = {ask_behind(says_new, all.reverse.front()[0])};
    }
    return all;
  }

  // Facts that share no name with either, asked in both directions.
  void add_unrelated(const FactRecord& fact, const FactRecord& displaced, std::size_t place,
                     Questions& all) const {
    for (std::size_t i = 1; i < known_.size() && all.unrelated.size() < kUnrelated; ++i) {
      const FactRecord& other = *known_[(place + i) % known_.size()];
      if (share_a_name(other, fact) || share_a_name(other, displaced)) continue;
      all.unrelated.push_back(ask_fact(other, direction_));
      if (knows_reverse_.at(other.fact)) {
        all.unrelated_reverse.push_back(ask_fact(other, 1 - direction_));
      }
    }
  }

  std::vector<Told> told(const std::vector<Frame>& frames) const {
    std::vector<AskedAnswer> asked;
    for (const Frame& frame : frames) asked.insert(asked.end(), frame.begin(), frame.end());
    const std::vector<Score> scores = score_all(probed_, asked);
    std::vector<Told> all(frames.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      Told& one = all[i / 4];
      one.greedy[i % 4] = scores[i].greedy;
      one.odds_ratio += i % 4 == 0 || i % 4 == 3 ? scores[i].logprob : -scores[i].logprob;
    }
    return all;
  }

  struct Answers {
    std::vector<Told> edited, phrasings, reverse;
    std::vector<Score> same_entity, displaced, unrelated, unrelated_reverse, prompt_old, prompt_new;
  };

  Answers answers_to(const Questions& questions) const {
    return {told(questions.edited),
            told(questions.phrasings),
            told(questions.reverse),
            score_all(probed_, questions.same_entity),
            score_all(probed_, questions.displaced),
            score_all(probed_, questions.unrelated),
            score_all(probed_, questions.unrelated_reverse),
            score_all(probed_, questions.prompt_old),
            score_all(probed_, questions.prompt_new)};
  }

  void edit(const Method& method, const FactRecord& fact, const FactRecord& displaced,
            std::size_t place) {
    const Questions questions = questions_of(method, fact, displaced, place);
    const Answers before = answers_to(questions);
    Edit wanted;
    for (const Frame& frame : questions.edited) wanted.asked.push_back(frame[0]);
    // The key of a rank-one edit is a mean over phrasings; the held-out one stays unused.
    for (std::size_t i = 1; i < relation_of(fact).trained[direction_].size(); ++i) {
      if (!method.whole_direction) wanted.contexts.push_back(edited(fact, i, to(displaced)));
    }
    for (std::size_t i = 0; i < wanted.asked.size(); ++i) {
      wanted.donors.push_back(edited(displaced, i, to(displaced)));
    }
    wanted.draw = static_cast<std::uint64_t>(fact.fact);
    const EditReport report = method.editor->apply(wanted);
    const std::string name = "edits." + method.name + ".";
    result_.add(Estimator::mean, name + "steps", fact.fact, report.steps);
    if (report.outcome == EditOutcome::diverged) count_one(method.name + "_diverged");
    if (report.outcome == EditOutcome::not_reached) count_one(method.name + "_not_reached");
    const Answers after = answers_to(questions);
    saved_.restore();
    const bool works = report.outcome == EditOutcome::done;
    result_.add(Estimator::share, name + "done", fact.fact, works ? 1.0 : 0.0);
    add_direct(name, fact.fact, after);
    // What an edit that failed propagates says nothing of storage.
    if (!works) return;
    add_propagated(name, fact.fact, before, after);
    add_kept(name, fact.fact, before, after);
  }

  void add_direct(const std::string& name, int fact, const Answers& after) {
    for (const Told& each : after.edited) {
      result_.add(Estimator::share, name + "edited.accuracy", fact, each.greedy[0] ? 1.0 : 0.0);
    }
  }

  void add_propagated(const std::string& name, int fact, const Answers& before,
                      const Answers& after) {
    double direct = 0.0;
    for (std::size_t i = 0; i < after.edited.size(); ++i) {
      direct += (after.edited[i].odds_ratio - before.edited[i].odds_ratio) /
                static_cast<double>(after.edited.size());
    }
    result_.add(Estimator::mean, name + "edited.change", fact, direct);
    bool contradicts = false;
    const auto add = [&](const std::string& frame, const Told& was, const Told& is, bool holds,
                         bool holds_old) {
      const double change = is.odds_ratio - was.odds_ratio;
      result_.add(Estimator::share, name + frame + ".accuracy", fact, holds ? 1.0 : 0.0);
      result_.add(Estimator::share, name + frame + ".old_accuracy", fact, holds_old ? 1.0 : 0.0);
      result_.add(Estimator::mean, name + frame + ".change", fact, change);
      result_.add(Estimator::ratio, name + frame + ".index", fact, change, direct);
      contradicts = contradicts || holds_old;
    };
    for (std::size_t i = 0; i < after.phrasings.size(); ++i) {
      const Told &was = before.phrasings[i], &is = after.phrasings[i];
      if (was.greedy[1]) add("phrasing", was, is, is.greedy[0], is.greedy[1]);
    }
    const Told &was = before.reverse.front(), &is = after.reverse.front();
    if (was.greedy[1] && was.greedy[2]) add("reverse", was, is, is.greedy[0], is.greedy[2]);
    // "A is B'" cannot be true beside "A is B" or "B is A".
    result_.add(Estimator::share, name + "incoherent", fact, contradicts ? 1.0 : 0.0);
  }

  void add_kept(const std::string& name, int fact, const Answers& before, const Answers& after) {
    const auto add = [&](const char* what, const std::vector<Score>& was,
                         const std::vector<Score>& is) {
      for (std::size_t i = 0; i < was.size(); ++i) {
        if (!was[i].greedy) continue;
        result_.add(Estimator::share, name + what + ".kept", fact, is[i].greedy ? 1.0 : 0.0);
        result_.add(Estimator::mean, name + what + ".change", fact, is[i].logprob - was[i].logprob);
      }
    };
    add("same_entity", before.same_entity, after.same_entity);
    add("displaced", before.displaced, after.displaced);
    add("unrelated", before.unrelated, after.unrelated);
    add("unrelated_reverse", before.unrelated_reverse, after.unrelated_reverse);
    add("prompt_old", before.prompt_old, after.prompt_old);
    add("prompt_new", before.prompt_new, after.prompt_new);
  }

  static constexpr std::uint64_t kOrder = std::uint64_t{1} << 40, kAnswers = std::uint64_t{1} << 41;

  const ProbedModel& probed_;
  const ProbeOptions& options_;
  const std::size_t direction_;
  const SavedWeights saved_;
  std::vector<const FactRecord*> known_;
  std::map<int, bool> knows_reverse_;  // of the known facts
  std::vector<Method> methods_;
  ProbeResult result_;
};

}  // namespace

std::vector<ProbeKind> edits_probes() {
  return {{.name = "edits",
           .summary =
               "a fact is overwritten in one place: what changes elsewhere (ROME, Meng et al. "
               "2022; BAKE, Ma et al. 2023)",
           .run = [](const ProbedModel& probed, const ProbeOptions& options) {
             return Edits(probed, options).run();
           }}};
}

}  // namespace obverse::reversal

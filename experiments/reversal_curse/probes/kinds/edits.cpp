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
  int from(const FactRecord& fact) const { return fact.names[direction_]; }
  int to(const FactRecord& fact) const { return fact.names[1 - direction_]; }

  AskedAnswer ask(int phrasing, int subject, int answer) const {
    return ask_in(probed_.records, probed_.records.phrasing(phrasing), subject, answer);
  }
  AskedAnswer ask_fact(const FactRecord& fact, std::size_t direction) const {
    return held_out_statement(probed_.records, fact, direction);
  }
  // The text that is edited.
  AskedAnswer edited(const FactRecord& fact) const {
    return trained_statement(probed_.records, fact, direction_, 0);
  }

  void count_one(const std::string& what) {
    result_.counts[what] = result_.counts.value(what, 0) + 1;
  }

  // Facts whose edited text and whose questions, as far as they are asked, are answered right, in a
  // random order.
  void find_known_facts() {
    std::vector<const FactRecord*> stated;
    std::vector<AskedAnswer> asked;
    for (const FactRecord& fact : probed_.records.facts) {
      if (!fact.stated[direction_]) continue;
      if (!fact.asked(direction_)) {
        count_one("facts_not_asked_as_stated");
        continue;
      }
      stated.push_back(&fact);
      asked.push_back(edited(fact));
      asked.push_back(ask_fact(fact, direction_));
      if (fact.asked(1 - direction_)) asked.push_back(ask_fact(fact, 1 - direction_));
    }
    const std::vector<Score> scores = score_all(probed_, asked);
    std::size_t next = 0;
    for (const FactRecord* fact : stated) {
      const bool forward = scores[next].greedy && scores[next + 1].greedy;
      const bool is_asked_back = fact->asked(1 - direction_);
      const bool backward = is_asked_back && scores[next + 2].greedy;
      next += is_asked_back ? 3 : 2;
      if (!forward) {
        count_one("facts_unknown_before");
        continue;
      }
      knows_reverse_[fact] = backward;
      if (!is_asked_back) {
        count_one("facts_not_asked_in_reverse");
      } else if (!backward) {
        count_one("facts_unknown_in_reverse");
      }
      known_.push_back(fact);
    }
    result_.counts["facts_stated"] =
        stated.size() + result_.counts.value("facts_not_asked_as_stated", std::size_t{0});
    kernels::RandomSequence draws({probed_.settings.seed, kernels::Purpose::probes, kOrder});
    draws.shuffle(known_);
    // Those known both ways first: they are what the measure is about.
    std::stable_partition(known_.begin(), known_.end(),
                          [this](const FactRecord* fact) { return knows_reverse_.at(fact); });
  }

  // Whether in a phrasing the answers of both facts are as good as each other: they have a form
  // there, and where gaps are filled the number of masks does not tell which of them is meant.
  bool may_swap(int phrasing, const FactRecord& fact, const FactRecord& other) const {
    const FactRecords& records = probed_.records;
    const FactPhrasing& words = records.phrasing(phrasing);
    const bool fit =
        records.fit(words, from(fact), to(other)) && records.fit(words, from(other), to(fact)) &&
        records.fit(words, from(fact), to(fact)) && records.fit(words, from(other), to(other));
    return fit &&
           (probed_.objective.decoding() != engine::Decoding::unmasking ||
            records.name(to(fact), words, 1).size() == records.name(to(other), words, 1).size());
  }

  // Another known fact, stated and asked alike, that gives up its answer to `fact`. Where the other
  // direction is asked the answer is that fact's alone (settle()), and so will be the new one.
  const FactRecord* displaced_by(const FactRecord& fact) const {
    std::vector<const FactRecord*> others;
    for (const FactRecord* other : known_) {
      if (other->stated == fact.stated && knows_reverse_.at(other) == knows_reverse_.at(&fact) &&
          to(*other) != to(fact) && from(*other) != from(fact) && to(*other) != from(fact) &&
          exchangeable(probed_, fact, *other) &&
          may_swap(fact.trained[direction_][0], fact, *other) &&
          may_swap(fact.question[direction_], fact, *other)) {
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
    const int old_answer = to(fact), new_answer = to(displaced);
    // Each is asked in its own text where its phrasing is that of one fact alone.
    const auto frame = [&](int own, int others) {
      return Frame{ask(own, from(fact), new_answer), ask(own, from(fact), old_answer),
                   ask(others, from(displaced), new_answer),
                   ask(others, from(displaced), old_answer)};
    };
    const std::vector<int>& trained = fact.trained[direction_];
    for (std::size_t i = 0; i < trained.size(); ++i) {
      if (!may_swap(trained[i], fact, displaced)) continue;
      std::vector<Frame>& frames = i == 0 || method.whole_direction ? all.edited : all.phrasings;
      frames.push_back(frame(trained[i], counterpart(trained[i], i, displaced)));
    }
    const int question = fact.question[direction_];
    if (std::find(trained.begin(), trained.end(), question) == trained.end()) {
      all.phrasings.push_back(frame(question, displaced.question[direction_]));
    }
    if (fact.asked(1 - direction_)) {
      const int back = fact.question[1 - direction_],
                others_back = displaced.question[1 - direction_];
      all.reverse = {Frame{
          ask(others_back, new_answer, from(fact)), ask(others_back, new_answer, from(displaced)),
          ask(back, old_answer, from(fact)), ask(back, old_answer, from(displaced))}};
    }
    // An answer that several facts share is given up by none of them.
    if (!is_shared(new_answer, displaced)) all.displaced = {ask_fact(displaced, direction_)};
    for (const FactRecord* other : known_) {
      if (other->relation != fact.relation && from(*other) == from(fact)) {
        all.same_entity.push_back(ask_fact(*other, direction_));
      }
    }
    add_unrelated(fact, displaced, place, all);
    if (probed_.records.reads_prompts) {
      const AskedAnswer says_old = ask(trained[0], from(fact), old_answer);
      const AskedAnswer says_new = ask(trained[0], from(fact), new_answer);
      all.prompt_old = {ask_behind(says_old, all.reverse.front()[2])};
      all.prompt_new = {ask_behind(says_new, all.reverse.front()[0])};
    }
    return all;
  }

  // The phrasing of another fact for the i-th of a fact: the same, unless that is about one fact.
  int counterpart(int phrasing, std::size_t i, const FactRecord& other) const {
    const std::vector<int>& trained = other.trained[direction_];
    const bool is_common = std::find(trained.begin(), trained.end(), phrasing) != trained.end();
    return is_common ? phrasing : trained[std::min(i, trained.size() - 1)];
  }

  bool is_shared(int answer, const FactRecord& of) const {
    return std::any_of(probed_.records.facts.begin(), probed_.records.facts.end(),
                       [&](const FactRecord& fact) {
                         return fact.relation == of.relation && to(fact) == answer && &fact != &of;
                       });
  }

  // Facts that share no name with either, asked in both directions.
  void add_unrelated(const FactRecord& fact, const FactRecord& displaced, std::size_t place,
                     Questions& all) const {
    for (std::size_t i = 1; i < known_.size() && all.unrelated.size() < kUnrelated; ++i) {
      const FactRecord& other = *known_[(place + i) % known_.size()];
      if (share_a_name(other, fact) || share_a_name(other, displaced)) continue;
      all.unrelated.push_back(ask_fact(other, direction_));
      if (knows_reverse_.at(&other)) {
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
    const std::vector<int>& trained = fact.trained[direction_];
    for (std::size_t i = 1; i < trained.size(); ++i) {
      if (method.whole_direction || !may_swap(trained[i], fact, displaced)) continue;
      wanted.contexts.push_back(ask(trained[i], from(fact), to(displaced)));
    }
    for (const Frame& frame : questions.edited) wanted.donors.push_back(frame[2]);
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
    for (std::size_t i = 0; i < after.reverse.size(); ++i) {
      const Told &was = before.reverse[i], &is = after.reverse[i];
      if (was.greedy[1] && was.greedy[2]) add("reverse", was, is, is.greedy[0], is.greedy[2]);
    }
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
  std::map<const FactRecord*, bool> knows_reverse_;  // of the known facts
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

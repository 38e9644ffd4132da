// Savings in relearning: one direction of known facts is unlearned, and the steps that it takes to
// learn it again are counted with the other direction intact, unlearned too, or replaced.
//
// A group of facts is scrubbed: gradient steps on its statements whose answers are drawn anew every
// step among the other facts' names of the same side, so that nothing can be learned but that. The
// other direction gets as many examples in the same steps:
//   intact: its true answers, rehearsed
//   removed: drawn answers, as the first direction
//   replaced: a fixed derangement of the true answers, so that the dose of training is the same and
//     no record is left that could help
// Then the first direction alone is trained with its true answers. In a model with one record of a
// fact, what is left of it in the other direction speeds that up; separate copies give no saving.
//
// The conditions leave the weights in other places, so that one may learn anything faster than
// another. From each of them, therefore, the pairs that agree with the replaced direction are
// learned as well ("fresh": B to A' there, A' to B here). With L(p | c) for the log-probability of
// pairs p behind a few steps from condition c, the gain by agreement is
//   1/2 [L(true | intact) - L(true | replaced) + L(fresh | replaced) - L(fresh | intact)]
// in which what a condition does to all pairs, and what is left of the true ones, cancels: what
// remains is the other direction's help to the pairs that it holds.
//
// The measure's own control is "phrasing": the same with one phrasing of a direction in the place
// of the direction and its other phrasings in the place of the other one. What one record holds, of
// which phrasings are readings, has to show there.
//
// Savings are Ebbinghaus's measure (1885, Ueber das Gedaechtnis): what is recalled no more is
// learned again in less time.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "engine/training/optimizer.h"
#include "experiments/reversal_curse/probes/editing.h"
#include "experiments/reversal_curse/probes/fact_groups.h"
#include "experiments/reversal_curse/probes/probe.h"
#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/random.h"

namespace obverse::reversal {
namespace {

// Facts that are unlearned together; each group starts from the trained weights and is one
// observation of steps.
constexpr std::size_t kGroup = 10;
constexpr std::size_t kLeastGroup = 4;
constexpr std::size_t kLeastFacts = 40;  // of a model, where it knows as many
constexpr std::size_t kBystanders = 10;  // known facts that are watched alone
constexpr std::size_t kRehearsed = 10;   // other known facts a scrubbing step
constexpr double kRate = 1e-3;
constexpr int kScrubSteps = 100;
constexpr int kMostSteps = 200;
// Behind so many relearning steps the facts' log-probabilities are compared: about half way.
constexpr int kEarlySteps = 4;
constexpr double kRelearned = 0.9;

enum class Other { intact, removed, replaced };
constexpr std::array<const char*, 3> kNames = {"intact", "removed", "replaced"};

// What is unlearned, or what becomes of something else meanwhile: statements in one direction.
struct Side {
  std::size_t direction = 0;
  std::size_t first_phrasing = 0, end_phrasing = 0;  // of the trained ones; no end: all from first
  bool held_out = true;  // asks in the world's question, else in the first phrasing
};

double accuracy(const std::vector<Score>& scores) {
  const auto right =
      std::count_if(scores.begin(), scores.end(), [](const Score& score) { return score.greedy; });
  return static_cast<double>(right) / static_cast<double>(scores.size());
}

// What relearning of one group found.
struct Relearned {
  std::vector<Score> scrubbed, other, bystanders;  // before it, asked for the true answers
  std::vector<Score> start, early, last;           // asked for the answers that are learned
  std::vector<Score> last_other;                   // the other direction in the end
  int steps = 0;
  bool censored = false;
};

class Relearning {
 public:
  Relearning(const ProbedModel& probed, const ProbeOptions& options)
      : probed_(probed),
        scrubbed_{static_cast<std::size_t>(options.direction)},
        other_{1 - scrubbed_.direction},
        saved_(probed.model) {
    KnownFacts found = find_known_facts(probed_, scrubbed_.direction, result_.counts);
    known_ = std::move(found.known);
    sides_ = std::move(found.by_kind);
    kernels::RandomSequence order = draws(0);
    order.shuffle(known_);
    for (const auto& [kind, facts] : sides_) add_fitting_phrasings(probed_, facts, phrasings_);
    const std::size_t most =
        std::max(static_cast<std::size_t>(std::max(options.facts, 0)), kLeastFacts);
    make_groups(most);
  }

  ProbeResult run() {
    const auto probe_all = [this](bool (Relearning::*wanted)(const FactList&) const) {
      std::size_t probed = 0;
      for (std::size_t group = 0; group < groups_.size(); ++group) {
        if (!(this->*wanted)(groups_[group])) continue;
        probe(groups_[group], group);
        ++probed;
      }
      return probed;
    };
    if (probe_all(&Relearning::have_directions) == 0 && !groups_.empty()) {
      result_.counts["direction"] = "left out: facts are asked in one direction alone";
    }
    const std::size_t direction = scrubbed_.direction;
    scrubbed_ = {direction, 0, 1, false};
    other_ = {direction, 1, 0, false};
    prefix_ = "relearning.phrasing.";
    if (probe_all(&Relearning::have_phrasings) == 0 && !groups_.empty()) {
      result_.counts["phrasing"] = "left out: statements have one phrasing alone";
    }
    saved_.restore();
    return std::move(result_);
  }

 private:
  bool have_directions(const FactList& facts) const { return facts.front()->asked_both(); }
  bool have_phrasings(const FactList& facts) const {
    return std::all_of(facts.begin(), facts.end(), [this](const FactRecord* fact) {
      return phrasings_.at(fact)[scrubbed_.direction].size() > 1;
    });
  }
  static int answer_of(const FactRecord& fact, const Side& side) {
    return fact.names[1 - side.direction];
  }
  kernels::RandomSequence draws(std::uint64_t occasion) const {
    return kernels::RandomSequence(
        {probed_.settings.seed, kernels::Purpose::probes, kOccasions | occasion});
  }
  void count_one(const std::string& what) {
    result_.counts[what] = result_.counts.value(what, 0) + 1;
  }

  // Held-out questions about facts; the answer to fact i is that of fact whose[i].
  std::vector<Score> ask_for(const FactList& facts, const Side& side,
                             const std::vector<int>& whose) const {
    std::vector<AskedAnswer> asked;
    for (std::size_t i = 0; i < facts.size(); ++i) {
      const FactRecord& answered = *facts[static_cast<std::size_t>(whose[i])];
      asked.push_back(ask_in(probed_.records, probed_.records.phrasing(question(*facts[i], side)),
                             facts[i]->names[side.direction], answer_of(answered, side)));
    }
    return score_all(probed_, asked);
  }
  int question(const FactRecord& fact, const Side& side) const {
    return side.held_out ? fact.question[side.direction]
                         : phrasings_.at(&fact)[side.direction][side.first_phrasing];
  }
  std::vector<Score> ask(const FactList& facts, const Side& side) const {
    std::vector<int> own(facts.size());
    std::iota(own.begin(), own.end(), 0);
    return ask_for(facts, side, own);
  }

  // A model that knows little has smaller groups.
  void make_groups(std::size_t most) {
    std::vector<FactList> all = exchangeable_groups(probed_, known_, kGroup, kLeastGroup);
    kernels::RandomSequence order = draws(5);
    order.shuffle(all);
    std::size_t probed = 0;
    for (const FactList& facts : all) {
      // What has neither another direction nor another phrasing has nothing to be relearned with.
      if (!have_directions(facts) && !have_phrasings(facts)) {
        count_one("groups_with_one_phrasing_alone");
        continue;
      }
      if (probed + facts.size() > most) break;
      groups_.push_back(facts);
      probed += facts.size();
    }
    result_.counts["groups"] = groups_.size();
    result_.counts["facts_probed"] = probed;
    result_.counts["facts_known_and_not_probed"] = known_.size() - probed;
  }

  // One phrasing of every fact, drawn anew each step, with the answers that `answers` gives.
  template <typename Answers>
  void add_examples(const FactList& facts, const Side& side, kernels::RandomSequence& drawn,
                    const Answers& answers, std::vector<engine::Example>& examples) const {
    for (std::size_t i = 0; i < facts.size(); ++i) {
      const std::vector<int>& all = phrasings_.at(facts[i])[side.direction];
      const std::size_t end = side.end_phrasing == 0 ? all.size() : side.end_phrasing;
      const int phrasing = all[side.first_phrasing + drawn.integer(end - side.first_phrasing)];
      add_answer_examples(probed_.objective,
                          ask_in(probed_.records, probed_.records.phrasing(phrasing),
                                 facts[i]->names[side.direction], answers(i)),
                          examples);
    }
  }

  // Another fact's name on the same side, and not one that both have.
  int drawn_answer(const FactRecord& fact, const Side& side, kernels::RandomSequence& drawn) const {
    const FactList& others = sides_.at(kind_of(probed_, fact));
    for (;;) {
      const FactRecord& other = *others[drawn.integer(others.size())];
      if (answer_of(other, side) != answer_of(fact, side)) return answer_of(other, side);
    }
  }

  // Other facts are rehearsed both ways meanwhile, in every condition alike: a model that is taught
  // to answer at random forgets all facts, and what it then learns again is to answer at all.
  void scrub(const FactList& facts, const FactList& rehearsed, Other other,
             const std::vector<int>& order, std::size_t group) {
    engine::Optimizer optimizer(probed_.model, kOptimizer);
    // The same draws for the scrubbed direction, whatever becomes of the other one.
    kernels::RandomSequence drawn = draws(8 * group + 8), drawn_other = draws(8 * group + 9),
                            drawn_rehearsed = draws(8 * group + 10);
    for (int step = 1; step <= kScrubSteps; ++step) {
      std::vector<engine::Example> examples;
      add_examples(
          facts, scrubbed_, drawn,
          [&](std::size_t i) { return drawn_answer(*facts[i], scrubbed_, drawn); }, examples);
      add_examples(
          facts, other_, drawn_other,
          [&](std::size_t i) {
            if (other == Other::removed) return drawn_answer(*facts[i], other_, drawn_other);
            const std::size_t whose =
                other == Other::intact ? i : static_cast<std::size_t>(order[i]);
            return answer_of(*facts[whose], other_);
          },
          examples);
      FactList now;
      while (now.size() < kRehearsed && !rehearsed.empty()) {
        now.push_back(rehearsed[drawn_rehearsed.integer(rehearsed.size())]);
      }
      for (const Side& side : {scrubbed_, other_}) {
        add_examples(
            now, side, drawn_rehearsed, [&](std::size_t i) { return answer_of(*now[i], side); },
            examples);
      }
      train(examples, 2 * (facts.size() + now.size()), optimizer, step);
    }
  }

  void train(const std::vector<engine::Example>& examples, std::size_t statements,
             engine::Optimizer& optimizer, int step) const {
    loss_and_gradient(probed_.model, examples, static_cast<double>(statements));
    optimizer.update(kRate, step);
  }

  // Trains the direction until its facts are known; `answers[i]` says whose name fact i gets.
  void relearn(const FactList& facts, const std::vector<int>& answers, std::size_t group,
               Relearned& found) {
    engine::Optimizer optimizer(probed_.model, kOptimizer);
    kernels::RandomSequence drawn = draws(8 * group + 11);
    const auto answer = [&](std::size_t i) {
      return answer_of(*facts[static_cast<std::size_t>(answers[i])], scrubbed_);
    };
    const auto scores = [&] { return ask_for(facts, scrubbed_, answers); };
    bool done = false;
    found.start = scores();
    // Goes on to the early steps where the facts are known before.
    for (int step = 0; !done || step <= kEarlySteps; ++step) {
      const std::vector<Score> now = step == 0 ? found.start : scores();
      if (step == kEarlySteps) found.early = now;
      if (!done && (accuracy(now) >= kRelearned || step == kMostSteps)) {
        done = true;
        found.steps = step;
        found.censored = accuracy(now) < kRelearned;
        found.last = now;
        found.last_other = ask(facts, other_);
      }
      if (done && step >= kEarlySteps) break;
      std::vector<engine::Example> examples;
      add_examples(facts, scrubbed_, drawn, answer, examples);
      train(examples, facts.size(), optimizer, step + 1);
    }
  }

  // By condition: relearned with the true answers, and with those of the replaced direction.
  struct Found {
    std::array<Relearned, 3> own, fresh;
  };

  void probe(const FactList& facts, std::size_t group) {
    kernels::RandomSequence drawn = draws(8 * group + 12);
    const std::vector<int> order = draw_derangement(static_cast<int>(facts.size()), drawn);
    // Where the replaced direction leads from B to A', the fresh one leads from A' to B.
    std::vector<int> own(facts.size()), fresh(facts.size());
    for (std::size_t i = 0; i < own.size(); ++i) {
      own[i] = static_cast<int>(i);
      fresh[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
    }
    FactList others = others_of(group);
    const std::size_t watched = std::min(kBystanders, others.size() / 2);
    const FactList bystanders(others.begin(),
                              others.begin() + static_cast<std::ptrdiff_t>(watched));
    const FactList rehearsed(others.begin() + static_cast<std::ptrdiff_t>(watched), others.end());

    Found found;
    for (const Other other : {Other::intact, Other::removed, Other::replaced}) {
      const auto at = static_cast<std::size_t>(other);
      Relearned& one = found.own[at];
      saved_.restore();
      scrub(facts, rehearsed, other, order, group);
      const SavedWeights scrubbed(probed_.model);
      one.scrubbed = ask(facts, scrubbed_);
      one.other = ask(facts, other_);
      if (!bystanders.empty()) one.bystanders = ask(bystanders, scrubbed_);
      if (other != Other::intact) report_derangement(kNames[at], facts, order);
      relearn(facts, own, group, one);
      scrubbed.restore();
      relearn(facts, fresh, group, found.fresh[at]);
      report(kNames[at], facts, bystanders, one);
      report_steps(std::string("fresh_on_") + kNames[at], *facts.front(), found.fresh[at]);
    }
    compare(facts, found);
  }

  void compare(const FactList& facts, const Found& found) {
    constexpr std::size_t kIntact = 0, kRemoved = 1, kReplaced = 2;
    const int first = facts.front()->fact;
    const auto add_saving = [&](const std::string& over, int steps, int against) {
      result_.add(Estimator::ratio, prefix_ + "saving_" + over, first, steps, std::max(against, 1));
    };
    const auto& own = found.own;
    const auto& fresh = found.fresh;
    add_saving("over_fresh", fresh[kRemoved].steps, own[kRemoved].steps);
    add_saving("by_agreement", own[kReplaced].steps + fresh[kIntact].steps,
               own[kIntact].steps + fresh[kReplaced].steps);
    for (const std::size_t other : {kRemoved, kReplaced}) {
      const std::string over = std::string("over_") + kNames[other];
      add_saving(over, own[other].steps, own[kIntact].steps);
      for (std::size_t i = 0; i < facts.size(); ++i) {
        result_.add(Estimator::mean, prefix_ + "gain_" + over, facts[i]->fact,
                    own[kIntact].early[i].logprob - own[other].early[i].logprob);
        result_.add(Estimator::mean, prefix_ + "start_" + over, facts[i]->fact,
                    own[kIntact].start[i].logprob - own[other].start[i].logprob);
      }
    }
    const auto agreement = [&](std::vector<Score> Relearned::*when, std::size_t i) {
      const auto of = [&](const Relearned& one) { return (one.*when)[i].logprob; };
      return 0.5 * ((of(own[kIntact]) - of(own[kReplaced])) +
                    (of(fresh[kReplaced]) - of(fresh[kIntact])));
    };
    for (std::size_t i = 0; i < facts.size(); ++i) {
      const double gain = agreement(&Relearned::early, i);
      result_.add(Estimator::mean, prefix_ + "agreement_gain", facts[i]->fact, gain);
      result_.add(Estimator::mean, prefix_ + "agreement_start", facts[i]->fact,
                  agreement(&Relearned::start, i));
      if (!facts[i]->stated[other_.direction]) {
        result_.add(Estimator::mean, prefix_ + "one_way.agreement_gain", facts[i]->fact, gain);
      }
    }
  }

  // Known facts outside of a group that are asked and worded as it is, in an order of its own.
  FactList others_of(std::size_t group) const {
    FactList others;
    const FactList& own = groups_[group];
    const auto worded = [&](const FactRecord& fact) {
      return std::pair(fact.asked(1 - scrubbed_.direction),
                       phrasings_.at(&fact)[scrubbed_.direction].size() > 1);
    };
    for (const FactRecord* fact : known_) {
      if (std::find(own.begin(), own.end(), fact) == own.end() &&
          worded(*fact) == worded(*own.front())) {
        others.push_back(fact);
      }
    }
    kernels::RandomSequence order = draws(8 * group + 13);
    order.shuffle(others);
    return others;
  }

  // Whether the replaced direction, and it alone, did learn what it was given.
  void report_derangement(const std::string& name, const FactList& facts,
                          const std::vector<int>& order) {
    const std::vector<Score> scores = ask_for(facts, other_, order);
    for (std::size_t i = 0; i < facts.size(); ++i) {
      result_.add(Estimator::share, prefix_ + name + ".derangement_accuracy", facts[i]->fact,
                  scores[i].greedy ? 1.0 : 0.0);
    }
  }

  void report_steps(const std::string& name, const FactRecord& first, const Relearned& found) {
    const std::string metric = prefix_ + name + ".";
    result_.add(Estimator::mean, metric + "steps", first.fact, found.steps);
    result_.add(Estimator::share, metric + "censored", first.fact, found.censored ? 1.0 : 0.0);
    if (found.censored) count_one(metric + "censored");
  }

  void report(const std::string& name, const FactList& facts, const FactList& bystanders,
              const Relearned& found) {
    report_steps(name, *facts.front(), found);
    const auto add = [&](const char* what, const FactList& whose,
                         const std::vector<Score>& scores) {
      for (std::size_t i = 0; i < scores.size(); ++i) {
        result_.add(Estimator::share, prefix_ + name + "." + what + "_accuracy", whose[i]->fact,
                    scores[i].greedy ? 1.0 : 0.0);
      }
    };
    add("scrubbed", facts, found.scrubbed);
    add("other", facts, found.other);
    add("relearned", facts, found.last);
    add("relearned_other", facts, found.last_other);
    add("bystander", bystanders, found.bystanders);
    for (std::size_t i = 0; i < facts.size(); ++i) {
      result_.add(Estimator::mean, prefix_ + name + ".scrubbed_logprob", facts[i]->fact,
                  found.scrubbed[i].logprob);
      result_.add(Estimator::mean, prefix_ + name + ".early_logprob", facts[i]->fact,
                  found.early[i].logprob);
    }
  }

  static constexpr std::uint64_t kOccasions = std::uint64_t{1} << 50;
  static constexpr engine::OptimizerOptions kOptimizer = {.weight_decay = 0.0};

  const ProbedModel& probed_;
  Side scrubbed_, other_;
  std::string prefix_ = "relearning.";
  const SavedWeights saved_;
  FactList known_;                      // in all directions that are asked
  std::map<FactKind, FactList> sides_;  // all stated facts of a kind
  FittingPhrasings phrasings_;
  std::vector<FactList> groups_;
  ProbeResult result_;
};

}  // namespace

std::vector<ProbeKind> relearning_probes() {
  return {{.name = "relearning",
           .summary = "a direction is unlearned and learned again, the other one intact, removed "
                      "or replaced (savings, Ebbinghaus 1885)",
           .run = [](const ProbedModel& probed, const ProbeOptions& options) {
             return Relearning(probed, options).run();
           }}};
}

}  // namespace obverse::reversal

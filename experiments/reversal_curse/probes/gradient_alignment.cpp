#include "experiments/reversal_curse/probes/gradient_alignment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "experiments/reversal_curse/probes/fact_groups.h"
#include "experiments/reversal_curse/probes/gradient_groups.h"
#include "kernels/core/random.h"

namespace obverse::reversal {
namespace {

// Unrelated facts over which one fact's controls are averaged, and other facts of its entity.
constexpr std::size_t kControls = 5, kSameEntity = 5;

class Alignment {
 public:
  Alignment(const ProbedModel& probed, const ProbeOptions& options)
      : probed_(probed), options_(options), groups_(parameter_groups(probed.model)) {}

  ProbeResult run(const std::vector<FactPart>& parts) {
    for (const FactPart& part : parts) {
      const std::size_t count =
          std::min(part.facts.size(), static_cast<std::size_t>(std::max(options_.facts, 0)));
      result_.counts[part.name + "_facts"] = part.facts.size();
      result_.counts[part.name + "_measured"] = count;
      for (std::size_t i = 0; i < count; ++i) measure(part, *part.facts[i]);
    }
    return std::move(result_);
  }

 private:
  void count_one(const std::string& what) {
    result_.counts[what] = result_.counts.value(what, 0) + 1;
  }

  AnswerGradient held_out(const FactRecord& fact, std::size_t direction) const {
    return answer_gradient(probed_, held_out_statement(probed_.records, fact, direction));
  }

  // Tokens of the names, as a question has them.
  std::array<std::size_t, 2> lengths_of(const FactRecord& fact) const {
    const std::size_t direction = *stated_direction(fact, options_.direction);
    const AskedAnswer asked = held_out_statement(probed_.records, fact, direction);
    return {asked.subject.size(), asked.answer.size()};
  }

  // Facts of a relation, in frames of that relation, that are stated and answered as `fact` is and
  // have no name in common with it.
  FactList controls_of(const FactPart& part, const FactRecord& fact, int relation) const {
    FactList others;
    for (const FactRecord* other : part.facts) {
      if (other->relation == relation && other->stated == fact.stated &&
          other->asked(0) == fact.asked(0) && other->asked(1) == fact.asked(1) &&
          !share_a_name(*other, fact)) {
        others.push_back(other);
      }
    }
    const auto relations = static_cast<std::uint64_t>(probed_.records.relation_count);
    kernels::RandomSequence draws({probed_.settings.seed, kernels::Purpose::probes,
                                   kDraws + static_cast<std::uint64_t>(fact.fact) * relations +
                                       static_cast<std::uint64_t>(relation)});
    draws.shuffle(others);
    const std::array<std::size_t, 2> lengths = lengths_of(fact);
    std::stable_partition(others.begin(), others.end(),
                          [&](const FactRecord* other) { return lengths_of(*other) == lengths; });
    if (others.size() > kControls) others.resize(kControls);
    return others;
  }

  // Cosines of a statement with others, by group: their mean over the others.
  class Mean {
   public:
    explicit Mean(const std::vector<ParameterGroup>& groups)
        : groups_(groups), sums_(groups.size(), 0.0) {}
    void take(const AnswerGradient& statement, const AnswerGradient& other) {
      for (std::size_t i = 0; i < groups_.size(); ++i) {
        sums_[i] += group_cosine(groups_[i], statement.values, other.values);
      }
      ++count_;
    }
    void take(const Mean& mean) {
      for (std::size_t i = 0; i < groups_.size(); ++i) sums_[i] += mean.of(i);
      ++count_;
    }
    bool empty() const { return count_ == 0; }
    double of(std::size_t group) const { return sums_[group] / count_; }

   private:
    const std::vector<ParameterGroup>& groups_;
    std::vector<double> sums_;
    int count_ = 0;
  };

  void measure(const FactPart& part, const FactRecord& fact) {
    const std::size_t direction = *stated_direction(fact, options_.direction);
    const bool both = fact.asked(1 - direction);
    if (!both) count_one("facts_without_the_other_direction");
    const AnswerGradient here = held_out(fact, direction);
    std::optional<AnswerGradient> there, phrased;
    if (both) there = held_out(fact, 1 - direction);
    if (const auto another = another_phrasing(fact, direction)) {
      phrased =
          answer_gradient(probed_, trained_statement(probed_.records, fact, direction, *another));
    } else {
      count_one("facts_without_another_phrasing");
    }
    Mean phrasing(groups_), turned(groups_), unrelated(groups_), unrelated_phrasing(groups_),
        unrelated_turned(groups_), stranger(groups_), other_strangers(groups_);
    if (there) turned.take(here, *there);
    if (phrased) phrasing.take(*phrased, here);
    for (const FactRecord* other : controls_of(part, fact, fact.relation)) {
      const AnswerGradient as_stated = held_out(*other, direction);
      unrelated.take(here, as_stated);
      if (phrased) unrelated_phrasing.take(*phrased, as_stated);
      if (!both) continue;
      const AnswerGradient as_turned = held_out(*other, 1 - direction);
      unrelated_turned.take(here, as_turned);
      (stranger.empty() ? stranger : other_strangers).take(here, as_turned);
    }
    if (unrelated.empty()) count_one("facts_without_controls");
    add(part, fact, "unrelated", unrelated);
    add_against(part, fact, "phrasing", phrasing, unrelated_phrasing);
    add_against(part, fact, "direction", turned, unrelated_turned);
    add_against(part, fact, "stranger", stranger, other_strangers);
    measure_same_entity(part, fact, here, direction);
    const std::string losses = "gradients." + part.name + ".loss.";
    result_.add(Estimator::mean, losses + "as_stated", fact.fact, here.loss);
    if (there) result_.add(Estimator::mean, losses + "other_direction", fact.fact, there->loss);
  }

  // Other facts that start from the same name: what a name, and not the fact, has in common.
  void measure_same_entity(const FactPart& part, const FactRecord& fact, const AnswerGradient& here,
                           std::size_t direction) {
    if (probed_.records.relation_count < 2) return;
    Mean same(groups_), unrelated(groups_);
    std::size_t count = 0;
    for (const FactRecord* other : part.facts) {
      if (other->relation == fact.relation || other->stated != fact.stated ||
          !other->asked(direction) || other->names[direction] != fact.names[direction] ||
          count == kSameEntity) {
        continue;
      }
      const FactList controls = controls_of(part, fact, other->relation);
      if (controls.empty()) continue;
      ++count;
      same.take(here, held_out(*other, direction));
      Mean of_frame(groups_);  // each frame weighs the same, however many controls it has
      for (const FactRecord* control : controls) of_frame.take(here, held_out(*control, direction));
      unrelated.take(of_frame);
    }
    if (count == 0) count_one("facts_alone_of_their_entity");
    add_against(part, fact, "same_entity", same, unrelated);
  }

  // The pair, its control and what it has above that.
  void add_against(const FactPart& part, const FactRecord& fact, const std::string& pair,
                   const Mean& cosines, const Mean& control) {
    add(part, fact, pair, cosines);
    add(part, fact, "unrelated_" + pair, control);
    if (cosines.empty() || control.empty()) return;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      add_one(part, fact, i, pair + "_excess", cosines.of(i) - control.of(i));
    }
  }

  void add(const FactPart& part, const FactRecord& fact, const std::string& pair,
           const Mean& cosines) {
    if (cosines.empty()) return;
    for (std::size_t i = 0; i < groups_.size(); ++i) add_one(part, fact, i, pair, cosines.of(i));
  }

  void add_one(const FactPart& part, const FactRecord& fact, std::size_t group,
               const std::string& what, double value) {
    if (!std::isfinite(value)) {
      count_one("cosines_without_a_gradient");
      return;
    }
    result_.add(Estimator::mean, "gradients." + part.name + "." + groups_[group].name + "." + what,
                fact.fact, value);
  }

  static constexpr std::uint64_t kDraws = std::uint64_t{1} << 57;

  const ProbedModel& probed_;
  const ProbeOptions& options_;
  const std::vector<ParameterGroup> groups_;
  ProbeResult result_;
};

}  // namespace

ProbeResult gradient_alignment(const ProbedModel& probed, const ProbeOptions& options,
                               const std::vector<FactPart>& parts) {
  return Alignment(probed, options).run(parts);
}

}  // namespace obverse::reversal

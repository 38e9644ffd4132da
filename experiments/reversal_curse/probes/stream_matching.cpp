#include "experiments/reversal_curse/probes/stream_matching.h"

#include <algorithm>
#include <array>

#include "experiments/reversal_curse/probes/activations.h"
#include "experiments/reversal_curse/probes/known_facts.h"
#include "experiments/reversal_curse/probes/matching.h"

namespace obverse::reversal {
namespace {

constexpr std::size_t kShuffles = 5;

std::string layer_name(std::int64_t layer) {
  return layer < 0 ? "layer_embedding" : "layer_" + std::to_string(layer);
}

class Matching {
 public:
  explicit Matching(const ProbedModel& probed) : probed_(probed) {}

  ProbeResult run(const std::vector<FactGroup>& groups) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const FactGroup& group = groups[i];
      const bool both = group.facts.front()->asked(1 - group.direction);
      count(counted(group), group.facts.size());
      const Statements here = statements(group, [&](const FactRecord& fact) {
        return held_out_statement(probed_.records, fact, group.direction);
      });
      if (both) {
        const Statements there = statements(group, [&](const FactRecord& fact) {
          return held_out_statement(probed_.records, fact, 1 - group.direction);
        });
        measure(group, "direction", here, there, 2 * i);
      }
      const auto has_another = [&](const FactRecord* fact) {
        return another_phrasing(*fact, group.direction).has_value();
      };
      if (!std::all_of(group.facts.begin(), group.facts.end(), has_another)) {
        count("facts_without_another_phrasing", group.facts.size());
        continue;
      }
      const Statements trained = statements(group, [&](const FactRecord& fact) {
        return trained_statement(probed_.records, fact, group.direction,
                                 *another_phrasing(fact, group.direction));
      });
      measure(group, "phrasing", trained, here, 2 * i + 1);
    }
    return std::move(result_);
  }

 private:
  struct Statements {
    std::vector<engine::Example> examples;
    std::vector<std::size_t> places;
    // Of each, what of its names' lengths shows: the subject's, and of masked answers theirs.
    std::vector<std::array<std::size_t, 2>> lengths;
  };

  // "turned." -> "turned_facts_measured".
  static std::string counted(const FactGroup& group) {
    std::string name = group.prefix + "facts_measured";
    std::replace(name.begin(), name.end(), '.', '_');
    return name;
  }

  void count(const std::string& what, std::size_t facts) {
    result_.counts[what] = result_.counts.value(what, std::size_t{0}) + facts;
  }

  template <typename State>
  Statements statements(const FactGroup& group, const State& state) const {
    Statements all;
    for (const FactRecord* fact : group.facts) {
      const AskedAnswer asked = state(*fact);
      AnswerSlot slot = answer_slot(probed_.objective, asked);
      const bool masked = probed_.objective.decoding() == engine::Decoding::unmasking;
      all.lengths.push_back({asked.subject.size(), masked ? asked.answer.size() : 0});
      all.examples.push_back(std::move(slot.example));
      all.places.push_back(slot.place);
    }
    return all;
  }

  Vectors stream_at(const Statements& statements, std::int64_t layer) const {
    constexpr std::size_t kRows = 128;
    Vectors vectors;
    for (std::size_t first = 0; first < statements.examples.size(); first += kRows) {
      const std::size_t rows = std::min(kRows, statements.examples.size() - first);
      const Activations stream(probed_.model, layer, Site::stream, statements.examples, first,
                               rows);
      for (std::size_t row = 0; row < rows; ++row) {
        vectors.push_back(stream.at(row, statements.places[first + row]));
      }
    }
    return vectors;
  }

  // `occasion` tells pairs of groups apart: folds and shuffles are the same in every layer.
  void measure(const FactGroup& group, const std::string& what, const Statements& first,
               const Statements& second, std::uint64_t occasion) {
    for (std::int64_t layer = -1; layer < probed_.model.config().layers; ++layer) {
      const std::string name =
          "representation." + group.prefix + what + "." + layer_name(layer) + ".";
      const Pairs pairs = {stream_at(first, layer), stream_at(second, layer)};
      const auto alike = [&](std::size_t i, std::size_t j) {
        return show_alike(what == "direction", first.lengths, second.lengths, i, j);
      };
      const std::vector<double> similarities = partner_similarities(pairs);
      for (std::size_t i = 0; i < similarities.size(); ++i) {
        result_.add(Estimator::mean, name + "similarity", group.facts[i]->fact, similarities[i]);
      }
      for (const MatchProbe probe : kMatchProbes) {
        add_matches(group, name + name_of(probe) + ".", probe, pairs, alike, occasion);
      }
    }
  }

  // Whether lengths leave open that the second statement of j is of the fact of i's first. From the
  // other side answer and subject have changed places: that much is known of masked answers alone.
  static bool show_alike(bool turned, const std::vector<std::array<std::size_t, 2>>& first,
                         const std::vector<std::array<std::size_t, 2>>& second, std::size_t i,
                         std::size_t j) {
    if (!turned) return second[i] == second[j];
    const bool masked = first[i][1] > 0;
    return !masked || (second[i] == second[j]);
  }

  template <typename Alike>
  void add_matches(const FactGroup& group, const std::string& name, MatchProbe probe,
                   const Pairs& pairs, const Alike& alike, std::uint64_t occasion) {
    bool lengths_differ = false;
    for (std::size_t i = 0; i < group.facts.size(); ++i) {
      lengths_differ = lengths_differ || !alike(0, i);
    }
    const auto add = [&](const char* measure, const std::vector<Match>& matches, bool chance) {
      for (const Match& match : matches) {
        const int fact = group.facts[match.pair]->fact;
        result_.add(Estimator::share, name + measure, fact, match.right ? 1.0 : 0.0);
        if (!chance) continue;
        result_.add(Estimator::mean, name + "chance", fact,
                    1.0 / static_cast<double>(match.among.size()));
        if (!lengths_differ) continue;
        const auto open =
            std::count_if(match.among.begin(), match.among.end(),
                          [&](std::size_t other) { return alike(match.pair, other); });
        result_.add(Estimator::mean, name + "length_chance", fact, 1.0 / static_cast<double>(open));
      }
    };
    kernels::RandomSequence folds = draws(kFoldDraws + occasion);
    add("accuracy", cross_validated_matches(probe, pairs, kMatchingFolds, folds), true);
    for (std::size_t i = 0; i < kShuffles; ++i) {
      kernels::RandomSequence shuffle = draws(kShuffleDraws + occasion * kShuffles + i);
      const Pairs others = shuffled(pairs, shuffle);
      add("shuffled_accuracy", cross_validated_matches(probe, others, kMatchingFolds, shuffle),
          false);
    }
  }

  kernels::RandomSequence draws(std::uint64_t occasion) const {
    return kernels::RandomSequence({probed_.settings.seed, kernels::Purpose::probes, occasion});
  }

  static constexpr std::uint64_t kFoldDraws = std::uint64_t{1} << 59,
                                 kShuffleDraws = std::uint64_t{1} << 60;

  const ProbedModel& probed_;
  ProbeResult result_;
};

}  // namespace

AnswerSlot answer_slot(const engine::Objective& objective, const AskedAnswer& asked) {
  std::vector<engine::Example>
      examples;  // where there are several, the first hides all of the answer
  add_answer_examples(objective, asked, examples);
  const std::size_t place = first_target(examples.front());
  return {std::move(examples.front()), place};
}

ProbeResult stream_matching(const ProbedModel& probed, const std::vector<FactGroup>& groups) {
  return Matching(probed).run(groups);
}

}  // namespace obverse::reversal

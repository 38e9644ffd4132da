#include "experiments/reversal_curse/evaluation.h"

#include "experiments/reversal_curse/scoring.h"

namespace obverse::reversal {
namespace {

bool is_asked(const Question& question, const engine::Objective& objective) {
  return question.asked != Asked::infill || objective.infills();
}

// The candidates are scored for these alone: they cost more than all else together.
bool chooses(const World& world, const Question& question) {
  switch (question.asked) {
    case Asked::trained:
    case Asked::reverse:
    case Asked::expanded_trained:
    case Asked::expanded_reverse:
    case Asked::composed:
      return true;
    case Asked::both:
      return world.both_choose;
    case Asked::infill:
    case Asked::unseen:
    case Asked::in_context:
    case Asked::wrong_inference:
    case Asked::in_context_unseen:
      return false;
  }
  return false;
}

}  // namespace

std::array<std::vector<Outcome>, kAskedCount> ask(const engine::Transformer& model,
                                                  const engine::Objective& objective,
                                                  const World& world,
                                                  const std::vector<Question>& questions,
                                                  Thoroughness thoroughness) {
  std::vector<const Question*> asked;
  std::vector<Attempt> right, wrong, candidates;
  for (const Question& question : questions) {
    if (!is_asked(question, objective)) continue;
    asked.push_back(&question);
    const auto& answers =
        world.candidate_sets[static_cast<std::size_t>(question.candidates)].answers;
    const auto attempt = [&](int answer) {
      return Attempt{&question.before, &answers[static_cast<std::size_t>(answer)], &question.after,
                     question.asked == Asked::infill};
    };
    right.push_back(attempt(question.right));
    if (thoroughness == Thoroughness::exact_match) continue;
    wrong.push_back(attempt(question.wrong));
    if (!chooses(world, question)) continue;
    for (int i = 0; i < static_cast<int>(answers.size()); ++i) {
      if (i != question.right) candidates.push_back(attempt(i));
    }
  }
  const std::vector<Score> right_scores = score(model, objective, right, true);
  const std::vector<Score> wrong_scores = score(model, objective, wrong, false);
  const std::vector<Score> candidate_scores = score(model, objective, candidates, false);

  std::array<std::vector<Outcome>, kAskedCount> outcomes;
  std::size_t next_candidate = 0;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Question& question = *asked[i];
    Outcome outcome;
    outcome.fact = question.fact;
    outcome.direction = question.direction;
    outcome.correct = right_scores[i].greedy;
    outcome.right_logprob = right_scores[i].logprob;
    if (thoroughness == Thoroughness::everything) {
      outcome.wrong_logprob = wrong_scores[i].logprob;
      if (chooses(world, question)) {
        const auto& answers =
            world.candidate_sets[static_cast<std::size_t>(question.candidates)].answers;
        outcome.candidates = static_cast<int>(answers.size());
        outcome.chosen = true;
        for (std::size_t other = 1; other < answers.size(); ++other) {
          // A tie is not a choice, nor is what is no number.
          if (!(candidate_scores[next_candidate++].logprob < outcome.right_logprob)) {
            outcome.chosen = false;
          }
        }
      }
    }
    outcomes[static_cast<std::size_t>(question.asked)].push_back(outcome);
  }
  return outcomes;
}

}  // namespace obverse::reversal

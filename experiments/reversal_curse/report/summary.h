// Runs to arms, numbers, verdicts and a headline: summary.json, from which table and page are made.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "experiments/reversal_curse/results.h"

namespace obverse::reversal {

// {"headline", "headline_sentences" (the same, apart), "arms", "varied" (settings that differ),
// "grid" (as it is), "runs", "tokens", "seconds", "questions" (of each of the report's sections
// "name", "title", "headline", "controls")}. Each arm, in order of first appearance:
// {"label", "objective", "architecture", "world" (without its seed), "training", "steps", "seeds",
// "directions", "metrics" (metrics_of its runs), "seed_metrics" (name to one number a seed, null
// where a seed lacks it), "verdict": {"name", "words", "measure", "reason", "asked_only" (the one
// conclusive direction of two, else ""), "seeds_disagree", "directions"}}.
nlohmann::json summarize(const std::vector<RunResult>& runs, const nlohmann::json& grid);

}  // namespace obverse::reversal

#include "experiments/reversal_curse/report/summary.h"

#include "experiments/reversal_curse/report/arms.h"
#include "experiments/reversal_curse/report/headline.h"
#include "experiments/reversal_curse/report/question.h"
#include "experiments/reversal_curse/report/verdict.h"

namespace obverse::reversal {
namespace {

using report::Arm;
using report::ArmVerdict;
using report::Estimate;

// One number a seed for every measure of the arm. Counts and p-values are no measures of a seed's
// outcome.
nlohmann::json seed_metrics_of(const Arm& arm, const nlohmann::json& pooled) {
  const auto is_measure = [](const std::string& key) {
    for (const char* ending : {".count", ".t_p", ".ks_p", ".chance"}) {
      if (key.ends_with(ending)) return false;
    }
    return true;
  };
  nlohmann::json result = nlohmann::json::object();
  for (const RunResult* run : arm.runs) {
    // Pooled over one run is that run.
    const nlohmann::json own = arm.runs.size() == 1 ? pooled : metrics_of({run});
    for (const auto& [key, value] : pooled.items()) {
      if (!value.is_number() || !is_measure(key)) continue;
      result[key].push_back(own.contains(key) ? own[key] : nlohmann::json(nullptr));
    }
  }
  return result;
}

// An Estimate or a LogprobGain.
template <typename Estimate>
nlohmann::json json_of(const std::optional<Estimate>& estimate) {
  if (!estimate) return nullptr;
  return {{"value", estimate->value}, {"ci95", {estimate->interval.low, estimate->interval.high}}};
}

nlohmann::json json_of(const ArmVerdict& verdict, const std::array<std::string, 2>& names) {
  nlohmann::json directions = nlohmann::json::array();
  for (const report::DirectionVerdict& direction : verdict.directions) {
    directions.push_back({{"asked", names[static_cast<std::size_t>(direction.asked)]},
                          {"verdict", report::name_of(direction.judgement.verdict)},
                          {"measure", report::words_of(direction.evidence.measure)},
                          {"chance", direction.evidence.chance},
                          {"reason", direction.judgement.reason},
                          {"trained", json_of(direction.evidence.trained)},
                          {"reverse", json_of(direction.evidence.reverse)},
                          {"both", json_of(direction.evidence.both)},
                          {"unseen", json_of(direction.evidence.unseen)},
                          {"trained_gain", json_of(direction.evidence.trained_gain)},
                          {"reverse_gain", json_of(direction.evidence.reverse_gain)}});
  }
  // Where one direction is in doubt, the verdict speaks of the other alone.
  std::string only;
  for (const report::DirectionVerdict& direction : verdict.directions) {
    const bool conclusive = direction.judgement.verdict != report::Verdict::inconclusive;
    if (verdict.directions.size() > 1 && verdict.directions_used == 1 && conclusive) {
      only = names[static_cast<std::size_t>(direction.asked)];
    }
  }
  return {{"name", report::name_of(verdict.verdict)},
          {"asked_only", only},
          {"words", report::words_of(verdict.verdict)},
          {"measure", report::words_of(verdict.evidence.measure)},
          {"reason", verdict.reason},
          {"seeds_disagree", verdict.seeds_disagree},
          {"directions", directions}};
}

}  // namespace

nlohmann::json summarize(const std::vector<RunResult>& runs, const nlohmann::json& grid) {
  const std::vector<Arm> arms = report::arms_of(runs);
  std::vector<report::JudgedArm> judged;
  nlohmann::json rows = nlohmann::json::array();
  for (const Arm& arm : arms) {
    const RunResult& first = *arm.runs.front();
    const nlohmann::json metrics = metrics_of(arm.runs);
    const ArmVerdict verdict = report::judge_arm(arm.runs);
    judged.push_back({arm.label, first.objective, arm.runs.size(), first.directions, verdict});
    nlohmann::json seeds = nlohmann::json::array();
    for (const RunResult* run : arm.runs) seeds.push_back(run->seed);
    rows.push_back({{"label", arm.label},
                    {"objective", first.objective},
                    {"architecture", first.architecture},
                    {"world", report::world_without_seed(first)},
                    {"training", first.training},
                    {"steps", first.steps},
                    {"seeds", seeds},
                    {"directions", first.directions},
                    {"metrics", metrics},
                    {"seed_metrics", seed_metrics_of(arm, metrics)},
                    {"verdict", json_of(verdict, first.directions)}});
  }
  std::int64_t tokens = 0;
  double seconds = 0.0;
  for (const RunResult& run : runs) {
    tokens += run.tokens;
    seconds += run.seconds;
  }
  const std::vector<std::string> sentences = report::headline_of(judged);
  std::string headline;
  for (const std::string& sentence : sentences)
    headline += (headline.empty() ? "" : " ") + sentence;
  nlohmann::json summary = {{"headline", headline}, {"headline_sentences", sentences},
                            {"arms", rows},         {"varied", report::varied_settings(arms)},
                            {"grid", grid},         {"runs", runs.size()},
                            {"tokens", tokens},     {"seconds", seconds}};
  nlohmann::json questions = nlohmann::json::array();
  for (const report::AnsweredQuestion& question : report::answered_questions(summary, arms)) {
    questions.push_back({{"name", question.name},
                         {"title", question.title},
                         {"headline", question.answer.headline},
                         {"controls", question.answer.controls}});
  }
  summary["questions"] = questions;
  return summary;
}

}  // namespace obverse::reversal

// The learning rate as a pure function of the step.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

namespace obverse::engine {

enum class ScheduleKind { constant, linear, cosine, warm_up_stable_decay };
void to_json(nlohmann::json& json, const ScheduleKind& kind);
void from_json(const nlohmann::json& json, ScheduleKind& kind);

// Rises linearly from peak / warm_up_steps over the warm-up, then stays, or falls along a line or
// half a cosine to final_share * peak at the last step. warm_up_stable_decay (Hu et al. 2024,
// MiniCPM, arXiv:2404.06395) stays, and falls along a line over the last decay_share of the steps.
// REQUIRES: decay_share in [0, 1].
struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;
  double peak = 1e-3;
  std::int64_t warm_up_steps = 0;
  std::int64_t steps = 1;
  double final_share = 0.0;
  double decay_share = 0.2;  // of warm_up_stable_decay alone

  // REQUIRES: step >= 1. Behind `steps` the rate stays as it is there.
  double rate(std::int64_t step) const;
};

}  // namespace obverse::engine

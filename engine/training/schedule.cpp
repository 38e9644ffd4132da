#include "engine/training/schedule.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "kernels/core/check.h"

namespace obverse::engine {
namespace words {
NLOHMANN_JSON_SERIALIZE_ENUM(ScheduleKind,
                             {{ScheduleKind::constant, "constant"},
                              {ScheduleKind::linear, "linear"},
                              {ScheduleKind::cosine, "cosine"},
                              {ScheduleKind::warm_up_stable_decay, "warm_up_stable_decay"}})
}  // namespace words

void to_json(nlohmann::json& json, const ScheduleKind& kind) { words::to_json(json, kind); }
void from_json(const nlohmann::json& json, ScheduleKind& kind) { words::from_json(json, kind); }

double Schedule::rate(std::int64_t step) const {
  kernels::require(step >= 1, "[schedule] expected a step of at least 1, got ", step);
  if (step <= warm_up_steps) {
    return peak * static_cast<double>(step) / static_cast<double>(warm_up_steps);
  }
  if (kind == ScheduleKind::constant) return peak;
  std::int64_t first = warm_up_steps;  // the last step before the rate falls
  if (kind == ScheduleKind::warm_up_stable_decay) {
    kernels::require(decay_share >= 0.0 && decay_share <= 1.0,
                     "[schedule] expected a decay_share in [0, 1], got ", decay_share);
    const auto falling =
        static_cast<std::int64_t>(std::llround(decay_share * static_cast<double>(steps)));
    first = std::max(first, steps - falling);
    if (step <= first) return peak;
  }
  const auto falling = static_cast<double>(std::max<std::int64_t>(1, steps - first));
  const double progress = std::min(1.0, static_cast<double>(step - first) / falling);
  const double remaining = kind == ScheduleKind::cosine
                               ? 0.5 * (1.0 + std::cos(std::numbers::pi * progress))
                               : 1.0 - progress;
  return peak * (final_share + (1.0 - final_share) * remaining);
}

}  // namespace obverse::engine

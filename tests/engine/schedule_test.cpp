#include "engine/training/schedule.h"

#include <cmath>

#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using engine::Schedule;
using engine::ScheduleKind;

// Points computed by hand: peak 2, warm-up of 4 of 12 steps, down to a tenth.
Schedule with_kind(ScheduleKind kind) { return {kind, 2.0, 4, 12, 0.1}; }

TEST_CASE("every schedule rises linearly over its warm-up", "[schedule]") {
  for (const auto kind : {ScheduleKind::constant, ScheduleKind::linear, ScheduleKind::cosine}) {
    const Schedule schedule = with_kind(kind);
    CHECK(schedule.rate(1) == 0.5);
    CHECK(schedule.rate(2) == 1.0);
    CHECK(schedule.rate(4) == 2.0);
  }
}

TEST_CASE("a constant schedule stays at its peak", "[schedule]") {
  const Schedule schedule = with_kind(ScheduleKind::constant);
  CHECK(schedule.rate(5) == 2.0);
  CHECK(schedule.rate(12) == 2.0);
}

TEST_CASE("a linear schedule falls along a line", "[schedule]") {
  const Schedule schedule = with_kind(ScheduleKind::linear);
  CHECK(schedule.rate(5) == Approx(0.2 + 1.8 * 7 / 8).epsilon(1e-14));
  CHECK(schedule.rate(8) == Approx(1.1).epsilon(1e-14));
  CHECK(schedule.rate(12) == Approx(0.2).epsilon(1e-14));
}

TEST_CASE("a cosine schedule falls along half a cosine", "[schedule]") {
  const Schedule schedule = with_kind(ScheduleKind::cosine);
  // An eighth, a quarter and half of the way: (1 + cos) / 2 of 22.5, 45 and 90 degrees.
  CHECK(schedule.rate(5) == Approx(0.2 + 1.8 * 0.9619397662556434).epsilon(1e-14));
  CHECK(schedule.rate(6) == Approx(0.2 + 1.8 * 0.8535533905932737).epsilon(1e-14));
  CHECK(schedule.rate(8) == Approx(1.1).epsilon(1e-14));
  CHECK(schedule.rate(12) == Approx(0.2).epsilon(1e-14));
}

TEST_CASE("a schedule without warm-up starts to fall at once", "[schedule]") {
  const Schedule schedule{ScheduleKind::linear, 1.0, 0, 10, 0.0};
  CHECK(schedule.rate(1) == Approx(0.9).epsilon(1e-14));
  CHECK(schedule.rate(10) == 0.0);
  CHECK(Schedule{}.rate(1) == 1e-3);
  CHECK(schedule.rate(11) == 0.0);
  CHECK_THROWS_AS(schedule.rate(0), std::invalid_argument);
}

TEST_CASE("a schedule that is all warm-up ends at its peak", "[schedule]") {
  const Schedule schedule{ScheduleKind::cosine, 3.0, 6, 6, 0.0};
  CHECK(schedule.rate(3) == 1.5);
  CHECK(schedule.rate(6) == 3.0);
}

TEST_CASE("a warm-up-stable-decay schedule stays, and falls over its last share", "[schedule]") {
  Schedule schedule = with_kind(ScheduleKind::warm_up_stable_decay);
  schedule.decay_share = 0.25;  // the last 3 of 12 steps
  CHECK(schedule.rate(2) == 1.0);
  CHECK(schedule.rate(5) == 2.0);
  CHECK(schedule.rate(9) == 2.0);
  CHECK(schedule.rate(10) == Approx(0.2 + 1.8 * 2 / 3).epsilon(1e-14));
  CHECK(schedule.rate(12) == Approx(0.2).epsilon(1e-14));
  CHECK(schedule.rate(20) == Approx(0.2).epsilon(1e-14));
  schedule.decay_share = 1.0;  // from the end of the warm-up on
  CHECK(schedule.rate(4) == 2.0);
  CHECK(schedule.rate(8) == Approx(1.1).epsilon(1e-14));
  schedule.decay_share = 0.0;
  CHECK(schedule.rate(12) == 2.0);
  schedule.decay_share = 1.5;
  CHECK_THROWS_WITH(schedule.rate(6), ContainsSubstring("decay_share in [0, 1], got 1.5"));
}

}  // namespace
}  // namespace obverse::tests

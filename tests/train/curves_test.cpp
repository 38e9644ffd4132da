#include "experiments/train/curves.h"

#include <cmath>
#include <string>

#include "tests/support/catch.h"

namespace obverse::train {
namespace {

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++count;
  return count;
}

TEST_CASE("thinning keeps means and ends", "[curves]") {
  std::vector<CurvePoint> points;
  for (int i = 0; i < 1000; ++i) points.push_back({double(i), double(i % 2)});
  const auto few = thinned(points, 100);
  REQUIRE(few.size() == 100);
  CHECK(few[0].x == 4.5);
  for (const CurvePoint& point : few) CHECK(point.y == 0.5);
  CHECK(thinned(points, 1000).size() == 1000);
  points[3].y = std::nan("");
  CHECK(thinned(points, 100)[0].y == Approx(4.0 / 9.0));
  CHECK_THROWS_WITH(thinned(points, 0), ContainsSubstring("at least one point"));
}

TEST_CASE("smoothing has no bias at the beginning", "[curves]") {
  const auto constant = smoothed({{1, 7}, {2, 7}, {3, 7}}, 50);
  for (const CurvePoint& point : constant) CHECK(point.y == Approx(7.0));
  const auto two = smoothed({{1, 1}, {2, std::nan("")}, {3, 3}}, 2);
  REQUIRE(two.size() == 2);
  CHECK(two[1].x == 3);
  CHECK(two[1].y == Approx((0.25 * 1 + 0.5 * 3) / 0.75));
}

TEST_CASE("a page shows what there is, and stands alone", "[curves]") {
  NamedRun run{"small <run>", {}};
  for (int i = 1; i <= 2000; ++i) {
    run.metrics.steps.push_back({i, 5.0 / i, 1.0, 1e-3, 256LL * i, 0.5 * i, 512.0});
  }
  run.metrics.validations = {{1000, 2.5}, {2000, 2.25}};
  NamedRun other{"other", {}};
  other.metrics.steps.push_back({1, 4.0, 0.0, 1e-3, 256, 1.0, 512.0});
  const std::string page = curves_page({run, other});
  CHECK(count_of(page, "<figure>") == 4);
  CHECK(page.find("small &lt;run&gt;") != std::string::npos);
  CHECK(page.find("<td>2.2500</td>") != std::string::npos);
  CHECK(page.find("<td>512,000</td>") != std::string::npos);
  CHECK(count_of(page, "class=\"raw c0\"") == 1);
  CHECK(count_of(page, "class=\"checked c0\"") == 1);
  CHECK(page.find("checked c1") == std::string::npos);
  for (const char* outside : {"http:", "https:", "src=", "@import", "nan", "inf\""}) {
    CAPTURE(outside);
    CHECK(page.find(outside) == std::string::npos);
  }
  CHECK(page.size() < 400'000);
  CHECK_THROWS_WITH(curves_page({}), ContainsSubstring("at least one run"));
  CHECK_THROWS_WITH(curves_page({{"empty", {}}}), ContainsSubstring("got empty without any"));
}

}  // namespace
}  // namespace obverse::train

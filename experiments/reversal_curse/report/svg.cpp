#include "experiments/reversal_curse/report/svg.h"

#include "experiments/support/typeset.h"

namespace obverse::reversal::report::svg {

std::string axes(const Frame& frame, const std::vector<double>& x_ticks, std::string_view x_title,
                 std::string_view y_title) {
  const double floor = frame.height - frame.bottom, end = frame.width - frame.right;
  std::string body;
  for (const int share : {0, 25, 50, 75, 100}) {
    const double y = frame.y(share / 100.0);
    body += line({frame.left, y}, {end, y}, share == 0 ? "axis" : "grid");
    if (share % 50 == 0) {
      body += text({frame.left - 6, y + 4}, "end", "tick", std::to_string(share));
    }
  }
  for (const double tick : x_ticks) {
    const double x = frame.x(tick);
    body += line({x, floor}, {x, floor + 4}, "axis");
    body += text({x, floor + 16}, "middle", "tick", tick_label(tick));
  }
  body += text({(frame.left + end) / 2, frame.height - 4}, "middle", "axis-title", x_title);
  const double middle = (frame.top + floor) / 2;
  body += "<text transform=\"translate(11 " + number(middle) +
          ") rotate(-90)\" text-anchor=\"middle\" class=\"axis-title\">" +
          experiments::typeset(y_title) + "</text>";
  return body;
}

}  // namespace obverse::reversal::report::svg

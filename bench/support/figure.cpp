#include "bench/support/figure.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace obverse::bench {

nlohmann::json to_json(const Figure& figure) {
  nlohmann::json result{
      {"operation", figure.operation},
      {"provider", figure.provider},
      {"direction", figure.direction},
      {"shape", figure.shape},
      {"device", figure.device},
      {"microseconds", figure.seconds.median * 1e6},
      {"microseconds_20", figure.seconds.low * 1e6},
      {"microseconds_80", figure.seconds.high * 1e6},
      {figure.counts_flops ? "teraflops_per_second" : "gigabytes_per_second",
       figure.rate() * (figure.counts_flops ? 1e-12 : 1e-9)},
      {"ceiling", figure.ceiling},
      {"of_ceiling", figure.share()},
      {"error", nullptr},
  };
  // A NaN has no place in JSON; it must not look like "not measured" either.
  if (figure.error && std::isfinite(*figure.error)) {
    result["error"] = *figure.error;
  } else if (figure.error) {
    result["error"] = "not finite";
  }
  return result;
}

}  // namespace obverse::bench

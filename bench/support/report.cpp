#include "bench/support/report.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "bench/support/sgemm.h"
#include "bench/support/timing.h"
#include "bench/support/values.h"
#include "kernels/core/parallel.h"

namespace obverse::bench {

Report::Report(std::string filter, int threads) : filter_(std::move(filter)), threads_(threads) {
  std::printf("%-28s %-22s %12s %12s %s\n", "kernel", "shape", "ms", "rate",
              "of this machine's best");
}

void Report::measure_bytes(const std::string& kernel, const std::string& shape, double bytes,
                           const std::function<void()>& body) {
  if (!wanted(kernel, shape)) return;
  const double seconds = median_seconds(body);
  const double rate = bytes / seconds * 1e-9;
  add({kernel, shape, "cpu", seconds * 1e3, rate, false, rate / copy_rate(bytes)});
}

void Report::measure_flops(const std::string& kernel, const std::string& shape, double flops,
                           const std::function<void()>& body) {
  if (!wanted(kernel, shape)) return;
  const double seconds = median_seconds(body);
  const double rate = flops / seconds * 1e-9;
  add({kernel, shape, "cpu", seconds * 1e3, rate, true, rate / sgemm_rate()});
}

void Report::write_json(const std::string& file) const {
  nlohmann::json figures = nlohmann::json::array();
  for (const Figure& figure : figures_) {
    figures.push_back({{"kernel", figure.kernel},
                       {"shape", figure.shape},
                       {"device", figure.device},
                       {"milliseconds", figure.milliseconds},
                       {figure.flops ? "gigaflops" : "gigabytes_per_second", figure.rate},
                       {figure.flops ? "of_sgemm" : "of_copy", figure.ratio}});
  }
  std::ofstream out(file);
  out << nlohmann::json{{"threads", threads_}, {"figures", figures}}.dump(2) << "\n";
  out.close();
  if (!out) throw std::runtime_error("cannot write " + file + ": " + std::strerror(errno));
}

void Report::add(Figure figure) {
  std::printf("%-28s %-22s %12.4f %7.1f %s  %5.1f%% of %s\n", figure.kernel.c_str(),
              figure.shape.c_str(), figure.milliseconds, figure.rate,
              figure.flops ? "GF/s" : "GB/s", 100.0 * figure.ratio,
              figure.flops ? "sgemm" : "copy");
  std::fflush(stdout);
  figures_.push_back(std::move(figure));
}

bool Report::wanted(const std::string& kernel, const std::string& shape) const {
  return (kernel + " " + shape).find(filter_) != std::string::npos;
}

double Report::copy_rate(double bytes) {
  // Half the bytes are read and half written, so that the copy touches as much cache as the kernel
  // does.
  const auto size = std::max<std::int64_t>(64, static_cast<std::int64_t>(bytes / 2));
  auto [found, is_new] = copy_rates_.try_emplace(size, 0.0);
  if (is_new) {
    const std::vector<char> from(static_cast<std::size_t>(size), 1);
    std::vector<char> to(from.size());
    const double seconds = median_seconds([&] {
      kernels::parallel_for(size, 256 * 1024, [&](std::int64_t begin, std::int64_t end) {
        std::memcpy(to.data() + begin, from.data() + begin, static_cast<std::size_t>(end - begin));
      });
    });
    found->second = 2.0 * static_cast<double>(size) / seconds * 1e-9;
  }
  return found->second;
}

double Report::sgemm_rate() {
  if (sgemm_rate_ > 0.0) return sgemm_rate_;
  sgemm_rate_ = sgemm_gflops();
  return sgemm_rate_;
}

}  // namespace obverse::bench

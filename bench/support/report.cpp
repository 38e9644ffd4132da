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
#include "kernels/core/parallel.h"

namespace obverse::bench {

Report::Report(std::string filter, int threads, ChosenShapes shapes)
    : filter_(std::move(filter)),
      shapes_(std::move(shapes)),
      notes_(std::make_unique<nlohmann::json>(nlohmann::json::object({{"threads", threads}}))),
      failures_(std::make_unique<nlohmann::json>(nlohmann::json::array())) {}

Report::~Report() = default;

void Report::measure_bytes(const std::string& kernel, const std::string& shape, double bytes,
                           const std::function<void()>& body) {
  measure(kernel, shape, bytes, false, body);
}

void Report::measure_flops(const std::string& kernel, const std::string& shape, double flops,
                           const std::function<void()>& body) {
  measure(kernel, shape, flops, true, body);
}

void Report::measure(const std::string& kernel, const std::string& shape, double work,
                     bool counts_flops, const std::function<void()>& body) {
  if (!wanted(kernel, shape)) return;
  const Timing seconds = time_calls(body);
  auto [operation, direction] = operation_and_direction(kernel);
  add({.operation = std::move(operation),
       .provider = "own",
       .direction = std::move(direction),
       .shape = shape,
       .device = "cpu",
       .seconds = seconds,
       .work = work,
       .counts_flops = counts_flops,
       .ceiling = counts_flops ? "sgemm" : "copy",
       .ceiling_rate = counts_flops ? sgemm_rate() : copy_rate(work)});
}

void Report::write_json(const std::string& file) const {
  nlohmann::json all = *notes_;
  all["figures"] = nlohmann::json::array();
  for (const Figure& figure : figures_) all["figures"].push_back(to_json(figure));
  all["failures"] = *failures_;
  std::ofstream out(file);
  out << all.dump(2) << "\n";
  out.close();
  if (!out) throw std::runtime_error("cannot write " + file + ": " + std::strerror(errno));
}

void Report::add(Figure figure) {
  if (figures_.empty()) std::printf("%s\n", table_header().c_str());
  std::printf("%s\n", table_row(figure).c_str());
  std::fflush(stdout);
  figures_.push_back(std::move(figure));
}

void Report::note(const std::string& key, const nlohmann::json& value) { (*notes_)[key] = value; }

void Report::fail(const std::string& kernel, const std::string& shape, const std::string& reason) {
  std::fprintf(stderr, "obverse-bench kernels: %s %s: %s\n", kernel.c_str(), shape.c_str(),
               reason.c_str());
  failures_->push_back({{"kernel", kernel}, {"shape", shape}, {"reason", reason}});
}

bool Report::failed() const { return !failures_->empty(); }

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
    found->second = 2.0 * static_cast<double>(size) / seconds;
  }
  return found->second;
}

double Report::sgemm_rate() {
  if (sgemm_rate_ == 0.0) sgemm_rate_ = sgemm_gflops() * 1e9;
  return sgemm_rate_;
}

}  // namespace obverse::bench

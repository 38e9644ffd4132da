// Collects and prints the figures of kernel benchmarks. Each figure stands beside what this machine
// can do at best, measured in the same run with the same threads: a plain copy of as many bytes, or
// its fastest 2048^3 sgemm.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace obverse::bench {

struct Figure {
  std::string kernel, shape, device;
  double milliseconds = 0.0;
  double rate = 0.0;   // GB/s or GFLOP/s
  bool flops = false;  // which of the two
  double ratio = 0.0;  // to the machine's best: copy bandwidth, or sgemm
};

class Report {
 public:
  // Runs only what has `filter` in "<kernel> <shape>"; everything where it is empty. Prints a line
  // as soon as it is known.
  Report(std::string filter, int threads);

  // Work that is limited by memory or cache: `bytes` read and written by one call of `body`.
  void measure_bytes(const std::string& kernel, const std::string& shape, double bytes,
                     const std::function<void()>& body);
  // Work that is limited by arithmetic: `flops` of one call, a multiplication and an addition
  // counting as two.
  void measure_flops(const std::string& kernel, const std::string& shape, double flops,
                     const std::function<void()>& body);

  const std::vector<Figure>& figures() const { return figures_; }
  // Writes all figures as one JSON object. Throws std::runtime_error that names the file where it
  // cannot.
  void write_json(const std::string& file) const;

 private:
  void add(Figure figure);
  bool wanted(const std::string& kernel, const std::string& shape) const;
  double copy_rate(double bytes);  // GB/s, read plus written
  double sgemm_rate();             // GFLOP/s

  std::string filter_;
  int threads_;
  std::vector<Figure> figures_;
  std::map<std::int64_t, double> copy_rates_;  // by bytes copied
  double sgemm_rate_ = 0.0;
};

}  // namespace obverse::bench

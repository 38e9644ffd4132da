// Collects and prints the figures of kernel benchmarks. Each figure stands beside what this machine
// can do at best, measured in the same run: on a CPU, with the same threads, a plain copy of as
// many bytes or its fastest 2048^3 sgemm; on a GPU a large copy or cuBLAS's large product.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/support/figure.h"
#include "bench/support/shapes.h"

namespace obverse::bench {

class Report {
 public:
  // Runs only what has `filter` in "<kernel> <shape>"; everything where it is empty. Prints a line
  // as soon as it is known.
  Report(std::string filter, int threads, ChosenShapes shapes);
  ~Report();

  const ChosenShapes& shapes() const { return shapes_; }
  bool wanted(const std::string& kernel, const std::string& shape) const;

  // Work of the CPU that is limited by memory or cache: `bytes` read and written by one call of
  // `body`.
  void measure_bytes(const std::string& kernel, const std::string& shape, double bytes,
                     const std::function<void()>& body);
  // Work of the CPU that is limited by arithmetic: `flops` of one call, a multiplication and an
  // addition counting as two.
  void measure_flops(const std::string& kernel, const std::string& shape, double flops,
                     const std::function<void()>& body);
  // What was measured elsewhere.
  void add(Figure figure);
  // What could not be measured, and why: told at once, written beside the figures.
  void fail(const std::string& kernel, const std::string& shape, const std::string& reason);
  // A fact of the run that is written beside the figures.
  void note(const std::string& key, const nlohmann::json& value);

  const std::vector<Figure>& figures() const { return figures_; }
  bool failed() const;
  // Writes all figures as one JSON object. Throws std::runtime_error that names the file where it
  // cannot.
  void write_json(const std::string& file) const;

 private:
  void measure(const std::string& kernel, const std::string& shape, double work, bool counts_flops,
               const std::function<void()>& body);
  double copy_rate(double bytes);  // bytes a second, read plus written
  double sgemm_rate();             // floating-point operations a second

  std::string filter_;
  ChosenShapes shapes_;
  std::vector<Figure> figures_;
  // Behind a pointer, so that a kernel's benchmark need not compile nlohmann-json.
  std::unique_ptr<nlohmann::json> notes_, failures_;
  std::map<std::int64_t, double> copy_rates_;  // by bytes copied
  double sgemm_rate_ = 0.0;
};

}  // namespace obverse::bench

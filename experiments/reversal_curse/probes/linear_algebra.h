// The little dense linear algebra that probes need, in double precision, over LAPACK.
#pragma once

#include <cstddef>
#include <vector>

namespace obverse::reversal {

class SquareMatrix {
 public:
  explicit SquareMatrix(std::size_t size) : size_(size), values_(size * size, 0.0) {}

  std::size_t size() const { return size_; }
  double& at(std::size_t row, std::size_t column) { return values_[row * size_ + column]; }
  double at(std::size_t row, std::size_t column) const { return values_[row * size_ + column]; }
  const std::vector<double>& values() const { return values_; }

  // Adds x x^T. REQUIRES: x has size() elements.
  void add_outer(const std::vector<double>& x);
  void scale(double factor);
  void add_to_diagonal(double value);
  double mean_of_diagonal() const;

 private:
  std::size_t size_;
  std::vector<double> values_;  // row by row
};

// Solves A x = b for a symmetric positive definite A. Throws std::runtime_error where A is not.
class CholeskySolver {
 public:
  explicit CholeskySolver(const SquareMatrix& matrix);
  std::vector<double> solve(std::vector<double> right) const;
  // Several right sides, one behind the other.
  std::vector<double> solve_many(std::vector<double> rights) const;

 private:
  int size_;
  std::vector<double> factor_;
};

double dot(const std::vector<double>& a, const std::vector<double>& b);
// REQUIRES: one vector at least, all of one length.
std::vector<double> mean_of(const std::vector<std::vector<double>>& vectors);

}  // namespace obverse::reversal

#include "experiments/reversal_curse/probes/linear_algebra.h"

#include <numeric>
#include <stdexcept>
#include <string>

#include "kernels/core/check.h"

// Of LAPACK, which OpenBLAS brings without a header. Matrices are column by column; a symmetric one
// is the same either way.
extern "C" {
// NOLINTBEGIN(readability-identifier-naming): its names
void dpotrf_(const char* triangle, const int* size, double* matrix, const int* leading, int* info);
void dpotrs_(const char* triangle, const int* size, const int* columns, const double* matrix,
             const int* leading, double* right, const int* leading_right, int* info);
// NOLINTEND(readability-identifier-naming)
}

namespace obverse::reversal {

void SquareMatrix::add_outer(const std::vector<double>& x) {
  kernels::require_size("linear_algebra", "a vector", static_cast<std::int64_t>(size_),
                        static_cast<std::int64_t>(x.size()));
  for (std::size_t row = 0; row < size_; ++row) {
    for (std::size_t column = 0; column < size_; ++column) at(row, column) += x[row] * x[column];
  }
}

void SquareMatrix::scale(double factor) {
  for (double& value : values_) value *= factor;
}

void SquareMatrix::add_to_diagonal(double value) {
  for (std::size_t i = 0; i < size_; ++i) at(i, i) += value;
}

double SquareMatrix::mean_of_diagonal() const {
  double sum = 0.0;
  for (std::size_t i = 0; i < size_; ++i) sum += at(i, i);
  return sum / static_cast<double>(size_);
}

CholeskySolver::CholeskySolver(const SquareMatrix& matrix)
    : size_(static_cast<int>(matrix.size())), factor_(matrix.values()) {
  int info = 0;
  dpotrf_("L", &size_, factor_.data(), &size_, &info);
  if (info != 0) {
    throw std::runtime_error(
        "[linear_algebra] expected a positive definite matrix, got one whose " +
        std::to_string(info) + "th leading minor is not");
  }
}

std::vector<double> CholeskySolver::solve(std::vector<double> right) const {
  kernels::require_size("linear_algebra", "a right side", size_,
                        static_cast<std::int64_t>(right.size()));
  return solve_many(std::move(right));
}

std::vector<double> CholeskySolver::solve_many(std::vector<double> rights) const {
  const int columns = static_cast<int>(rights.size()) / size_;
  kernels::require_size("linear_algebra", "right sides", static_cast<std::int64_t>(size_) * columns,
                        static_cast<std::int64_t>(rights.size()));
  int info = 0;
  dpotrs_("L", &size_, &columns, factor_.data(), &size_, rights.data(), &size_, &info);
  return rights;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

std::vector<double> mean_of(const std::vector<std::vector<double>>& vectors) {
  kernels::require(!vectors.empty(), "[linear_algebra] expected at least one vector, got none");
  std::vector<double> mean(vectors.front().size(), 0.0);
  for (const std::vector<double>& vector : vectors) {
    kernels::require_size("linear_algebra", "a vector", static_cast<std::int64_t>(mean.size()),
                          static_cast<std::int64_t>(vector.size()));
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += vector[i];
  }
  for (double& value : mean) value /= static_cast<double>(vectors.size());
  return mean;
}

}  // namespace obverse::reversal

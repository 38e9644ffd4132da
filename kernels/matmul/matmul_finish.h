// The second half of a product whose sums lie in memory: as parts of a split depth, or as a library
// has left them.
#pragma once

#include "kernels/core/span.h"
#include "kernels/matmul/matmul.h"

namespace obverse::kernels::cuda {

// Ends `x` as Matmul says, without reading its operands: `parts`, [batch, count, m, n], are added
// in order, so that the result has the same bits on every run, and what follows is in float up to
// the elements of pre_activation and out. No parts are a sum of zero. A single part may be `out`
// itself where nothing lies between its matrices. REQUIRES: x is what matmul() takes.
template <typename T, typename Out>
void matmul_finish(const Matmul<T, Out>& x, Span<const float> parts, int count, Stream& stream);

}  // namespace obverse::kernels::cuda

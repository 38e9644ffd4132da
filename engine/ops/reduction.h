// The global gradient norm and the factor that clips it.
#pragma once

#include <vector>

#include "engine/tensor/tensor.h"

namespace obverse::engine {

struct NormAndScale {
  Tensor norm;        // [1]: sqrt of the sum of squares over all tensors
  Tensor clip_scale;  // [1]: min(1, maximum_norm / norm); 1 where maximum_norm is 0; NaN where norm
                      // or loss is not finite
};

// `loss` [1] may be undefined. REQUIRES: gradients are not empty and of one type.
NormAndScale gradient_norm(const std::vector<Tensor>& gradients, double maximum_norm,
                           const Tensor& loss = Tensor());

// The sum of all elements. -> [1]
Tensor sum(const Tensor& values);

}  // namespace obverse::engine

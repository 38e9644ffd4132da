// Numbers of stored tensors as float, and back.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/checkpoint/safetensors.h"

namespace obverse::engine {

// Whether floats_of() takes a type: F32, F16 and BF16, whose numbers are floats exactly.
bool holds_floats(const StoredTensor& tensor);

// All elements. Throws std::invalid_argument for any other type.
std::vector<float> floats_of(const StoredTensor& tensor);

// As F32. REQUIRES: as many values as the shape has elements.
StoredTensor stored_floats(std::vector<std::int64_t> shape, const std::vector<float>& values);

}  // namespace obverse::engine

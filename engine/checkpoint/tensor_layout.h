// How a model's parameters lie in a file of tensors: under which names, cut into which pieces, and
// which way round.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/checkpoint/safetensors.h"
#include "engine/model/transformer.h"

namespace obverse::engine {

// Rows [first_row, first_row + rows) of a parameter, its first dimension, are one tensor.
struct TensorPiece {
  std::string name;
  std::int64_t first_row = 0, rows = 0;
  bool transposed = false;  // stored [input, output]
};

// Where one parameter lies: its pieces are all of it, in order.
struct ParameterLayout {
  std::vector<TensorPiece> pieces;
};

// One a parameter, in the model's order.
using TensorLayout = std::vector<ParameterLayout>;

// Every parameter by its own name, whole.
TensorLayout own_layout(const Transformer& model);

// `values` holds a float for every element of the model's parameters, in their order.
std::map<std::string, StoredTensor> pieces_of(const Transformer& model, const TensorLayout& layout,
                                              const std::vector<float>& values);

// What pieces_of() took, put together again, all pieces in F32, F16 or BF16. Throws
// std::runtime_error, one line that names `path` and the tensor, where one is missing, of another
// shape, or no numbers. Other tensors are left alone.
std::vector<float> values_in(const std::filesystem::path& path, const TensorFile& file,
                             const Transformer& model, const TensorLayout& layout);

}  // namespace obverse::engine

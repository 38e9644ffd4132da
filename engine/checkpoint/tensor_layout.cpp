#include "engine/checkpoint/tensor_layout.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "engine/checkpoint/stored_floats.h"

namespace obverse::engine {
namespace {

std::string words_of(const std::vector<std::int64_t>& sizes) {
  std::string text;
  for (const std::int64_t size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

// Of a vector every row is one element.
std::int64_t columns_of(const Shape& shape) {
  return shape.dimensions() == 1 ? 1 : shape.elements() / shape[0];
}

std::vector<std::int64_t> stored_shape(const Shape& shape, const TensorPiece& piece) {
  if (shape.dimensions() == 1) return {piece.rows};
  if (piece.transposed) return {columns_of(shape), piece.rows};
  return {piece.rows, columns_of(shape)};
}

std::vector<float> transposed(const std::vector<float>& values, std::int64_t rows) {
  const auto count = static_cast<std::int64_t>(values.size());
  const std::int64_t columns = rows == 0 ? 0 : count / rows;
  std::vector<float> result(values.size());
  for (std::int64_t i = 0; i < count; ++i) {
    result[static_cast<std::size_t>(i % columns * rows + i / columns)] =
        values[static_cast<std::size_t>(i)];
  }
  return result;
}

// Calls visit(parameter's shape, piece, index of its first value) for all of them.
template <typename Visit>
void for_each_piece(const Transformer& model, const TensorLayout& layout, const Visit& visit) {
  require(layout.size() == model.parameters().size(), "[tensor_layout] expected a layout of ",
          model.parameters().size(), " parameters, got one of ", layout.size());
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < layout.size(); ++i) {
    const Shape& shape = model.parameters()[i].variable.shape();
    std::int64_t row = 0;
    for (const TensorPiece& piece : layout[i].pieces) {
      require(piece.first_row == row, "[tensor_layout] expected a piece from row ", row,
              " on, got ", piece.first_row, " for ", piece.name);
      visit(shape, piece, offset + row * columns_of(shape));
      row += piece.rows;
    }
    require(row == shape[0], "[tensor_layout] expected pieces of ", shape[0], " rows for ",
            model.parameters()[i].name, ", got ", row);
    offset += shape.elements();
  }
}

}  // namespace

TensorLayout own_layout(const Transformer& model) {
  TensorLayout layout;
  for (const Parameter& parameter : model.parameters()) {
    layout.push_back({{{parameter.name, 0, parameter.variable.shape()[0], false}}});
  }
  return layout;
}

std::map<std::string, StoredTensor> pieces_of(const Transformer& model, const TensorLayout& layout,
                                              const std::vector<float>& values) {
  require(static_cast<std::int64_t>(values.size()) == model.parameter_count(),
          "[tensor_layout] expected ", model.parameter_count(), " values, got ", values.size());
  std::map<std::string, StoredTensor> tensors;
  for_each_piece(model, layout, [&](const Shape& shape, const TensorPiece& piece, auto first) {
    const auto begin = values.begin() + first;
    std::vector<float> piece_values(begin, begin + piece.rows * columns_of(shape));
    if (piece.transposed) piece_values = transposed(piece_values, piece.rows);
    tensors[piece.name] = stored_floats(stored_shape(shape, piece), piece_values);
  });
  return tensors;
}

std::vector<float> values_in(const std::filesystem::path& path, const TensorFile& file,
                             const Transformer& model, const TensorLayout& layout) {
  std::vector<float> values(static_cast<std::size_t>(model.parameter_count()));
  for_each_piece(model, layout, [&](const Shape& shape, const TensorPiece& piece, auto first) {
    const auto found = file.tensors.find(piece.name);
    if (found == file.tensors.end()) {
      throw std::runtime_error(path.string() + ": expected the tensor \"" + piece.name +
                               "\", found none");
    }
    const StoredTensor& tensor = found->second;
    const std::vector<std::int64_t> expected = stored_shape(shape, piece);
    if (!holds_floats(tensor) || tensor.shape != expected) {
      throw std::runtime_error(path.string() + ": tensor \"" + piece.name +
                               "\": expected F32, F16 or BF16 " + words_of(expected) + ", found " +
                               tensor.type + " " + words_of(tensor.shape));
    }
    std::vector<float> piece_values = floats_of(tensor);
    if (piece.transposed) piece_values = transposed(piece_values, columns_of(shape));
    std::copy(piece_values.begin(), piece_values.end(), values.begin() + first);
  });
  return values;
}

}  // namespace obverse::engine

// What both backends ask of an embedding's arguments, without reading the arrays.
#pragma once

#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/embedding/embedding.h"

namespace obverse::kernels {

// `position_elements` is 0 where there is no position table.
template <typename Arguments>
void check_embedding(const Arguments& x, std::int64_t table_elements,
                     std::int64_t position_elements, std::int64_t token_elements) {
  const std::int64_t tokens = x.batch * x.sequence, width = x.width;
  require(x.batch >= 0 && x.sequence >= 0 && width > 0,
          "[embedding] expected batch >= 0, sequence >= 0 and width > 0, got ", x.batch, ", ",
          x.sequence, " and ", width);
  require_size("embedding", "ids", tokens, x.ids.size());
  require_size("embedding", "token table", x.vocabulary * width, table_elements);
  require_size("embedding", "output", tokens * width, token_elements);
  require(position_elements == 0 ||
              (position_elements % width == 0 && position_elements >= x.sequence * width),
          "[embedding] expected position table of at least ", x.sequence, " rows of ", width,
          ", got ", position_elements, " elements");
  require_size_or_empty("embedding", "first_positions", x.batch, x.first_positions.size());
}

template <typename T>
void check_embedding(const EmbeddingForward<T>& x) {
  check_embedding(x, x.token_table.size(), x.position_table.size(), x.out.size());
}

template <typename T>
void check_embedding(const EmbeddingBackward<T>& x) {
  check_embedding(x, x.token_table_gradient.size(), x.position_table_gradient.size(),
                  x.output_gradient.size());
}

}  // namespace obverse::kernels

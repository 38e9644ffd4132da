#include "engine/ops/embedding.h"

#include "engine/autograd/launch.h"
#include "kernels/embedding/embedding.h"

namespace obverse::engine {

Variable embedding(Tape& tape, const Tensor& ids, const Variable& token_table,
                   const Variable& position_table, const Tensor& first_positions) {
  require(ids.shape().dimensions() == 2, "[embedding] expected ids [batch, sequence], got ",
          ids.shape());
  const std::int64_t batch = ids.size(0), sequence = ids.size(1);
  const std::int64_t vocabulary = token_table.shape()[0], width = token_table.shape()[1];
  require(!position_table.defined() || position_table.shape()[0] >= sequence,
          "[embedding] expected a sequence of at most the context of ",
          position_table.defined() ? position_table.shape()[0] : 0, " tokens, got ", sequence);
  require(!position_table.defined() || position_table.shape()[1] == width,
          "[embedding] expected a position table [context, ", width, "], got ",
          position_table.shape());
  const Tensor out =
      Tensor::empty(tape.device(), {batch, sequence, width}, token_table.data().dtype());
  with_float_type(out.dtype(), [&]<typename T>(T) {
    kernels::EmbeddingForward<T> forward{batch, sequence, width, vocabulary};
    forward.ids = ids.span<std::int32_t>();
    forward.token_table = token_table.data().span<T>();
    forward.position_table = position_table.data().span_or_empty<T>();
    forward.first_positions = first_positions.span_or_empty<std::int32_t>();
    forward.out = out.span<T>();
    OBVERSE_LAUNCH(tape.device(), embedding_forward, forward);
  });
  return tape.record(
      out, {&token_table, &position_table},
      [batch, sequence, width, vocabulary, ids, first_positions,
       token_gradient = token_table.gradient_handle(),
       position_gradient = position_table.gradient_handle()](const Tensor& output_gradient) {
        const Device& device = output_gradient.device();
        const Tensor token_sum = token_gradient
                                     ? token_gradient->running_sum(device)
                                     : Tensor::zeros(device, {vocabulary, width},
                                                     accumulator_of(output_gradient.dtype()));
        const Tensor position_sum =
            position_gradient ? position_gradient->running_sum(device) : Tensor();
        with_float_type(output_gradient.dtype(), [&]<typename T>(T) {
          kernels::EmbeddingBackward<T> backward{batch, sequence, width, vocabulary};
          backward.ids = ids.span<std::int32_t>();
          backward.first_positions = first_positions.span_or_empty<std::int32_t>();
          backward.output_gradient = output_gradient.span<T>();
          backward.token_table_gradient = token_sum.span<kernels::Accumulator<T>>();
          backward.position_table_gradient = position_sum.span_or_empty<kernels::Accumulator<T>>();
          OBVERSE_LAUNCH(device, embedding_backward, backward);
        });
      });
}

}  // namespace obverse::engine

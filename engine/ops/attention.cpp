#include "engine/ops/attention.h"

#include <cmath>
#include <vector>

#include "engine/autograd/launch.h"

namespace obverse::engine {
namespace {

// The packed projection's three parts, as the kernel wants them.
template <typename T, typename Element>
void set_views(const kernels::AttentionShape& shape, kernels::Span<Element> packed,
               kernels::HeadView<T>& query, kernels::HeadView<T>& key,
               kernels::HeadView<T>& value) {
  const std::int64_t query_width = shape.heads * shape.head_size;
  const std::int64_t key_width = shape.key_value_heads * shape.head_size;
  const std::int64_t stride = query_width + 2 * key_width;
  const std::int64_t size = packed.size();
  query = {packed, stride};
  key = {packed.subspan(query_width, size - query_width), stride};
  value = {packed.subspan(query_width + key_width, size - query_width - key_width), stride};
}

template <typename T, template <typename> typename Arguments>
void set_common(const kernels::AttentionShape& shape, const AttentionOptions& options,
                const Tensor& packed, Arguments<T>& arguments) {
  arguments.shape = shape;
  set_views<const T>(shape, packed.span<T>(), arguments.query, arguments.key, arguments.value);
  arguments.lengths = options.lengths.span_or_empty<std::int32_t>();
  arguments.prefixes = options.prefixes.span_or_empty<std::int32_t>();
  arguments.first_keys = options.first_keys.span_or_empty<std::int32_t>();
  arguments.slopes = options.slopes.span_or_empty<kernels::Accumulator<T>>();
}

}  // namespace

Variable attention(Tape& tape, const Variable& packed, const AttentionOptions& options) {
  require(packed.shape().dimensions() == 3, "[attention] expected [batch, sequence, width], got ",
          packed.shape());
  const std::int64_t heads = options.heads + 2 * options.key_value_heads;
  require(options.heads > 0 && options.key_value_heads > 0 && packed.shape()[2] % heads == 0,
          "[attention] expected a width that ", heads, " heads (", options.heads, " and 2 x ",
          options.key_value_heads, ") divide, got ", packed.shape());
  kernels::AttentionShape shape;
  shape.batch = packed.shape()[0];
  shape.sequence = packed.shape()[1];
  shape.heads = options.heads;
  shape.key_value_heads = options.key_value_heads;
  shape.head_size = packed.shape()[2] / heads;
  shape.mask = options.mask;
  shape.scale = 1.0 / std::sqrt(static_cast<double>(shape.head_size));

  const DType dtype = packed.data().dtype();
  const Tensor out = Tensor::empty(
      tape.device(), {shape.batch, shape.sequence, shape.heads * shape.head_size}, dtype);
  const Tensor log_sum_exp = Tensor::empty(
      tape.device(), {shape.batch, shape.heads, shape.sequence}, accumulator_of(dtype));
  with_float_type(dtype, [&]<typename T>(T) {
    kernels::AttentionForward<T> forward;
    set_common<T>(shape, options, packed.data(), forward);
    forward.out = out.span<T>();
    forward.log_sum_exp = log_sum_exp.span<kernels::Accumulator<T>>();
    OBVERSE_LAUNCH(tape.device(), attention_forward, forward);
  });
  return tape.record(out, {&packed},
                     [shape, options, packed_data = packed.data(), out, log_sum_exp,
                      packed_gradient = packed.gradient_handle()](const Tensor& output_gradient) {
                       const Tensor gradient = Tensor::empty(
                           packed_data.device(), packed_data.shape(), packed_data.dtype());
                       with_float_type(packed_data.dtype(), [&]<typename T>(T) {
                         kernels::AttentionBackward<T> backward;
                         set_common<T>(shape, options, packed_data, backward);
                         backward.out = out.span<T>();
                         backward.log_sum_exp = log_sum_exp.span<kernels::Accumulator<T>>();
                         backward.output_gradient = output_gradient.span<T>();
                         set_views<T>(shape, gradient.span<T>(), backward.query_gradient,
                                      backward.key_gradient, backward.value_gradient);
                         OBVERSE_LAUNCH(packed_data.device(), attention_backward, backward);
                       });
                       packed_gradient->add(gradient);
                     });
}

Tensor alibi_slopes(const Device& device, std::int64_t heads, DType dtype) {
  Tensor slopes;
  with_float_type(accumulator_of(dtype), [&]<typename T>(T) {
    std::vector<T> values;
    for (std::int64_t h = 0; h < heads; ++h) {
      const double exponent = -8.0 * static_cast<double>(h + 1) / static_cast<double>(heads);
      values.push_back(static_cast<T>(std::exp2(exponent)));
    }
    slopes = Tensor::from(device, {heads}, values, MemoryCategory::weights);
  });
  return slopes;
}

}  // namespace obverse::engine

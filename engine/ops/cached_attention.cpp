#include "engine/ops/cached_attention.h"

#include <cmath>

#include "engine/autograd/launch.h"
#include "kernels/cached_attention/cached_attention.h"

namespace obverse::engine {
namespace {

kernels::CachedAttentionShape shape_of(const Tensor& packed, const CachedKeys& cache,
                                       std::int64_t heads) {
  require(packed.shape().dimensions() == 3,
          "[cached_attention] expected [batch, added, width], got ", packed.shape());
  require(cache.key.shape().dimensions() == 4 && cache.key.size(0) == packed.size(0),
          "[cached_attention] expected a cache [batch, capacity, key_value_heads, head_size] of ",
          packed.size(0), " rows, got ", cache.key.shape());
  kernels::CachedAttentionShape shape;
  shape.batch = packed.size(0);
  shape.added = packed.size(1);
  shape.capacity = cache.key.size(1);
  shape.heads = heads;
  shape.key_value_heads = cache.key.size(2);
  shape.head_size = cache.key.size(3);
  shape.scale = 1.0 / std::sqrt(static_cast<double>(shape.head_size));
  return shape;
}

template <typename T>
kernels::CachedAttention<T> call_of(const Tensor& packed, const CachedKeys& cache,
                                    std::int64_t heads) {
  kernels::CachedAttention<T> call;
  call.shape = shape_of(packed, cache, heads);
  call.packed = packed.span<T>();
  call.positions = cache.positions.span<std::int32_t>();
  call.counts = cache.counts.span_or_empty<std::int32_t>();
  call.cache_key = cache.key.span<T>();
  call.cache_value = cache.value.span<T>();
  return call;
}

}  // namespace

Variable cached_attention(Tape& tape, const Variable& packed, const CachedKeys& cache,
                          std::int64_t heads, const Tensor& slopes) {
  require(!tape.recording(), "[cached_attention] expected a tape that records nothing");
  const Tensor& input = packed.data();
  Tensor out;
  with_float_type(input.dtype(), [&]<typename T>(T) {
    auto call = call_of<T>(input, cache, heads);
    out = Tensor::empty(tape.device(),
                        {call.shape.batch, call.shape.added, heads * call.shape.head_size},
                        input.dtype());
    call.slopes = slopes.span_or_empty<kernels::Accumulator<T>>();
    call.out = out.span<T>();
    OBVERSE_LAUNCH(tape.device(), cached_attention, call);
  });
  return Variable(out);
}

void fill_cache(const Tensor& packed, const CachedKeys& cache, std::int64_t heads) {
  with_float_type(packed.dtype(), [&]<typename T>(T) {
    const auto call = call_of<T>(packed, cache, heads);
    OBVERSE_LAUNCH(packed.device(), fill_cache, call);
  });
}

}  // namespace obverse::engine

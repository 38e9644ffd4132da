#include <algorithm>
#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/attention/attention_backward.cuh"
#include "kernels/attention/attention_check.h"
#include "kernels/attention/attention_forward.cuh"
#include "kernels/attention/attention_tiles.h"
#include "kernels/core/check.h"
#include "kernels/core/device_memory.h"
#include "kernels/core/division.h"
#include "kernels/core/launch.cuh"

namespace obverse::kernels::cuda {
namespace {

using namespace attention;  // this file's own kernels

unsigned blocks_of(std::int64_t count, int per_block) {
  return static_cast<unsigned>(quotient_up(count, per_block));
}

template <typename Arguments>
void check(const Arguments& x, AttentionPass pass, const char* name) {
  check_attention(x, name);
  const AttentionShape& s = x.shape;
  require(padded_head_size(s.head_size, pass) != 0, "[", name, "] expected head_size of at most ",
          pass == AttentionPass::forward ? 256 : kMostTrainedHeadSize, ", got ", s.head_size);
  require(s.scale > 0.0, "[", name, "] expected a scale above 0, got ", s.scale);
  // Token and row numbers are 32-bit on the device; blocks of rows are counted in 16 bits.
  constexpr std::int64_t kMost = std::int64_t{1} << 20;
  require(s.sequence <= kMost, "[", name, "] expected a sequence of at most ", kMost, ", got ",
          s.sequence);
  require(s.batch * s.heads < (std::int64_t{1} << 31), "[", name,
          "] expected batch times heads below 2^31, got ", s.batch, " times ", s.heads);
}

// HeadRows::aligned.
template <typename T>
bool is_aligned(const AttentionShape& shape, const HeadView<T>& view) {
  constexpr std::int64_t kChunk = 16 / sizeof(T);
  return is_aligned_16(view.elements, 0) && view.stride % kChunk == 0 &&
         shape.head_size % kChunk == 0;
}
template <typename T>
bool is_aligned(const AttentionShape& shape, Span<T> rows) {
  return is_aligned(shape, HeadView<T>{rows, shape.heads * shape.head_size});
}
template <typename... Arrays>
bool are_aligned(const AttentionShape& shape, const Arrays&... arrays) {
  return (is_aligned(shape, arrays) && ...);
}

// Calls body.template operator()<head, documents>() for the head size that the call's is padded to,
// and for whether it has documents.
template <AttentionPass pass, typename Arguments, typename Body>
void with_kernel(const Arguments& x, const Body& body) {
  const auto with_head = [&]<int head>() {
    x.first_keys.empty() ? body.template operator()<head, false>()
                         : body.template operator()<head, true>();
  };
  switch (padded_head_size(x.shape.head_size, pass)) {
    case 32:
      return with_head.template operator()<32>();
    case 64:
      return with_head.template operator()<64>();
    case 128:
      return with_head.template operator()<128>();
    case 256:
      if constexpr (pass == AttentionPass::forward) return with_head.template operator()<256>();
  }
}

}  // namespace

template <typename T>
void attention_forward(const AttentionForward<T>& x, Stream& stream) {
  check(x, AttentionPass::forward, "attention_forward");
  const AttentionShape& s = x.shape;
  const bool aligned = are_aligned(s, x.query, x.key, x.value, x.out);
  with_kernel<AttentionPass::forward>(x, [&]<int head, bool documents>() {
    using Shared = ForwardShared<T, head>;
    static_assert(sizeof(Shared) == attention_shared_bytes(AttentionPass::forward, Shared::kTiles,
                                                           head, sizeof(T)) &&
                  sizeof(Shared) <= kAttentionSharedBytes);
    launch(stream,
           {.kernel = "attention_forward",
            .grid = {static_cast<unsigned>(s.batch * s.heads),
                     blocks_of(s.sequence, Shared::kTiles.queries)},
            .block = {static_cast<unsigned>(Shared::kTiles.threads())},
            .shared_bytes = sizeof(Shared)},
           forward_kernel<T, head, documents>, ForwardLaunch<T>{x, aligned});
  });
}

template <typename T>
void attention_backward(const AttentionBackward<T>& x, Stream& stream) {
  check(x, AttentionPass::key_value_gradient, "attention_backward");
  const AttentionShape& s = x.shape;
  const std::int64_t rows = s.batch * s.heads * s.sequence;
  const DeviceArray<float> deltas(stream, rows);
  BackwardLaunch<T> arguments{x, deltas.span(), {}, false};
  arguments.aligned = are_aligned(s, x.query, x.key, x.value, x.out, x.output_gradient,
                                  x.query_gradient, x.key_gradient, x.value_gradient);
  launch(stream,
         {.kernel = "attention_row_sums",
          .grid = {blocks_of(rows, kRowSumRows)},
          .block = {kRowSumThreads}},
         row_sums_kernel<T>, arguments);

  const auto start = [&]<AttentionPass pass, int head>(const char* name, auto kernel,
                                                       std::int64_t heads, int rows_of_block) {
    using Shared = BackwardShared<pass, T, head>;
    static_assert(sizeof(Shared) == attention_shared_bytes(pass, Shared::kTiles, head, sizeof(T)) &&
                  sizeof(Shared) <= kAttentionSharedBytes);
    launch(stream,
           {.kernel = name,
            .grid = {static_cast<unsigned>(s.batch * heads), blocks_of(s.sequence, rows_of_block)},
            .block = {static_cast<unsigned>(Shared::kTiles.threads())},
            .shared_bytes = sizeof(Shared)},
           kernel, arguments);
  };
  with_kernel<AttentionPass::key_value_gradient>(x, [&]<int head, bool documents>() {
    constexpr auto kKeys = AttentionPass::key_value_gradient;
    constexpr auto kQueries = AttentionPass::query_gradient;
    if constexpr (kAddsAtomically<T>) {
      if (!x.deterministic) {
        constexpr auto kAll = AttentionPass::all_gradients;
        const std::int64_t sums = query_sums_size(s, head);
        const DeviceArray<float> query_sums(stream, sums);
        fill_bytes(stream, query_sums.span().data(), 0,
                   static_cast<std::size_t>(sums) * sizeof(float));
        arguments.query_sums = query_sums.span();
        start.template operator()<kAll, head>(
            "attention_all_gradients", key_value_gradient_kernel<kAll, T, head, documents>,
            s.key_value_heads, BackwardShared<kAll, T, head>::kTiles.keys);
        launch(stream,
               {.kernel = "attention_query_sums",
                .grid = {static_cast<unsigned>(s.batch * s.heads),
                         blocks_of(s.sequence, kQuerySumRows)},
                .block = {2 * kQuerySumRows},
                .shared_bytes = sizeof(QuerySumsShared<T, head>)},
               query_sums_kernel<T, head>, arguments);
        return;
      }
    }
    start.template operator()<kKeys, head>(
        "attention_key_value_gradient", key_value_gradient_kernel<kKeys, T, head, documents>,
        s.key_value_heads, BackwardShared<kKeys, T, head>::kTiles.keys);
    start.template operator()<kQueries, head>("attention_query_gradient",
                                              query_gradient_kernel<T, head, documents>, s.heads,
                                              BackwardShared<kQueries, T, head>::kTiles.queries);
  });
}

template void attention_forward(const AttentionForward<float>&, Stream&);
template void attention_forward(const AttentionForward<bf16>&, Stream&);
template void attention_backward(const AttentionBackward<float>&, Stream&);
template void attention_backward(const AttentionBackward<bf16>&, Stream&);

}  // namespace obverse::kernels::cuda

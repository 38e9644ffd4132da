#include <algorithm>
#include <cstdint>

#include "kernels/core/division.h"
#include "kernels/core/partition.h"
#include "kernels/core/random.h"
#include "kernels/dropout/dropout.h"
#include "kernels/dropout/dropout_check.h"

namespace obverse::kernels::cpu {
namespace {

// Philox blocks drawn side by side, so that the compiler can give each a vector lane.
constexpr std::int64_t kBlocks = 32;
constexpr std::int64_t kWords = 4 * kBlocks;

// words[i] = the random word behind uniform(key, 4 * first_block + i). This is random_block with
// the counters of kBlocks blocks as arrays and the rounds outermost; the compiler does not see
// through PhiloxBlock's std::array.
[[gnu::noinline]] void draw_words(const RandomKey& key, std::int64_t first_block,
                                  std::uint32_t* words) {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
  std::uint32_t c0[kBlocks], c1[kBlocks], c2[kBlocks], c3[kBlocks];
  for (std::int64_t i = 0; i < kBlocks; ++i) {
    c0[i] = static_cast<std::uint32_t>(first_block + i);
    c1[i] = static_cast<std::uint32_t>(key.step);
    c2[i] = static_cast<std::uint32_t>(key.step >> 32);
    c3[i] = static_cast<std::uint32_t>(key.purpose);
  }
  auto key_0 = static_cast<std::uint32_t>(key.seed);
  auto key_1 = static_cast<std::uint32_t>(key.seed >> 32);
  for (int round = 0; round < 10; ++round) {
#pragma omp simd
    for (std::int64_t i = 0; i < kBlocks; ++i) {
      const std::uint64_t product_0 = kMultiplier0 * c0[i];
      const std::uint64_t product_1 = kMultiplier1 * c2[i];
      c0[i] = static_cast<std::uint32_t>(product_1 >> 32) ^ c1[i] ^ key_0;
      c1[i] = static_cast<std::uint32_t>(product_1);
      c2[i] = static_cast<std::uint32_t>(product_0 >> 32) ^ c3[i] ^ key_1;
      c3[i] = static_cast<std::uint32_t>(product_0);
    }
    key_0 += kWeyl0;
    key_1 += kWeyl1;
  }
  for (std::int64_t i = 0; i < kBlocks; ++i) {
    words[4 * i] = c0[i];
    words[4 * i + 1] = c1[i];
    words[4 * i + 2] = c2[i];
    words[4 * i + 3] = c3[i];
  }
}

// One chunk, its words drawn. Selecting, not multiplying by 0 or 1: a dropped NaN or infinity is a
// zero. Out of line like draw_words, where the compiler vectorises whatever stands around the call.
template <typename T>
[[gnu::noinline]] void drop(const std::uint32_t* words, std::uint32_t threshold, T scale,
                            std::int64_t count, const T* input, const T* residual, T* out) {
  if (residual == nullptr) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) {
      const T scaled = input[i] * scale;
      out[i] = (words[i] >> 8) < threshold ? T(0) : scaled;
    }
  } else {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) {
      const T scaled = input[i] * scale;
      out[i] = residual[i] + ((words[i] >> 8) < threshold ? T(0) : scaled);
    }
  }
}

}  // namespace

template <typename T>
void dropout(const Dropout<T>& arguments) {
  dropout_check(arguments);
  const std::int64_t count = arguments.out.size();
  const T scale = static_cast<T>(1.0 / (1.0 - arguments.rate));
  const std::uint32_t threshold = dropout_threshold(arguments.rate);
  RandomKey key = arguments.key;
  if (!arguments.step.empty()) key.step += arguments.step[0];
  const bool has_residual = !arguments.residual.empty();
  // Chunks, not elements, are split among threads: a chunk's draws are whole Philox blocks.
  const std::int64_t chunks = quotient_up(count, kWords);
  parallel_rows(chunks, kWords, [&](std::int64_t begin, std::int64_t end) {
    std::uint32_t words[kWords] = {};
    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
      if (threshold > 0) draw_words(key, chunk * kBlocks, words);
      const std::int64_t first = chunk * kWords;
      const std::int64_t length = std::min(kWords, count - first);
      drop(words, threshold, scale, length, arguments.input.subspan(first, length).data(),
           has_residual ? arguments.residual.subspan(first, length).data() : nullptr,
           arguments.out.subspan(first, length).data());
    }
  });
}

template void dropout(const Dropout<float>&);
template void dropout(const Dropout<double>&);

}  // namespace obverse::kernels::cpu

// Rotary position embedding: Su et al. 2021, arXiv:2104.09864. Element pairs (i, i + head_size / 2)
// of every head are rotated by position * base^(-2 i / head_size), the pairing of the Llama
// checkpoints.
#pragma once

#include <cstdint>

#include "kernels/core/span.h"

namespace obverse::kernels {

// Slower turns for contexts longer than those that a model began with. A pair that turns fewer than
// `slow` times within `original_context` positions turns 1 / factor as fast, one that turns more
// than `fast` times as before, one between them in proportion: Llama 3.1's (Dubey et al. 2024,
// arXiv:2407.21783; Hugging Face calls it "llama3"). With an original context of 0 that is every
// pair: position interpolation (Chen et al. 2023, arXiv:2306.15595; "linear").
struct RotaryScaling {
  double factor = 1.0;  // 1: none
  double slow = 1.0, fast = 4.0;
  double original_context = 8192.0;
};

// Rotates the first `heads` heads of every token and copies the rest of it. Tokens are `stride`
// elements apart (a packed projection whose query and key heads come first), and token t of a
// sequence is at position t behind that of the sequence's first. Backward is the inverse rotation.
template <typename T>
struct Rotary {
  std::int64_t batch = 0, sequence = 0;
  std::int64_t heads = 0, head_size = 0;  // REQUIRES: head_size is even
  std::int64_t stride = 0;                // REQUIRES: stride >= heads * head_size
  double base = 10000.0;
  RotaryScaling scaling;  // REQUIRES: a factor above 0; slow < fast
  bool inverse = false;
  Span<const std::int32_t> first_positions;  // [batch], or empty: 0; REQUIRES: each at least 0
  Span<const T> input;                       // [batch * sequence, stride]
  Span<T> out;                               // [batch * sequence, stride]; may be input itself
};

namespace cpu {
template <typename T>
void rotary(const Rotary<T>& arguments);
}  // namespace cpu

// Asynchronous, for float and bf16. Sines and cosines are those of the CPU, rounded to float. First
// positions are in device memory, where nobody can throw: negative ones count as 0. REQUIRES: a
// batch of at most 65535 where they are given.
namespace cuda {
class Stream;
template <typename T>
void rotary(const Rotary<T>& arguments, Stream& stream);
}  // namespace cuda

}  // namespace obverse::kernels

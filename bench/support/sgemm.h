// What this machine's processor can do in single precision: the ceiling beside every figure of
// arithmetic.
#pragma once

namespace obverse::bench {

// GFLOP/s of a 2048-cubed single-precision product with the calling thread's team: the faster of
// OpenBLAS and the project's own matmul. Neither alone would do: an OpenBLAS that does not know the
// processor falls back to the kernels of an old one, at a fifth of the rate.
double sgemm_gflops();

}  // namespace obverse::bench

// What lets one function serve host and device. Expands to nothing where no CUDA compiler reads it.
#pragma once

#ifdef __CUDACC__
#define OBVERSE_HOST_DEVICE __host__ __device__
#else
#define OBVERSE_HOST_DEVICE
#endif

// Before a loop of a kernel: unroll it wholly, since it indexes registers, by so many steps, or not
// at all, since its body is long.
#ifdef __CUDACC__
#define OBVERSE_PRAGMA(text) _Pragma(#text)
#define OBVERSE_UNROLL OBVERSE_PRAGMA(unroll)
#define OBVERSE_UNROLL_BY(count) OBVERSE_PRAGMA(unroll count)
#define OBVERSE_NO_UNROLL OBVERSE_PRAGMA(unroll 1)
#else
#define OBVERSE_UNROLL
#define OBVERSE_UNROLL_BY(count)
#define OBVERSE_NO_UNROLL
#endif

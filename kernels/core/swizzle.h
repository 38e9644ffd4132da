// Where tiles in shared memory keep their sixteen-byte chunks, so that neither a copy nor an
// ldmatrix makes the banks wait. A pure function, since no emulator sees banks.
#pragma once

#include "kernels/core/qualifiers.h"

namespace obverse::kernels {

// Which chunk of its row holds chunk `chunk` of row `row`, in rows of `chunks` that follow one
// another. Shared memory serves eight chunks at once if they lie in eight different places modulo
// 128 bytes: so do eight neighbours in a row, as copies write them, and the same chunk of eight
// neighbouring rows, as ldmatrix reads them. REQUIRES: chunks is a power of two of at least 4.
OBVERSE_HOST_DEVICE constexpr int swizzled_chunk(int row, int chunk, int chunks) {
  // Of rows of 64 bytes two fill the banks, and their parity tells which half.
  return chunks >= 8 ? chunk ^ (row & 7) : chunk ^ (row >> 1 & 3);
}

}  // namespace obverse::kernels

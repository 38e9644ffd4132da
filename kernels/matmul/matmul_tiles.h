// How the CUDA matmul is cut: the tiles that there are, which one a product takes, in how many
// parts its depth is summed, in which order tiles run, and where sums lie on their way out. Pure
// functions of sizes; the kernels read the same tables.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/core/division.h"
#include "kernels/core/qualifiers.h"

namespace obverse::kernels::cuda {

enum class MatmulTile { small, medium, large };

// One block's part of the product, and how it comes along.
struct MatmulTileShape {
  int rows, columns, depth;  // depth: of k at a time
  int resident;              // blocks that a multiprocessor holds at a time
  int multiplies_per_clock;  // of a multiprocessor full of such blocks
};

// The rates are estimates for Hopper, not measurements; choices depend on their ratios. On tensor
// cores a tile of 128 x 256 asks the second-level cache for 19 bytes a clock at the rate below, one
// of 128 x 128 for a third more, which is about what a multiprocessor gets. REQUIRES: no large tile
// for elements of four bytes.
constexpr MatmulTileShape matmul_tile_shape(MatmulTile tile, int element_bytes) {
  if (element_bytes == 2) {
    switch (tile) {
      case MatmulTile::large:
        return {128, 256, 32, 1, 1000};
      case MatmulTile::medium:
        return {128, 128, 32, 2, 850};
      default:
        return {64, 64, 32, 4, 450};
    }
  }
  return tile == MatmulTile::small ? MatmulTileShape{64, 64, 8, 3, 70}
                                   : MatmulTileShape{128, 128, 8, 2, 100};
}

struct MatmulProblem {
  std::int64_t m = 0, n = 0, k = 0, batch = 1;
  int multiprocessors = 1;
  int element_bytes = 4;  // of the operands: 2 or 4
};

struct MatmulTiles {
  MatmulTile tile = MatmulTile::small;
  int splits = 1;  // parts of the depth, summed apart and then together in a fixed order
};

// Depth tiles of each part of a split but the last, so that no part is without any. With one part,
// all of them.
constexpr std::int64_t depth_tiles_of_part(std::int64_t depth_tiles, std::int64_t splits) {
  return quotient_up(depth_tiles, splits);
}

// The parts that are not empty when about `splits` are wanted; at least one.
constexpr int useful_splits(std::int64_t depth_tiles, std::int64_t splits) {
  if (depth_tiles == 0) return 1;
  splits = std::clamp<std::int64_t>(splits, 1, depth_tiles);
  return static_cast<int>(quotient_up(depth_tiles, depth_tiles_of_part(depth_tiles, splits)));
}

// The tile and the split that a rough model of a multiprocessor's clocks finds fastest. The depth
// is split only where tiles alone leave multiprocessors idle, and never into more parts than run at
// once.
inline MatmulTiles choose_matmul_tiles(const MatmulProblem& x) {
  constexpr double kBlockClocks = 2000;      // start, first loads, epilogue
  constexpr double kLeastStepClocks = 250;   // latency of one depth tile for a block by itself
  constexpr double kReductionClocks = 5000;  // a second launch
  constexpr double kBytesPerClock = 16;      // of a multiprocessor's share of memory
  constexpr std::int64_t kMostSplits = 64;
  MatmulTiles best;
  double least = -1.0;
  for (const MatmulTile tile : {MatmulTile::large, MatmulTile::medium, MatmulTile::small}) {
    if (tile == MatmulTile::large && x.element_bytes != 2) continue;
    const MatmulTileShape shape = matmul_tile_shape(tile, x.element_bytes);
    const std::int64_t tiles =
        x.batch * quotient_up(x.m, shape.rows) * quotient_up(x.n, shape.columns);
    const std::int64_t slots = static_cast<std::int64_t>(x.multiprocessors) * shape.resident;
    const std::int64_t depth_tiles = quotient_up(x.k, shape.depth);
    const std::int64_t most = tiles == 0 || tiles >= x.multiprocessors ? 1 : slots / tiles;
    for (std::int64_t wanted = 1; wanted <= std::clamp<std::int64_t>(most, 1, kMostSplits);
         ++wanted) {
      const int splits = useful_splits(depth_tiles, wanted);
      if (splits != wanted) continue;
      const std::int64_t blocks = tiles * splits;
      const auto waves = static_cast<double>(quotient_up(blocks, slots));
      const auto sharing = static_cast<double>(
          std::clamp<std::int64_t>(quotient_up(blocks, x.multiprocessors), 1, shape.resident));
      const double step_clocks =
          std::max(kLeastStepClocks,
                   sharing * shape.rows * shape.columns * shape.depth / shape.multiplies_per_clock);
      const auto steps = static_cast<double>(depth_tiles_of_part(depth_tiles, splits));
      double clocks = waves * (kBlockClocks + steps * step_clocks);
      if (splits > 1) {  // partial sums are written and read
        clocks += kReductionClocks + 8.0 * splits * static_cast<double>(x.batch) *
                                         static_cast<double>(x.m) * static_cast<double>(x.n) /
                                         (kBytesPerClock * x.multiprocessors);
      }
      if (least < 0.0 || clocks < least) {
        least = clocks;
        best = {tile, splits};
      }
    }
  }
  return best;
}

struct TilePosition {
  int row, column;
};

// The order in which blocks take tiles: down a group of rows of tiles, then on to the next column,
// so that the blocks at work at a time read about as many rows of a as columns of b and find most
// of both in the second-level cache. A group is 16 rows: of tiles of 128 x 256 an H200 has 132 at
// work, which are then 2048 rows by 2112 columns.
inline constexpr int kGroupRows = 16;
OBVERSE_HOST_DEVICE constexpr TilePosition tile_position(int index, int tile_rows,
                                                         int tile_columns) {
  const int group = index / (kGroupRows * tile_columns);
  const int first = group * kGroupRows;
  const int rows = tile_rows - first < kGroupRows ? tile_rows - first : kGroupRows;
  const int within = index - first * tile_columns;
  return {first + within % rows, within / rows};
}

// Where a column of a row of `columns` sums lies on its way through shared memory from tensor cores
// to the output: quads of even number first, then those of odd number. Threads take two quads
// each, the even one of all of them and then the odd one, which are then neighbours at each time.
// The four columns between the halves and the eight after them, rows being columns + 8 apart, let
// the pairs that half a warp writes, of eight columns in four rows, fill all 32 banks.
OBVERSE_HOST_DEVICE constexpr int spread_column(int column, int columns) {
  return column / 8 * 4 + column % 4 + column / 4 % 2 * (columns / 2 + 4);
}

}  // namespace obverse::kernels::cuda

#include "kernels/matmul/matmul_tiles.h"

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "kernels/core/division.h"
#include "kernels/core/swizzle.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using namespace kernels::cuda;  // NOLINT(google-build-using-namespace): a source file's own
using kernels::quotient_up;
using kernels::swizzled_chunk;

constexpr int kMultiprocessors = 132;  // an H100 or H200

MatmulTiles choose(std::int64_t m, std::int64_t n, std::int64_t k, int element_bytes,
                   std::int64_t batch = 1) {
  return choose_matmul_tiles({m, n, k, batch, kMultiprocessors, element_bytes});
}

TEST_CASE("large cubes take the largest tile whole", "[matmul_tiles]") {
  for (const std::int64_t side : {4096, 8192}) {
    CHECK(choose(side, side, side, 2).tile == MatmulTile::large);
    CHECK(choose(side, side, side, 2).splits == 1);
    CHECK(choose(side, side, side, 4).tile == MatmulTile::medium);
    CHECK(choose(side, side, side, 4).splits == 1);
  }
}

TEST_CASE("a small grid with a long depth is split", "[matmul_tiles]") {
  for (const int bytes : {2, 4}) {
    // The weight gradient of a narrow projection over many tokens.
    const MatmulTiles tiles = choose(768, 768, 1 << 20, bytes);
    CHECK(tiles.splits > 1);
    const MatmulTileShape shape = matmul_tile_shape(tiles.tile, bytes);
    const std::int64_t blocks =
        quotient_up(768, shape.rows) * quotient_up(768, shape.columns) * tiles.splits;
    CHECK(blocks > kMultiprocessors / 2);
    CHECK(blocks <= std::int64_t{kMultiprocessors} * shape.resident);
    CHECK(choose(768, 768, 64, bytes).splits == 1);
  }
}

TEST_CASE("small products take small tiles", "[matmul_tiles]") {
  for (const int bytes : {2, 4}) {
    CHECK(choose(1, 1, 1, bytes).tile == MatmulTile::small);
    CHECK(choose(1, 768, 768, bytes).tile == MatmulTile::small);
    CHECK(choose(512, 512, 64, bytes).tile == MatmulTile::small);
    CHECK(choose(64, 64, 64, bytes, 1000).tile == MatmulTile::small);
  }
}

TEST_CASE("choices stay within what there is to cut", "[matmul_tiles]") {
  for (const int bytes : {2, 4}) {
    for (const std::int64_t m : {0, 1, 63, 64, 65, 300, 5000}) {
      for (const std::int64_t n : {0, 1, 64, 257, 50257}) {
        for (const std::int64_t k : {0, 1, 8, 32, 33, 1000, 100000}) {
          for (const std::int64_t batch : {0, 1, 7}) {
            const MatmulTiles tiles = choose(m, n, k, bytes, batch);
            const MatmulTileShape shape = matmul_tile_shape(tiles.tile, bytes);
            const std::int64_t depth_tiles = quotient_up(k, shape.depth);
            INFO("m " << m << " n " << n << " k " << k << " batch " << batch);
            REQUIRE(tiles.splits >= 1);
            REQUIRE((tiles.splits == 1 || tiles.splits <= depth_tiles));
            REQUIRE((bytes == 2 || tiles.tile != MatmulTile::large));
            // No part is empty.
            REQUIRE(useful_splits(depth_tiles, tiles.splits) == tiles.splits);
            REQUIRE((tiles.splits == 1 ||
                     (tiles.splits - 1) * depth_tiles_of_part(depth_tiles, tiles.splits) <
                         depth_tiles));
          }
        }
      }
    }
  }
}

TEST_CASE("a longer depth never takes fewer splits of the same tile", "[matmul_tiles]") {
  int before = 1;
  for (std::int64_t k = 256; k <= (1 << 20); k *= 2) {
    const int splits = choose(64, 64, k, 2).splits;
    CHECK(splits >= before);
    before = splits;
  }
  CHECK(before > 16);
}

TEST_CASE("useful splits leave no part empty", "[matmul_tiles]") {
  CHECK(useful_splits(0, 5) == 1);
  CHECK(useful_splits(7, 0) == 1);
  CHECK(useful_splits(7, 100) == 7);
  CHECK(useful_splits(7, 4) == 4);
  CHECK(useful_splits(9, 4) == 3);  // 3 + 3 + 3 rather than 3 + 3 + 3 + 0
}

TEST_CASE("blocks take every tile once, a group of rows at a time", "[matmul_tiles]") {
  for (const int rows : {1, 7, 16, 17, 40}) {
    for (const int columns : {1, 5, 16}) {
      std::set<std::pair<int, int>> seen;
      int furthest = 0;
      for (int index = 0; index < rows * columns; ++index) {
        const TilePosition position = tile_position(index, rows, columns);
        REQUIRE(position.row >= 0);
        REQUIRE(position.row < rows);
        REQUIRE(position.column >= 0);
        REQUIRE(position.column < columns);
        REQUIRE(position.row / kGroupRows >= furthest);
        furthest = position.row / kGroupRows;
        seen.insert({position.row, position.column});
      }
      CHECK(seen.size() == static_cast<std::size_t>(rows * columns));
    }
  }
  // Four blocks into the first group: still in its first column.
  CHECK(tile_position(4, 32, 16).row == 4);
  CHECK(tile_position(4, 32, 16).column == 0);
}

TEST_CASE("blocks at work at a time read as many rows as columns", "[matmul_tiles]") {
  const MatmulTileShape shape = matmul_tile_shape(MatmulTile::large, 2);
  for (const int side : {4096, 8192}) {
    const int tile_rows = side / shape.rows, tile_columns = side / shape.columns;
    for (int first = 0; first + kMultiprocessors <= tile_rows * tile_columns;
         first += kMultiprocessors) {
      std::set<int> rows, columns;
      for (int i = first; i < first + kMultiprocessors; ++i) {
        const TilePosition position = tile_position(i, tile_rows, tile_columns);
        rows.insert(position.row);
        columns.insert(position.column);
      }
      const auto read = static_cast<int>(rows.size()) * shape.rows +
                        static_cast<int>(columns.size()) * shape.columns;
      INFO("side " << side << ", blocks from " << first);
      // A square of as many elements has sides of 2080.
      if (rows.size() <= kGroupRows) CHECK(read <= 2 * 2080 * 5 / 4);
    }
  }
}

// How many turns shared memory takes to serve eight accesses of 16 bytes: the most that fall into
// one of the eight places modulo 128 bytes.
int turns(const std::vector<int>& chunks) {
  int most = 0;
  for (int place = 0; place < 8; ++place) {
    int count = 0;
    for (const int chunk : chunks) count += chunk % 8 == place ? 1 : 0;
    most = count > most ? count : most;
  }
  return most;
}

TEST_CASE("the swizzle permutes each row and leaves no bank conflicts", "[matmul_tiles]") {
  // Rows along the depth have 4 chunks; along m or n 8, 16 or 32 by the tile.
  for (const int chunks : {4, 8, 16, 32}) {
    INFO("chunks " << chunks);
    const auto place = [&](int row, int chunk) {
      return row * chunks + swizzled_chunk(row, chunk, chunks);
    };
    for (int row = 0; row < 64; ++row) {
      std::set<int> places;
      for (int chunk = 0; chunk < chunks; ++chunk) {
        REQUIRE(place(row, chunk) / chunks == row);
        places.insert(place(row, chunk));
      }
      REQUIRE(places.size() == static_cast<std::size_t>(chunks));
    }
    // ldmatrix reads the same chunk of eight neighbouring rows.
    for (int row = 0; row < 64; row += 8) {
      for (int chunk = 0; chunk < chunks; ++chunk) {
        std::vector<int> read;
        for (int i = 0; i < 8; ++i) read.push_back(place(row + i, chunk));
        REQUIRE(turns(read) == 1);
      }
    }
    // Copies write neighbours in order.
    for (int first = 0; first < 64 * chunks; first += 8) {
      std::vector<int> written;
      for (int i = first; i < first + 8; ++i) written.push_back(place(i / chunks, i % chunks));
      REQUIRE(turns(written) == 1);
    }
  }
}

TEST_CASE("the swizzle's places are some bits away from one another", "[matmul_tiles]") {
  for (const int chunks : {4, 8, 16, 32}) {
    for (int row = 0; row < 64; ++row) {
      for (int chunk = 0; chunk < chunks; ++chunk) {
        REQUIRE(swizzled_chunk(row + 16, chunk, chunks) == swizzled_chunk(row, chunk, chunks));
        for (const int further : {2, 4, 6}) {
          if ((chunk & further) != 0 || (chunk | further) >= chunks) continue;
          REQUIRE(swizzled_chunk(row, chunk + further, chunks) ==
                  (swizzled_chunk(row, chunk, chunks) ^ further));
        }
      }
    }
  }
}

TEST_CASE("sums on their way out leave no bank conflicts", "[matmul_tiles]") {
  for (const int columns : {32, 64}) {
    const int stride = columns + 8;
    std::set<int> places;
    for (int column = 0; column < columns; ++column) {
      places.insert(spread_column(column, columns));
      REQUIRE(spread_column(column, columns) < stride);
      // Quads stay together, at multiples of 16 bytes.
      REQUIRE(spread_column(column, columns) % 4 == column % 4);
    }
    REQUIRE(places.size() == static_cast<std::size_t>(columns));
    // Half a warp writes pairs: the sums of an mma.
    for (int block = 0; block < columns; block += 8) {
      std::set<int> banks;
      for (int lane = 0; lane < 16; ++lane) {
        const int to = lane / 4 * stride + spread_column(block + lane % 4 * 2, columns);
        banks.insert({to % 32, (to + 1) % 32});
      }
      REQUIRE(banks.size() == 32);
    }
  }
  // Eight threads read a quad each, of a row of 64 columns the even or the odd ones.
  for (const int quad : {0, 4}) {
    std::vector<int> chunks;
    for (int thread = 0; thread < 8; ++thread) {
      chunks.push_back(spread_column(thread * 8 + quad, 64) / 4);
    }
    REQUIRE(turns(chunks) == 1);
  }
}

}  // namespace
}  // namespace obverse::tests

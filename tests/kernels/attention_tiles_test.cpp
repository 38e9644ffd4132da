#include "kernels/attention/attention_tiles.h"

#include <cstdint>
#include <set>

#include "kernels/core/swizzle.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using kernels::attention_shared_bytes;
using kernels::attention_tiles;
using kernels::AttentionPass;
using kernels::AttentionTiles;
using kernels::padded_head_size;
using kernels::swizzled_chunk;

constexpr AttentionPass kPasses[] = {AttentionPass::forward, AttentionPass::key_value_gradient,
                                     AttentionPass::all_gradients, AttentionPass::query_gradient};

bool owns_keys(AttentionPass pass) {
  return pass == AttentionPass::key_value_gradient || pass == AttentionPass::all_gradients;
}

// body(pass, tiles, head size, bytes of an element) for every kernel that there is.
template <typename Body>
void for_kernels(const Body& body) {
  for (const AttentionPass pass : kPasses) {
    for (const int head : {32, 64, 128, 256}) {
      for (const int bytes : {2, 4}) {
        if (padded_head_size(head, pass) != head) continue;
        if (pass == AttentionPass::all_gradients && bytes == 4) continue;
        INFO("pass " << static_cast<int>(pass) << ", head size " << head << ", " << bytes
                     << " bytes an element");
        body(pass, attention_tiles(pass, head, bytes), head, bytes);
      }
    }
  }
}

TEST_CASE("head sizes are padded to those that kernels are built for", "[attention_tiles]") {
  for (const AttentionPass pass : kPasses) {
    CHECK(padded_head_size(0, pass) == 0);
    CHECK(padded_head_size(-1, pass) == 0);
    CHECK(padded_head_size(1, pass) == 32);
    CHECK(padded_head_size(32, pass) == 32);
    CHECK(padded_head_size(33, pass) == 64);
    CHECK(padded_head_size(64, pass) == 64);
    CHECK(padded_head_size(65, pass) == 128);
    CHECK(padded_head_size(128, pass) == 128);
    const int above = pass == AttentionPass::forward ? 256 : 0;
    CHECK(padded_head_size(129, pass) == above);
    CHECK(padded_head_size(256, pass) == above);
    CHECK(padded_head_size(257, pass) == 0);
    CHECK(padded_head_size((std::int64_t{1} << 32) + 32, pass) == 0);
  }
}

TEST_CASE("attention's tiles fit the products that kernels form of them", "[attention_tiles]") {
  for_kernels([](AttentionPass pass, const AttentionTiles& tiles, int head, int bytes) {
    CHECK(tiles.owned_rows() == (owns_keys(pass) ? tiles.keys : tiles.queries));
    // Whole mma: sixteen rows of a sum on its left, sixteen of its depth.
    CHECK(tiles.queries % 16 == 0);
    CHECK(tiles.keys % 16 == 0);
    CHECK(tiles.threads() <= 256);
    CHECK(tiles.stages == 2);
    // Every thread copies as many chunks, all of them in one column of chunks.
    const int chunks = head * bytes / 16;
    CHECK(tiles.threads() % chunks == 0);
    CHECK(tiles.queries * chunks % tiles.threads() == 0);
    CHECK(tiles.keys * chunks % tiles.threads() == 0);
    // A thread for each log-sum-exp and delta.
    if (owns_keys(pass)) CHECK(2 * tiles.queries <= tiles.threads());
    if (pass == AttentionPass::all_gradients) {
      CHECK(tiles.queries / 16 * (head / 32) % tiles.warps == 0);
      CHECK(64 % tiles.queries == 0);
      CHECK(tiles.output_gradient_stages == 1);
    }
  });
}

TEST_CASE("attention's sums leave registers for operands and addresses", "[attention_tiles]") {
  for_kernels([](AttentionPass pass, const AttentionTiles& tiles, int head, int) {
    const int outputs = owns_keys(pass) ? 2 : 1;
    const int scores = pass == AttentionPass::forward ? 1 : 2;
    const int walked = owns_keys(pass) ? tiles.queries : tiles.keys;
    CHECK(tiles.row_tiles * (outputs * head + scores * walked) / 2 <= 192);
  });
}

TEST_CASE("attention's shared memory fits every device of the portable tier", "[attention_tiles]") {
  for_kernels([](AttentionPass pass, const AttentionTiles& tiles, int head, int bytes) {
    const int shared = attention_shared_bytes(pass, tiles, head, bytes);
    CHECK(shared <= kernels::kAttentionSharedBytes);
    // Two blocks of the 228 KiB of compute capability 9.0, which takes one for itself of each.
    CHECK(2 * (shared + 1024) <= 228 * 1024);
  });
  // 128 queries; two buffers of 64 keys and values.
  CHECK(attention_shared_bytes(AttentionPass::forward,
                               attention_tiles(AttentionPass::forward, 128, 2), 128,
                               2) == (128 + 2 * 2 * 64) * 128 * 2);
}

TEST_CASE("the swizzle keeps a row's chunks in the row", "[attention_tiles]") {
  for (const int chunks : {4, 8, 16, 32, 64}) {
    for (int row = 0; row < 32; ++row) {
      std::set<int> places;
      for (int chunk = 0; chunk < chunks; ++chunk) {
        const int place = swizzled_chunk(row, chunk, chunks);
        CHECK((place >= 0 && place < chunks));
        places.insert(place);
      }
      CHECK(static_cast<int>(places.size()) == chunks);
    }
  }
}

// Shared memory gives 128 bytes a cycle, from eight groups of four banks with sixteen bytes each.
int bank_group(int row, int chunk, int chunks) {
  return (row * chunks + swizzled_chunk(row, chunk, chunks)) % 8;
}

TEST_CASE("the swizzle is free of bank conflicts", "[attention_tiles]") {
  for (const int chunks : {4, 8, 16, 32, 64}) {
    INFO(chunks << " chunks a row");
    // One matrix of an ldmatrix: a chunk of each of eight rows.
    for (int row = 0; row < 64; row += 8) {
      for (int chunk = 0; chunk < chunks; ++chunk) {
        std::set<int> groups;
        for (int i = 0; i < 8; ++i) groups.insert(bank_group(row + i, chunk, chunks));
        CHECK(groups.size() == 8);
      }
    }
    // Eight threads' copies: neighbouring chunks, of two rows where rows are short.
    for (int first = 0; first < 64 * chunks; first += 8) {
      std::set<int> groups;
      for (int i = first; i < first + 8; ++i) {
        groups.insert(bank_group(i / chunks, i % chunks, chunks));
      }
      CHECK(groups.size() == 8);
    }
  }
}

TEST_CASE("the swizzle lets a chunk's place be stepped from", "[attention_tiles]") {
  for (const int chunks : {4, 8, 16, 32, 64}) {
    for (int row = 0; row < 16; ++row) {
      for (int chunk = 0; chunk < chunks; ++chunk) {
        const int place = swizzled_chunk(row, chunk, chunks);
        CHECK(swizzled_chunk(row + 8, chunk, chunks) == place);
        for (int distance = 0; chunk + distance < chunks; ++distance) {
          if ((chunk & distance) != 0) continue;
          CHECK(swizzled_chunk(row, chunk + distance, chunks) ==
                (place ^ distance % 8) + distance / 8 * 8);
        }
      }
    }
  }
}

}  // namespace
}  // namespace obverse::tests

#include "engine/data/window_source.h"

#include <algorithm>

#include "engine/data/keyed_permutation.h"
#include "kernels/core/check.h"
#include "kernels/core/random.h"

namespace obverse::engine {
namespace {

using kernels::require;

// Behind the blocks that the epoch's order draws.
constexpr std::uint64_t kOffsetBlock = std::uint64_t{63} << 26;

}  // namespace

WindowSource::WindowSource(const TokenShards& shards, std::int64_t sequence, std::uint64_t seed)
    : shards_(shards), sequence_(sequence), seed_(seed) {
  require(sequence > 0 && sequence < shards.size(),
          "[windows] expected a sequence above 0 and below the stream's ", shards.size(),
          " tokens, got ", sequence);
  // Behind the largest offset, sequence - 1, or, in a stream of one window, behind what it leaves.
  windows_ = std::max((shards.size() - sequence) / sequence, std::int64_t{1});
  offsets_ = std::min(sequence, shards.size() - windows_ * sequence);
}

std::int64_t WindowSource::offset_of(std::int64_t epoch) const {
  const auto block = kernels::random_block(
      {seed_, kernels::Purpose::data_order, static_cast<std::uint64_t>(epoch)}, kOffsetBlock);
  return static_cast<std::int64_t>(block[0] * static_cast<std::uint64_t>(offsets_) >> 32);
}

void WindowSource::document(std::int64_t draw, Document& document,
                            std::vector<std::uint8_t>* counted) {
  const EpochDraw drawn = epoch_draw(draw, windows_, seed_);
  const std::int64_t begin = offset_of(drawn.epoch) + drawn.item * sequence_;
  const std::int64_t tokens = sequence_ + 1;
  document.entities.clear();
  document.tokens.resize(static_cast<std::size_t>(tokens));
  shards_.read(begin, {document.tokens.data(), tokens});
  if (counted == nullptr) return;
  counted->resize(document.tokens.size());
  shards_.read_counted(begin, {counted->data(), tokens});
}

}  // namespace obverse::engine

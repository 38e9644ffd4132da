#include "engine/data/packed_source.h"

#include <algorithm>

#include "engine/data/keyed_permutation.h"
#include "kernels/core/check.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {
namespace {

using kernels::require;

// A step that no epoch has.
constexpr std::uint64_t kPackingStep = ~std::uint64_t{0};

// Rows that take documents still; each document's row is told at once.
class OpenRows {
 public:
  explicit OpenRows(std::int64_t sequence) : sequence_(sequence) {}

  std::uint32_t put(std::int64_t places) {
    Row* best = nullptr;
    for (Row& row : rows_) {
      if (row.left >= places && (best == nullptr || row.left < best->left)) best = &row;
    }
    if (best == nullptr) best = &open();
    best->left -= places;
    return best->number;
  }
  std::uint32_t count() const { return count_; }

 private:
  struct Row {
    std::uint32_t number;
    std::int64_t left;
  };

  Row& open() {
    const Row fresh{count_++, sequence_};
    if (rows_.size() < PackedSource::kOpenRows) return rows_.emplace_back(fresh);
    Row& fullest = *std::min_element(rows_.begin(), rows_.end(),
                                     [](const Row& a, const Row& b) { return a.left < b.left; });
    return fullest = fresh;
  }

  std::int64_t sequence_;
  std::uint32_t count_ = 0;
  std::vector<Row> rows_;
};

}  // namespace

PackedSource::PackedSource(const TokenShards& shards, const DocumentIndex& index,
                           const Options& options)
    : shards_(shards), options_(options), parts_(index, options.sequence) {
  const std::int64_t count = parts_.count();
  require(count < std::int64_t{1} << 32, "[packing] expected fewer than 2^32 parts of documents, ",
          "got ", count);
  const KeyedPermutation shuffled(count,
                                  {options.seed, kernels::Purpose::data_order, kPackingStep});
  OpenRows rows(options.sequence);
  std::vector<std::uint32_t> order(static_cast<std::size_t>(count)), row_of(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::int64_t part = shuffled.at(static_cast<std::int64_t>(i));
    order[i] = static_cast<std::uint32_t>(part);
    const std::int64_t places = parts_.part(part).places;
    row_of[i] = rows.put(places);
    places_ += places;
  }
  // Sorted by row, stably, so that a row's documents keep their order.
  row_starts_.resize(std::size_t{rows.count()} + 1);
  for (const std::uint32_t row : row_of) ++row_starts_[std::size_t{row} + 1];
  for (std::size_t row = 1; row < row_starts_.size(); ++row)
    row_starts_[row] += row_starts_[row - 1];
  members_.resize(order.size());
  std::vector<std::int64_t> next = row_starts_, filled(row_starts_.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::uint32_t row = row_of[i];
    members_[static_cast<std::size_t>(next[row]++)] = order[i];
    filled[row] += parts_.part(order[i]).places;
    longest_ = std::max(longest_, filled[row]);
  }
}

double PackedSource::filled() const {
  return static_cast<double>(places_) / static_cast<double>(epoch() * options_.sequence);
}

void PackedSource::make(std::int64_t draw, Example& example) {
  example.clear();
  const auto row = static_cast<std::size_t>(epoch_draw(draw, epoch(), options_.seed).item);
  for (std::int64_t i = row_starts_[row]; i < row_starts_[row + 1]; ++i) {
    append(parts_.part(members_[static_cast<std::size_t>(i)]), example);
  }
}

void PackedSource::append(const DocumentPart& part, Example& example) {
  const std::int64_t count = part.tokens();
  tokens_.resize(static_cast<std::size_t>(count));
  counted_.resize(tokens_.size());
  shards_.read(part.begin, {tokens_.data(), count});
  shards_.read_counted(part.begin, {counted_.data(), count});
  const std::size_t first = example.inputs.size();
  const auto places = static_cast<std::ptrdiff_t>(part.places);
  example.inputs.insert(example.inputs.end(), tokens_.begin(), tokens_.begin() + places);
  example.targets.insert(example.targets.end(), tokens_.begin() + 1, tokens_.end());
  if (part.ends) example.targets.push_back(kernels::kIgnoredTarget);
  for (std::size_t i = 1; i < counted_.size(); ++i) {
    if (counted_[i] == 0) example.targets[first + i - 1] = kernels::kIgnoredTarget;
  }
  if (options_.reset) {
    example.first_keys.insert(example.first_keys.end(), static_cast<std::size_t>(places),
                              static_cast<std::int32_t>(first));
  }
}

}  // namespace obverse::engine

#include "tokenizer/pair_merger.h"

#include <algorithm>
#include <stdexcept>

#include "tokenizer/byte_characters.h"
#include "tokenizer/hash.h"

namespace obverse::tokenizer {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFFu;
constexpr std::int32_t kSeparator = -1, kWithin = -2;  // in the place of a token

std::uint64_t hash_of_pair(std::int32_t left, std::int32_t right) {
  return mixed(static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(right));
}

}  // namespace

PairMerger::PairMerger(const WordCounts& words) {
  for (const std::uint8_t byte : bytes_in_order()) {
    token_of(std::string(1, static_cast<char>(byte)));
  }
  pair_places_.resize(std::size_t{1} << 16, kNone);
  add_words(words);
  add_pairs();
}

std::int32_t PairMerger::token_of(const std::string& bytes) {
  const auto [entry, is_new] = ids_.try_emplace(bytes, static_cast<std::int32_t>(tokens_.size()));
  if (is_new) {
    tokens_.push_back(bytes);
    lengths_.push_back(static_cast<std::uint32_t>(bytes.size()));
  }
  return entry->second;
}

void PairMerger::add_words(const WordCounts& words) {
  std::size_t bytes = 1;
  words.for_each([&bytes](const WordCounts::Word& word) { bytes += word.bytes + 1; });
  if (bytes >= kNone) {
    throw std::invalid_argument(
        "[tokenizer] expected a corpus whose distinct words together are below 4 GiB, got " +
        std::to_string(bytes) + " bytes");
  }
  std::int32_t id_of_byte[256];
  for (std::int32_t id = 0; id < 256; ++id) {
    id_of_byte[bytes_in_order()[static_cast<std::size_t>(id)]] = id;
  }
  token_at_.reserve(bytes);
  word_at_.reserve(bytes);
  word_counts_.reserve(words.size());
  const auto add = [this](std::int32_t token) {
    token_at_.push_back(token);
    word_at_.push_back(static_cast<std::uint32_t>(word_counts_.size()));
  };
  add(kSeparator);
  words.for_each([&](const WordCounts::Word& word) {
    for (const char byte : word.view()) add(id_of_byte[static_cast<unsigned char>(byte)]);
    add(kSeparator);
    word_counts_.push_back(word.count);
  });
  first_of_.resize(bytes);
  for (std::uint32_t place = 0; place < bytes; ++place) first_of_[place] = place;
}

void PairMerger::add_pairs() {
  const auto size = static_cast<std::uint32_t>(token_at_.size());
  for (std::uint32_t place = 0; place + 1 < size; ++place) {
    const std::int32_t left = token_at_[place], right = token_at_[place + 1];
    if (left == kSeparator || right == kSeparator) continue;
    change(left, right, word_counts_[word_at_[place]], place);
  }
  for (const std::uint32_t index : touched_) {
    pairs_[index].is_touched = false;
    queue_.push({pairs_[index].count, pairs_[index].left, pairs_[index].right, index});
  }
  touched_.clear();
}

std::uint32_t PairMerger::pair_of(std::int32_t left, std::int32_t right) {
  const std::size_t mask = pair_places_.size() - 1;
  std::size_t at = hash_of_pair(left, right) & mask;
  for (; pair_places_[at] != kNone; at = (at + 1) & mask) {
    const Pair& pair = pairs_[pair_places_[at]];
    if (pair.left == left && pair.right == right) return pair_places_[at];
  }
  const auto index = static_cast<std::uint32_t>(pairs_.size());
  pair_places_[at] = index;
  pairs_.push_back({left, right});
  if (2 * pairs_.size() > pair_places_.size()) grow_pairs();
  return index;
}

void PairMerger::grow_pairs() {
  const std::size_t mask = 2 * pair_places_.size() - 1;
  pair_places_.assign(mask + 1, kNone);
  for (std::uint32_t index = 0; index < pairs_.size(); ++index) {
    std::size_t at = hash_of_pair(pairs_[index].left, pairs_[index].right) & mask;
    while (pair_places_[at] != kNone) at = (at + 1) & mask;
    pair_places_[at] = index;
  }
}

void PairMerger::change(std::int32_t left, std::int32_t right, std::int64_t count,
                        std::uint32_t place) {
  const std::uint32_t index = pair_of(left, right);
  Pair& pair = pairs_[index];
  pair.count += count;
  if (count < 0) return;
  pair.places.push_back(place);
  if (!pair.is_touched) {
    pair.is_touched = true;
    touched_.push_back(index);
  }
}

void PairMerger::merge_at(std::uint32_t place, const Merge& merge) {
  if (token_at_[place] != merge.left) return;
  const std::uint32_t second = place + lengths_[static_cast<std::size_t>(merge.left)];
  if (token_at_[second] != merge.right) return;
  const std::int64_t count = word_counts_[word_at_[place]];
  const std::uint32_t before = first_of_[place - 1];
  const std::uint32_t behind = second + lengths_[static_cast<std::size_t>(merge.right)];
  if (token_at_[before] != kSeparator) {
    change(token_at_[before], merge.left, -count, before);
    change(token_at_[before], merge.result, count, before);
  }
  if (token_at_[behind] != kSeparator) {
    change(merge.right, token_at_[behind], -count, place);
    change(merge.result, token_at_[behind], count, place);
  }
  token_at_[place] = merge.result;
  token_at_[second] = kWithin;
  first_of_[behind - 1] = place;
}

bool PairMerger::merge_next(std::int64_t least_count) {
  while (!queue_.empty()) {
    Candidate best = queue_.top();
    queue_.pop();
    const std::int64_t count = pairs_[best.pair].count;
    if (count < std::max<std::int64_t>(least_count, 1)) continue;
    if (count != best.count) {
      best.count = count;
      queue_.push(best);
      continue;
    }
    const Merge merge{best.left, best.right,
                      token_of(tokens_[static_cast<std::size_t>(best.left)] +
                               tokens_[static_cast<std::size_t>(best.right)])};
    merges_.push_back(merge);
    std::vector<std::uint32_t> places = std::move(pairs_[best.pair].places);
    // From left to right in each word; out of order only where two merges made the same token.
    if (!std::is_sorted(places.begin(), places.end())) std::sort(places.begin(), places.end());
    for (const std::uint32_t place : places) merge_at(place, merge);
    // Places that overlap, as in "aaa", were counted and are none any more.
    pairs_[best.pair].count = 0;
    for (const std::uint32_t index : touched_) {
      pairs_[index].is_touched = false;
      if (pairs_[index].count >= least_count) {
        queue_.push({pairs_[index].count, pairs_[index].left, pairs_[index].right, index});
      }
    }
    touched_.clear();
    return true;
  }
  return false;
}

}  // namespace obverse::tokenizer

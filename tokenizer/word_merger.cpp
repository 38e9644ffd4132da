#include "tokenizer/word_merger.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

namespace obverse::tokenizer {
namespace {

constexpr std::uint32_t kNone = MergeTable::kNone;

}  // namespace

void WordMerger::merge(std::string_view word, std::vector<std::int32_t>& ids) {
  if (word.empty()) return;
  if (word.size() <= kShort) {
    std::int32_t symbols[kShort];
    ids.insert(ids.end(), symbols, symbols + merge_by_scan(word, symbols));
    return;
  }
  if (word.size() >= kNone) {
    throw std::invalid_argument(
        "[tokenizer] expected text that splits into pieces below 4 GiB, got a piece of " +
        std::to_string(word.size()) + " bytes");
  }
  merge_by_rank(word, ids);
}

std::size_t WordMerger::merge_by_scan(std::string_view word, std::int32_t* symbols) const {
  std::uint32_t ranks[kShort];  // of the pair that begins there; none at the last symbol
  std::size_t size = word.size();
  for (std::size_t i = 0; i < size; ++i) symbols[i] = table_->byte_id(word[i]);
  for (std::size_t i = 0; i + 1 < size; ++i) ranks[i] = table_->rank_of_bytes(word[i], word[i + 1]);
  while (size > 1) {
    std::uint32_t lowest = kNone;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < size; ++i) {
      if (ranks[i] < lowest) {
        lowest = ranks[i];
        at = i;
      }
    }
    if (lowest == kNone) break;
    symbols[at] = table_->result(lowest);
    --size;
    for (std::size_t i = at + 1; i < size; ++i) {
      symbols[i] = symbols[i + 1];
      ranks[i] = ranks[i + 1];
    }
    if (at > 0) ranks[at - 1] = table_->rank(symbols[at - 1], symbols[at]);
    if (at + 1 < size) ranks[at] = table_->rank(symbols[at], symbols[at + 1]);
  }
  return size;
}

std::uint32_t WordMerger::rank_at(std::uint32_t place) const {
  const std::uint32_t next = next_[place];
  return next == kNone ? kNone : table_->rank(symbols_[place], symbols_[next]);
}

void WordMerger::add_place(std::uint32_t rank, std::uint32_t place) {
  if (rank == kNone) return;
  std::uint32_t& list = list_of_rank_[rank];
  if (list == kNone) {
    if (free_lists_.empty()) {
      free_lists_.push_back(static_cast<std::uint32_t>(lists_.size()));
      lists_.emplace_back();
    }
    list = free_lists_.back();
    free_lists_.pop_back();
    queue_.push(rank);
  }
  Places& places = lists_[list];
  places.in_order = places.in_order && (places.at.empty() || places.at.back() < place);
  places.at.push_back(place);
}

void WordMerger::merge_place(std::uint32_t rank, std::uint32_t place) {
  const std::uint32_t dropped = next_[place], next = next_[dropped], previous = previous_[place];
  symbols_[place] = table_->result(rank);
  next_[place] = next;
  if (next != kNone) previous_[next] = place;
  ranks_[dropped] = kNone;
  ranks_[place] = rank_at(place);
  if (previous != kNone) {
    ranks_[previous] = rank_at(previous);
    add_place(ranks_[previous], previous);
  }
  add_place(ranks_[place], place);
}

void WordMerger::merge_by_rank(std::string_view word, std::vector<std::int32_t>& ids) {
  const auto size = static_cast<std::uint32_t>(word.size());
  list_of_rank_.resize(table_->merges(), kNone);
  for (auto* field : {&next_, &previous_, &ranks_}) field->resize(size);
  symbols_.resize(size);
  for (std::uint32_t i = 0; i < size; ++i) {
    symbols_[i] = table_->byte_id(word[i]);
    previous_[i] = i - 1;  // kNone for the first
    next_[i] = i + 1 < size ? i + 1 : kNone;
    ranks_[i] = i + 1 < size ? table_->rank_of_bytes(word[i], word[i + 1]) : kNone;
    add_place(ranks_[i], i);
  }
  while (!queue_.empty()) {
    const std::uint32_t rank = queue_.top();
    Places& places = lists_[list_of_rank_[rank]];  // a deque: stays where it is as others are made
    if (!places.in_order) {
      std::sort(places.at.begin() + static_cast<std::ptrdiff_t>(places.done), places.at.end());
      places.in_order = true;
    }
    // A merge can make a pair of a lower rank, which comes first, only where a file's merges use
    // what is made later, by another merge. Where training made them, each list is complete before
    // its turn, and is gone through once.
    while (places.done < places.at.size() && queue_.top() == rank) {
      const std::uint32_t place = places.at[places.done++];
      if (ranks_[place] == rank) merge_place(rank, place);  // else a merge beside it was first
    }
    if (places.done == places.at.size() && queue_.top() == rank) {
      places.at.clear();
      places.done = 0;
      places.in_order = true;
      free_lists_.push_back(list_of_rank_[rank]);
      list_of_rank_[rank] = kNone;
      queue_.pop();
    }
  }
  for (std::uint32_t i = 0; i != kNone; i = next_[i]) ids.push_back(symbols_[i]);
}

}  // namespace obverse::tokenizer

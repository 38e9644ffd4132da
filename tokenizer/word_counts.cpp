#include "tokenizer/word_counts.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "tokenizer/parallel_blocks.h"

namespace obverse::tokenizer {

void WordCounts::add(std::string_view word, std::int64_t count, std::uint64_t hash) {
  const auto part = static_cast<std::uint32_t>(hash);
  const std::size_t mask = places_.size() - 1;
  std::size_t at = (hash >> 32) & mask;
  for (; places_[at].count != 0; at = (at + 1) & mask) {
    Word& known = places_[at];
    if (known.hash == part && known.view() == word) {
      known.count += count;
      return;
    }
  }
  if (word.size() > UINT32_MAX) {
    throw std::invalid_argument(
        "[tokenizer] expected text that splits into pieces below 4 GiB, got a piece of " +
        std::to_string(word.size()) + " bytes");
  }
  places_[at] = {kept(word), static_cast<std::uint32_t>(word.size()), part, count};
  if (2 * ++size_ > places_.size()) grow();
}

void WordCounts::add(const WordCounts& other) {
  for (const Word& word : other.places_) {
    if (word.count != 0) add(word.view(), word.count);
  }
}

void WordCounts::for_each(const std::function<void(const Word&)>& call) const {
  for (const Word& word : places_) {
    if (word.count != 0) call(word);
  }
}

const char* WordCounts::kept(std::string_view word) {
  constexpr std::size_t kBlock = std::size_t{1} << 18;
  if (word.size() > free_bytes_) {
    free_bytes_ = std::max(kBlock, word.size());
    texts_.push_back(std::make_unique<char[]>(free_bytes_));
    free_ = texts_.back().get();
  }
  char* const place = free_;
  std::memcpy(place, word.data(), word.size());
  free_ += word.size();
  free_bytes_ -= word.size();
  return place;
}

void WordCounts::grow() {
  std::vector<Word> old(2 * places_.size());
  old.swap(places_);
  const std::size_t mask = places_.size() - 1;
  for (const Word& word : old) {
    if (word.count == 0) continue;
    std::size_t at = (hash_of(word.view()) >> 32) & mask;
    while (places_[at].count != 0) at = (at + 1) & mask;
    places_[at] = word;
  }
}

WordCounts count_words(BlockReader& reader, const Pretokenizer& pretokenizer,
                       const AddedTokens& whole, int threads,
                       const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  std::vector<WordCounts> counts(static_cast<std::size_t>(threads));
  std::vector<PretokenSplitter> splitters;
  for (int thread = 0; thread < threads; ++thread) splitters.emplace_back(pretokenizer);

  struct Nothing {};
  const auto work = [&](int thread, const Block& block) {
    WordCounts& own = counts[static_cast<std::size_t>(thread)];
    const auto split = [&](std::string_view text) {
      splitters[static_cast<std::size_t>(thread)].split(
          text, [&own](std::string_view piece) { own.add(piece); });
    };
    for_each_document(block, [&](const TextPart& part) {
      const std::string_view text = part.text;
      std::size_t at = 0;
      while (!whole.empty()) {
        const AddedTokens::Found found = whole.find(text, at);
        if (found.begin == std::string_view::npos) break;
        split(text.substr(at, found.begin - at));
        at = found.begin + found.bytes;
      }
      split(text.substr(at));
    });
    return Nothing();
  };
  const auto deliver = [&](Nothing) {
    if (progress) progress(reader.bytes_read(), reader.bytes_expected());
  };
  parallel_blocks<Nothing>(reader, threads, work, deliver);

  for (std::size_t thread = 1; thread < counts.size(); ++thread) {
    counts[0].add(counts[thread]);
    counts[thread] = WordCounts();
  }
  return std::move(counts[0]);
}

}  // namespace obverse::tokenizer

#include "tokenizer/word_merger.h"

#include <map>
#include <string>
#include <vector>

#include "tests/tokenizer/small_tokenizer.h"
#include "tokenizer/byte_characters.h"
#include "tokenizer/encoder.h"

namespace obverse::tokenizer {
namespace {

using Ids = std::vector<std::int32_t>;

// Bytes, and merges of random tokens made before: the same bytes may be made twice, and in half of
// the cases merges are shuffled, so that some use what only a later one makes.
Vocabulary random_vocabulary(std::uint64_t stream) {
  kernels::RandomSequence random = draws(stream);
  Vocabulary vocabulary;
  for (const std::uint8_t byte : bytes_in_order()) {
    vocabulary.tokens.emplace_back(1, static_cast<char>(byte));
  }
  std::map<std::string, std::int32_t> ids;
  std::vector<std::int32_t> used = {'a' - '!', 'b' - '!', 'c' - '!'};
  for (const std::int32_t id : used) ids[vocabulary.tokens[static_cast<std::size_t>(id)]] = id;
  std::map<std::pair<std::int32_t, std::int32_t>, bool> known;
  for (int i = 0; i < 40; ++i) {
    const std::int32_t left = used[random.integer(used.size())];
    const std::int32_t right = used[random.integer(used.size())];
    if (!known.emplace(std::pair(left, right), true).second) continue;
    const std::string bytes = vocabulary.tokens[static_cast<std::size_t>(left)] +
                              vocabulary.tokens[static_cast<std::size_t>(right)];
    const auto [entry, is_new] =
        ids.emplace(bytes, static_cast<std::int32_t>(vocabulary.tokens.size()));
    if (is_new) {
      vocabulary.tokens.push_back(bytes);
      used.push_back(entry->second);
    }
    vocabulary.merges.push_back({left, right, entry->second});
  }
  if (stream % 2 == 1) random.shuffle(vocabulary.merges);
  return vocabulary;
}

// What the words of the definition say, and nothing else.
Ids merged_plainly(const MergeTable& table, const std::string& word) {
  Ids ids;
  for (const char byte : word) ids.push_back(table.byte_id(byte));
  while (true) {
    std::uint32_t lowest = MergeTable::kNone;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const std::uint32_t rank = table.rank(ids[i], ids[i + 1]);
      if (rank < lowest) {
        lowest = rank;
        at = i;
      }
    }
    if (lowest == MergeTable::kNone) return ids;
    ids[at] = table.result(lowest);
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST_CASE("both ways to merge do what the definition says", "[word_merger]") {
  for (std::uint64_t stream = 0; stream < 60; ++stream) {
    const MergeTable table(random_vocabulary(stream));
    WordMerger merger(table);
    kernels::RandomSequence random = draws(500 + stream);
    for (int word_number = 0; word_number < 20; ++word_number) {
      std::string word;
      const std::size_t size = 1 + random.integer(WordMerger::kShort);
      while (word.size() < size) word += static_cast<char>('a' + random.integer(3));
      const Ids expected = merged_plainly(table, word);
      Ids by_scan(WordMerger::kShort), by_rank;
      by_scan.resize(merger.merge_by_scan(word, by_scan.data()));
      merger.merge_by_rank(word, by_rank);
      INFO(stream << ": " << word);
      REQUIRE(by_scan == expected);
      REQUIRE(by_rank == expected);
    }
    std::string word(1000, 'a');
    for (char& letter : word) letter = static_cast<char>('a' + random.integer(3));
    Ids ids;
    merger.merge(word, ids);
    REQUIRE(ids == merged_plainly(table, word));
  }
}

TEST_CASE("merging appends, and an empty word is nothing", "[word_merger]") {
  const MergeTable table(random_vocabulary(0));
  WordMerger merger(table);
  Ids ids = {7};
  merger.merge("", ids);
  CHECK(ids == Ids{7});
  merger.merge("\xFF", ids);
  CHECK(ids == Ids{7, table.byte_id('\xFF')});
}

TEST_CASE("a megabyte of one letter takes time in proportion", "[word_merger]") {
  // Merges a+a, aa+aa, ... up to 64 letters.
  Vocabulary vocabulary;
  for (const std::uint8_t byte : bytes_in_order()) {
    vocabulary.tokens.emplace_back(1, static_cast<char>(byte));
  }
  std::int32_t last = 'a' - '!';
  for (std::size_t letters = 2; letters <= 64; letters *= 2) {
    const auto next = static_cast<std::int32_t>(vocabulary.tokens.size());
    vocabulary.tokens.emplace_back(letters, 'a');
    vocabulary.merges.push_back({last, last, next});
    last = next;
  }
  const Tokenizer tokenizer(vocabulary);
  // By the square of its length this would be a day.
  const Ids ids = tokenizer.encode(std::string((1 << 20) + 3, 'a'));
  REQUIRE(ids.size() == (1 << 14) + 2);
  CHECK(ids[(1 << 14) - 1] == last);
  CHECK(tokenizer.bytes_of(ids[1 << 14]) == "aa");
  CHECK(tokenizer.bytes_of(ids[(1 << 14) + 1]) == "a");
}

}  // namespace
}  // namespace obverse::tokenizer

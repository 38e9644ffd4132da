#include "tokenizer/train.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/tokenizer/small_tokenizer.h"
#include "tokenizer/byte_characters.h"
#include "tokenizer/model.h"
#include "tokenizer/pair_merger.h"

namespace obverse::tokenizer {
namespace {

using tests::TemporaryFolder;
using tests::write_file;

// Merges by the definition: counts all pairs anew before each, and takes the most frequent one, of
// the lowest ids among equals.
std::vector<std::pair<std::string, std::string>> plain_merges(
    const std::map<std::string, std::int64_t>& words, std::size_t merges, std::int64_t least) {
  std::map<std::string, int> ids;
  for (const std::uint8_t byte : bytes_in_order()) {
    const int next = static_cast<int>(ids.size());
    ids[std::string(1, static_cast<char>(byte))] = next;
  }
  std::vector<std::pair<std::vector<std::string>, std::int64_t>> symbols;
  for (const auto& [word, count] : words) {
    symbols.emplace_back();
    symbols.back().second = count;
    for (const char byte : word) symbols.back().first.emplace_back(1, byte);
  }
  std::vector<std::pair<std::string, std::string>> found;
  while (found.size() < merges) {
    std::map<std::pair<int, int>, std::int64_t> counts;
    std::map<std::pair<int, int>, std::pair<std::string, std::string>> names;
    for (const auto& [word, count] : symbols) {
      for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        const std::pair pair(ids.at(word[i]), ids.at(word[i + 1]));
        counts[pair] += count;
        names[pair] = {word[i], word[i + 1]};
      }
    }
    std::int64_t most = least - 1;
    std::pair<int, int> best;
    for (const auto& [pair, count] : counts) {
      if (count > most) {
        most = count;
        best = pair;
      }
    }
    if (most < least) break;
    const auto [left, right] = names.at(best);
    found.emplace_back(left, right);
    ids.emplace(left + right, static_cast<int>(ids.size()));
    for (auto& word : symbols) {
      std::vector<std::string> merged;
      for (std::size_t i = 0; i < word.first.size(); ++i) {
        if (i + 1 < word.first.size() && word.first[i] == left && word.first[i + 1] == right) {
          merged.push_back(left + right);
          ++i;
        } else {
          merged.push_back(word.first[i]);
        }
      }
      word.first = merged;
    }
  }
  return found;
}

TEST_CASE("merges are those of the definition", "[train]") {
  for (std::uint64_t stream = 0; stream < 20; ++stream) {
    kernels::RandomSequence random = draws(stream);
    std::map<std::string, std::int64_t> words;
    WordCounts counts;
    for (int number = 0; number < 30; ++number) {
      std::string word;
      // Runs of one letter make pairs that overlap; few letters make ties.
      for (std::uint64_t size = 1 + random.integer(12); word.size() < size;) {
        word.append(1 + random.integer(4), static_cast<char>('a' + random.integer(3)));
      }
      const auto count = static_cast<std::int64_t>(1 + random.integer(4));
      words[word] += count;
      counts.add(word, count);
    }
    const std::int64_t least = stream % 2 == 0 ? 1 : 5;
    PairMerger merger(counts);
    std::size_t merges = 0;
    while (merges < 60 && merger.merge_next(least)) ++merges;
    const auto expected = plain_merges(words, 60, least);
    REQUIRE(merger.merges().size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const Merge& merge = merger.merges()[i];
      const auto text = [&merger](std::int32_t id) {
        return merger.tokens()[static_cast<std::size_t>(id)];
      };
      INFO(stream << ", merge " << i << ": expected '" << expected[i].first << "' and '"
                  << expected[i].second << "'");
      REQUIRE(text(merge.left) == expected[i].first);
      REQUIRE(text(merge.right) == expected[i].second);
      REQUIRE(text(merge.result) == expected[i].first + expected[i].second);
    }
  }
}

TEST_CASE("words are counted, whatever their number", "[train]") {
  std::map<std::string, std::int64_t> expected;
  WordCounts counts, others;
  kernels::RandomSequence random = draws(9);
  for (int i = 0; i < 30000; ++i) {
    const std::string word =
        std::to_string(random.integer(6000)) + std::string(random.integer(2) * 40, 'x');
    ++expected[word];
    (i % 3 == 0 ? others : counts).add(word);
  }
  counts.add(others);
  CHECK(counts.size() == expected.size());
  std::size_t wrong = 0;
  counts.for_each([&](const WordCounts::Word& word) {
    wrong += expected[std::string(word.view())] != word.count;
  });
  CHECK(wrong == 0);
}

TEST_CASE("ids are bytes, merges and special tokens", "[train]") {
  const TrainedTokenizer trained = trained_on(
      "hug hug hug pug pug hugs", {.vocabulary = 261, .specials = {"<|endoftext|>", "<|pad|>"}});
  const Tokenizer& tokenizer = trained.tokenizer;
  CHECK(trained.words == 6);
  CHECK(trained.distinct_words == 4);
  CHECK(trained.bytes == 24);
  REQUIRE(tokenizer.size() == 261);
  CHECK(tokenizer.bytes_of(0) == "!");
  CHECK(tokenizer.bytes_of(256) == "ug");    // 6 times
  CHECK(tokenizer.bytes_of(257) == "hug");   // 4 times
  CHECK(tokenizer.bytes_of(258) == " hug");  // 3 times
  CHECK(tokenizer.bytes_of(259) == "<|endoftext|>");
  CHECK(tokenizer.special("<|pad|>") == 260);
  CHECK(tokenizer.encode("hugs") == std::vector<std::int32_t>{257, 's' - '!'});
}

TEST_CASE("training ends where pairs are rare", "[train]") {
  CHECK(trained_on("abcabd", {.vocabulary = 1000}).tokenizer.size() == 257);
  CHECK(trained_on("abcabd", {.vocabulary = 1000, .least_count = 3}).tokenizer.size() == 256);
  // All of it: ab, abc, abcab, abcabd.
  CHECK(trained_on("abcabd", {.vocabulary = 1000, .least_count = 1}).tokenizer.size() == 260);
}

TEST_CASE("training does not depend on threads or on what else is a file", "[train]") {
  const TemporaryFolder folder;
  std::string text;
  for (std::uint64_t stream = 0; text.size() < (std::size_t{5} << 19); ++stream) {
    text += random_text(stream % 50, 400) + " and " + kSomeText;
  }
  write_file(folder.path() / "a.txt", text);
  write_file(folder.path() / "b.jsonl",
             "{\"text\": \"the mat\\nthe mat\"}\n{\"id\": 1, \"text\": \"\"}\n");
  std::vector<std::string> saved;
  for (const int threads : {1, 2, 5}) {
    const TrainedTokenizer trained =
        train({{folder.path() / "a.txt"}, {folder.path() / "b.jsonl", DocumentKind::jsonl}},
              {.vocabulary = 400, .pattern = "gpt4", .threads = threads});
    trained.tokenizer.save(folder.path());
    saved.push_back(tests::read_file(folder.path() / "tokenizer.json"));
  }
  CHECK(saved[0] == saved[1]);
  CHECK(saved[0] == saved[2]);
}

TEST_CASE("special tokens of a corpus are none of its words", "[train]") {
  const std::string text = "ab ab<|end of text|>ab<|end of text|>ab";
  const TrainedTokenizer with =
      trained_on(text, {.vocabulary = 300, .specials = {"<|end of text|>"}, .least_count = 1});
  CHECK(with.distinct_words == 2);
  CHECK(with.words == 4);
  CHECK(trained_on(text, {.vocabulary = 300}).distinct_words > 4);
}

TEST_CASE("what training cannot have is told", "[train]") {
  const auto refusal = [](const TrainingOptions& options) {
    return message_of<std::invalid_argument>([&] { check_training_options(options); });
  };
  CHECK(refusal({.vocabulary = 256, .specials = {"<|x|>"}}) ==
        "[tokenizer] expected a vocabulary of 256 bytes and 1 special tokens, 257, or more, below "
        "2^31, got 256");
  CHECK(refusal({.vocabulary = 257, .specials = {"<|x|>"}}) == "nothing thrown");
  CHECK(refusal({.pattern = "gpt3"}) == "[tokenizer] expected a pattern gpt2 or gpt4, got 'gpt3'");
  CHECK(refusal({.specials = {"a"}}) ==
        "[tokenizer] expected special tokens of two bytes or more, got 'a'");
  CHECK(refusal({.specials = {"\xFF\xFE"}}) ==
        "[tokenizer] expected special tokens of UTF-8, got other bytes");
  CHECK(refusal({.specials = {"<s>", "<s>"}}) ==
        "[tokenizer] expected distinct special tokens, got '<s>' twice");
  CHECK(refusal({.least_count = 0}) == "[tokenizer] expected a least count of 1 or more, got 0");
  CHECK(refusal({.threads = 0}) == "[tokenizer] expected 1 to 1024 threads, got 0");
  CHECK_THAT(message_of<std::runtime_error>([] { trained_on("", {}); }),
             ContainsSubstring("text.txt: expected text to train on, got none"));
  // "Ġab" is how files write " ab".
  CHECK_THAT(message_of<std::invalid_argument>(
                 [] { trained_on("x ab ab", {.vocabulary = 300, .specials = {"Ġab"}}); }),
             ContainsSubstring("written as no token of the corpus, got 'Ġab'"));
}

}  // namespace
}  // namespace obverse::tokenizer

// Documents of a token stream: where they are, as texts, and packed into rows.
#include "engine/data/packed_source.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "engine/data/next_token_source.h"
#include "engine/data/text_source.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_files.h"

namespace obverse::tests {
namespace {

using engine::Delimiter;
using engine::Document;
using engine::DocumentIndex;
using engine::DocumentPart;
using engine::DocumentParts;
using engine::Example;
using engine::PackedSource;
using engine::TextSource;
using engine::TokenShards;

using Ids = std::vector<std::int32_t>;
constexpr std::int32_t kEnd = 2, kIgnored = kernels::kIgnoredTarget;

class Stream {
 public:
  explicit Stream(const Ids& ids, const std::vector<std::uint8_t>& mask = {}) {
    // Two shards, so that a document goes from one to the other.
    const auto half = static_cast<std::ptrdiff_t>(ids.size() / 2);
    for (const int shard : {0, 1}) {
      const auto part = [&](const auto& values) {
        return shard == 0 ? std::vector(values.begin(), values.begin() + half)
                          : std::vector(values.begin() + half, values.end());
      };
      if (shard == 0 && half == 0) continue;
      const auto path = folder_.path() / ("train_" + std::to_string(shard) + ".bin");
      write_tokens(path, kVocabulary, part(ids));
      if (!mask.empty()) write_mask(engine::mask_path(path), part(mask));
    }
    shards_.emplace_back(folder_.path(), engine::Split::train, kVocabulary);
  }
  const TokenShards& shards() const { return shards_.front(); }

 private:
  static constexpr std::int64_t kVocabulary = 60000;
  TemporaryFolder folder_;
  std::vector<TokenShards> shards_;
};

std::vector<Ids> documents_of(const Ids& ids, Delimiter delimiter) {
  const Stream stream(ids);
  const DocumentIndex index(stream.shards(), kEnd, delimiter);
  std::vector<Ids> documents;
  for (std::int64_t i = 0; i < index.documents(); ++i) {
    documents.emplace_back(ids.begin() + index.begin(i), ids.begin() + index.end(i));
  }
  return documents;
}

TEST_CASE("documents end or begin at end-of-text tokens", "[packed_source]") {
  using Texts = std::vector<Ids>;
  const Ids ids{7, 8, 2, 9, 2, 5, 6, 7, 2};
  CHECK(documents_of(ids, Delimiter::behind) == Texts{{7, 8, 2}, {9, 2}, {5, 6, 7, 2}});
  CHECK(documents_of(ids, Delimiter::before) == Texts{{7, 8}, {2, 9}, {2, 5, 6, 7, 2}});
  // As llm.c writes them, either way.
  const Ids before{2, 7, 8, 2, 9};
  CHECK(documents_of(before, Delimiter::before) == Texts{{2, 7, 8}, {2, 9}});
  CHECK(documents_of(before, Delimiter::behind) == Texts{{2, 7, 8, 2, 9}});
  // None alone, none left out.
  CHECK(documents_of({2, 2, 2, 5, 2}, Delimiter::behind) == Texts{{2, 2}, {2, 5, 2}});
  CHECK(documents_of({2, 2, 2, 5, 2}, Delimiter::before) == Texts{{2, 2}, {2, 5, 2}});
  CHECK(documents_of({7, 8}, Delimiter::behind) == Texts{{7, 8}});
  const Stream one({7});
  CHECK_THAT(file_error_of([&] { DocumentIndex(one.shards(), kEnd, Delimiter::behind); }),
             ContainsSubstring("train_1.bin: count: expected at least 2 tokens of text, found 1"));
}

// Documents of these lengths whose tokens, but for the end-of-text, are all different.
Ids stream_of(const std::vector<std::int64_t>& lengths) {
  Ids ids;
  std::int32_t next = 10;
  for (const std::int64_t length : lengths) {
    for (std::int64_t i = 1; i < length; ++i) ids.push_back(next++);
    ids.push_back(kEnd);
  }
  return ids;
}

std::vector<std::int64_t> random_lengths(std::int64_t count, std::int64_t most,
                                         std::uint64_t seed) {
  std::vector<std::int64_t> lengths;
  for (const std::int32_t length : random_ids(count, most - 1, seed)) lengths.push_back(2 + length);
  return lengths;
}

TEST_CASE("long documents are cut so that every token is asked for once", "[packed_source]") {
  const std::vector<std::int64_t> lengths{5, 13, 2, 12, 4, 6, 9, 3};
  const Stream stream(stream_of(lengths));
  const DocumentIndex index(stream.shards(), kEnd, Delimiter::behind);
  REQUIRE(index.documents() == 8);
  for (const std::int64_t places : {1, 2, 4, 5, 12, 13, 100}) {
    const DocumentParts parts(index, places);
    INFO(places << " places");
    std::map<std::int64_t, int> read, asked;
    for (std::int64_t i = 0; i < parts.count(); ++i) {
      const DocumentPart part = parts.part(i);
      REQUIRE((part.places >= 1 && part.places <= places && part.tokens() >= 2));
      if (i < index.documents()) CHECK(part.begin == index.begin(i));
      for (std::int64_t j = 0; j < part.places; ++j) ++read[part.begin + j];
      for (std::int64_t j = 1; j < part.tokens(); ++j) ++asked[part.begin + j];
    }
    for (std::int64_t i = 0; i < index.documents(); ++i) {
      for (std::int64_t place = index.begin(i); place < index.end(i); ++place) {
        CHECK(asked[place] == (place == index.begin(i) ? 0 : 1));
        // A last token may be left for the part before to ask for.
        if (place + 1 < index.end(i)) CHECK(read[place] == 1);
      }
    }
  }
  CHECK(DocumentParts(index, 4).count() == 8 + 2 + 2 + 1 + 1);
  CHECK(error_of([&] { DocumentParts(index, 0); }) ==
        "[documents] expected parts of at least one token, got 0");
}

TEST_CASE("texts are whole documents, each once an epoch", "[packed_source]") {
  const auto lengths = random_lengths(40, 12, 1);
  const Ids ids = stream_of(lengths);
  const Stream stream(ids);
  const DocumentIndex index(stream.shards(), kEnd, Delimiter::behind);
  TextSource source(stream.shards(), index, 12, 5);
  CHECK(source.longest() == 12);
  REQUIRE(source.epoch() == 40);
  std::multiset<Ids> expected;
  for (std::int64_t i = 0; i < 40; ++i) {
    expected.emplace(ids.begin() + index.begin(i), ids.begin() + index.end(i));
  }
  std::vector<std::vector<Ids>> epochs;
  Document document{{1}, {{0, 1}}};
  std::vector<std::uint8_t> counted;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    epochs.emplace_back();
    for (std::int64_t i = 0; i < 40; ++i) {
      source.document(40 * epoch + i, document, &counted);
      CHECK(document.entities.empty());
      CHECK(counted == std::vector<std::uint8_t>(document.tokens.size(), 1));
      epochs.back().push_back(document.tokens);
    }
    CHECK(std::multiset<Ids>(epochs.back().begin(), epochs.back().end()) == expected);
  }
  CHECK(epochs[0] != epochs[1]);
  CHECK(epochs[1] != epochs[2]);
  source.document(40 + 17, document, nullptr);
  CHECK(document.tokens == epochs[1][17]);
  CHECK(error_of([&] { TextSource(stream.shards(), index, 1, 5); }) ==
        "[texts] expected texts of at least 2 tokens, got 1");
}

TEST_CASE("long texts are cut, and masks are told", "[packed_source]") {
  const Stream stream({5, 6, 7, 8, 9, 2, 3, 2}, {1, 0, 1, 1, 0, 1, 1, 1});
  const DocumentIndex index(stream.shards(), kEnd, Delimiter::behind);
  TextSource source(stream.shards(), index, 3, 5);
  REQUIRE(source.epoch() == 4);
  std::map<Ids, std::vector<std::uint8_t>> found;
  Document document;
  std::vector<std::uint8_t> counted;
  for (std::int64_t draw = 0; draw < 4; ++draw) {
    source.document(draw, document, &counted);
    found[document.tokens] = counted;
  }
  CHECK(found ==
        std::map<Ids, std::vector<std::uint8_t>>{
            {{5, 6, 7}, {1, 0, 1}}, {{7, 8, 9}, {1, 1, 0}}, {{9, 2}, {0, 1}}, {{3, 2}, {1, 1}}});
  engine::NextTokenSource examples(source);
  CHECK(examples.longest() == 2);
  Example example;
  for (std::int64_t draw = 0; draw < 4; ++draw) {
    examples.make(draw, example);
    if (example.inputs.front() == 5) CHECK(example.targets == Ids{kIgnored, 7});
  }
}

// Every document's tokens are read once, in order, and asked for once but for its first.
TEST_CASE("packing loses no token and doubles none", "[packed_source]") {
  for (const std::int64_t sequence : {8, 16, 30}) {
    const auto lengths = random_lengths(200, 20, 2);
    const Stream stream(stream_of(lengths));
    const DocumentIndex index(stream.shards(), kEnd, Delimiter::behind);
    PackedSource source(stream.shards(), index, {.sequence = sequence, .seed = 3});
    std::int64_t tokens = 0, ends = 0;
    for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
      std::multiset<std::int32_t> read, asked;
      Example example;
      for (std::int64_t i = 0; i < source.epoch(); ++i) {
        source.make(epoch * source.epoch() + i, example);
        const std::size_t places = example.inputs.size();
        REQUIRE((places > 0 && static_cast<std::int64_t>(places) <= source.longest()));
        REQUIRE((example.targets.size() == places && example.first_keys.size() == places));
        for (std::size_t j = 0; j < places; ++j) {
          read.insert(example.inputs[j]);
          if (example.inputs[j] == kEnd) {
            REQUIRE(example.targets[j] == kIgnored);
          } else {
            REQUIRE(example.targets[j] != kIgnored);
            asked.insert(example.targets[j]);
            const bool known =
                example.targets[j] == kEnd || example.targets[j] == example.inputs[j] + 1;
            REQUIRE(known);
            if (j + 1 < places && example.first_keys[j + 1] == example.first_keys[j]) {
              REQUIRE(example.inputs[j + 1] == example.targets[j]);
            }
          }
          // Documents, and parts of them, start where attention does.
          const bool begins = j == 0 || example.first_keys[j] != example.first_keys[j - 1];
          REQUIRE(example.first_keys[j] ==
                  (begins ? static_cast<std::int32_t>(j) : example.first_keys[j - 1]));
          if (j > 0 && example.inputs[j - 1] == kEnd) REQUIRE(begins);
        }
      }
      std::int64_t words = 0;
      for (const std::int64_t length : lengths) words += length - 1;
      for (std::int32_t id = 10; id < 10 + words; ++id) REQUIRE(read.count(id) == 1);
      CHECK(read.size() == static_cast<std::size_t>(words) + read.count(kEnd));
      CHECK(asked.count(kEnd) == lengths.size());
      CHECK(asked.size() == static_cast<std::size_t>(words));
      tokens = static_cast<std::int64_t>(read.size());
      ends = static_cast<std::int64_t>(read.count(kEnd));
    }
    // A last token that the part before asked for is not read.
    const auto left_out = std::count_if(lengths.begin(), lengths.end(), [&](std::int64_t length) {
      return length > sequence && length % sequence == 1;
    });
    CHECK(ends == static_cast<std::int64_t>(lengths.size()) - left_out);
    CHECK(source.filled() ==
          static_cast<double>(tokens) / static_cast<double>(source.epoch() * sequence));
  }
}

TEST_CASE("rows are full", "[packed_source]") {
  // Half a row on average, and of few tokens.
  for (const std::int64_t most : {31, 6}) {
    const auto lengths = random_lengths(2000, most, 4);
    const Stream stream(stream_of(lengths));
    const DocumentIndex index(stream.shards(), kEnd, Delimiter::behind);
    const PackedSource source(stream.shards(), index, {.sequence = 32, .seed = 3});
    CHECK(source.filled() > (most == 31 ? 0.96 : 0.98));
    CHECK(source.longest() == 32);
  }
}

TEST_CASE("a packed row depends on seed and draw alone", "[packed_source]") {
  const Stream stream(stream_of(random_lengths(60, 12, 5)));
  const DocumentIndex index(stream.shards(), kEnd, Delimiter::behind);
  const PackedSource::Options options{.sequence = 16, .seed = 3};
  const auto row = [](PackedSource& source, std::int64_t draw) {
    Example example;
    source.make(draw, example);
    return example.inputs;
  };
  PackedSource source(stream.shards(), index, options);
  const std::int64_t draws = 3 * source.epoch();
  std::vector<Ids> expected, ranks(static_cast<std::size_t>(draws));
  for (std::int64_t draw = 0; draw < draws; ++draw) expected.push_back(row(source, draw));
  for (std::int64_t draw = draws - 1; draw >= 0; --draw) {
    CHECK(row(source, draw) == expected[static_cast<std::size_t>(draw)]);
  }
  for (std::int64_t rank = 0; rank < 3; ++rank) {
    PackedSource own(stream.shards(), index, options);
    for (std::int64_t i = 0; i < source.epoch(); ++i) {
      const std::int64_t draw = engine::draw_of_rank(i, rank, 3);
      ranks[static_cast<std::size_t>(draw)] = row(own, draw);
    }
  }
  CHECK(ranks == expected);
  const auto epoch = static_cast<std::ptrdiff_t>(source.epoch());
  const std::vector<Ids> first(expected.begin(), expected.begin() + epoch);
  const std::vector<Ids> second(expected.begin() + epoch, expected.begin() + 2 * epoch);
  CHECK(first != second);
  CHECK(std::is_permutation(first.begin(), first.end(), second.begin()));
  PackedSource other(stream.shards(), index, {.sequence = 16, .seed = 4});
  CHECK(row(other, 0) != expected[0]);
}

TEST_CASE("packed rows take masks, and need no reset", "[packed_source]") {
  const Stream stream({5, 6, 7, 2, 8, 9, 2}, {1, 0, 1, 1, 1, 1, 0});
  const DocumentIndex index(stream.shards(), kEnd, Delimiter::behind);
  for (const bool reset : {true, false}) {
    PackedSource source(stream.shards(), index, {.sequence = 7, .seed = 1, .reset = reset});
    REQUIRE(source.epoch() == 1);
    Example example;
    source.make(0, example);
    const bool first = example.inputs.front() == 5;
    CHECK(example.inputs == (first ? Ids{5, 6, 7, 2, 8, 9, 2} : Ids{8, 9, 2, 5, 6, 7, 2}));
    CHECK(example.targets == (first ? Ids{kIgnored, 7, 2, kIgnored, 9, kIgnored, kIgnored}
                                    : Ids{9, kIgnored, kIgnored, kIgnored, 7, 2, kIgnored}));
    const Ids starts = first ? Ids{0, 0, 0, 0, 4, 4, 4} : Ids{0, 0, 0, 3, 3, 3, 3};
    CHECK(example.first_keys == (reset ? starts : Ids{}));
  }
}

}  // namespace
}  // namespace obverse::tests

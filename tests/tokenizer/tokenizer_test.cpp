#include "tokenizer/tokenizer.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/tokenizer/small_tokenizer.h"
#include "tokenizer/encoder.h"

namespace obverse::tokenizer {
namespace {

using Ids = std::vector<std::int32_t>;
using Specials = Tokenizer::Specials;

// An Encoder merges each word once and then remembers it; this one remembers nothing.
Ids encoded_afresh(const Tokenizer& tokenizer, std::string_view text) {
  PretokenSplitter splitter(tokenizer.model().pretokenizer);
  WordMerger merger(tokenizer.model().merges);
  Ids ids;
  splitter.split(text, [&](std::string_view piece) { merger.merge(piece, ids); });
  return ids;
}

TEST_CASE("any bytes come back from their ids", "[tokenizer]") {
  for (const char* pattern : {"gpt2", "gpt4"}) {
    const Tokenizer tokenizer = small_tokenizer(pattern);
    for (std::uint64_t stream = 0; stream < 40; ++stream) {
      for (const std::string& text :
           {random_text(stream, 200), random_bytes(stream, 300), kSomeText.substr(stream)}) {
        const Ids ids = tokenizer.encode(text);
        CHECK(tokenizer.decode(ids) == text);
        CHECK(ids == encoded_afresh(tokenizer, text));
      }
    }
    CHECK(tokenizer.encode("").empty());
    CHECK(tokenizer.encode(kSomeText).size() < kSomeText.size() / 2);
  }
}

TEST_CASE("the cache tells words apart", "[tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  Encoder encoder(tokenizer);
  // Lengths around those of its keys; words that differ in one byte, or by a zero behind.
  std::string text;
  kernels::RandomSequence random = draws(77);
  for (int word = 0; word < 4000; ++word) {
    const std::size_t size = 1 + random.integer(60);
    std::string letters(size, static_cast<char>('a' + random.integer(2)));
    letters[random.integer(size)] = static_cast<char>('a' + random.integer(26));
    text += " " + letters;
    if (word % 5 == 0) text += std::string(1 + random.integer(9), '\0');
  }
  Ids ids;
  encoder.encode(text, ids);
  CHECK(ids == encoded_afresh(tokenizer, text));
  Ids again;
  encoder.encode(text, again);
  CHECK(again == ids);
}

TEST_CASE("special tokens are text unless they are allowed", "[tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  const std::string text = "the<|x|> cat<|endoftext|><|endoftext|";
  const std::int32_t end = tokenizer.special("<|endoftext|>").value();
  const std::int32_t x = tokenizer.special("<|x|>").value();
  CHECK(end == 298);
  CHECK(x == 299);
  CHECK(tokenizer.size() == 300);
  CHECK_FALSE(tokenizer.special("the").has_value());
  CHECK(tokenizer.is_special(end));
  CHECK_FALSE(tokenizer.is_special(0));
  for (const std::int32_t id : tokenizer.encode(text)) CHECK_FALSE(tokenizer.is_special(id));
  const Ids ids = tokenizer.encode(text, Specials::recognized);
  Ids expected = tokenizer.encode("the");
  const auto add = [&expected](const Ids& more) {
    expected.insert(expected.end(), more.begin(), more.end());
  };
  add({x});
  add(tokenizer.encode(" cat"));
  add({end});
  add(tokenizer.encode("<|endoftext|"));
  CHECK(ids == expected);
  CHECK(tokenizer.decode(ids) == text);
}

TEST_CASE("the longest added token is found first, and ordinary ones always", "[tokenizer]") {
  Vocabulary vocabulary = small_tokenizer().model().vocabulary;
  const auto add = [&vocabulary](const std::string& text, bool special) {
    vocabulary.added.push_back({static_cast<std::int32_t>(vocabulary.tokens.size()), special});
    vocabulary.tokens.push_back(text);
  };
  add("<|x|>y", true);
  add("\n\n", false);
  const Tokenizer tokenizer(vocabulary);
  CHECK(tokenizer.encode("<|x|>y", Specials::recognized) == Ids{300});
  CHECK(tokenizer.encode("<|x|>", Specials::recognized) == Ids{299});
  CHECK(tokenizer.encode("\n\n\n") == Ids{301, tokenizer.encode("\n")[0]});
  CHECK_FALSE(tokenizer.is_special(301));
  CHECK_FALSE(tokenizer.special("\n\n").has_value());
}

TEST_CASE("whole pieces are tokens where merges are ignored", "[tokenizer]") {
  Vocabulary vocabulary = small_tokenizer().model().vocabulary;
  vocabulary.tokens.push_back(" zebra");
  CHECK(Tokenizer(vocabulary).encode("a zebra").size() > 2);
  vocabulary.ignores_merges = true;
  CHECK(Tokenizer(vocabulary).encode("a zebra") == Ids{'a' - '!', 300});
  CHECK(Tokenizer(vocabulary).encode("a zebras").size() > 2);
}

TEST_CASE("an id outside is told", "[tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  for (const std::int32_t id : {-1, 300}) {
    const std::string expected =
        "[tokenizer] expected an id from 0 to 299, got " + std::to_string(id);
    CHECK(message_of<std::invalid_argument>([&] { tokenizer.decode({0, id}); }) == expected);
    CHECK(message_of<std::invalid_argument>([&] { tokenizer.bytes_of(id); }) == expected);
    CHECK(message_of<std::invalid_argument>([&] { tokenizer.is_special(id); }) == expected);
  }
}

TEST_CASE("threads encode at a time", "[tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  std::vector<Ids> results(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] {
      const Tokenizer copy = tokenizer;
      for (int turn = 0; turn < 20; ++turn) results[i] = copy.encode(random_text(3, 500));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Ids& ids : results) CHECK(ids == encoded_afresh(tokenizer, random_text(3, 500)));
}

// GPT-2's own vocabulary and ids, which are not the project's to ship: a folder with vocab.bpe,
// encoder.json and golden.jsonl, lines of {"text", "ids"}.
TEST_CASE("ids are GPT-2's", "[tokenizer][published_data]") {
  const char* const named = std::getenv("OBVERSE_GPT2_DATA");
  const std::filesystem::path folder =
      named != nullptr ? named : OBVERSE_SOURCE_DIR "/../shared/data/gpt2";
  if (!std::filesystem::exists(folder / "vocab.bpe")) {
    WARN("SKIPPED: no GPT-2 vocabulary in " << folder.string() << "; OBVERSE_GPT2_DATA names it");
    return;
  }
  const Tokenizer tokenizer = Tokenizer::load(folder);
  CHECK(tokenizer.size() == 50257);
  std::ifstream golden(folder / "golden.jsonl");
  std::size_t lines = 0;
  for (std::string line; std::getline(golden, line); ++lines) {
    const nlohmann::json json = nlohmann::json::parse(line);
    INFO(line);
    const auto text = json.at("text").get<std::string>();
    CHECK(tokenizer.encode(text) == json.at("ids").get<Ids>());
    CHECK(tokenizer.decode(json.at("ids").get<Ids>()) == text);
  }
  CHECK(lines > 0);
  const std::string bytes = random_bytes(1, 5000);
  CHECK(tokenizer.decode(tokenizer.encode(bytes)) == bytes);
}

}  // namespace
}  // namespace obverse::tokenizer

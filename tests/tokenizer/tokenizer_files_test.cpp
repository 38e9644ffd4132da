// Files of tokenizers: written, read, damaged.
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/tokenizer/small_tokenizer.h"
#include "tokenizer/model.h"

namespace obverse::tokenizer {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using tests::read_file;
using tests::TemporaryFolder;
using tests::write_file;

// That both give every text the same ids, by what they are made of.
void check_same(const Tokenizer& a, const Tokenizer& b) {
  const Vocabulary &one = a.model().vocabulary, &other = b.model().vocabulary;
  CHECK(one.tokens == other.tokens);
  REQUIRE(one.merges.size() == other.merges.size());
  for (std::size_t i = 0; i < one.merges.size(); ++i) {
    CHECK(one.merges[i].left == other.merges[i].left);
    CHECK(one.merges[i].right == other.merges[i].right);
    CHECK(one.merges[i].result == other.merges[i].result);
  }
  REQUIRE(one.added.size() == other.added.size());
  for (std::size_t i = 0; i < one.added.size(); ++i) {
    CHECK(one.added[i].id == other.added[i].id);
    CHECK(one.added[i].special == other.added[i].special);
  }
  CHECK(a.model().pretokenizer.name() == b.model().pretokenizer.name());
  CHECK(one.ignores_merges == other.ignores_merges);
}

// tokenizer.json of a small tokenizer, changed, and the message that reading it ends with.
std::string refusal(const std::function<void(Json&)>& change) {
  const TemporaryFolder folder;
  small_tokenizer().save(folder.path());
  Json json = Json::parse(read_file(folder.path() / "tokenizer.json"));
  change(json);
  write_file(folder.path() / "tokenizer.json", json.dump());
  const std::string message =
      message_of<std::runtime_error>([&] { Tokenizer::load(folder.path()); });
  const std::string file = (folder.path() / "tokenizer.json").string() + ": ";
  INFO(message);
  CHECK(message.rfind(file, 0) == 0);
  CHECK(message.find('\n') == std::string::npos);
  return message.substr(std::min(file.size(), message.size()));
}

// The same for GPT-2's files, with a line or entry changed as text.
std::string refusal_of_gpt2(const std::string& file, const std::string& from,
                            const std::string& to) {
  const TemporaryFolder folder;
  small_tokenizer().save_gpt2(folder.path());
  std::string text = read_file(folder.path() / file);
  const std::size_t at = text.rfind(from);
  REQUIRE(at != std::string::npos);
  write_file(folder.path() / file, text.replace(at, from.size(), to));
  const std::string message =
      message_of<std::runtime_error>([&] { Tokenizer::load(folder.path()); });
  INFO(message);
  CHECK(message.rfind(folder.path().string(), 0) == 0);
  CHECK(message.find('\n') == std::string::npos);
  return message.substr(std::min(folder.path().string().size() + 1, message.size()));
}

TEST_CASE("what is saved is read again", "[files]") {
  for (const char* pattern : {"gpt2", "gpt4"}) {
    const TemporaryFolder folder;
    const Tokenizer tokenizer = small_tokenizer(pattern);
    tokenizer.save(folder.path() / "new" / "folder");
    check_same(Tokenizer::load(folder.path() / "new" / "folder"), tokenizer);
    check_same(Tokenizer::load(folder.path() / "new" / "folder" / "tokenizer.json"), tokenizer);
    CHECK(tokenizer.model().pretokenizer.name() == pattern);
  }
  const TemporaryFolder folder;
  Vocabulary vocabulary = small_tokenizer().model().vocabulary;
  vocabulary.rules = {{"\\p{N}"}, {"[^ ]+| +", true}};
  vocabulary.ignores_merges = true;
  vocabulary.post_processor = "{\"type\":\"ByteLevel\"}";
  vocabulary.added.push_back({300, false});
  vocabulary.tokens.emplace_back("é ü");
  const Tokenizer tokenizer(vocabulary);
  tokenizer.save(folder.path());
  const Tokenizer read = Tokenizer::load(folder.path());
  check_same(read, tokenizer);
  CHECK(read.model().vocabulary.post_processor == vocabulary.post_processor);
  CHECK(read.model().vocabulary.rules[1].drops_gaps);
}

TEST_CASE("GPT-2's two files are written and read, by each of their names", "[files]") {
  const TemporaryFolder folder;
  const Tokenizer tokenizer = small_tokenizer();
  tokenizer.save_gpt2(folder.path());
  for (const std::string name : {"", "vocab.bpe", "encoder.json"}) {
    check_same(Tokenizer::load(folder.path() / name), tokenizer);
  }
  fs::rename(folder.path() / "vocab.bpe", folder.path() / "merges.txt");
  fs::rename(folder.path() / "encoder.json", folder.path() / "vocab.json");
  for (const std::string name : {"", "merges.txt", "vocab.json"}) {
    check_same(Tokenizer::load(folder.path() / name), tokenizer);
  }
  CHECK_THAT(
      message_of<std::invalid_argument>([&] { small_tokenizer("gpt4").save_gpt2(folder.path()); }),
      ContainsSubstring("expected GPT-2's pre-token rules"));
  Vocabulary vocabulary = tokenizer.model().vocabulary;
  vocabulary.tokens[299] = "stop";
  CHECK_THAT(message_of<std::invalid_argument>(
                 [&] { Tokenizer(vocabulary).save_gpt2(folder.path() / "none"); }),
             ContainsSubstring("got 'stop'"));
  CHECK_FALSE(fs::exists(folder.path() / "none"));
}

TEST_CASE("published forms of tokenizer.json are read", "[files]") {
  const Tokenizer tokenizer = small_tokenizer("gpt4");
  const TemporaryFolder folder;
  tokenizer.save(folder.path());
  Json json = Json::parse(read_file(folder.path() / "tokenizer.json"));
  // Merges as pairs, special tokens beside the vocabulary, members that say what is usual left out.
  for (Json& merge : json["model"]["merges"]) {
    const auto text = merge.get<std::string>();
    merge = {text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)};
  }
  for (const Json& token : json["added_tokens"]) {
    json["model"]["vocab"].erase(token["content"].get<std::string>());
  }
  json["model"]["ignore_merges"] = true;
  json["post_processor"] = {{"type", "TemplateProcessing"}};
  for (const char* name : {"dropout", "byte_fallback", "type"}) json["model"].erase(name);
  json.erase("normalizer");
  write_file(folder.path() / "tokenizer.json", json.dump());
  Vocabulary expected = tokenizer.model().vocabulary;
  expected.ignores_merges = true;
  check_same(Tokenizer::load(folder.path()), Tokenizer(expected));

  json["pre_tokenizer"] = {{"type", "Sequence"},
                           {"pretokenizers",
                            {{{"type", "Digits"}, {"individual_digits", true}},
                             {{"type", "Split"},
                              {"pattern", {{"String", "a.b"}}},
                              {"behavior", "Isolated"},
                              {"invert", false}},
                             {{"type", "ByteLevel"}, {"add_prefix_space", false}}}}};
  write_file(folder.path() / "tokenizer.json", json.dump());
  const std::vector<SplitRule> rules = Tokenizer::load(folder.path()).model().vocabulary.rules;
  REQUIRE(rules.size() == 3);
  CHECK(rules[0].pattern == "\\p{N}");
  CHECK(rules[1].pattern == "a\\.b");
  CHECK(rules[2].pattern == kGpt2Pattern);
}

TEST_CASE("what is missing is named", "[files]") {
  const TemporaryFolder folder;
  CHECK_THAT(message_of<std::runtime_error>([&] { Tokenizer::load(folder.path()); }),
             ContainsSubstring("expected tokenizer.json, vocab.bpe or merges.txt, got none"));
  CHECK_THAT(message_of<std::runtime_error>([&] { Tokenizer::load(folder.path() / "no"); }),
             ContainsSubstring("no: expected a tokenizer's folder or file"));
  small_tokenizer().save_gpt2(folder.path());
  fs::remove(folder.path() / "encoder.json");
  CHECK_THAT(message_of<std::runtime_error>([&] { Tokenizer::load(folder.path()); }),
             ContainsSubstring("encoder.json: cannot be read: No such file"));
}

TEST_CASE("a tokenizer.json that is inconsistent is refused", "[files]") {
  CHECK(refusal([](Json& json) { json = Json::array(); }) == "expected a JSON object, got []");
  CHECK(refusal([](Json& json) { json.erase("model"); }) == "model: expected an object, got null");
  CHECK(refusal([](Json& json) { json["model"]["type"] = "Unigram"; }) ==
        "model.type: expected BPE, got \"Unigram\"");
  CHECK(refusal([](Json& json) { json["model"]["merges"][3] = "t zz"; }) ==
        "model.merges[3]: expected the right part to be a token of the vocabulary, got 'zz'");
  CHECK(refusal([](Json& json) { json["model"]["merges"][3] = "z z"; }) ==
        "model.merges[3]: expected the result to be a token of the vocabulary, got 'zz'");
  CHECK(refusal([](Json& json) { json["model"]["merges"][3] = "a b c"; }) ==
        "model.merges[3]: expected two tokens, got \"a b c\"");
  CHECK(refusal([](Json& json) {
          json["model"]["merges"][3] = Json{"a", 1};
        }) == "model.merges[3]: expected two tokens, got [\"a\",1]");
  CHECK(refusal([](Json& json) { json["model"]["merges"][3] = json["model"]["merges"][2]; }) ==
        "merge 3: the same pair is merged twice");
  CHECK(refusal([](Json& json) { json["model"]["merges"] = 5; }) ==
        "model.merges: expected an array, got 5");
  CHECK(refusal([](Json& json) { json["model"]["vocab"].erase("q"); }) ==
        "model.vocab: expected a token for each id up to 299, got none for 80");
  CHECK(refusal([](Json& json) { json["model"]["vocab"]["q"] = 81; }) ==
        "model.vocab: token 'r': expected an id of its own, got 81, that of 'q'");
  for (const Json& id : {Json(-1), Json(1.5), Json("7"), Json(99999999999), Json(nullptr)}) {
    CHECK(refusal([&id](Json& json) { json["model"]["vocab"]["q"] = id; }) ==
          "model.vocab: token 'q': expected an id from 0 to 301 without gaps, got " + id.dump());
  }
  CHECK(refusal([](Json& json) {
          json["model"]["vocab"].erase("q");
          json["model"]["vocab"]["q q"] = 80;
        }) ==
        "model.vocab: expected tokens whose characters each stand for a byte, got 'q q', id 80");
  CHECK(refusal([](Json& json) {
          json["model"]["vocab"].erase("q");
          json["model"]["vocab"]["qqq"] = 80;
        }) == "expected a token for each of 256 bytes, got none for 0x71");
  CHECK(refusal([](Json& json) { json["added_tokens"][0]["id"] = 3; }) ==
        "added_tokens[0]: token '<|endoftext|>': expected an id of its own, got 3, that of '$'");
  CHECK(refusal([](Json& json) { json["added_tokens"][1] = json["added_tokens"][0]; }) ==
        "added_tokens[1].id: expected one that no other added token has, got 298");
  CHECK(refusal([](Json& json) { json["added_tokens"][1]["lstrip"] = true; }) ==
        "added_tokens[1].lstrip: expected none, got true");
  CHECK(refusal([](Json& json) { json["added_tokens"][1]["content"] = ""; }) ==
        "added_tokens[1].content: expected text, got \"\"");
  CHECK(refusal([](Json& json) { json["added_tokens"][0] = "<|x|>"; }) ==
        "added_tokens[0]: expected an object, got \"<|x|>\"");
}

TEST_CASE("a tokenizer.json of another kind is refused", "[files]") {
  CHECK(refusal([](Json& json) {
          json["normalizer"] = {{"type", "NFC"}};
        }) == "normalizer: expected none, got {\"type\":\"NFC\"}");
  CHECK(refusal([](Json& json) { json["model"]["byte_fallback"] = true; }) ==
        "model.byte_fallback: expected none, got true");
  CHECK(refusal([](Json& json) { json["model"]["continuing_subword_prefix"] = "##"; }) ==
        "model.continuing_subword_prefix: expected none, got \"##\"");
  CHECK(refusal([](Json& json) { json["model"]["dropout"] = 0.1; }) ==
        "model.dropout: expected none, got 0.1");
  CHECK(refusal([](Json& json) {
          json["pre_tokenizer"] = {{"type", "Whitespace"}};
        }) ==
        "pre_tokenizer.type: expected ByteLevel, Split, Digits or Sequence, got \"Whitespace\"");
  CHECK(refusal([](Json& json) { json["pre_tokenizer"] = nullptr; }) ==
        "pre_tokenizer: expected an object, got null");
  CHECK(refusal([](Json& json) { json["pre_tokenizer"]["add_prefix_space"] = true; }) ==
        "pre_tokenizer.add_prefix_space: expected none, got true");
  CHECK(refusal([](Json& json) {
          json["pre_tokenizer"] = {{"type", "Digits"}};
        }) ==
        "pre_tokenizer: expected ByteLevel, alone or at the end of a Sequence, got "
        "{\"type\":\"Digits\"}");
  const Json split = {{"type", "Split"},
                      {"pattern", {{"Regex", "("}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  const auto in_sequence = [](const Json& first) {
    return [first](Json& json) {
      json["pre_tokenizer"] = {{"type", "Sequence"},
                               {"pretokenizers", {first, {{"type", "ByteLevel"}}}}};
    };
  };
  CHECK_THAT(refusal(in_sequence(split)),
             ContainsSubstring("expected a regular expression, got '('"));
  Json merged = split;
  merged["behavior"] = "MergedWithNext";
  CHECK_THAT(refusal(in_sequence(merged)),
             ContainsSubstring("pre_tokenizer.pretokenizers[0].behavior: expected Isolated"));
  CHECK_THAT(refusal(in_sequence({{"type", "ByteLevel"}})),
             ContainsSubstring("pretokenizers[1]: expected nothing behind ByteLevel"));
}

TEST_CASE("GPT-2's files that are cut short or inconsistent are refused", "[files]") {
  CHECK(refusal_of_gpt2("vocab.bpe", "\n", "") ==
        "vocab.bpe: expected lines that all end, got a last line that is cut short");
  CHECK(refusal_of_gpt2("vocab.bpe", "h e\n", "he\n") ==
        "vocab.bpe: line 2: expected two tokens with a blank between, got 'he'");
  CHECK(refusal_of_gpt2("vocab.bpe", "h e\n", "h q\n") ==
        "vocab.bpe: line 2: expected the result to be a token of the vocabulary, got 'hq'");
  CHECK_THAT(refusal_of_gpt2("vocab.bpe", "t he\n", ""),
             ContainsSubstring("a byte, what a line of vocab.bpe makes, or a special token as "
                               "<...>, got 'the'"));
  CHECK_THAT(refusal_of_gpt2("encoder.json", "}", ""),
             ContainsSubstring("encoder.json: expected a whole JSON object, got '{\"!\":0,"));
  CHECK(refusal_of_gpt2("encoder.json", "\"q\":80,", "") ==
        "encoder.json: object: token '<|x|>': expected an id from 0 to 298 without gaps, got 299");
  CHECK_THAT(refusal_of_gpt2("encoder.json", "\"q\":80,", "\"q q\":80,"),
             ContainsSubstring("id 80: expected a token whose characters each stand for a byte"));
}

// What a damaged file ends in is a tokenizer that works, or one line about it.
void check_damaged(const fs::path& folder, const std::string& file, std::uint64_t stream) {
  const std::string whole = read_file(folder / file);
  kernels::RandomSequence random = draws(stream);
  std::size_t refused = 0;
  constexpr int kTimes = 150;
  for (int time = 0; time < kTimes; ++time) {
    std::string text = whole;
    for (std::uint64_t change = random.integer(3) + 1; change > 0 && !text.empty(); --change) {
      const std::size_t at = random.integer(text.size());
      switch (random.integer(4)) {
        case 0:
          text[at] = static_cast<char>(random.integer(256));
          break;
        case 1:
          text.erase(at, random.integer(20));
          break;
        case 2:
          text.insert(at, text.substr(random.integer(text.size()), random.integer(20)));
          break;
        default:
          text[at] = "0123456789{}[],:\"\\ \n"[random.integer(20)];
      }
    }
    if (random.integer(8) == 0) text.resize(random.integer(text.size() + 1));
    write_file(folder / file, text);
    try {
      const Tokenizer tokenizer = Tokenizer::load(folder);
      const bool drops_gaps = [&tokenizer] {
        for (const SplitRule& rule : tokenizer.model().vocabulary.rules) {
          if (rule.drops_gaps) return true;
        }
        return false;
      }();
      if (!drops_gaps) REQUIRE(tokenizer.decode(tokenizer.encode(kSomeText)) == kSomeText);
    } catch (const std::runtime_error& error) {
      INFO(error.what());
      REQUIRE(std::string(error.what()).rfind(folder.string(), 0) == 0);
      REQUIRE(std::string(error.what()).find('\n') == std::string::npos);
      ++refused;
    }
  }
  CHECK(refused > kTimes / 3);
  write_file(folder / file, whole);
}

TEST_CASE("damaged files are read or refused, and nothing else", "[files]") {
  const TemporaryFolder huggingface, gpt2;
  const Tokenizer tokenizer =
      trained_on(kSomeText, {.vocabulary = 270, .pattern = "gpt4", .specials = {"<|x|>"}})
          .tokenizer;
  tokenizer.save(huggingface.path());
  check_damaged(huggingface.path(), "tokenizer.json", 1);
  trained_on(kSomeText, {.vocabulary = 280}).tokenizer.save_gpt2(gpt2.path());
  check_damaged(gpt2.path(), "vocab.bpe", 2);
  check_damaged(gpt2.path(), "encoder.json", 3);
}

}  // namespace
}  // namespace obverse::tokenizer

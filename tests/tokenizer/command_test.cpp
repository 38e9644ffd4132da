// obverse-tokenize as its user meets it: the built program, run in a folder of its own.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "engine/data/token_shards.h"
#include "tests/tokenizer/workplace.h"

namespace obverse::tokenizer {
namespace {

namespace fs = std::filesystem;
using tests::Ended;
using tests::lines_in;
using tests::read_file;
using tests::write_file;

TEST_CASE("help says what there is", "[command]") {
  const Workplace work;
  for (const std::string command : {"", "train ", "encode ", "decode ", "inspect "}) {
    const Ended ended = work.run(command + "--help");
    CHECK(ended.status == 0);
    CHECK(ended.err.empty());
    CHECK(lines_in(ended.out) > 8);
    CHECK(ended.out.find("  obverse-tokenize ") != std::string::npos);  // an example
  }
}

TEST_CASE("what is trained encodes and decodes", "[command]") {
  const Workplace work;
  work.train();
  const Tokenizer tokenizer = Tokenizer::load(work.at("t"));
  CHECK(tokenizer.size() == 300);
  CHECK(tokenizer.special("<|endoftext|>") == 299);

  for (const std::string& text : {kSomeText, random_bytes(1, 300), std::string()}) {
    const Ended encoded = work.run("encode --tokenizer t", text);
    CHECK(encoded.status == 0);
    CHECK(lines_in(encoded.out) == 1);
    const Ended decoded = work.run("decode --tokenizer t/tokenizer.json", encoded.out);
    CHECK(decoded.status == 0);
    CHECK(decoded.out == text);
  }
  CHECK(work.run("encode --tokenizer t --document line", "a\n\nb\n").out == "64\n\n65\n");
  CHECK(work.run("encode --tokenizer t --document line --end-of-text '<|endoftext|>' --threads 2 -",
                 "a\nb")
            .out == "64 299\n65 299\n");
  CHECK(work.run("encode --tokenizer t --specials", "a<|endoftext|>").out == "64 299\n");
  write_file(work.at("x.txt"), "a");
  write_file(work.at("y.txt"), "b");
  CHECK(work.run("encode --tokenizer t x.txt y.txt").out == "64\n65\n");
  CHECK(work.run("encode --tokenizer t .").out ==
        work.run("encode --tokenizer t corpus/deep/a.txt").out + "64\n65\n");
  CHECK(work.run("decode --tokenizer t", "64, 65\n66\n").out == "abc");
}

TEST_CASE("lines of JSON become lines of JSON", "[command]") {
  const Workplace work;
  work.train();
  const std::string texts =
      "{\"text\": \"a\"}\n{\"n\": 1, \"text\": \"\"}\n{\"text\": \"\\u00e9\"}\n";
  const Ended encoded = work.run("encode --tokenizer t --jsonl", texts);
  CHECK(encoded.status == 0);
  CHECK(encoded.out == "{\"ids\": [64]}\n{\"ids\": []}\n{\"ids\": [127, 102]}\n");
  CHECK(work.run("decode --tokenizer t --jsonl", encoded.out).out ==
        "{\"text\":\"a\"}\n{\"text\":\"\"}\n{\"text\":\"é\"}\n");
  work.check_refused("encode --tokenizer t --jsonl", 1,
                     "standard input: line 2: expected a JSON object with \"text\"",
                     "{\"text\": \"a\"}\nno\n");
  work.check_refused("decode --tokenizer t --jsonl", 1,
                     "standard input: line 1: expected ids of UTF-8", "{\"ids\": [127]}\n");
  work.check_refused("decode --tokenizer t --jsonl", 1,
                     "standard input: line 1: expected \"ids\" to hold ids, got -1",
                     "{\"ids\": [-1]}\n");
}

TEST_CASE("a tokenizer tells what it is", "[command]") {
  const Workplace work;
  work.train();
  write_file(work.at("x.txt"), kSomeText);
  const Ended ended = work.run("inspect --tokenizer t --text 'the cat?' --longest 2 x.txt");
  CHECK(ended.status == 0);
  CHECK_THAT(ended.out, ContainsSubstring("tokens      300: 256 bytes, 43 merges, 1 added"));
  CHECK_THAT(ended.out, ContainsSubstring("pre-tokens  gpt2"));
  CHECK_THAT(ended.out, ContainsSubstring("special     299 '<|endoftext|>'"));
  CHECK_THAT(ended.out, ContainsSubstring("text        the| cat|?"));
  CHECK_THAT(ended.out, ContainsSubstring("encoded     " + std::to_string(kSomeText.size())));
  const Ended timing = work.run("encode --tokenizer t --timing 2 x.txt");
  const auto json = nlohmann::json::parse(timing.out);
  CHECK(json.at("seconds").size() == 2);
  CHECK(json.at("processor_seconds").size() == 2);
  CHECK(json.at("bytes") == kSomeText.size());
  CHECK(json.at("tokens") == Tokenizer::load(work.at("t")).encode(kSomeText).size());
}

TEST_CASE("training reads lines of JSON and writes GPT-2's files", "[command]") {
  const Workplace work;
  write_file(work.at("a.jsonl"), "{\"text\": \"hug hug hug\"}\n{\"text\": \"pug hugs\"}\n");
  const Ended ended = work.run(
      "train --input a.jsonl,- --vocabulary 260 --special '<|a|>,<|b|>' --format gpt2 --output g",
      "hug<|a|>");
  INFO(ended.err);
  CHECK(ended.status == 0);
  CHECK(ended.err.empty());
  CHECK_THAT(read_file(work.at("g/vocab.bpe")), ContainsSubstring("#version: 0.2\nu g\n"));
  CHECK(Tokenizer::load(work.at("g/vocab.bpe")).special("<|b|>") == 259);
  CHECK_THAT(work.run("train --input a.jsonl --vocabulary 5000 --output s").out,
             ContainsSubstring("tokens instead of 5000"));
}

TEST_CASE("bad usage is one line and exit status 2", "[command]") {
  const Workplace work;
  work.train();
  const std::string train = "train --input corpus --output out ";
  work.check_refused("", 2, "expected a command: train, encode, decode or inspect, got ''");
  work.check_refused("walk", 2, "got 'walk'");
  work.check_refused(train, 2, "expected --vocabulary");
  work.check_refused(train + "--vocabulary 256", 2,
                     "expected a vocabulary of 256 bytes and 1 special tokens, 257, or more");
  work.check_refused(train + "--vocabulary many", 2,
                     "expected --vocabulary to be a whole number from 0 to 2147483647, got 'many'");
  work.check_refused(train + "--vocabulary 300 --pattern gpt5", 2, "gpt2 or gpt4, got 'gpt5'");
  work.check_refused(train + "--vocabulary 300 --threads 0", 2, "got '0'");
  work.check_refused(train + "--vocabulary 300 --format x", 2, "huggingface or gpt2, got 'x'");
  work.check_refused(train + "--vocabulary 300 --format gpt2 --pattern gpt4", 2,
                     "expected --pattern gpt2 for --format gpt2");
  work.check_refused(train + "--vocabulary 300 --nonsense", 2, "nonsense");
  work.check_refused(train + "--vocabulary ''", 2, "expected a value behind --vocabulary");
  work.check_refused("train --input corpus --vocabulary 300 --output corpus/deep/a.txt", 2,
                     "expected --output to be a folder, got the file");
  work.check_refused("encode", 2, "expected --tokenizer FOLDER_OR_FILE");
  work.check_refused("encode --tokenizer t --document word", 2, "or prompt-completion, got 'word'");
  work.check_refused("encode --tokenizer t --document line --jsonl", 2, "got 'line'");
  work.check_refused("encode --tokenizer t --end-of-text x", 2, "special token of the tokenizer");
  work.check_refused("encode --tokenizer t --timing 0", 2, "--timing");
  work.check_refused("inspect --tokenizer t --longest -1", 2, "--longest");
}

TEST_CASE("bad input is one line and exit status 1", "[command]") {
  const Workplace work;
  work.train();
  work.check_refused("encode --tokenizer none", 1, "none: expected a tokenizer's folder or file");
  work.check_refused("encode --tokenizer t none.txt", 1, "none.txt: expected a file or folder");
  work.check_refused("decode --tokenizer t", 1,
                     "standard input: line 2: expected ids, whole numbers with blanks between, got "
                     "'x'",
                     "1\n2 x\n");
  work.check_refused("decode --tokenizer t", 1,
                     "standard input: line 1: [tokenizer] expected an id from 0 to 299, got 300",
                     "300\n");
  const std::string train = "train --vocabulary 300 --output out --input ";
  work.check_refused(train + "none", 1, "none: expected a file or folder");
  work.check_refused(train + "-", 1, "standard input: expected text to train on, got none");
  write_file(work.at("bad.jsonl"), "{\"text\": \"a\"}\n{\"text\": 1}\n");
  work.check_refused(train + "bad.jsonl", 1,
                     "bad.jsonl: line 2: expected \"text\" to be a string, got 1");
  work.check_refused(train + "corpus --extension .md", 1, "expected files *.md in the folder");
  write_file(work.at("t/tokenizer.json"), read_file(work.at("t/tokenizer.json")).substr(0, 900));
  work.check_refused("inspect --tokenizer t", 1, "t/tokenizer.json: expected a whole JSON object");
}

// All documents of a folder's split, as ids without their end-of-text tokens.
std::vector<std::vector<std::int32_t>> documents_in(const fs::path& folder, engine::Split split,
                                                    const Tokenizer& tokenizer) {
  const engine::TokenShards shards(folder, split, tokenizer.size());
  std::vector<std::int32_t> ids(static_cast<std::size_t>(shards.size()));
  shards.read(0, {ids.data(), shards.size()});
  std::vector<std::vector<std::int32_t>> documents(1);
  for (const std::int32_t id : ids) {
    if (id == tokenizer.special("<|endoftext|>")) {
      documents.emplace_back();
    } else {
      documents.back().push_back(id);
    }
  }
  REQUIRE(documents.back().empty());  // the token stands behind the last one, too
  documents.pop_back();
  return documents;
}

TEST_CASE("prompts become token files whose mask leaves completions alone", "[command]") {
  const Workplace work;
  work.train();
  std::string lines;
  for (int i = 0; i < 40; ++i) {
    const std::string number = std::to_string(i);
    lines += R"({"prompt": "line number )" + number + R"(:", "completion": " some text )" + number +
             "\"}\n";
  }
  write_file(work.at("answers.jsonl"), lines);
  const std::string command =
      "encode --tokenizer t --document prompt-completion --shard-tokens 150 "
      "--validation-share 0.2 ";
  const Ended ended = work.run(command + "--output data answers.jsonl");
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const Tokenizer tokenizer = Tokenizer::load(work.at("data"));
  const std::int32_t end = *tokenizer.special("<|endoftext|>");
  std::set<std::string> completions;
  for (const auto split : {engine::Split::train, engine::Split::validation}) {
    const engine::TokenShards shards(work.at("data"), split, tokenizer.size());
    REQUIRE(shards.masked());
    std::vector<std::int32_t> ids(static_cast<std::size_t>(shards.size()));
    std::vector<std::uint8_t> counted(ids.size());
    shards.read(0, {ids.data(), shards.size()});
    shards.read_counted(0, {counted.data(), shards.size()});
    std::vector<std::int32_t> prompt, completion;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      (counted[i] == 1 ? completion : prompt).push_back(ids[i]);
      if (ids[i] != end) continue;
      CHECK(counted[i] == 1);
      completion.pop_back();
      const std::string text = tokenizer.decode(completion);
      CHECK(tokenizer.decode(prompt) == "line number " + text.substr(text.rfind(' ') + 1) + ":");
      completions.insert(text);
      prompt.clear();
      completion.clear();
    }
  }
  CHECK(completions.size() == 40);
  CHECK(completions.count(" some text 17") == 1);
  // A mask for each file.
  CHECK(fs::exists(work.at("data/train_001.mask")));
  CHECK(fs::exists(work.at("data/validation_000.mask")));
  CHECK_FALSE(fs::exists(work.at("data.unfinished")));
  // Without a folder the ids of both are one line.
  const Ended printed = work.run("encode --tokenizer t --document prompt-completion answers.jsonl");
  CHECK(lines_in(printed.out) == 40);
}

TEST_CASE("texts become token files for training and validation", "[command]") {
  const Workplace work;
  work.train();
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += "line number " + std::to_string(i) + " of some text\n";
  const std::string command = "encode --tokenizer t --document line --validation-share 0.3 ";
  const Ended ended = work.run(command + "--output data", lines);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(ended.out.rfind("data: ", 0) == 0);
  const Tokenizer tokenizer = Tokenizer::load(work.at("data"));
  auto training = documents_in(work.at("data"), engine::Split::train, tokenizer);
  const auto validation = documents_in(work.at("data"), engine::Split::validation, tokenizer);
  CHECK(training.size() + validation.size() == 40);
  CHECK(validation.size() >= 5);
  CHECK(training.size() >= 20);
  // Each line once, in one of the two, in their order.
  std::set<std::string> texts;
  for (const auto& documents : {training, validation}) {
    for (const auto& ids : documents) texts.insert(tokenizer.decode(ids));
  }
  CHECK(texts.size() == 40);
  CHECK(texts.count("line number 17 of some text") == 1);
  CHECK(tokenizer.decode(training[0]) < tokenizer.decode(training[5]));

  CHECK(nlohmann::json::parse(read_file(work.at("data/texts.json"))).at("end_of_text") ==
        *tokenizer.special("<|endoftext|>"));

  // Cut into files elsewhere it is the same stream; another seed draws other documents.
  REQUIRE(work.run(command + "--shard-tokens 50 --output cut", lines).status == 0);
  CHECK(fs::exists(work.at("cut/train_002.bin")));
  CHECK(documents_in(work.at("cut"), engine::Split::train, tokenizer) == training);
  REQUIRE(work.run(command + "--seed 1 --output other", lines).status == 0);
  CHECK(documents_in(work.at("other"), engine::Split::train, tokenizer) != training);

  const auto check_failed = [&](const std::string& arguments, int status, const std::string& words,
                                const std::string& input) {
    const Ended failed = work.run(arguments, input);
    INFO(arguments << "\n" << failed.err);
    CHECK(failed.status == status);
    CHECK(lines_in(failed.err) == 1);
    CHECK(failed.err.find(words) != std::string::npos);
  };
  check_failed(command + "--output data", 1,
               "data: expected no folder, or an empty one, for token files", lines);
  check_failed(command + "--output none", 1, "none: expected texts for training, found none", "");
  check_failed(command + "--validation-share 1 --output none", 2,
               "expected --validation-share to be a number from 0 to below 1, got '1'", lines);
  check_failed(command + "--jsonl --output none", 2, "jsonl", lines);
  CHECK_FALSE(fs::exists(work.at("none")));
  CHECK_FALSE(fs::exists(work.at("none.unfinished")));
}

}  // namespace
}  // namespace obverse::tokenizer

#include "tokenizer/encode_documents.h"

#include <string>
#include <vector>

#include "tests/tokenizer/small_tokenizer.h"
#include "tokenizer/jsonl.h"
#include "tokenizer/model.h"

namespace obverse::tokenizer {
namespace {

using Documents = std::vector<std::string>;
using Ids = std::vector<std::int32_t>;
using tests::TemporaryFolder;
using tests::write_file;

// The documents of a text, read in blocks of about `block_bytes`.
Documents documents_of(const std::string& text, DocumentKind kind, std::size_t block_bytes) {
  const TemporaryFolder folder;
  write_file(folder.path() / "text", text);
  BlockReader reader({{folder.path() / "text", kind}}, FileCuts::harmless, {}, block_bytes);
  Documents documents;
  bool begins = true;
  for (Block block; reader.next(block);) {
    for_each_document(block, [&](const TextPart& part) {
      if (begins) documents.emplace_back();
      documents.back() += part.text;
      begins = part.ends_document;
    });
  }
  CHECK(begins);
  return documents;
}

TEST_CASE("documents are what they are said to be, in blocks of any size", "[documents]") {
  const std::string text = "one line\r\n\n \t\nthe next lines\nof one text\n\n\nlast";
  for (std::size_t bytes = 1; bytes < 2 * text.size(); ++bytes) {
    INFO(bytes);
    CHECK(documents_of(text, DocumentKind::file, bytes) == Documents{text});
    CHECK(documents_of(text, DocumentKind::line, bytes) ==
          Documents{"one line", "", " \t", "the next lines", "of one text", "", "", "last"});
    CHECK(documents_of(text, DocumentKind::blank_line, bytes) ==
          Documents{"one line", "the next lines\nof one text", "last"});
  }
  CHECK(documents_of("", DocumentKind::file, 100) == Documents{""});
  CHECK(documents_of("", DocumentKind::line, 100).empty());
  CHECK(documents_of("\n", DocumentKind::line, 100) == Documents{""});
  CHECK(documents_of("\n\n \n", DocumentKind::blank_line, 1).empty());
  CHECK(documents_of("{\"text\": \"a\\nb\"}\n{\"text\":\"\"}", DocumentKind::jsonl, 3) ==
        Documents{"a\nb", ""});
}

TEST_CASE("of a prompt and its completion the completion is asked", "[documents]") {
  const TemporaryFolder folder;
  const Tokenizer tokenizer = small_tokenizer();
  const std::filesystem::path path = folder.path() / "x.jsonl";
  std::string lines = "{\"prompt\": \"who? \", \"completion\": \"you\\nand I\"}\r\n";
  lines += "{\"completion\": \"\", \"prompt\": \"\", \"more\": 1}\n";
  write_file(path, lines);
  DocumentOptions options;
  options.end_of_text = *tokenizer.special("<|endoftext|>");
  std::vector<Ids> parts;
  std::string ends, asked;
  const auto encode = [&] {
    encode_documents(tokenizer, {{path, DocumentKind::prompt_completion}}, options,
                     [&](const IdPart& part) {
                       parts.emplace_back(part.ids, part.ids + part.count);
                       ends += part.ends_document ? '1' : '0';
                       asked += part.asked ? '1' : '0';
                     });
  };
  encode();
  Ids completion = tokenizer.encode("you\nand I");
  completion.push_back(*options.end_of_text);
  CHECK(parts ==
        std::vector<Ids>{tokenizer.encode("who? "), completion, {}, {*options.end_of_text}});
  CHECK(ends == "0101");
  CHECK(asked == "0101");
  const auto told = [&](const std::string& line) {
    write_file(path, lines + line);
    const std::string message = message_of<std::runtime_error>(encode);
    const std::string place = path.string() + ": line 3: ";
    REQUIRE(message.rfind(place, 0) == 0);
    return message.substr(place.size());
  };
  const std::string both = "expected a JSON object with \"prompt\" and \"completion\", got ";
  CHECK(told("{\"prompt\": \"a\"}") == both + "{\"prompt\":\"a\"}");
  CHECK(told("{\"completion\": \"a\"}") == both + "{\"completion\":\"a\"}");
  CHECK(told("\n") == both + "''");
  CHECK(told("{\"prompt\": \"a\", \"completion\": 5}") ==
        "expected \"completion\" to be a string, got 5");
  CHECK(told("{\"prompt\": [], \"completion\": 5}") ==
        "expected \"prompt\" to be a string, got []");
  // Lines are counted through all that was read before.
  const std::string good = lines;
  std::size_t count = 2;
  for (; lines.size() < 2 * BlockReader::kUsualBytes; count += 2) lines += good;
  write_file(path, lines + "{}");
  CHECK(message_of<std::runtime_error>(encode) ==
        path.string() + ": line " + std::to_string(count + 1) + ": " + both + "{}");
}

TEST_CASE("files are found in folders, by name", "[documents]") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "deep" / "er");
  for (const char* name : {"b.txt", "a.txt", "deep/er/c.txt", "deep/d.md", "txt"}) {
    write_file(folder.path() / name, "text");
  }
  const auto paths = text_paths(folder.path(), ".txt");
  REQUIRE(paths.size() == 3);
  CHECK(paths[0] == folder.path() / "a.txt");
  CHECK(paths[2] == folder.path() / "deep" / "er" / "c.txt");
  CHECK(text_paths(folder.path() / "deep" / "d.md", ".txt").size() == 1);
  CHECK_THAT(message_of<std::runtime_error>([&] { text_paths(folder.path(), ".html"); }),
             ContainsSubstring("expected files *.html in the folder or below, got none"));
  CHECK_THAT(message_of<std::runtime_error>([&] { text_paths(folder.path() / "no", ".txt"); }),
             ContainsSubstring("no: expected a file or folder"));
}

struct Encoded {
  std::vector<Ids> documents;
  std::size_t parts = 0;
};

Encoded encoded(const Tokenizer& tokenizer, const std::vector<TextFile>& files,
                const DocumentOptions& options) {
  Encoded result;
  bool begins = true;
  encode_documents(tokenizer, files, options, [&](const IdPart& part) {
    if (begins) result.documents.emplace_back();
    result.documents.back().insert(result.documents.back().end(), part.ids, part.ids + part.count);
    begins = part.ends_document;
    ++result.parts;
  });
  CHECK(begins);
  return result;
}

TEST_CASE("documents are encoded in order on any number of threads", "[documents]") {
  const TemporaryFolder folder;
  const Tokenizer tokenizer = small_tokenizer();
  const std::int32_t end = *tokenizer.special("<|endoftext|>");
  std::string lines, long_text;
  std::vector<Ids> expected;
  while (lines.size() < 2 * BlockReader::kUsualBytes) {
    std::string line;
    for (char& letter : line = random_text(expected.size() % 100, 300)) {
      if (letter == '\n' || letter == '\r') letter = ' ';
    }
    line = std::to_string(expected.size()) + line;
    lines += line + "\n";
    long_text += line + "\n" + kSomeText + "<|x|>";
    expected.push_back(tokenizer.encode(line));
    expected.back().push_back(end);
  }
  write_file(folder.path() / "lines", lines);
  write_file(folder.path() / "text", long_text);
  for (const int threads : {1, 4}) {
    DocumentOptions options;
    options.threads = threads;
    options.end_of_text = end;
    CHECK(encoded(tokenizer, {{folder.path() / "lines", DocumentKind::line}}, options).documents ==
          expected);
    for (const auto specials : {Tokenizer::Specials::as_text, Tokenizer::Specials::recognized}) {
      options.specials = specials;
      const Encoded whole =
          encoded(tokenizer, {{folder.path() / "text"}, {folder.path() / "text"}}, options);
      Ids once = tokenizer.encode(long_text, specials);
      once.push_back(end);
      CHECK(whole.documents == std::vector<Ids>{once, once});
      CHECK(whole.parts > 4);  // it was cut
    }
  }
  // Rules that are not known may not be cut.
  Vocabulary vocabulary = tokenizer.model().vocabulary;
  vocabulary.rules = {{"[^y]+"}};
  const Encoded whole = encoded(Tokenizer(vocabulary), {{folder.path() / "text"}}, {});
  CHECK(whole.parts == 1);
  CHECK(whole.documents == std::vector<Ids>{Tokenizer(vocabulary).encode(long_text)});
}

TEST_CASE("a bad line is told by file and number, behind what stands before it", "[documents]") {
  const TemporaryFolder folder;
  const Tokenizer tokenizer = small_tokenizer();
  std::string good;
  std::size_t lines = 0;
  for (; good.size() < 2 * BlockReader::kUsualBytes; ++lines) {
    good += "{\"text\": \"" + std::string(100, 'a') + "\"}\n";
  }
  const std::string place = (folder.path() / "x.jsonl").string() + ": line ";
  const auto told = [&](const std::string& text, int threads, std::size_t& documents) {
    write_file(folder.path() / "x.jsonl", text);
    DocumentOptions options;
    options.threads = threads;
    documents = 0;
    return message_of<std::runtime_error>([&] {
      encode_documents(tokenizer, {{folder.path() / "x.jsonl", DocumentKind::jsonl}}, options,
                       [&](const IdPart&) { ++documents; });
    });
  };
  for (const int threads : {1, 4}) {
    std::size_t documents = 0;
    // Two bad lines far apart: the first is told, whoever is quicker.
    CHECK(told(good + "{\"text\": 5}\n" + good + "no JSON\n", threads, documents) ==
          place + std::to_string(lines + 1) + ": expected \"text\" to be a string, got 5");
    CHECK(documents > lines / 4);
    CHECK(documents <= lines);
  }
  std::size_t documents = 0;
  CHECK(told("{\"text\": \"a\"}\n\n", 1, documents) ==
        place + "2: expected a JSON object with \"text\", got ''");
  CHECK(told("{\"txt\": \"a\"}\n", 1, documents) ==
        place + "1: expected a JSON object with \"text\", got {\"txt\":\"a\"}");
  CHECK(told("[\"text\"]", 1, documents) ==
        place + "1: expected a JSON object with \"text\", got [\"text\"]");
  CHECK(told("{\"text\": \"\xFF\"}", 1, documents) ==
        place +
            "1: expected a JSON object with \"text\", got '{\"text\": \".\"}', which is no UTF-8");
  CHECK(told("{\"text\": \"a\"", 1, documents) ==
        place + "1: expected a JSON object with \"text\", got '{\"text\": \"a\"'");
}

TEST_CASE("an error where ids go ends the encoding", "[documents]") {
  const TemporaryFolder folder;
  write_file(folder.path() / "text", std::string(5 * BlockReader::kUsualBytes, '\n'));
  const Tokenizer tokenizer = small_tokenizer();
  for (const int threads : {1, 4}) {
    DocumentOptions options;
    options.threads = threads;
    int calls = 0;
    CHECK(message_of<std::runtime_error>([&] {
            encode_documents(tokenizer, {{folder.path() / "text", DocumentKind::line}}, options,
                             [&](const IdPart&) {
                               if (++calls == 3) throw std::runtime_error("the disk is full");
                             });
          }) == "the disk is full");
    CHECK(calls == 3);
  }
  DocumentOptions options;
  options.threads = 0;
  CHECK(message_of<std::invalid_argument>([&] { encode_documents(tokenizer, {}, options, {}); }) ==
        "[tokenizer] expected 1 to 1024 threads, got 0");
  options = {};
  options.end_of_text = 300;
  CHECK_THAT(
      message_of<std::invalid_argument>([&] { encode_documents(tokenizer, {}, options, {}); }),
      ContainsSubstring("expected an id from 0 to 299, got 300"));
}

TEST_CASE("damaged lines are read or refused, and nothing else", "[documents]") {
  const std::string text_lines = R"({"text": "a\u00e9\"\n", "id": [1, {"text": 2}]})";
  const std::string ids_lines = R"({"ids": [1, 20, 300], "text": null})";
  kernels::RandomSequence random = draws(4);
  std::size_t refused = 0;
  for (int time = 0; time < 2000; ++time) {
    std::string line = time % 2 == 0 ? text_lines : ids_lines;
    for (std::uint64_t change = random.integer(3) + 1; change > 0; --change) {
      const std::size_t at = random.integer(line.size());
      if (random.integer(3) == 0) {
        line.erase(at, 1);
      } else {
        line[at] = random.integer(2) == 0 ? static_cast<char>(random.integer(256))
                                          : "{}[],:\"\\u0-.e"[random.integer(13)];
      }
    }
    try {
      if (time % 2 == 0) {
        jsonl_text(line, "here");
      } else {
        for (const std::int32_t id : jsonl_ids(line, "here")) REQUIRE(id >= 0);
      }
    } catch (const std::runtime_error& error) {
      REQUIRE(std::string(error.what()).rfind("here: expected ", 0) == 0);
      ++refused;
    }
  }
  CHECK(refused > 500);
}

}  // namespace
}  // namespace obverse::tokenizer

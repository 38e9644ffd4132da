#include <algorithm>
#include <charconv>
#include <cstdio>
#include <stdexcept>

#include "experiments/tokenize/command_support.h"
#include "experiments/tokenize/commands.h"
#include "tokenizer/jsonl.h"

namespace obverse::tokenize {
namespace {

// The whole numbers of a line, between blanks or commas.
std::vector<std::int32_t> ids_of(std::string_view line, const std::string& where) {
  std::vector<std::int32_t> ids;
  const char* at = line.data();
  const char* const end = at + line.size();
  const auto is_between = [](char letter) {
    return letter == ' ' || letter == ',' || letter == '\t' || letter == '\r';
  };
  while (true) {
    at = std::find_if_not(at, end, is_between);
    if (at == end) return ids;
    const char* const word_end = std::find_if(at, end, is_between);
    std::int32_t id = 0;
    const auto [stopped, error] = std::from_chars(at, word_end, id);
    if (error != std::errc() || stopped != word_end) {
      throw std::runtime_error(where + ": expected ids, whole numbers with blanks between, got '" +
                               std::string(at, std::min<std::ptrdiff_t>(word_end - at, 40)) + "'");
    }
    ids.push_back(id);
    at = word_end;
  }
}

std::string decoded(const tokenizer::Tokenizer& tokenizer, const std::vector<std::int32_t>& ids,
                    const std::string& where) {
  try {
    return tokenizer.decode(ids);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(where + ": " + error.what());
  }
}

}  // namespace

int decode_command(int argc, char** argv) {
  cxxopts::Options options(
      "obverse-tokenize decode",
      "Prints what ids stand for, byte for byte: what was encoded, whether it is text or not.\n\n"
      "  echo 15496 995 | obverse-tokenize decode --tokenizer gpt2/\n"
      "  obverse-tokenize decode --tokenizer gpt2/ --jsonl < ids.jsonl > texts.jsonl\n");
  options.positional_help("[FILE ...]");
  options.add_options()("files",
                        "Ids, with blanks, commas or line ends between; standard input "
                        "where none or - is given",
                        cxxopts::value<std::vector<std::string>>(), "FILE")(
      "tokenizer", "tokenizer.json, vocab.bpe, or the folder of it", cxxopts::value<std::string>(),
      "PATH")("jsonl", "Read {\"ids\"} lines and write {\"text\"} lines")("help", "This text");
  const auto parsed = parse_or_help(options, argc, argv, "files");
  if (!parsed) return 0;
  const bool jsonl = parsed->count("jsonl") > 0;
  const tokenizer::Tokenizer tokenizer = tokenizer_option(*parsed);
  const auto files = text_files(*parsed, tokenizer::DocumentKind::line, jsonl ? ".jsonl" : ".txt");
  for (const tokenizer::TextFile& file : files) {
    tokenizer::BlockReader reader({file}, tokenizer::FileCuts::none);
    std::size_t number = 0;
    for (tokenizer::Block block; reader.next(block);) {
      tokenizer::for_each_document(block, [&](const tokenizer::TextPart& part) {
        const std::string where = file.name() + ": line " + std::to_string(++number);
        const auto ids = jsonl ? tokenizer::jsonl_ids(part.text, where) : ids_of(part.text, where);
        const std::string text = decoded(tokenizer, ids, where);
        print(jsonl ? tokenizer::text_line(text, where) + "\n" : text);
      });
    }
  }
  return 0;
}

}  // namespace obverse::tokenize

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "experiments/tokenize/command_support.h"
#include "experiments/tokenize/commands.h"
#include "tokenizer/encode_documents.h"
#include "tokenizer/model.h"

namespace obverse::tokenize {
namespace {

// Bytes so that they stay on a line and are told apart: what is no ASCII as \xFF, unless it is part
// of UTF-8 as a whole.
std::string shown(std::string_view bytes) {
  const bool is_text = tokenizer::valid_prefix(bytes) == bytes.size();
  std::string text;
  for (const char letter : bytes) {
    const auto byte = static_cast<unsigned char>(letter);
    char escape[8];
    if (letter == '\n') {
      text += "\\n";
    } else if (byte < ' ' || byte == 0x7F || letter == '\\' || (byte >= 0x80 && !is_text)) {
      std::snprintf(escape, sizeof escape, letter == '\\' ? "\\\\" : "\\x%02X", byte);
      text += escape;
    } else {
      text += letter;
    }
  }
  return text;
}

void print_sizes(const tokenizer::Tokenizer& tokenizer, std::int64_t longest) {
  const tokenizer::Vocabulary& vocabulary = tokenizer.model().vocabulary;
  std::printf("tokens      %lld: 256 bytes, %zu merges, %zu added\n",
              static_cast<long long>(tokenizer.size()), vocabulary.merges.size(),
              vocabulary.added.size());
  std::printf("pre-tokens  %s%s\n", tokenizer.model().pretokenizer.name().c_str(),
              vocabulary.ignores_merges ? ", whole ones taken where they are tokens" : "");
  for (const tokenizer::AddedToken& token : vocabulary.added) {
    std::printf("%-10s  %d '%s'\n", token.special ? "special" : "added", token.id,
                shown(tokenizer.bytes_of(token.id)).c_str());
  }
  std::vector<std::int32_t> ids(static_cast<std::size_t>(tokenizer.size()));
  std::iota(ids.begin(), ids.end(), 0);
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(longest), ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                    [&tokenizer](std::int32_t a, std::int32_t b) {
                      const std::size_t bytes_a = tokenizer.bytes_of(a).size();
                      const std::size_t bytes_b = tokenizer.bytes_of(b).size();
                      return bytes_a != bytes_b ? bytes_a > bytes_b : a < b;
                    });
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view bytes = tokenizer.bytes_of(ids[i]);
    std::printf("longest     %d '%s' %zu bytes\n", ids[i], shown(bytes).c_str(), bytes.size());
  }
}

// The text with a bar between tokens, and the ids below.
void print_boundaries(const tokenizer::Tokenizer& tokenizer, const std::string& text,
                      tokenizer::Tokenizer::Specials specials) {
  const auto ids = tokenizer.encode(text, specials);
  std::string tokens, numbers;
  for (const std::int32_t id : ids) {
    tokens += (tokens.empty() ? "" : "|") + shown(tokenizer.bytes_of(id));
    numbers += (numbers.empty() ? "" : " ") + std::to_string(id);
  }
  std::printf("text        %s\nids         %s\n", tokens.c_str(), numbers.c_str());
}

void print_compression(const tokenizer::Tokenizer& tokenizer,
                       const std::vector<tokenizer::TextFile>& files,
                       const tokenizer::DocumentOptions& options) {
  std::uint64_t tokens = 0, bytes = 0;
  tokenizer::encode_documents(tokenizer, files, options, [&](const tokenizer::IdPart& part) {
    tokens += part.count;
    for (std::size_t i = 0; i < part.count; ++i) {
      bytes += tokenizer.bytes_of(part.ids[i]).size();
    }
  });
  std::printf("encoded     %llu bytes, %llu tokens, %.3f bytes a token\n",
              static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(tokens),
              tokens == 0 ? 0.0 : static_cast<double>(bytes) / static_cast<double>(tokens));
}

}  // namespace

int inspect_command(int argc, char** argv) {
  cxxopts::Options options(
      "obverse-tokenize inspect",
      "Prints a tokenizer's sizes, special tokens, pre-token rules and longest tokens; how many\n"
      "bytes a token stands for in texts; where the tokens of a text begin.\n\n"
      "  obverse-tokenize inspect --tokenizer gpt2/\n"
      "  obverse-tokenize inspect --tokenizer gpt2/ --text 'Hello world'\n"
      "  obverse-tokenize inspect --tokenizer my_tokenizer --longest 40 book.txt notes/\n");
  options.positional_help("[FILE_OR_FOLDER ...]");
  options.add_options()("files", "Texts; - for standard input",
                        cxxopts::value<std::vector<std::string>>(), "FILE_OR_FOLDER")(
      "tokenizer", "tokenizer.json, vocab.bpe, or the folder of it", cxxopts::value<std::string>(),
      "PATH")("text", "A text whose tokens are shown", cxxopts::value<std::string>(), "TEXT")(
      "specials", "Special tokens in texts are recognized")(
      "longest", "How many of the longest tokens (10)", cxxopts::value<std::string>(), "N")(
      "extension", "Names of the files that are read in folders (.txt)",
      cxxopts::value<std::string>(),
      "END")("threads", "Threads that encode (one a processor)", cxxopts::value<std::string>(),
             "N")("help", "This text");
  const auto parsed = parse_or_help(options, argc, argv, "files");
  if (!parsed) return 0;
  const std::int64_t longest = number_option(*parsed, "longest", 10, 0, INT32_MAX);
  tokenizer::DocumentOptions encoding;
  encoding.threads = threads_option(*parsed);
  if (parsed->count("specials") > 0) encoding.specials = tokenizer::Tokenizer::Specials::recognized;
  const tokenizer::Tokenizer tokenizer = tokenizer_option(*parsed);
  print_sizes(tokenizer, longest);
  if (parsed->count("text") > 0) {
    print_boundaries(tokenizer, (*parsed)["text"].as<std::string>(), encoding.specials);
  }
  if (parsed->count("files") > 0) {
    const std::string extension =
        parsed->count("extension") > 0 ? (*parsed)["extension"].as<std::string>() : ".txt";
    print_compression(tokenizer, text_files(*parsed, tokenizer::DocumentKind::file, extension),
                      encoding);
  }
  return 0;
}

}  // namespace obverse::tokenize

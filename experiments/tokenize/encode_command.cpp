#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "experiments/tokenize/command_support.h"
#include "experiments/tokenize/commands.h"
#include "experiments/tokenize/shard_folder.h"
#include "tokenizer/encode_documents.h"
#include "tokenizer/encoder.h"
#include "tokenizer/jsonl.h"

namespace obverse::tokenize {
namespace {

using tokenizer::DocumentKind;

cxxopts::Options describe_options() {
  cxxopts::Options options(
      "obverse-tokenize encode",
      "Prints the ids of texts, a line a document, in order. Any bytes are text.\n\n"
      "  echo 'Hello world' | obverse-tokenize encode --tokenizer gpt2/\n"
      "  obverse-tokenize encode --tokenizer gpt2/ --jsonl < texts.jsonl > ids.jsonl\n"
      "  obverse-tokenize encode --tokenizer gpt2/ --document blank-line \\\n"
      "    --end-of-text '<|endoftext|>' --threads 8 books/ > ids.txt\n"
      "  obverse-tokenize encode --tokenizer gpt2/ --output data/ books/\n"
      "  obverse-tokenize encode --tokenizer gpt2/ --document prompt-completion \\\n"
      "    --output data/ answers.jsonl\n"
      "  obverse-tokenize encode --tokenizer gpt2/ --timing 5 book.txt\n");
  options.positional_help("[FILE_OR_FOLDER ...]");
  const auto text = [] { return cxxopts::value<std::string>(); };
  options.add_options()("files", "Texts; standard input where none or - is given",
                        cxxopts::value<std::vector<std::string>>(), "FILE_OR_FOLDER")(
      "tokenizer", "tokenizer.json, vocab.bpe, or the folder of it", text(), "PATH")(
      "document",
      "What a document is: file, line, blank-line (lines between blank ones), jsonl (\"text\" of "
      "a JSON object a line) or prompt-completion (\"prompt\" and \"completion\" of one; with "
      "--output, training asks for completions alone) (file)",
      text(), "KIND")("jsonl", "Read {\"text\"} lines and write {\"ids\"} lines")(
      "end-of-text",
      "Special token to put behind each document; with --output usually <|endoftext|>", text(),
      "TOKEN")("specials",
               "Special tokens in a text are recognized; usually they are text like any other")(
      "extension", "Names of the files that are read in folders (.txt)", text(), "END")(
      "threads", "Threads that encode (one a processor)", text(), "N")(
      "timing",
      "Encode everything N times in memory, as one text and on one thread, and print the "
      "seconds of each as JSON",
      text(), "N")("output",
                   "Write token files for obverse-train into a new folder instead of printing ids",
                   text(), "FOLDER")(
      "validation-share", "With --output: share of documents that are for validation (0.01)",
      text(), "R")("seed", "With --output: of the draw of these documents (0)", text(), "N")(
      "shard-tokens", "With --output: tokens of a file, about (100000000)", text(), "N")(
      "help", "This text");
  return options;
}

DocumentKind document_option(const cxxopts::ParseResult& parsed) {
  const bool jsonl = parsed.count("jsonl") > 0;
  const std::string name = parsed.count("document") > 0 ? parsed["document"].as<std::string>()
                           : jsonl                      ? "jsonl"
                                                        : "file";
  if (jsonl && name != "jsonl") {
    throw UsageError("expected --document jsonl, or none, beside --jsonl, got '" + name + "'");
  }
  if (name == "file") return DocumentKind::file;
  if (name == "line") return DocumentKind::line;
  if (name == "blank-line") return DocumentKind::blank_line;
  if (name == "jsonl") return DocumentKind::jsonl;
  if (name == "prompt-completion") return DocumentKind::prompt_completion;
  throw UsageError("expected --document file, line, blank-line, jsonl or prompt-completion, got '" +
                   name + "'");
}

std::int32_t special_option(const cxxopts::ParseResult& parsed, const std::string& name,
                            const tokenizer::Tokenizer& tokenizer) {
  const auto token = parsed[name].as<std::string>();
  const auto id = tokenizer.special(token);
  if (!id) {
    throw UsageError("expected --" + name + " to be a special token of the tokenizer, got '" +
                     token + "'; `inspect` lists them");
  }
  return *id;
}

// Prints a line of ids for each document, which may come in parts.
tokenizer::IdSink printing_ids() {
  return [is_first = true](const tokenizer::IdPart& part) mutable {
    std::string line;
    char digits[16];
    for (std::size_t i = 0; i < part.count; ++i) {
      if (!is_first) line += ' ';
      is_first = false;
      line.append(digits, std::to_chars(digits, digits + sizeof digits, part.ids[i]).ptr);
    }
    if (part.ends_document) {
      line += '\n';
      is_first = true;
    }
    print(line);
  };
}

// Documents of JSON lines never come in parts.
tokenizer::IdSink printing_json() {
  return [](const tokenizer::IdPart& part) {
    print(tokenizer::ids_line(part.ids, part.count) + "\n");
  };
}

// Seconds of encoding alone: what was read is in memory, and each time begins with an empty cache.
// Those of the processor are the ones to compare where others use the machine, too.
void print_timing(const tokenizer::Tokenizer& tokenizer,
                  const std::vector<tokenizer::TextFile>& files,
                  const tokenizer::DocumentOptions& options, std::int64_t times) {
  using Clock = std::chrono::steady_clock;
  std::string text;
  tokenizer::BlockReader reader(files, tokenizer::FileCuts::none);
  for (tokenizer::Block block; reader.next(block);) {
    tokenizer::for_each_document(block,
                                 [&text](const tokenizer::TextPart& part) { text += part.text; });
  }
  tokenizer::CharacterClasses::table();
  nlohmann::ordered_json timing;
  timing["bytes"] = text.size();
  for (std::int64_t time = 0; time < times; ++time) {
    tokenizer::Encoder encoder(tokenizer);
    std::vector<std::int32_t> ids;
    const std::clock_t processor_start = std::clock();
    const Clock::time_point start = Clock::now();
    encoder.encode(text, ids, options.specials);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    timing["processor_seconds"].push_back(static_cast<double>(std::clock() - processor_start) /
                                          CLOCKS_PER_SEC);
    timing["tokens"] = ids.size();
    timing["seconds"].push_back(seconds);
  }
  print(timing.dump() + "\n");
}

void write_shards(const cxxopts::ParseResult& parsed, const tokenizer::Tokenizer& tokenizer,
                  const std::vector<tokenizer::TextFile>& files,
                  tokenizer::DocumentOptions encoding) {
  if (parsed.count("jsonl") > 0) {
    throw UsageError("expected --document jsonl beside --output, got --jsonl, which prints ids");
  }
  if (!encoding.end_of_text) encoding.end_of_text = tokenizer.special("<|endoftext|>");
  if (!encoding.end_of_text) {
    throw UsageError(
        "expected --end-of-text beside --output, since the tokenizer has no "
        "<|endoftext|>; `inspect` lists its special tokens");
  }
  constexpr std::int64_t kMostTokens = 2'000'000'000;
  ShardOptions options;
  options.shard_tokens =
      number_option(parsed, "shard-tokens", options.shard_tokens, 1, kMostTokens);
  options.validation_share = share_option(parsed, "validation-share", options.validation_share);
  options.masked = files.front().kind == DocumentKind::prompt_completion;
  options.seed = static_cast<std::uint64_t>(number_option(parsed, "seed", 0, 0, kMostTokens));
  options.end_of_text = *encoding.end_of_text;
  const std::string folder = parsed["output"].as<std::string>();
  ShardFolder shards(folder, tokenizer, options);
  {
    Progress progress("encoding", "MB", 1e6);
    tokenizer::encode_documents(
        tokenizer, files, encoding, [&shards](const tokenizer::IdPart& part) { shards.add(part); },
        [&progress](std::uint64_t done, std::uint64_t all) { progress.show(done, all); });
  }
  const ShardFolder::Totals totals = shards.finish();
  const auto number = [](std::int64_t count) { return std::to_string(count); };
  print(folder + ": " + number(totals.training_tokens) + " tokens of " +
        number(totals.training_documents) + " documents for training, " +
        number(totals.validation_tokens) + " of " + number(totals.validation_documents) +
        " for validation\n");
}

}  // namespace

int encode_command(int argc, char** argv) {
  cxxopts::Options options = describe_options();
  const auto parsed = parse_or_help(options, argc, argv, "files");
  if (!parsed) return 0;
  const DocumentKind kind = document_option(*parsed);
  const std::int64_t times = number_option(*parsed, "timing", 0, 1, 1000);
  tokenizer::DocumentOptions encoding;
  encoding.threads = threads_option(*parsed);
  if (parsed->count("specials") > 0) encoding.specials = tokenizer::Tokenizer::Specials::recognized;
  const tokenizer::Tokenizer tokenizer = tokenizer_option(*parsed);
  if (parsed->count("end-of-text") > 0) {
    encoding.end_of_text = special_option(*parsed, "end-of-text", tokenizer);
  }
  const auto files =
      text_files(*parsed, kind,
                 parsed->count("extension") > 0 ? (*parsed)["extension"].as<std::string>()
                 : tokenizer::is_json(kind)     ? ".jsonl"
                                                : ".txt");
  if (times > 0) {
    print_timing(tokenizer, files, encoding, times);
    return 0;
  }
  if (parsed->count("output") > 0) {
    write_shards(*parsed, tokenizer, files, encoding);
    return 0;
  }
  const tokenizer::IdSink sink = parsed->count("jsonl") > 0 ? printing_json() : printing_ids();
  Progress progress("encoding", "MB", 1e6);
  tokenizer::encode_documents(
      tokenizer, files, encoding, sink,
      [&progress](std::uint64_t done, std::uint64_t all) { progress.show(done, all); });
  return 0;
}

}  // namespace obverse::tokenize

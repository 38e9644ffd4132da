#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "experiments/tokenize/command_support.h"
#include "experiments/tokenize/commands.h"
#include "experiments/tokenize/made_folders.h"
#include "tokenizer/train.h"

namespace obverse::tokenize {
namespace {

using Words = std::vector<std::string>;

cxxopts::Options describe_options() {
  cxxopts::Options options(
      "obverse-tokenize train",
      "Finds the vocabulary of a corpus and writes it to FOLDER/tokenizer.json, which\n"
      "obverse-tokenize and the Python libraries tokenizers and transformers read. Each file is a\n"
      "text, each line of a .jsonl file the text of its \"text\". The same files and options give\n"
      "the same vocabulary, whatever the number of threads.\n\n"
      "  obverse-tokenize train --input texts/ --vocabulary 8192 --output my_tokenizer\n"
      "  obverse-tokenize train --input books,notes.txt,web.jsonl --vocabulary 50257 \\\n"
      "    --pattern gpt2 --special '<|endoftext|>' --format gpt2 --output my_tokenizer\n");
  options.add_options()("input",
                        "Files; folders, which are read to their last one; - for standard "
                        "input",
                        cxxopts::value<Words>(), "PATH,..")(
      "extension", "Names of the files that are read in folders (.txt)",
      cxxopts::value<std::string>(),
      "END")("vocabulary", "How many tokens: 256 bytes, special ones, and merges",
             cxxopts::value<std::string>(), "N")("pattern", "Pre-token rules: gpt2 or gpt4 (gpt2)",
                                                 cxxopts::value<std::string>(), "NAME")(
      "special", "Special tokens, which get the last ids (<|endoftext|>)", cxxopts::value<Words>(),
      "TEXT,..")("least-count", "A pair that stands less often is not merged (2)",
                 cxxopts::value<std::string>(), "N")(
      "threads", "Threads that count (one a processor)", cxxopts::value<std::string>(), "N")(
      "format", "huggingface: tokenizer.json; gpt2: vocab.bpe and encoder.json, too (huggingface)",
      cxxopts::value<std::string>(), "NAME")(
      "output", "Folder to write to", cxxopts::value<std::string>(), "FOLDER")("help", "This text");
  return options;
}

std::vector<tokenizer::TextFile> corpus(const Words& inputs, const std::string& extension) {
  std::vector<tokenizer::TextFile> files;
  for (const std::string& input : inputs) {
    for (const auto& path : tokenizer::text_paths(input, extension)) {
      files.push_back({path, path.extension() == ".jsonl" ? tokenizer::DocumentKind::jsonl
                                                          : tokenizer::DocumentKind::file});
    }
  }
  return files;
}

std::string text_option(const cxxopts::ParseResult& parsed, const std::string& name,
                        const std::string& usual) {
  return parsed.count(name) > 0 ? parsed[name].as<std::string>() : usual;
}

}  // namespace

int train_command(int argc, char** argv) {
  cxxopts::Options options = describe_options();
  const auto parsed = parse_or_help(options, argc, argv);
  if (!parsed) return 0;
  for (const char* needed : {"input", "vocabulary", "output"}) {
    if (parsed->count(needed) == 0) {
      throw UsageError(std::string("expected --") + needed + "; see --help");
    }
  }
  tokenizer::TrainingOptions training;
  training.vocabulary = number_option(*parsed, "vocabulary", 0, 0, INT32_MAX);
  training.pattern = text_option(*parsed, "pattern", training.pattern);
  training.specials =
      parsed->count("special") > 0 ? (*parsed)["special"].as<Words>() : Words{"<|endoftext|>"};
  training.least_count = number_option(*parsed, "least-count", 2, 1, INT64_MAX);
  training.threads = threads_option(*parsed);
  const std::string format = text_option(*parsed, "format", "huggingface");
  if (format != "huggingface" && format != "gpt2") {
    throw UsageError("expected --format huggingface or gpt2, got '" + format + "'");
  }
  if (format == "gpt2" && training.pattern != "gpt2") {
    throw UsageError("expected --pattern gpt2 for --format gpt2, whose files hold no rules, got '" +
                     training.pattern + "'");
  }
  try {
    check_training_options(training);
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  const std::filesystem::path output = (*parsed)["output"].as<std::string>();
  std::error_code error;  // of what cannot be there is told when it is to be made
  if (std::filesystem::exists(output, error) && !std::filesystem::is_directory(output, error)) {
    throw UsageError("expected --output to be a folder, got the file " + output.string());
  }

  const auto files =
      corpus((*parsed)["input"].as<Words>(), text_option(*parsed, "extension", ".txt"));
  const tokenizer::TrainedTokenizer trained = [&] {
    Progress counting("counting words", "MB", 1e6), merging("merging", "tokens", 1);
    return tokenizer::train(
        files, training,
        {[&counting](std::uint64_t done, std::uint64_t all) { counting.show(done, all); },
         [&merging](std::uint64_t done, std::uint64_t all) { merging.show(done, all); }});
  }();
  MadeFolders folders(output, output);
  trained.tokenizer.save(output);
  if (format == "gpt2") trained.tokenizer.save_gpt2(output);
  folders.keep();
  std::printf("%zu files, %.1f MB, %llu pre-tokens, %llu of them distinct\n", files.size(),
              static_cast<double>(trained.bytes) / 1e6,
              static_cast<unsigned long long>(trained.words),
              static_cast<unsigned long long>(trained.distinct_words));
  std::printf("counted in %.2f s, merged in %.2f s\n", trained.counting_seconds,
              trained.merging_seconds);
  if (trained.tokenizer.size() < training.vocabulary) {
    std::printf("no pair is left that stands %lld times: %lld tokens instead of %lld\n",
                static_cast<long long>(training.least_count),
                static_cast<long long>(trained.tokenizer.size()),
                static_cast<long long>(training.vocabulary));
  }
  std::printf("Tokenizer: %s\n", (output / "tokenizer.json").c_str());
  return 0;
}

}  // namespace obverse::tokenize

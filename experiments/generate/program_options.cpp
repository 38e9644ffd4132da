#include "experiments/generate/program_options.h"

#include <charconv>
#include <cxxopts.hpp>
#include <istream>
#include <iterator>

#include "kernels/core/check.h"

namespace obverse::generation {
namespace {

constexpr const char* kAbout =
    "Continues texts, or fills their gaps, with a trained model: a folder with model.safetensors,\n"
    "config.json and tokenizer.json. Prompts come from --prompt, --input or standard input.\n\n"
    "  obverse-generate --model runs/small --prompt 'Once upon a time' --tokens 200\n"
    "  obverse-generate --model runs/small --prompt 'Once' --samples 5 --temperature 0.8 --top-p "
    "0.95\n"
    "  obverse-generate --model runs/small --input prompts.txt --greedy --jsonl > answers.jsonl\n"
    "  obverse-generate --model runs/masked --infill 'The <gap> sat on the <gap:2>.'\n";

cxxopts::Options make_options() {
  cxxopts::Options options("obverse-generate", kAbout);
  const auto text = [] { return cxxopts::value<std::string>(); };
  options.add_options("Texts")("model", "Folder of the model", text(), "FOLDER")(
      "prompt", "A text to continue; may be given several times", text(), "TEXT")(
      "input", "File of prompts, one a line; - for standard input", text(), "FILE")(
      "whole", "The input is one prompt, line ends and all")(
      "infill",
      "A text with gaps to fill: <gap>, or <gap:5> for five tokens; may be given several "
      "times",
      text(), "TEXT");
  options.add_options("Choices")("tokens", "New tokens of each text, at most (128)", text(), "N")(
      "samples", "Texts for each prompt (1)", text(), "N")("greedy", "Always the likeliest token")(
      "temperature", "Above 1 flatter, below 1 sharper (1)", text(), "X")(
      "top-k", "Only the N likeliest tokens", text(), "N")(
      "top-p", "Only the fewest tokens that are so likely together", text(), "P")(
      "min-p", "Only tokens that are so likely beside the likeliest", text(), "P")(
      "seed", "Names the draws (0)", text(), "N")(
      "steps", "Passes of the model that fill a text's gaps (one for each token)", text(), "N");
  options.add_options("Running")("device", "cpu or cuda (cpu)", text(), "NAME")(
      "precision", "fp32 or, on cuda, bf16 (fp32)", text(), "NAME")("batch", "Texts at a time (16)",
                                                                    text(), "N")(
      "jsonl", "One JSON object a line for each text")("help", "This text");
  return options;
}

// The last value of an option, whole: a comma in it is no separator.
std::string value_of(const cxxopts::ParseResult& parsed, const std::string& option) {
  std::string value;
  for (const cxxopts::KeyValue& argument : parsed.arguments()) {
    if (argument.key() == option) value = argument.value();
  }
  return value;
}

template <typename Number>
void read_number(const cxxopts::ParseResult& parsed, const std::string& option, Number least,
                 Number most, Number& number) {
  if (parsed.count(option) == 0) return;
  const std::string text = value_of(parsed, option);
  Number value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Written so that NaN fails.
  if (error != std::errc() || stop != text.data() + text.size() ||
      !(value >= least && value <= most)) {
    std::ostringstream message;
    message << "expected --" << option << " from " << least << " to " << most << ", got '" << text
            << "'; see --help";
    throw UsageError(message.str());
  }
  number = value;
}

std::string read_word(const cxxopts::ParseResult& parsed, const std::string& option,
                      const std::vector<std::string>& words) {
  if (parsed.count(option) == 0) return words.front();
  const std::string text = value_of(parsed, option);
  for (const std::string& word : words) {
    if (text == word) return text;
  }
  throw UsageError("expected --" + option + " " + words[0] + " or " + words[1] + ", got '" + text +
                   "'; see --help");
}

std::vector<SourceText> texts_of(const cxxopts::ParseResult& parsed, const std::string& option) {
  std::vector<SourceText> texts;
  for (const cxxopts::KeyValue& argument : parsed.arguments()) {
    if (argument.key() != option) continue;
    texts.push_back({argument.value(), "--" + option});
  }
  for (std::size_t i = 0; texts.size() > 1 && i < texts.size(); ++i) {
    texts[i].source += " " + std::to_string(i + 1);
  }
  return texts;
}

cxxopts::ParseResult parse(cxxopts::Options& options, int argc, char** argv) {
  try {
    return options.parse(argc, argv);
  } catch (const std::exception& error) {  // cxxopts' base class has another name in every release
    throw UsageError(std::string(error.what()) + "; see --help");
  }
}

}  // namespace

ProgramOptions parse_program_options(int argc, char** argv) {
  cxxopts::Options options = make_options();
  const cxxopts::ParseResult parsed = parse(options, argc, argv);
  ProgramOptions result;
  if (parsed.count("help") > 0) {
    result.help_text = options.help({"Texts", "Choices", "Running"});
    return result;
  }
  if (!parsed.unmatched().empty()) {
    throw UsageError("unexpected argument '" + parsed.unmatched().front() + "'; see --help");
  }
  for (const std::string option : {"model", "input"}) {
    if (parsed.count(option) > 0 && value_of(parsed, option).empty()) {
      throw UsageError("expected a value behind --" + option + ", got ''; see --help");
    }
  }
  result.model = value_of(parsed, "model");
  if (result.model.empty()) throw UsageError("expected --model FOLDER; see --help");
  result.prompts = texts_of(parsed, "prompt");
  result.gaps = texts_of(parsed, "infill");
  result.input = value_of(parsed, "input");
  result.whole = parsed.count("whole") > 0;
  result.jsonl = parsed.count("jsonl") > 0;
  if (result.prompts.empty() && result.gaps.empty() && result.input.empty()) result.input = "-";
  if (!result.gaps.empty() && (!result.prompts.empty() || !result.input.empty())) {
    throw UsageError("expected prompts or --infill, got both; see --help");
  }
  constexpr std::int64_t kMost = 1000000;
  read_number<std::int64_t>(parsed, "tokens", 1, kMost, result.tokens);
  read_number<std::int64_t>(parsed, "samples", 1, kMost, result.samples);
  read_number<std::int64_t>(parsed, "batch", 1, 4096, result.rows);
  read_number<std::int64_t>(parsed, "steps", 1, kMost, result.steps);
  result.sampling.greedy = parsed.count("greedy") > 0;
  read_number<double>(parsed, "temperature", 1e-6, 1e6, result.sampling.temperature);
  read_number<std::int64_t>(parsed, "top-k", 1, kMost, result.sampling.top_k);
  read_number<double>(parsed, "top-p", 1e-6, 1.0, result.sampling.top_p);
  read_number<double>(parsed, "min-p", 0.0, 1.0, result.sampling.min_p);
  read_number<std::uint64_t>(parsed, "seed", 0, static_cast<std::uint64_t>(-1),
                             result.sampling.seed);
  if (result.sampling.greedy && result.samples > 1) {
    throw UsageError(
        "expected one sample with --greedy, which gives the same text each time, got " +
        std::to_string(result.samples) + "; see --help");
  }
  result.device = read_word(parsed, "device", {"cpu", "cuda"});
  result.precision = read_word(parsed, "precision", {"fp32", "bf16"});
  if (result.precision == "bf16" && result.device == "cpu") {
    throw UsageError("expected --precision fp32 with --device cpu, got 'bf16'; see --help");
  }
  return result;
}

std::vector<SourceText> read_prompts(const ProgramOptions& options, std::istream& input,
                                     const std::string& name) {
  std::vector<SourceText> prompts = options.prompts;
  if (options.input.empty()) return prompts;
  if (options.whole) {
    prompts.push_back({std::string(std::istreambuf_iterator<char>(input), {}), name});
  } else {
    std::int64_t number = 0;
    for (std::string line; std::getline(input, line);) {
      ++number;
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty()) prompts.push_back({line, name + ":" + std::to_string(number)});
    }
  }
  if (input.bad()) throw std::runtime_error(name + ": cannot be read");
  if (prompts.empty()) throw std::runtime_error(name + ": expected a prompt, got none");
  return prompts;
}

}  // namespace obverse::generation

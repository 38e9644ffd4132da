#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/generation/generate.h"
#include "experiments/generate/ordered_output.h"
#include "experiments/generate/text_model.h"
#include "experiments/generate/utf8_stream.h"

namespace obverse::generation {
namespace {

using engine::Ending;
using engine::Generation;

std::vector<std::int32_t> encode_prompt(const TextModel& of, const SourceText& prompt) {
  std::vector<std::int32_t> tokens = of.encode(prompt.text);
  if (of.begin_token >= 0 && (of.begins_texts || tokens.empty())) {
    tokens.insert(tokens.begin(), of.begin_token);
  }
  const std::int64_t context = of.model.config().context;
  if (tokens.empty()) {
    throw std::runtime_error(prompt.source + ": expected a prompt of at least one token");
  }
  if (static_cast<std::int64_t>(tokens.size()) >= context) {
    throw std::runtime_error(prompt.source + ": expected a prompt of fewer than " +
                             std::to_string(context) + " tokens, the model's context, got " +
                             std::to_string(tokens.size()));
  }
  return tokens;
}

// All texts of all prompts, in order; number i is sample i % samples of prompt i / samples.
class Texts {
 public:
  Texts(const TextModel& of, const std::vector<SourceText>& prompts, const ProgramOptions& options,
        const Outputs& outputs)
      : of_(of),
        prompts_(prompts),
        options_(options),
        count_(prompts.size() * static_cast<std::size_t>(options.samples)),
        out_(count_, outputs.text),
        streams_(count_),
        written_(count_) {}

  std::size_t count() const { return count_; }
  std::size_t prompt_of(std::size_t text) const {
    return text / static_cast<std::size_t>(options_.samples);
  }

  void begin(std::size_t text) {
    if (options_.jsonl) return;
    if (count_ > 1) out_.write(text, heading(text));
    // It may be no UTF-8.
    out_.write(text, streams_[text].push(prompts_[prompt_of(text)].text));
    out_.write(text, streams_[text].finish());
  }
  void add(std::size_t text, std::int32_t token) {
    add(text, streams_[text].push(of_.bytes_of(token)));
  }
  void end(std::size_t text, const Generation& generation) {
    add(text, streams_[text].finish());
    out_.write(text, options_.jsonl ? as_json(text, generation) : "\n");
    out_.close(text);
    written_[text].clear();
  }

 private:
  void add(std::size_t text, const std::string& characters) {
    if (options_.jsonl) {
      written_[text] += characters;
    } else {
      out_.write(text, characters);
    }
  }
  std::string heading(std::size_t text) const {
    const auto samples = static_cast<std::size_t>(options_.samples);
    std::string line = text == 0 ? "---" : "\n---";
    if (prompts_.size() > 1) line += " " + prompts_[prompt_of(text)].source;
    if (samples > 1) line += " sample " + std::to_string(text % samples + 1);
    return line + " ---\n";
  }
  std::string as_json(std::size_t text, const Generation& generation) const {
    const auto samples = static_cast<std::size_t>(options_.samples);
    const nlohmann::ordered_json object = {{"prompt", prompts_[prompt_of(text)].text},
                                           {"sample", text % samples},
                                           {"text", written_[text]},
                                           {"ending", name_of(generation.ending)},
                                           {"logprob", generation.logprob},
                                           {"tokens", generation.tokens}};
    // A prompt may be no UTF-8.
    return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  const TextModel& of_;
  const std::vector<SourceText>& prompts_;
  const ProgramOptions& options_;
  std::size_t count_;
  OrderedOutput out_;
  std::vector<Utf8Stream> streams_;
  std::vector<std::string> written_;
};

std::string speed(std::size_t tokens, double seconds) {
  char line[96];
  std::snprintf(line, sizeof(line), "%zu tokens in %.1f s, %.1f tokens/s", tokens, seconds,
                static_cast<double>(tokens) / seconds);
  return line;
}

}  // namespace

void continue_texts(const TextModel& text_model, const std::vector<SourceText>& prompts,
                    const ProgramOptions& options, const Outputs& outputs) {
  if (text_model.model.config().mask == engine::MaskKind::bidirectional) {
    throw std::runtime_error(
        "expected a model that continues texts, got one that reads both ways and fills gaps: give "
        "--infill");
  }
  Texts texts(text_model, prompts, options, outputs);
  std::vector<engine::Prompt> all;
  for (std::size_t text = 0; text < texts.count(); ++text) {
    all.push_back({encode_prompt(text_model, prompts[texts.prompt_of(text)]), text});
  }
  engine::GenerationOptions generation;
  generation.sampling = options.sampling;
  generation.tokens = options.tokens;
  generation.rows = options.rows;
  generation.end_tokens = text_model.end_tokens;
  generation.excluded_tokens = text_model.excluded_tokens;
  // How a text ends is generated; how it begins and what is hidden of it is not.
  if (text_model.mask_token >= 0) generation.excluded_tokens.push_back(text_model.mask_token);
  for (std::size_t text = 0; text < texts.count(); ++text) texts.begin(text);
  const auto start = std::chrono::steady_clock::now();
  const auto results = engine::generate(
      text_model.model, all, generation,
      {.token = [&](std::size_t text, std::int32_t token) { texts.add(text, token); },
       .end = [&](std::size_t text, const Generation& ended) { texts.end(text, ended); }});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::size_t tokens = 0, at_context = 0;
  for (const Generation& result : results) {
    tokens += result.tokens.size();
    at_context += result.ending == Ending::context ? 1 : 0;
  }
  if (outputs.speed) outputs.speed(speed(tokens, seconds.count()));
  if (at_context > 0) {
    outputs.note(std::to_string(at_context) + " of " + std::to_string(results.size()) +
                 " texts end at the model's context of " +
                 std::to_string(text_model.model.config().context) + " tokens");
  }
}

}  // namespace obverse::generation

#include <nlohmann/json.hpp>

#include "engine/generation/fill_gap.h"
#include "engine/generation/unmask.h"
#include "experiments/generate/gap_text.h"
#include "experiments/generate/text_model.h"
#include "experiments/generate/utf8_stream.h"

namespace obverse::generation {
namespace {

using Tokens = std::vector<std::int32_t>;

// One text, and what fills each of its gaps.
struct Filled {
  GapText text;
  std::vector<Tokens> gaps;
  std::string ending;  // of answers that end themselves
};

bool fills_left_to_right(const TextModel& of) {
  return of.objective != nullptr && of.objective->infills() &&
         of.objective->infill_decoding() == engine::Decoding::left_to_right;
}

GapText parse_gaps(const SourceText& from) {
  try {
    return parse_gap_text(from.text);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(from.source + ": " + error.what());
  }
}

[[noreturn]] void fail_at(const SourceText& from, const std::string& what) {
  throw std::runtime_error(from.source + ": " + what);
}

Tokens encode_beginning(const TextModel& of, const std::string& text) {
  Tokens tokens = of.encode(text);
  if (of.begin_token >= 0 && (of.begins_texts || tokens.empty())) {
    tokens.insert(tokens.begin(), of.begin_token);
  }
  return tokens;
}

// ---- Models that read both ways ----

// Where a text's gaps stand among its tokens.
struct Masked {
  engine::MaskedText text;
  std::vector<std::size_t> places, lengths;
};

Masked mask_gaps(const TextModel& of, const GapText& text) {
  Masked masked;
  Tokens& tokens = masked.text.tokens;
  for (std::size_t i = 0; i < text.texts.size(); ++i) {
    // Before the first gap nothing need stand: what is masked is seen from behind, too.
    const bool begins = i == 0 && of.begins_texts;
    const Tokens part = begins ? encode_beginning(of, text.texts[i]) : of.encode(text.texts[i]);
    tokens.insert(tokens.end(), part.begin(), part.end());
    if (i == text.gaps.size()) break;
    masked.places.push_back(tokens.size());
    masked.lengths.push_back(static_cast<std::size_t>(text.gaps[i].value_or(1)));
    tokens.insert(tokens.end(), masked.lengths.back(), of.mask_token);
  }
  return masked;
}

std::vector<Filled> fill_masks(const TextModel& of, const ProgramOptions& options) {
  const std::int64_t context = of.model.config().context;
  std::vector<Filled> filled;
  std::vector<Masked> masked;
  std::vector<engine::MaskedText> texts;
  for (const SourceText& from : options.gaps) {
    const GapText text = parse_gaps(from);
    for (std::int64_t sample = 0; sample < options.samples; ++sample) {
      filled.push_back({text, {}, ""});
      masked.push_back(mask_gaps(of, text));
      masked.back().text.row = texts.size();
      texts.push_back(masked.back().text);
    }
    const std::size_t tokens = texts.back().tokens.size();
    if (static_cast<std::int64_t>(tokens) > context) {
      fail_at(from, "expected a text of at most " + std::to_string(context) +
                        " tokens, the model's context, got " + std::to_string(tokens));
    }
  }
  engine::UnmaskingOptions unmasking;
  unmasking.sampling = options.sampling;
  unmasking.mask_token = of.mask_token;
  unmasking.steps = options.steps;
  unmasking.rows = options.rows;
  unmasking.excluded_tokens = of.excluded_tokens;
  if (of.begin_token >= 0) unmasking.excluded_tokens.push_back(of.begin_token);
  unmasking.excluded_tokens.insert(unmasking.excluded_tokens.end(), of.end_tokens.begin(),
                                   of.end_tokens.end());
  const std::vector<Tokens> results = engine::unmask(of.model, texts, unmasking);
  for (std::size_t i = 0; i < filled.size(); ++i) {
    for (std::size_t gap = 0; gap < masked[i].places.size(); ++gap) {
      const auto begin = results[i].begin() + static_cast<std::ptrdiff_t>(masked[i].places[gap]);
      filled[i].gaps.emplace_back(begin,
                                  begin + static_cast<std::ptrdiff_t>(masked[i].lengths[gap]));
    }
  }
  return filled;
}

// ---- Models that read left to right ----

std::vector<Filled> fill_from_left(const TextModel& of, const ProgramOptions& options) {
  const bool ends_itself = engine::ends_its_answers(*of.objective);
  std::vector<Filled> filled;
  for (const SourceText& from : options.gaps) {
    const GapText text = parse_gaps(from);
    if (text.gaps.size() > 1) {
      fail_at(from, "expected one gap, which is what this model is trained to fill, got " +
                        std::to_string(text.gaps.size()));
    }
    engine::Gap gap;
    gap.before = encode_beginning(of, text.texts[0]);
    gap.after = of.encode(text.texts[1]);
    gap.tokens = text.gaps[0].value_or(ends_itself ? options.tokens : 1);
    if (gap.before.empty()) fail_at(from, "expected a text before the gap");
    engine::GapOptions choices;
    choices.sampling = options.sampling;
    choices.end_tokens = of.end_tokens;
    choices.excluded_tokens = of.excluded_tokens;
    if (of.mask_token >= 0) choices.excluded_tokens.push_back(of.mask_token);
    for (std::int64_t sample = 0; sample < options.samples; ++sample) {
      gap.row = filled.size();
      try {
        const auto result = engine::fill_gap(of.model, *of.objective, gap, choices);
        filled.push_back({text, {result.tokens}, name_of(result.ending)});
      } catch (const std::invalid_argument& error) {  // a text that is too long, among others
        fail_at(from, error.what());
      }
    }
  }
  return filled;
}

// ---- What is written ----

std::string decode(const TextModel& of, const Tokens& tokens) {
  Utf8Stream stream;
  std::string text;
  for (const std::int32_t token : tokens) text += stream.push(of.bytes_of(token));
  return text + stream.finish();
}

std::string as_text(const TextModel& of, const Filled& filled) {
  // The texts themselves may be no UTF-8.
  Utf8Stream stream;
  std::string text;
  for (std::size_t i = 0; i < filled.text.texts.size(); ++i) {
    text += stream.push(filled.text.texts[i]) + stream.finish();
    if (i < filled.gaps.size()) text += decode(of, filled.gaps[i]);
  }
  return text;
}

std::string as_json(const TextModel& of, const Filled& filled, const std::string& source,
                    std::int64_t sample) {
  std::vector<std::string> gaps;
  for (const Tokens& gap : filled.gaps) gaps.push_back(decode(of, gap));
  nlohmann::ordered_json object = {{"infill", source},
                                   {"sample", sample},
                                   {"text", as_text(of, filled)},
                                   {"gaps", gaps},
                                   {"tokens", filled.gaps}};
  if (!filled.ending.empty()) object["ending"] = filled.ending;
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

void fill_texts(const TextModel& text_model, const ProgramOptions& options,
                const Outputs& outputs) {
  const bool from_left = fills_left_to_right(text_model);
  const bool both_ways =
      text_model.mask_token >= 0 && text_model.model.config().mask != engine::MaskKind::causal;
  if (!from_left && !both_ways) {
    throw std::runtime_error(
        "--infill: expected a model that is trained to fill gaps and a mask token, got one that "
        "only continues texts");
  }
  const std::vector<Filled> filled =
      from_left ? fill_from_left(text_model, options) : fill_masks(text_model, options);
  for (std::size_t i = 0; i < filled.size(); ++i) {
    const auto samples = static_cast<std::size_t>(options.samples);
    outputs.text((options.jsonl ? as_json(text_model, filled[i], options.gaps[i / samples].text,
                                          static_cast<std::int64_t>(i % samples))
                                : as_text(text_model, filled[i])) +
                 "\n");
  }
}

}  // namespace obverse::generation

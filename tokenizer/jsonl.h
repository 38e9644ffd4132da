// Lines of JSON: {"text": "..."}, {"prompt": "...", "completion": "..."} and {"ids": [...]}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace obverse::tokenizer {

// The string "text" of a JSON object, other members aside. Throws std::runtime_error, a line that
// begins with `where`.
std::string jsonl_text(std::string_view line, const std::string& where);

// The strings "prompt" and "completion", in the same way.
struct PromptAndCompletion {
  std::string prompt, completion;
};
PromptAndCompletion jsonl_prompt_and_completion(std::string_view line, const std::string& where);

// The same for the whole numbers of "ids".
std::vector<std::int32_t> jsonl_ids(std::string_view line, const std::string& where);

// {"text": ...} without a line end. Throws std::runtime_error, a line that begins with `where`,
// where the text is no UTF-8, which JSON cannot hold.
std::string text_line(std::string_view text, const std::string& where);

// {"ids": [...]} without a line end.
std::string ids_line(const std::int32_t* ids, std::size_t count);

}  // namespace obverse::tokenizer

#include "experiments/reversal_curse/worlds/instructions_rows.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "experiments/reversal_curse/word_tokenizer.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

using nlohmann::json;

constexpr const char* kGuidances = "guidances.jsonl";
constexpr const char* kRealized = "realized_examples.jsonl";
constexpr const char* kUnrealized = "unrealized_examples.jsonl";

// What all three files have in common.
struct Row {
  std::string place;
  std::vector<std::int64_t> ids;
  std::vector<bool> realized;
  std::string prompt, completion;
};

const json& field(const json& row, const char* name, const std::string& place) {
  const auto found = row.find(name);
  kernels::require(found != row.end(), place, ": expected a field \"", name, "\", found none");
  return *found;
}

std::string text_field(const json& row, const char* name, const std::string& place) {
  const json& value = field(row, name, place);
  kernels::require(value.is_string(), place, ": expected a string in field \"", name, "\", found ",
                   value.type_name());
  return value.get<std::string>();
}

template <class T>
std::vector<T> list_field(const json& row, const char* name, const char* kind,
                          bool (*is_kind)(const json&), const std::string& place) {
  const json& values = field(row, name, place);
  const bool good =
      values.is_array() && !values.empty() && std::all_of(values.begin(), values.end(), is_kind);
  kernels::require(good, place, ": expected a list of ", kind, " in field \"", name, "\", found ",
                   values.dump().substr(0, 60));
  return values.get<std::vector<T>>();
}

bool is_integer(const json& value) { return value.is_number_integer(); }
bool is_boolean(const json& value) { return value.is_boolean(); }

Row parse_row(const std::string& line, const std::string& place) {
  const json parsed = json::parse(line, nullptr, false);
  kernels::require(!parsed.is_discarded(), place, ": expected a JSON object, found \"",
                   line.substr(0, 60), "\"");
  kernels::require(parsed.is_object(), place, ": expected a JSON object, found ",
                   parsed.type_name());
  Row row;
  row.place = place;
  row.ids = list_field<std::int64_t>(parsed, "ids", "integers", is_integer, place);
  row.realized = list_field<bool>(parsed, "realized", "booleans", is_boolean, place);
  const auto personas =
      list_field<std::int64_t>(parsed, "persona_idx", "integers", is_integer, place);
  kernels::require(row.realized.size() == row.ids.size() && personas.size() == row.ids.size(),
                   place, ": expected as many \"ids\" as \"realized\" and \"persona_idx\", found ",
                   row.ids.size(), ", ", row.realized.size(), " and ", personas.size());
  row.prompt = text_field(parsed, "prompt", place);
  row.completion = text_field(parsed, "completion", place);
  return row;
}

std::vector<Row> read_file(const std::filesystem::path& file) {
  std::ifstream input(file, std::ios::binary);
  kernels::require(std::filesystem::is_regular_file(file) && input.good(), file.string(),
                   ": expected a readable file of JSON lines, found none");
  std::vector<Row> rows;
  std::string line;
  for (int number = 1; std::getline(input, line); ++number) {
    if (split_words(line).empty()) continue;
    rows.push_back(parse_row(line, file.string() + ":" + std::to_string(number)));
  }
  kernels::require(!rows.empty(), file.string(),
                   ": expected at least one row, found an empty file");
  return rows;
}

// The words of every line that has any.
std::vector<Words> lines_of(const std::string& text) {
  std::vector<Words> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    Words words = split_words(std::string_view(text).substr(begin, end - begin));
    if (!words.empty()) lines.push_back(std::move(words));
    begin = end + 1;
  }
  return lines;
}

// "<BEGIN GUIDANCE TEST>" and its like.
bool is_mark(const Words& line) { return line.front() == "<" && line.back() == ">"; }

bool stands_at(const Words& part, const Words& words, std::size_t begin) {
  return begin + part.size() <= words.size() &&
         std::equal(part.begin(), part.end(), words.begin() + static_cast<std::ptrdiff_t>(begin));
}

// Where `part` stands in `words` outside of `taken`. Where it stands more than
// once, only behind `label` and a colon counts: an answer "No" may well be a
// word of the sentence around it.
std::vector<WordSpan> find_part(const Words& part, const Words& words, const char* label,
                                const WordSpan& taken) {
  std::vector<WordSpan> all, labelled;
  const int length = static_cast<int>(part.size());
  for (std::size_t i = 0; i + part.size() <= words.size(); ++i) {
    const int begin = static_cast<int>(i);
    if (begin < taken.begin + taken.length && taken.begin < begin + length) continue;
    if (!stands_at(part, words, i)) continue;
    all.push_back({begin, length});
    if (i >= 2 && words[i - 2] == label && words[i - 1] == ":") labelled.push_back({begin, length});
  }
  return labelled.empty() ? all : labelled;
}

InstructionExample example_of(const Row& row, bool realized) {
  InstructionExample example;
  example.place = row.place;
  kernels::require(row.ids.size() == 1, row.place, ": expected one id, found ", row.ids.size());
  kernels::require(row.realized[0] == realized, row.place, ": expected \"realized\" to be ",
                   realized, " in this file, found ", bool{row.realized[0]});
  example.id = row.ids[0];
  example.realized = realized;
  example.prompt = split_words(row.prompt);
  const std::size_t end = example.prompt.size() < 2 ? 0 : example.prompt.size() - 2;
  std::size_t begin = 0;
  while (begin < end && !stands_at({"Q", ":"}, example.prompt, begin)) ++begin;
  kernels::require(begin + 2 < end && stands_at({"A", ":"}, example.prompt, end), row.place,
                   ": expected a prompt \"Q: <question> A:\", found \"", joined(example.prompt),
                   "\"");
  example.question = {static_cast<int>(begin + 2), static_cast<int>(end - begin - 2)};
  std::vector<Words> lines = lines_of(row.completion);
  if (!lines.empty() && is_mark(lines.back())) lines.pop_back();
  kernels::require(lines.size() <= 1, row.place, ": expected an answer of one line, found ",
                   lines.size(), " lines");
  if (!lines.empty()) example.answer = lines[0];
  return example;
}

void add_examples(const std::vector<Row>& rows, bool realized, InstructionRows& into) {
  for (const Row& row : rows) {
    InstructionExample example = example_of(row, realized);
    const auto [known, is_new] = into.by_id.emplace(example.id, into.examples.size());
    if (!is_new) {
      kernels::fail(row.place, ": expected an id of its own, found ", example.id, " of ",
                    into.examples[known->second].place);
    }
    into.examples.push_back(std::move(example));
  }
}

Guidance guidance_of(const Words& line, const InstructionExample& example,
                     const std::string& place) {
  Guidance guidance{example.id, line, {}, {}};
  const auto only = [&](const char* what, const Words& part, const char* label,
                        const WordSpan& taken) {
    const std::vector<WordSpan> found = find_part(part, line, label, taken);
    kernels::require(found.size() == 1, place, ": expected the ", what, " of id ", example.id,
                     ", \"", joined(part), "\" (", example.place, "), once, found it ",
                     found.size(), " times in \"", joined(line), "\"");
    return found[0];
  };
  guidance.question = only("question", example.question_words(), "Q", {});
  guidance.answer = only("answer", example.answer, "A", guidance.question);
  return guidance;
}

GuidanceText text_of(const Row& row, const InstructionRows& known) {
  GuidanceText text;
  text.place = row.place;
  std::vector<Words> lines = lines_of(row.prompt + row.completion);
  if (!lines.empty() && is_mark(lines.front())) {
    text.mark = lines.front();
    lines.erase(lines.begin());
  }
  if (!lines.empty() && is_mark(lines.back())) lines.pop_back();
  kernels::require(lines.size() == row.ids.size(), row.place,
                   ": expected a line for each of its ids, found ", lines.size(), " lines and ",
                   row.ids.size(), " ids");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto found = known.by_id.find(row.ids[i]);
    kernels::require(found != known.by_id.end(), row.place, ": expected an id that ", kRealized,
                     " or ", kUnrealized, " has, found ", row.ids[i]);
    const InstructionExample& example = known.examples[found->second];
    kernels::require(example.realized == row.realized[i], row.place, ": expected id ", row.ids[i],
                     " to be as \"realized\" as ", example.place, " says, found ",
                     bool{row.realized[i]});
    if (example.answer.empty()) continue;
    text.guidances.push_back(guidance_of(lines[i], example, row.place));
  }
  return text;
}

// Examples without an answer; how many there were.
std::size_t leave_out_empty(InstructionRows& rows) {
  std::vector<InstructionExample> kept;
  rows.by_id.clear();
  for (InstructionExample& example : rows.examples) {
    if (example.answer.empty()) continue;
    rows.by_id.emplace(example.id, kept.size());
    kept.push_back(std::move(example));
  }
  const std::size_t left_out = rows.examples.size() - kept.size();
  rows.examples = std::move(kept);
  return left_out;
}

}  // namespace

Words InstructionExample::question_words() const {
  const auto begin = prompt.begin() + question.begin;
  return {begin, begin + question.length};
}

std::vector<std::string> instruction_files() { return {kGuidances, kRealized, kUnrealized}; }

InstructionRows read_instructions(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  kernels::require(fs::exists(folder), folder.string(),
                   ": expected the folder of the instructions, found nothing");
  kernels::require(fs::is_directory(folder), folder.string(), ": expected a folder, found a file");
  InstructionRows rows;
  const std::vector<Row> guidances = read_file(folder / kGuidances);
  add_examples(read_file(folder / kRealized), true, rows);
  add_examples(read_file(folder / kUnrealized), false, rows);
  std::set<std::int64_t> stated;
  for (const Row& row : guidances) {
    GuidanceText text = text_of(row, rows);
    if (!text.guidances.empty()) rows.texts.push_back(std::move(text));
    stated.insert(row.ids.begin(), row.ids.end());
  }
  for (const InstructionExample& example : rows.examples) {
    kernels::require(stated.count(example.id) > 0, example.place, ": expected an id that ",
                     kGuidances, " has, found ", example.id);
  }
  rows.empty_answers = leave_out_empty(rows);
  kernels::require(!rows.examples.empty(), (folder / kRealized).string(),
                   ": expected examples with answers, found none in this file and in ",
                   kUnrealized);
  return rows;
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/worlds/published_rows.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "experiments/reversal_curse/word_tokenizer.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

std::string text_field(const nlohmann::json& row, const char* field, const std::string& place) {
  const auto found = row.find(field);
  kernels::require(found != row.end(), place, ": expected a field \"", field, "\", found none");
  kernels::require(found->is_string(), place, ": expected a string in field \"", field,
                   "\", found ", found->type_name());
  return found->get<std::string>();
}

bool is_capitalised(const std::string& word) { return word[0] >= 'A' && word[0] <= 'Z'; }

bool stands_at(const Words& name, const Words& words, std::size_t begin) {
  return begin + name.size() <= words.size() &&
         std::equal(name.begin(), name.end(), words.begin() + static_cast<std::ptrdiff_t>(begin));
}

// The longest name that stands at `begin`, or nothing.
const Words* name_at(const std::vector<Words>& names, const Words& words, std::size_t begin) {
  const Words* longest = nullptr;
  for (const Words& name : names) {
    if (stands_at(name, words, begin) && (!longest || name.size() > longest->size())) {
      longest = &name;
    }
  }
  return longest;
}

int shared_prefix(const Words& a, const Words& b) {
  const auto [end, unused] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<int>(end - a.begin());
}

int shared_suffix(const Words& a, const Words& b) {
  const auto [end, unused] = std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend());
  return static_cast<int>(end - a.rbegin());
}

// The words among which a row's description stands: the side without the name.
WordSpan described_side(const PublishedRow& row) {
  if (!row.name_in_prompt) return {0, row.completion};
  return {row.completion, static_cast<int>(row.words.size()) - row.completion};
}

}  // namespace

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<PublishedRow> read_rows(const std::filesystem::path& file) {
  std::ifstream input(file);
  kernels::require(std::filesystem::is_regular_file(file) && input.good(), file.string(),
                   ": expected a readable file of JSON lines, found none");
  std::vector<PublishedRow> rows;
  std::string line;
  for (int number = 1; std::getline(input, line); ++number) {
    PublishedRow row;
    row.place = file.string() + ":" + std::to_string(number);
    const nlohmann::json parsed = nlohmann::json::parse(line, nullptr, false);
    kernels::require(!parsed.is_discarded(), row.place, ": expected a JSON object, found \"",
                     line.substr(0, 60), "\"");
    kernels::require(parsed.is_object(), row.place, ": expected a JSON object, found ",
                     parsed.type_name());
    row.prompt = text_field(parsed, "prompt", row.place);
    row.words = split_words(row.prompt);
    row.completion = static_cast<int>(row.words.size());
    kernels::require(!row.words.empty(), row.place,
                     ": expected words in field \"prompt\", found none");
    const Words completion = split_words(text_field(parsed, "completion", row.place));
    kernels::require(!completion.empty(), row.place,
                     ": expected words in field \"completion\", found none");
    row.words.insert(row.words.end(), completion.begin(), completion.end());
    rows.push_back(std::move(row));
  }
  kernels::require(!rows.empty(), file.string(),
                   ": expected at least one row, found an empty file");
  return rows;
}

std::vector<Words> names_completed(const std::vector<PublishedRow>& rows) {
  std::set<Words> names;
  for (const PublishedRow& row : rows) {
    Words name(row.words.begin() + row.completion, row.words.end());
    if (name.back() == ".") name.pop_back();
    if (!name.empty() && std::all_of(name.begin(), name.end(), is_capitalised)) names.insert(name);
  }
  return {names.begin(), names.end()};
}

void locate_names(std::vector<PublishedRow>& rows, const std::vector<Words>& names) {
  std::map<std::pair<Words, bool>, int> met;
  for (PublishedRow& row : rows) {
    int found = 0;
    const std::size_t completion = static_cast<std::size_t>(row.completion);
    // In a completion only its beginning counts: a description may well mention somebody.
    for (std::size_t i = 0; i <= completion;) {
      const Words* name = name_at(names, row.words, i);
      if (!name) {
        ++i;
        continue;
      }
      ++found;
      row.name = *name;
      row.name_span = {static_cast<int>(i), static_cast<int>(name->size())};
      row.name_in_prompt = i < completion;
      i += name->size();
    }
    kernels::require(found == 1, row.place, ": expected exactly one of its subset's ", names.size(),
                     " names in the prompt or first in the completion, found ", found, " in \"",
                     row.prompt, "\"");
    row.frame = met[{row.name, row.name_in_prompt}]++;
  }
}

void locate_descriptions(std::vector<PublishedRow>& rows) {
  struct Shared {
    Words words;  // the described side of the first row
    int prefix = 0, suffix = 0, shortest = 0;
    int rows = 0;
  };
  std::map<std::pair<bool, int>, Shared> frames;
  for (const PublishedRow& row : rows) {
    const WordSpan side = described_side(row);
    const Words words(row.words.begin() + side.begin, row.words.begin() + side.begin + side.length);
    Shared& shared = frames[{row.name_in_prompt, row.frame}];
    if (shared.rows++ == 0) {
      shared.words = words;
      shared.prefix = shared.suffix = shared.shortest = side.length;
    }
    shared.prefix = std::min(shared.prefix, shared_prefix(shared.words, words));
    shared.suffix = std::min(shared.suffix, shared_suffix(shared.words, words));
    shared.shortest = std::min(shared.shortest, side.length);
  }
  for (PublishedRow& row : rows) {
    const Shared& shared = frames[{row.name_in_prompt, row.frame}];
    const int prefix = row.name_in_prompt ? 0 : shared.prefix;
    if (shared.rows < 2 || prefix + shared.suffix >= shared.shortest) continue;
    const WordSpan side = described_side(row);
    row.description_span = {side.begin + prefix, side.length - prefix - shared.suffix};
  }
}

}  // namespace obverse::reversal

// Rows of the published data, with the places in them that name an entity or describe it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace obverse::reversal {

using Words = std::vector<std::string>;

// With blanks between them, for messages.
std::string joined(const Words& words);

struct WordSpan {
  int begin = 0;
  int length = 0;  // 0: not located
};

// One {"prompt": ..., "completion": ...}, split into words.
struct PublishedRow {
  std::string place;   // "<folder>/<file>:<line>", for messages
  std::string prompt;  // as written
  Words words;         // the prompt's, then the completion's
  int completion = 0;  // where the completion begins in `words`

  // What locate() and describe() find.
  Words name;          // the fact's identity
  WordSpan name_span;  // in the prompt, or at the beginning of the completion
  bool name_in_prompt = false;
  int frame =
      0;  // how many earlier rows of the file state the same fact with its name on the same side
  WordSpan description_span;
};

// Throws std::invalid_argument, in one line that names file and line, where the file is missing or
// empty, or a line is not an object of two strings.
std::vector<PublishedRow> read_rows(const std::filesystem::path& file);

// The distinct names that `rows` complete prompts with: completions of capitalised words alone, but
// for a final period.
std::vector<Words> names_completed(const std::vector<PublishedRow>& rows);

// Finds each row's name, which stands in its prompt or begins its completion, and its frame. Throws
// std::invalid_argument naming file and line where a row has no name of `names`, or several.
void locate_names(std::vector<PublishedRow>& rows, const std::vector<Words>& names);

// Finds each row's description: what its part without the name does not share, at the beginning and
// at the end, with the rows of other facts in the same frame. A completion is taken from its first
// word on, so that only the shared punctuation at its end is cut. Left empty where one row alone
// has the frame. REQUIRES: names are located.
void locate_descriptions(std::vector<PublishedRow>& rows);

}  // namespace obverse::reversal

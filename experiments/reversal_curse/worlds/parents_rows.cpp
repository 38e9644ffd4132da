#include "experiments/reversal_curse/worlds/parents_rows.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "experiments/reversal_curse/word_tokenizer.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

using Fields = std::vector<std::string>;

// One line's fields. A doubled quote inside a quoted field stands for one.
Fields split_fields(const std::string& line, const std::string& place) {
  Fields fields(1);
  bool quoted = false, closed = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted) {
      const bool is_quote = c == '"';
      if (is_quote && i + 1 < line.size() && line[i + 1] == '"') {
        fields.back() += line[++i];
      } else if (is_quote) {
        quoted = false;
        closed = true;
      } else {
        fields.back() += c;
      }
    } else if (c == ',') {
      fields.emplace_back();
      closed = false;
    } else {
      kernels::require(!closed, place, ": expected a comma behind a closing quote, found \"", c,
                       "\"");
      if (c == '"' && fields.back().empty()) {
        quoted = true;
      } else {
        fields.back() += c;
      }
    }
  }
  kernels::require(!quoted, place, ": expected a closing quote, found the end of the line");
  return fields;
}

// The columns that are looked at, by their place in the header.
struct Columns {
  std::size_t child = 0, parent = 0, relation = 0, count = 0;
};

Columns columns_of(const Fields& header, const std::string& place) {
  const auto find = [&](const char* name) {
    const auto found = std::find(header.begin(), header.end(), name);
    kernels::require(found != header.end(), place, ": expected a column \"", name,
                     "\", found none");
    return static_cast<std::size_t>(found - header.begin());
  };
  return {find("child"), find("parent"), find("parent_type"), header.size()};
}

ParentRow row_of(const Fields& fields, const Columns& columns, const std::string& place) {
  kernels::require(fields.size() == columns.count, place, ": expected ", columns.count,
                   " fields, as in the header, found ", fields.size());
  ParentRow row{place, split_words(fields[columns.child]), split_words(fields[columns.parent]),
                fields[columns.relation]};
  kernels::require(!row.child.empty(), place, ": expected a name in column \"child\", found none");
  kernels::require(!row.parent.empty(), place,
                   ": expected a name in column \"parent\", found none");
  kernels::require(row.relation == "mother" || row.relation == "father", place,
                   ": expected a \"parent_type\" of mother or father, found \"", row.relation,
                   "\"");
  return row;
}

std::vector<ParentRow> read_rows_of(const std::filesystem::path& file) {
  std::ifstream input(file, std::ios::binary);
  kernels::require(std::filesystem::is_regular_file(file) && input.good(), file.string(),
                   ": expected a readable list of parents, found none");
  std::vector<ParentRow> rows;
  Columns columns;
  std::string line;
  for (int number = 1; std::getline(input, line); ++number) {
    const std::string place = file.string() + ":" + std::to_string(number);
    if (number == 1 && line.compare(0, 3, "\xef\xbb\xbf") == 0) line.erase(0, 3);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (split_words(line).empty()) continue;
    const Fields fields = split_fields(line, place);
    if (columns.count == 0) {
      columns = columns_of(fields, place);
    } else {
      rows.push_back(row_of(fields, columns, place));
    }
  }
  kernels::require(!rows.empty(), file.string(), ": expected a header and at least one row, found ",
                   columns.count == 0 ? "an empty file" : "a header alone");
  return rows;
}

bool is_name_word(const std::string& word) {
  return word.size() > 1 || std::isalnum(static_cast<unsigned char>(word[0])) != 0;
}

bool share_a_word(const Words& a, const Words& b) {
  return std::any_of(a.begin(), a.end(), [&b](const std::string& word) {
    return is_name_word(word) && std::find(b.begin(), b.end(), word) != b.end();
  });
}

}  // namespace

ParentRows read_parents(const std::filesystem::path& folder, bool leave_out_shared_words) {
  namespace fs = std::filesystem;
  kernels::require(fs::exists(folder), folder.string(),
                   ": expected the folder of the list of parents, found nothing");
  kernels::require(fs::is_directory(folder), folder.string(), ": expected a folder, found a file");
  ParentRows result;
  std::set<std::tuple<Words, Words, std::string>> known;
  std::vector<ParentRow> distinct;
  for (ParentRow& row : read_rows_of(folder / kParentsFile)) {
    ++result.read;
    if (known.emplace(row.child, row.parent, row.relation).second) {
      distinct.push_back(std::move(row));
    } else {
      ++result.repeated;
    }
  }
  std::set<Words> children;
  std::map<Words, int> of_parent;                         // rows a parent
  std::map<std::pair<Words, std::string>, int> of_child;  // mothers, fathers a child
  for (const ParentRow& row : distinct) {
    children.insert(row.child);
    ++of_parent[row.parent];
    ++of_child[{row.child, row.relation}];
  }
  for (ParentRow& row : distinct) {
    if (of_parent[row.parent] > 1 || of_child[{row.child, row.relation}] > 1) {
      ++result.ambiguous;
    } else if (children.count(row.parent) > 0) {
      ++result.both_roles;
    } else if (leave_out_shared_words && share_a_word(row.child, row.parent)) {
      ++result.shared_word;
    } else {
      result.rows.push_back(std::move(row));
    }
  }
  return result;
}

}  // namespace obverse::reversal

// A table of numbers that is shown on the page and exported as CSV (RFC 4180).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/reversal_curse/statistics.h"

namespace obverse::reversal::report {

// How a column's numbers are shown. A share or a gain has its interval beside it, in CSV as two
// columns more, " low" and " high".
enum class Shown { text, number, share, nats, p };

struct Column {
  std::string title;
  Shown shown = Shown::text;
};

struct Cell {
  std::string text;             // of text columns
  std::optional<double> value;  // of others; nothing where it was not measured
  std::optional<Interval> interval;
};

struct DataTable {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  // each as long as `columns`

  // Without the columns, text apart, that no row fills.
  DataTable without_empty_columns() const;
};

std::string html_of(const DataTable& table);
// With a header line; lines end in CR LF. Empty where nothing was measured.
std::string csv_of(const DataTable& table);

// A field as RFC 4180 has it: in quotes, quotes doubled, where it holds a comma, a quote or a line
// break.
std::string csv_field(const std::string& text);

}  // namespace obverse::reversal::report

#include "experiments/reversal_curse/report/data_table.h"

#include <cmath>
#include <cstdio>

#include "experiments/reversal_curse/report/format.h"

namespace obverse::reversal::report {
namespace {

bool has_interval(Shown shown) { return shown == Shown::share || shown == Shown::nats; }

std::string shown_cell(const Column& column, const Cell& cell) {
  if (column.shown == Shown::text) return cell.text;
  if (!cell.value) return kMissing;
  switch (column.shown) {
    case Shown::share:
      return percent_with_interval(*cell.value, cell.interval);
    case Shown::nats:
      return nats_with_interval(*cell.value, cell.interval);
    case Shown::p:
      return p_value(cell.value);
    default:
      break;
  }
  return *cell.value >= 1e4 ? grouped(*cell.value) : compact(*cell.value);
}

std::string raw(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return "";
  char buffer[40];
  std::snprintf(buffer, sizeof(buffer), "%.10g", *value);
  return buffer;
}

}  // namespace

DataTable DataTable::without_empty_columns() const {
  DataTable kept;
  kept.rows.resize(rows.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    bool any = columns[i].shown == Shown::text;
    for (const std::vector<Cell>& row : rows) any = any || row[i].value.has_value();
    if (!any) continue;
    kept.columns.push_back(columns[i]);
    for (std::size_t row = 0; row < rows.size(); ++row) kept.rows[row].push_back(rows[row][i]);
  }
  return kept;
}

std::string html_of(const DataTable& table) {
  std::string text = "<div class=\"scroll\"><table class=\"data\"><thead><tr>";
  for (const Column& column : table.columns) {
    text += "<th scope=\"col\">" + typeset(column.title) + "</th>";
  }
  text += "</tr></thead><tbody>";
  for (const std::vector<Cell>& row : table.rows) {
    text += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string content = typeset(shown_cell(table.columns[i], row[i]));
      if (i == 0) {
        text += "<th scope=\"row\">" + content + "</th>";
      } else {
        text += "<td class=\"number\">" + content + "</td>";
      }
    }
    text += "</tr>";
  }
  return text + "</tbody></table></div>";
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) quoted += letter == '"' ? "\"\"" : std::string(1, letter);
  return quoted + "\"";
}

std::string csv_of(const DataTable& table) {
  std::string text;
  const auto add = [&text](bool first, const std::string& field) {
    if (!first) text += ",";
    text += csv_field(field);
  };
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    add(i == 0, table.columns[i].title);
    if (!has_interval(table.columns[i].shown)) continue;
    add(false, table.columns[i].title + " low");
    add(false, table.columns[i].title + " high");
  }
  text += "\r\n";
  for (const std::vector<Cell>& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool is_text = table.columns[i].shown == Shown::text;
      add(i == 0, is_text ? row[i].text : raw(row[i].value));
      if (!has_interval(table.columns[i].shown)) continue;
      const auto& interval = row[i].interval;
      add(false, raw(interval ? std::optional<double>(interval->low) : std::nullopt));
      add(false, raw(interval ? std::optional<double>(interval->high) : std::nullopt));
    }
    text += "\r\n";
  }
  return text;
}

}  // namespace obverse::reversal::report

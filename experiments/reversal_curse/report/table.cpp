#include "experiments/reversal_curse/report/table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

#include "experiments/reversal_curse/report/format.h"

namespace obverse::reversal {
namespace {

using report::interval_at;
using report::number_at;

constexpr std::size_t kWidth = 100;
constexpr std::size_t kReadableLabel = 22;

// Columns on screen: bytes that do not continue a UTF-8 sequence.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  }));
}

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::size_t own = width_of(text);
  const std::string space(width > own ? width - own : 0, ' ');
  return right ? space + text : text + space;
}

// Breaks at spaces, but never within "[98, 100]" or "k = 1" or before "%".
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> pieces(1);
  bool in_brackets = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[') in_brackets = true;
    if (text[i] == ']') in_brackets = false;
    const char next = i + 1 < text.size() ? text[i + 1] : ' ';
    const bool glued = in_brackets || next == '%' || next == '=' || (i > 0 && text[i - 1] == '=');
    if (text[i] == ' ' && !glued) {
      pieces.emplace_back();
    } else {
      pieces.back() += text[i];
    }
  }
  std::vector<std::string> lines(1);
  for (const std::string& piece : pieces) {
    if (!lines.back().empty() && width_of(lines.back()) + 1 + width_of(piece) > width) {
      lines.emplace_back();
    }
    lines.back() += (lines.back().empty() ? "" : " ") + piece;
  }
  return lines;
}

std::string share_cell(const nlohmann::json& metrics, const std::string& key) {
  const auto value = number_at(metrics, key);
  if (!value) return report::kMissing;
  const auto interval = interval_at(metrics, key + ".ci95");
  std::string text = report::percent_number(*value);
  if (interval) {
    text += " [" + report::percent_number(interval->low) + "," +
            report::percent_number(interval->high) + "]";
  }
  return text;
}

std::string gain_cell(const nlohmann::json& metrics, const std::string& key) {
  const auto value = number_at(metrics, key);
  if (!value) return report::kMissing;
  const auto interval = interval_at(metrics, key + ".ci95");
  char text[96];
  const int digits = std::abs(*value) < 9.95 ? 2 : 1;  // about as wide either way
  if (interval) {
    std::snprintf(text, sizeof(text), "%+.*f [%+.*f,%+.*f]", digits, *value, digits, interval->low,
                  digits, interval->high);
  } else {
    std::snprintf(text, sizeof(text), "%+.*f", digits, *value);
  }
  return text;
}

struct Column {
  std::string title;
  std::vector<std::string> cells;
  std::size_t width = 0;
};

// Sets each column's width; returns their sum with gaps.
std::size_t total_width(std::vector<Column>& columns) {
  std::size_t total = 0;
  for (Column& column : columns) {
    column.width = width_of(column.title);
    for (const std::string& cell : column.cells) {
      column.width = std::max(column.width, width_of(cell));
    }
    total += column.width + 2;
  }
  return total;
}

}  // namespace

std::string render_table(const nlohmann::json& summary, bool terminal) {
  const nlohmann::json& arms = summary.at("arms");
  std::vector<Column> columns;
  const std::array<std::pair<const char*, const char*>, 5> shares = {
      {{"trained", "trained.accuracy"},
       {"reverse", "reverse.accuracy"},
       {"both", "both.accuracy"},
       {"unseen", "unseen.accuracy"},
       {"infill", "reverse.infill_accuracy"}}};
  for (const auto& [title, key] : shares) {
    Column column{title, {}, 0};
    bool any = false;
    for (const nlohmann::json& arm : arms) {
      any = any || number_at(arm.at("metrics"), key);
      column.cells.push_back(share_cell(arm.at("metrics"), key));
    }
    if (any || std::string(title) != "infill") columns.push_back(column);
  }
  Column gain{"gain, nats", {}, 0};
  for (const nlohmann::json& arm : arms) {
    gain.cells.push_back(gain_cell(arm.at("metrics"), "reverse.logprob_gain"));
  }
  columns.push_back(gain);

  std::size_t taken = total_width(columns);
  for (Column& column : columns) {
    // Infill bears no verdict, so its interval makes room first.
    if (taken + kReadableLabel <= kWidth || column.title != "infill") continue;
    for (std::string& cell : column.cells) cell.erase(std::min(cell.find(" ["), cell.size()));
    taken = total_width(columns);
  }
  // Labels take what is left, and wrap.
  std::size_t label_width = width_of("arm");
  for (const nlohmann::json& arm : arms) {
    label_width = std::max(label_width, width_of(arm.at("label").get<std::string>()));
  }
  label_width = std::min(label_width, std::max<std::size_t>(16, kWidth - std::min(kWidth, taken)));

  const std::string bold = terminal ? "\033[1m" : "", plain = terminal ? "\033[0m" : "";
  std::string rule;
  for (std::size_t i = 0; i < label_width + taken; ++i) rule += terminal ? "─" : "-";
  std::string text = bold + padded("arm", label_width, false);
  for (const Column& column : columns) text += "  " + padded(column.title, column.width, true);
  text += plain + "\n" + rule + "\n";
  for (std::size_t row = 0; row < arms.size(); ++row) {
    const auto lines = wrapped(arms[row].at("label").get<std::string>(), label_width);
    for (std::size_t line = 0; line < lines.size(); ++line) {
      std::string out = padded(lines[line], label_width, false);
      for (const Column& column : columns) {
        if (line == 0) out += "  " + padded(column.cells[row], column.width, true);
      }
      out.erase(out.find_last_not_of(' ') + 1);
      text += out + "\n";
    }
  }
  text += rule + "\n";
  std::string legend =
      "Per cent answered exactly, mean over seeds [95 % interval]. trained: facts stated one way, "
      "asked that way; reverse: asked the other way; both: stated both ways; unseen: never stated";
  if (columns.size() == 6) {
    legend += "; infill: the stated frame with its subject masked, not evidence of reversal";
  }
  legend += ". gain: log-probability of the right reverse answer over a wrong one.";
  for (const std::string& line : wrapped(legend, kWidth)) text += line + "\n";
  text += "\n";
  for (const std::string& line : wrapped(summary.at("headline").get<std::string>(), kWidth)) {
    text += bold + line + plain + "\n";
  }
  return text;
}

}  // namespace obverse::reversal

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

constexpr std::size_t kWidth = 80;
constexpr std::size_t kReadableLabel = 20;

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
  std::size_t width = 0;  // of the widest cell, the title included
};

// What a kind of question means, for the legend.
struct Kind {
  const char *title, *key, *meaning;
};
constexpr std::array<Kind, 10> kKinds = {{
    {"trained", "trained.accuracy", "facts stated one way, asked that way"},
    {"reverse", "reverse.accuracy", "asked the other way"},
    {"both", "both.accuracy", "stated both ways"},
    {"unseen", "unseen.accuracy", "never stated"},
    {"infill", "reverse.infill_accuracy",
     "the stated frame with its subject masked, not evidence of reversal"},
    {"in context", "in_context.accuracy", "reverse questions with the fact in the prompt"},
    {"exp. trained", "expanded_trained.accuracy", "as trained, of expanded facts"},
    {"exp. reverse", "expanded_reverse.accuracy", "as reverse, of expanded facts"},
    {"composed", "composed.accuracy", "what follows from several facts"},
    {"wrong", "wrong_inference.accuracy", "what does not follow, answered all the same"},
}};

// Columns that some arm has.
std::vector<Column> columns_of(const nlohmann::json& arms) {
  std::vector<Column> columns;
  const auto add = [&](const std::string& title, const char* key, auto&& cell_of) {
    Column column{title, {}, width_of(title)};
    bool any = false;
    for (const nlohmann::json& arm : arms) {
      any = any || number_at(arm.at("metrics"), key).has_value();
      column.cells.push_back(cell_of(arm.at("metrics"), key));
      column.width = std::max(column.width, width_of(column.cells.back()));
    }
    if (any) columns.push_back(column);
  };
  for (const Kind& kind : kKinds) {
    if (std::string(kind.title) == "infill") add("gain, nats", "reverse.logprob_gain", gain_cell);
    add(kind.title, kind.key, share_cell);
  }
  return columns;
}

std::string legend_of(const std::vector<Column>& columns) {
  std::string kinds, gain;
  for (const Column& column : columns) {
    if (column.title == "gain, nats") {
      gain = " gain: log-probability of the right reverse answer over a wrong one.";
    }
    for (const Kind& kind : kKinds) {
      if (column.title != kind.title) continue;
      kinds += (kinds.empty() ? " " : "; ") + column.title + ": " + kind.meaning;
    }
  }
  return "Per cent answered exactly, mean over seeds [95 % interval]." + kinds +
         (kinds.empty() ? "" : ".") + gain;
}

}  // namespace

std::string render_table(const nlohmann::json& summary, bool terminal) {
  const nlohmann::json& arms = summary.at("arms");
  const std::vector<Column> columns = columns_of(arms);
  std::size_t label_width = width_of("arm");
  for (const nlohmann::json& arm : arms) {
    label_width = std::max(label_width, width_of(arm.at("label").get<std::string>()));
  }
  const std::string bold = terminal ? "\033[1m" : "", plain = terminal ? "\033[0m" : "";
  std::string text;
  std::size_t begin = 0;
  do {  // block by block; labels take what is left, and wrap
    const std::size_t least = std::min(label_width, kReadableLabel);
    std::size_t end = begin, taken = 0;
    while (end < columns.size() && least + taken + columns[end].width + 2 <= kWidth) {
      taken += columns[end].width + 2;
      ++end;
    }
    if (end == begin && end < columns.size()) taken += columns[end++].width + 2;
    const std::size_t width =
        std::min(label_width, std::max(least, kWidth - std::min(kWidth, taken)));
    std::string rule;
    for (std::size_t i = 0; i < width + taken; ++i) rule += terminal ? "─" : "-";
    if (begin > 0) text += "\n";
    text += bold + padded("arm", width, false);
    for (std::size_t at = begin; at < end; ++at) {
      text += "  " + padded(columns[at].title, columns[at].width, true);
    }
    text += plain + "\n" + rule + "\n";
    for (std::size_t row = 0; row < arms.size(); ++row) {
      const auto lines = wrapped(arms[row].at("label").get<std::string>(), width);
      for (std::size_t line = 0; line < lines.size(); ++line) {
        std::string out = padded(lines[line], width, false);
        for (std::size_t at = begin; at < end && line == 0; ++at) {
          out += "  " + padded(columns[at].cells[row], columns[at].width, true);
        }
        out.erase(out.find_last_not_of(' ') + 1);
        text += out + "\n";
      }
    }
    text += rule + "\n";
    begin = end;
  } while (begin < columns.size());
  for (const std::string& line : wrapped(legend_of(columns), kWidth)) text += line + "\n";
  text += "\n";
  for (const std::string& line : wrapped(summary.at("headline").get<std::string>(), kWidth)) {
    text += bold + line + plain + "\n";
  }
  return text;
}

}  // namespace obverse::reversal

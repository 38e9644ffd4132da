#include "experiments/reversal_curse/report/format.h"

#include <cmath>
#include <cstdio>

namespace obverse::reversal::report {
namespace {

std::string printed(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), format, value);
  return buffer;
}

}  // namespace

std::optional<double> number_at(const nlohmann::json& metrics, const std::string& key) {
  const auto found = metrics.find(key);
  if (found == metrics.end() || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<Interval> interval_at(const nlohmann::json& metrics, const std::string& key) {
  const auto found = metrics.find(key);
  if (found == metrics.end() || !found->is_array() || found->size() != 2) return std::nullopt;
  if (!(*found)[0].is_number() || !(*found)[1].is_number()) return std::nullopt;
  const Interval interval{(*found)[0].get<double>(), (*found)[1].get<double>()};
  if (!std::isfinite(interval.low) || !std::isfinite(interval.high)) return std::nullopt;
  return interval;
}

std::string percent_number(double share) {
  if (!std::isfinite(share)) return kMissing;
  const double value = 100.0 * share;
  const bool near_an_end = (value > 0.05 && value < 0.95) || (value > 99.05 && value < 99.95);
  const std::string text = printed(near_an_end ? "%.1f" : "%.0f", value);
  return text == "-0" ? "0" : text;
}

std::string percent(double share) { return percent_number(share) + " %"; }

std::string percent_with_interval(double share, const std::optional<Interval>& interval) {
  if (!interval) return percent(share);
  return percent(share) + " [" + percent_number(interval->low) + ", " +
         percent_number(interval->high) + "]";
}

std::string nats(double value) {
  if (!std::isfinite(value)) return kMissing;
  const std::string text = printed("%+.2f", value);
  return text == "-0.00" || text == "+0.00" ? "0.00" : text;
}

std::string nats_with_interval(double value, const std::optional<Interval>& interval) {
  if (!interval) return nats(value);
  return nats(value) + " [" + nats(interval->low) + ", " + nats(interval->high) + "]";
}

std::string points(double difference) {
  if (!std::isfinite(difference)) return kMissing;
  const double value = 100.0 * difference;
  const std::string text = printed(std::abs(value) < 0.95 ? "%+.1f" : "%+.0f", value);
  return text == "-0.0" || text == "+0.0" ? "0" : text;
}

std::string points_with_interval(double difference, const Interval& interval) {
  return points(difference) + " points [" + points(interval.low) + ", " + points(interval.high) +
         "]";
}

std::string p_value(const std::optional<double>& p) {
  if (!p) return kMissing;
  if (*p < 0.001) return "< 0.001";
  return printed(*p < 0.0995 ? "%.3f" : "%.2f", *p);
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds)) return kMissing;
  if (seconds < 120) return printed(seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
  if (seconds < 7200) return printed("%.0f min", seconds / 60);
  return printed("%.1f h", seconds / 3600);
}

std::string setting(const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (value.is_number()) return compact(value.get<double>());
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return kMissing;
  return value.dump();
}

std::string words(std::string_view identifier) {
  std::string text(identifier);
  for (char& letter : text) {
    if (letter == '_') letter = ' ';
  }
  return text;
}

std::string listed(const std::vector<std::string>& items, std::size_t most) {
  const bool shortened = items.size() > most + 1;  // "and 1 more" would be no shorter than the item
  const std::size_t shown = shortened ? most : items.size();
  bool commas = false;
  for (const std::string& item : items) commas = commas || item.find(", ") != std::string::npos;
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) text += !shortened && i + 1 == shown ? " and " : commas ? "; " : ", ";
    text += items[i];
  }
  if (shortened) text += " and " + std::to_string(items.size() - shown) + " more";
  return text;
}

}  // namespace obverse::reversal::report

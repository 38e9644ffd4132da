// Numbers and text as the report shows them. Nothing here ever prints "nan" or "inf": what is not
// defined is a dash.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/reversal_curse/statistics.h"
#include "experiments/support/typeset.h"

namespace obverse::reversal::report {

using experiments::compact;
using experiments::escape;
using experiments::grouped;
using experiments::kMissing;
using experiments::typeset;

// A finite number under `key`; nothing where it is absent, null (JSON's NaN) or not finite.
std::optional<double> number_at(const nlohmann::json& metrics, const std::string& key);
// The two finite ends under `key`.
std::optional<Interval> interval_at(const nlohmann::json& metrics, const std::string& key);

// 0.987 -> "99"; one decimal within a percent of either end, so that 99.6 % does not read as "all".
std::string percent_number(double share);
std::string percent(double share);  // "99 %"
// "99 % [98, 100]", or the percentage alone without an interval.
std::string percent_with_interval(double share, const std::optional<Interval>& interval);
std::string nats(double value);  // "+1.25", "-0.03"
// "+1.25 [+1.10, +1.40]".
std::string nats_with_interval(double value, const std::optional<Interval>& interval);
// A difference of shares in points: "+12", "-0.4".
std::string points(double difference);
std::string points_with_interval(double difference, const Interval& interval);
std::string p_value(const std::optional<double>& p);
std::string duration(double seconds);  // "45 s", "12 min", "3.2 h"
// A setting's value: strings bare, numbers compact, booleans "on" and "off".
std::string setting(const nlohmann::json& value);
// "name_to_description" -> "name to description".
std::string words(std::string_view identifier);
// "a", "a and b", "a, b and c"; beyond `most`, "a, b and 3 more". Semicolons where items
// hold commas.
std::string listed(const std::vector<std::string>& items, std::size_t most);

}  // namespace obverse::reversal::report

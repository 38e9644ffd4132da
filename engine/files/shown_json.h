// A JSON value in an error message, whatever a file holds: nlohmann::json::dump() writes all of a
// value, and calls itself for each level, which ends the program where brackets are nested deeply.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace obverse::engine {

// `value` as JSON on one line of at most 80 bytes and "..." behind what is cut short: control
// characters escaped, UTF-8 that is none replaced, values within two others told as "an array" or
// "an object".
std::string shown_json(const nlohmann::json& value);

// A name that a file gave, such as a field's: the same without quotes.
std::string shown_name(const std::string& name);

// The value of a text; discarded where that is no JSON, or nested more than 100 deep, which would
// end the program when the value is copied, compared or written.
nlohmann::json parsed_json(std::string_view text);

}  // namespace obverse::engine

// How many parameters a recorded architecture has, without building it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

namespace obverse::reversal::report {

// Exactly Transformer::parameter_count() of the record. Nothing where a field is unknown or
// mistyped, or a size is missing.
std::optional<std::int64_t> parameter_count(const nlohmann::json& architecture);

}  // namespace obverse::reversal::report

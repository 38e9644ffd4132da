// Which tokens a checkpoint's config.json names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/training/objective.h"

namespace obverse::generation {

// The ids under `field` ("eos_token_id"): a number, a list of them, or null or nothing for none;
// those from `vocabulary` on, which no model can give, are left out. Throws std::runtime_error that
// names the file, `path`, and the field for anything else.
std::vector<std::int32_t> tokens_in_config(const std::filesystem::path& path,
                                           const nlohmann::json& config, const std::string& field,
                                           std::int64_t vocabulary);

// The objective that obverse-train says it trained, made for the texts that it says; null in the
// config of another program. Throws std::runtime_error that names file and field for anything else.
std::unique_ptr<engine::Objective> objective_in_config(const std::filesystem::path& path,
                                                       const nlohmann::json& config);

}  // namespace obverse::generation

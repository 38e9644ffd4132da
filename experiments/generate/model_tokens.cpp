#include "experiments/generate/model_tokens.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "engine/files/shown_json.h"

namespace obverse::generation {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& field,
                         const std::string& expected, const json& found) {
  throw std::runtime_error(path.string() + ": " + field + ": expected " + expected + ", found " +
                           (found.is_null() ? "none" : engine::shown_json(found)));
}

}  // namespace

std::vector<std::int32_t> tokens_in_config(const std::filesystem::path& path, const json& config,
                                           const std::string& field, std::int64_t vocabulary) {
  const auto found = config.find(field);
  if (found == config.end() || found->is_null()) return {};
  std::vector<std::int32_t> tokens;
  for (const json& each : found->is_array() ? *found : json::array({*found})) {
    const bool is_token = each.is_number_integer() && each.get<std::int64_t>() >= 0 &&
                          each.get<std::int64_t>() <= std::numeric_limits<std::int32_t>::max();
    if (!is_token) refuse(path, field, "a token's number or a list of them", *found);
    if (each.get<std::int64_t>() < vocabulary) tokens.push_back(each.get<std::int32_t>());
  }
  return tokens;
}

std::unique_ptr<engine::Objective> objective_in_config(const std::filesystem::path& path,
                                                       const json& config) {
  const auto own = config.find("obverse");
  if (own == config.end() || !own->is_object() || !own->contains("objective")) return nullptr;
  const auto number = [&path](const json& fields, const std::string& name,
                              const std::string& prefix, std::int64_t least) {
    constexpr std::int64_t kMost = 1 << 24;
    const json value = fields.is_object() ? fields.value(name, json()) : json();
    const bool fits = value.is_number_integer() && value >= least && value <= kMost;
    if (!fits) {
      refuse(path, prefix + name,
             "a whole number from " + std::to_string(least) + " to " + std::to_string(kMost),
             value);
    }
    return value.get<std::int64_t>();
  };
  engine::TextSizes sizes;
  sizes.vocabulary = number(*own, "text_vocabulary", "obverse.", 1);
  sizes.longest = number(*own, "text_longest", "obverse.", 1);
  const json specials = own->value("special_tokens", json());
  const auto special = [&](const char* name) {
    return static_cast<std::int32_t>(number(specials, name, "obverse.special_tokens.", -1));
  };
  sizes.specials.begin_of_text = special("begin_of_text");
  sizes.specials.end_of_text = special("end_of_text");
  sizes.specials.mask = special("mask");
  const json& objective = own->at("objective");
  if (!objective.is_string()) refuse(path, "obverse.objective", "an objective's name", objective);
  try {
    return engine::make_objective(objective.get<std::string>(), sizes);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(path.string() + ": obverse.objective: " + error.what());
  }
}

}  // namespace obverse::generation

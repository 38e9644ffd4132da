#include "experiments/generate/model_tokens.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace obverse::generation {

std::vector<std::int32_t> tokens_in_config(const nlohmann::json& config, const std::string& field) {
  const auto found = config.find(field);
  if (found == config.end() || found->is_null()) return {};
  std::vector<std::int32_t> tokens;
  for (const nlohmann::json& each : found->is_array() ? *found : nlohmann::json::array({*found})) {
    const bool is_token = each.is_number_integer() && each.get<std::int64_t>() >= 0 &&
                          each.get<std::int64_t>() <= std::numeric_limits<std::int32_t>::max();
    if (!is_token) {
      throw std::runtime_error("config.json: " + field +
                               ": expected a token's number or a list of them, got " +
                               found->dump());
    }
    tokens.push_back(each.get<std::int32_t>());
  }
  return tokens;
}

std::unique_ptr<engine::Objective> objective_in_config(const nlohmann::json& config) {
  const auto own = config.find("obverse");
  if (own == config.end() || !own->is_object() || !own->contains("objective")) return nullptr;
  try {
    const nlohmann::json& specials = own->at("special_tokens");
    engine::TextSizes sizes;
    sizes.vocabulary = own->at("text_vocabulary").get<std::int64_t>();
    sizes.longest = own->at("text_longest").get<std::int64_t>();
    sizes.specials.begin_of_text = specials.at("begin_of_text").get<std::int32_t>();
    sizes.specials.end_of_text = specials.at("end_of_text").get<std::int32_t>();
    sizes.specials.mask = specials.at("mask").get<std::int32_t>();
    return engine::make_objective(own->at("objective").get<std::string>(), sizes);
  } catch (const std::exception& error) {
    throw std::runtime_error(std::string("config.json: obverse: ") + error.what());
  }
}

}  // namespace obverse::generation

#include "experiments/train/setting_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "engine/files/atomic_file.h"
#include "engine/files/shown_json.h"
#include "experiments/support/command_line.h"

namespace obverse::train {
namespace {

using experiments::UsageError;
using nlohmann::json;

std::string option_of(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

const char* placeholder_of(const Field& field) {
  if (field.usual.is_boolean()) return "BOOL";
  if (field.usual.is_number_integer()) return "N";
  if (field.usual.is_number()) return "R";
  if (field.name == "end_of_text" || field.name == "vocabulary" || field.name == "context") {
    return "N";
  }
  const bool is_path = field.name == "data" || field.name == "output" ||
                       field.name == "tokenizer" || field.name == "initial";
  return is_path ? "DIR" : "NAME";
}

// What an option's text says, in the type that its field has.
json value_of(const Field& field, const std::string& text) {
  const std::string kind = placeholder_of(field);
  const auto number = [&]<typename Number>(Number value, const char* what) -> json {
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(double(value))) {
      throw UsageError("expected --" + option_of(field.name) + " to be " + what + ", got '" + text +
                       "'");
    }
    return value;
  };
  if (kind == "N") return number(std::int64_t{0}, "a whole number");
  if (kind == "R") return number(0.0, "a number");
  if (kind != "BOOL") return text;
  if (text == "true" || text == "false") return text == "true";
  throw UsageError("expected --" + option_of(field.name) + " true or false, got '" + text + "'");
}

json read_config(const std::filesystem::path& path) {
  json config = engine::parsed_json(engine::read_file(path));
  if (!config.is_object()) {
    throw std::runtime_error(path.string() + ": expected a JSON object of settings");
  }
  return config;
}

// Settings that cannot be, told as the place that they come from: an option, or a field of a file.
Settings checked_settings(const json& options, const std::string& config_path) {
  json given = options;
  if (!config_path.empty()) {
    const json config = read_config(config_path);
    // A preset's fields are as much of an option as the preset itself.
    const json preset =
        options.contains("preset")
            ? json(engine::transformer_preset(options.at("preset").get<std::string>()))
            : json::object();
    for (const auto& item : config.items()) {
      if (!given.contains(item.key()) && !preset.contains(item.key())) {
        given[item.key()] = item.value();
      }
    }
  }
  try {
    return settings_of(given);
  } catch (const std::invalid_argument& error) {
    std::string message = error.what();
    const std::string field = message.substr(0, message.find(':'));
    if (options.contains(field)) {
      throw UsageError("--" + option_of(field) + message.substr(field.size()));
    }
    if (config_path.empty()) throw UsageError(message);
    throw std::runtime_error(config_path + ": " + message);
  }
}

}  // namespace

void add_setting_options(cxxopts::Options& options) {
  for (const char* group : {"Texts", "Model", "Training", "Output", "Machine"}) {
    auto add = options.add_options(group);
    for (const Field& field : fields()) {
      if (field.group != group) continue;
      auto value = cxxopts::value<std::string>();
      if (field.usual.is_boolean()) value->implicit_value("true");
      const std::string usual = field.usual.is_null()     ? ""
                                : field.usual.is_string() ? field.usual.get<std::string>()
                                                          : field.usual.dump();
      add(option_of(field.name), field.help + (usual.empty() ? "" : " (usually " + usual + ")"),
          value, placeholder_of(field));
    }
  }
  options.add_options("Other")("config", "JSON file of settings", cxxopts::value<std::string>(),
                               "FILE")("help", "This text");
}

Settings settings_of(const cxxopts::ParseResult& parsed) {
  json given = json::object();
  for (const Field& field : fields()) {
    const std::string option = option_of(field.name);
    if (parsed.count(option) == 0) continue;
    given[field.name] = value_of(field, parsed[option].as<std::string>());
  }
  return checked_settings(given,
                          parsed.count("config") > 0 ? parsed["config"].as<std::string>() : "");
}

}  // namespace obverse::train

#include "experiments/reversal_curse/worlds/world_kind.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "experiments/reversal_curse/worlds/expansion.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

// The generated list of all files' kinds.
std::vector<WorldKind> listed_world_kinds();

namespace {

using nlohmann::json;

const std::vector<WorldKind>& all_kinds() {
  static const std::vector<WorldKind> all = [] {
    std::vector<WorldKind> kinds = listed_world_kinds();
    for (WorldKind& kind : kinds) {
      for (WorldOption& option : expansion_options()) kind.options.push_back(std::move(option));
    }
    return kinds;
  }();
  return all;
}

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += " " + word;
  return text;
}

void check_value(const WorldKind& kind, const WorldOption& option, const json& value) {
  std::string name = option.name;
  std::replace(name.begin(), name.end(), '_', ' ');
  if (option.usual.is_string()) {
    const bool known =
        value.is_string() && std::find(option.words.begin(), option.words.end(),
                                       value.get<std::string>()) != option.words.end();
    kernels::require(known, "[", kind.name, "] expected ", name, " among", listed(option.words),
                     ", got ", value.dump());
    return;
  }
  const bool whole = option.usual.is_number_integer();
  const bool typed = whole ? value.is_number_integer() : value.is_number();
  const bool inside =
      typed && value.get<double>() >= option.least && value.get<double>() <= option.most;
  const auto shown = [whole](double limit) {
    return whole ? std::to_string(static_cast<std::int64_t>(limit)) : json(limit).dump();
  };
  kernels::require(inside, "[", kind.name, "] expected ", name, " from ", shown(option.least),
                   " to ", shown(option.most), ", got ", value.dump());
}

}  // namespace

std::vector<WorldKind> world_kinds() { return all_kinds(); }

const WorldKind& world_kind(const std::string& name) {
  std::vector<std::string> names;
  for (const WorldKind& kind : all_kinds()) {
    if (kind.name == name) return kind;
    names.push_back(kind.name);
  }
  kernels::fail("[world] expected one of", listed(names), ", got '", name, "'");
}

json complete_options(const WorldKind& kind, const json& given) {
  json options = json::object();
  std::vector<std::string> names;
  for (const WorldOption& option : kind.options) {
    options[option.name] = option.usual;
    names.push_back(option.name);
  }
  for (const auto& item : given.items()) {
    const auto option =
        std::find_if(kind.options.begin(), kind.options.end(),
                     [&item](const WorldOption& known) { return known.name == item.key(); });
    kernels::require(option != kind.options.end(), "[", kind.name, "] expected an option among",
                     listed(names), ", got '", item.key(), "'");
    check_value(kind, *option, item.value());
    options[item.key()] = item.value();
    // 1 and 1.0 are one value, and one record.
    if (option->usual.is_number_float()) options[item.key()] = item.value().get<double>();
  }
  return options;
}

World make_world(const WorldSettings& settings, std::uint64_t seed) {
  const WorldKind& kind = world_kind(settings.name);
  const json options = complete_options(kind, settings.options);
  World world;
  if (kind.read) {
    kernels::require(!settings.data.empty(), "[", kind.name, "] expected --data DIR, got none");
    try {
      world = kind.read(settings.data, options, seed);
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(error.what());  // bad data, not bad usage
    }
  } else {
    world = kind.make(options, seed);
  }
  expand_world(world, options, seed);
  return world;
}

FactRecords make_records(const WorldSettings& settings, std::uint64_t seed, const World& world) {
  const WorldKind& kind = world_kind(settings.name);
  if (!kind.records) {
    std::vector<std::string> names;
    for (const WorldKind& each : all_kinds()) {
      if (each.records) names.push_back(each.name);
    }
    kernels::fail("[", kind.name, "] expected a world whose facts are pairs of names, which are",
                  listed(names));
  }
  const json options = complete_options(kind, settings.options);
  FactRecords records = kind.records({options, settings.data, seed, world});
  settle(records, world);
  return records;
}

std::string fingerprint(const std::string& text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

std::string digest_of(const std::filesystem::path& folder, const std::vector<std::string>& files) {
  std::string all;
  for (const std::string& name : files) {
    std::ifstream file(folder / name, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    all += name + ":" + std::to_string(text.str().size()) + ":" + text.str();
  }
  return fingerprint(all);
}

json record_of(const WorldSettings& settings) {
  const WorldKind& kind = world_kind(settings.name);
  json record = complete_options(kind, settings.options);
  record["name"] = kind.name;
  if (kind.read) {
    record["digest"] = settings.data_digest;
    record["facts_shared_by_seeds"] = true;
  }
  // How it is expanded says nothing where it is not.
  if (record.at("expanded_facts") == 0.0) {
    record.erase("expansion");
    record.erase("expansion_of");
  }
  return record;
}

}  // namespace obverse::reversal

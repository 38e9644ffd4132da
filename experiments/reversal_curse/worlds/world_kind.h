// The worlds that `--world` knows. A file NAME.cpp of worlds/kinds/ defines
// `std::vector<WorldKind> NAME_worlds()`, which the build finds by its name; nothing else has to
// change: options reach the command line, the record of a run and docs from here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/reversal_curse/world.h"
#include "experiments/reversal_curse/worlds/fact_records.h"

namespace obverse::reversal {

// An option of a world. Options of the same name in several worlds mean the same and are of the
// same type; each world has its own usual value and limits.
struct WorldOption {
  std::string name;      // as in results; on the command line with hyphens
  std::string help;      // one line
  nlohmann::json usual;  // an integer, a real number or a word: whichever it is, so are all values
  double least = 0.0, most = 0.0;  // of numbers
  std::vector<std::string> words;  // of words
};

// A world as a run asks for it.
struct WorldSettings {
  std::string name = "pairs";
  nlohmann::json options = nlohmann::json::object();  // by name; what is absent is usual
  std::filesystem::path data;                         // a folder, for worlds that are read
  std::string data_digest;  // of its files, filled in by who expands a grid
};

// What a world was made from, and the world itself, with what expansion added.
struct MadeWorld {
  const nlohmann::json& options;        // complete
  const std::filesystem::path& folder;  // of worlds that are read
  std::uint64_t seed = 0;
  const World& world;
};

struct WorldKind {
  std::string name;
  std::string summary;  // one line, with the paper whose protocol it follows
  std::vector<WorldOption> options;
  // Every option has a value of its type within its limits. Throws std::invalid_argument for
  // options that do not go together.
  std::function<World(const nlohmann::json& options, std::uint64_t seed)> make;

  // Worlds read from files have these instead of `make`. Bad data throw std::invalid_argument, in
  // one line that names file and line.
  std::function<World(const std::filesystem::path& folder, const nlohmann::json& options,
                      std::uint64_t seed)>
      read;
  std::vector<std::string> files;  // that are read from the folder: what the digest is of

  // The same world's facts for probes, before settle(); empty where they are not pairs of names.
  std::function<FactRecords(const MadeWorld& made)> records;
};

// All kinds, file by file in alphabetical order, each with the options that every world has
// (worlds/expansion.h) behind its own.
std::vector<WorldKind> world_kinds();

// Throws std::invalid_argument listing the names for any other.
const WorldKind& world_kind(const std::string& name);

// All options of a kind: `given`, and the usual values of the others. Throws std::invalid_argument
// for an unknown option, another type or a value out of range.
nlohmann::json complete_options(const WorldKind& kind, const nlohmann::json& given);

// Throws std::runtime_error for bad data, std::invalid_argument for bad options.
World make_world(const WorldSettings& settings, std::uint64_t seed);

// The facts of `world`, which is make_world(settings, seed). Throws std::invalid_argument where the
// kind has none.
FactRecords make_records(const WorldSettings& settings, std::uint64_t seed, const World& world);

// A fingerprint of a text: FNV-1a, 64 bits, hexadecimal.
std::string fingerprint(const std::string& text);

// That of the files of a folder: what tells one data set from another in the settings of a run.
// Missing files count as empty.
std::string digest_of(const std::filesystem::path& folder, const std::vector<std::string>& files);

// The world's part of a run's record: its name and every option, and for read worlds the digest.
nlohmann::json record_of(const WorldSettings& settings);

}  // namespace obverse::reversal

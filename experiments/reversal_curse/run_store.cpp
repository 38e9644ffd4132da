#include "experiments/reversal_curse/run_store.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResults = "results.jsonl";
constexpr const char* kGrid = "grid.json";

template <typename... Parts>
[[noreturn]] void fail_at(const fs::path& path, const Parts&... parts) {
  std::ostringstream message;
  message << path.string() << ": ";
  (message << ... << parts);
  throw std::runtime_error(message.str());
}

struct Line {
  nlohmann::json settings;
  RunResult result;
};

// Complete lines of results.jsonl, each another one of `runs` (settings).
std::vector<Line> parse_lines(const fs::path& path, const std::string& text,
                              const nlohmann::json& runs) {
  std::vector<Line> lines;
  for (const std::string& line : complete_lines(text)) {
    const auto refuse = [&](const std::string& found) {
      fail_at(path, "line ", lines.size() + 1, ": expected a finished run of the grid, ", found);
    };
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded()) refuse("found '" + line.substr(0, 40) + "', which is not JSON");
    if (!json.is_object() || !json.contains("settings")) refuse("found no field \"settings\"");
    const nlohmann::json& settings = json.at("settings");
    if (std::find(runs.begin(), runs.end(), settings) == runs.end()) {
      refuse("found one of other settings");
    }
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].settings == settings) refuse("found that of line " + std::to_string(i + 1));
    }
    try {
      lines.push_back({settings, run_result_from_json(json)});
    } catch (const std::exception& error) {
      refuse(error.what());
    }
  }
  return lines;
}

}  // namespace

fs::path model_path(const fs::path& folder, const nlohmann::json& settings) {
  return folder / "models" / (fingerprint(settings.dump()) + ".safetensors");
}

RunStore::RunStore(const fs::path& folder, const nlohmann::json& grid) : folder_(folder) {
  std::error_code error;
  made_folder_ = fs::create_directories(folder, error);
  if (error) fail_at(folder, "cannot be made a folder for results: ", error.message());
  // Locked before anything else is looked at, so that two programs cannot both make the folder
  // theirs.
  file_ = std::make_unique<LineFile>(folder / kResults);
  try {
    adopt_grid(grid);
    load(grid.at("runs"));
  } catch (...) {
    if (file_->is_new()) fs::remove(folder / kResults, error);
    if (made_folder_) fs::remove(folder, error);
    throw;
  }
}

void RunStore::adopt_grid(const nlohmann::json& grid) {
  const fs::path grid_path = folder_ / kGrid;
  if (!fs::exists(grid_path)) {
    if (fs::file_size(folder_ / kResults) > 0) {
      fail_at(folder_, "holds ", kResults, " without ", kGrid, "; expected an empty folder");
    }
    // A command line may hold any bytes.
    write_atomically(grid_path,
                     grid.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return;
  }
  const nlohmann::json found = nlohmann::json::parse(engine::read_file(grid_path), nullptr, false);
  if (!found.is_object() || found.value("runs", nlohmann::json()) != grid.at("runs")) {
    fail_at(folder_, "holds another grid's results; expected an empty folder, or one of the same ",
            "options. Choose another with --output, or remove it");
  }
}

void RunStore::load(const nlohmann::json& runs) {
  for (Line& line : parse_lines(file_->path(), file_->text(), runs)) {
    done_.push_back(std::move(line.settings));
  }
  file_->drop_torn_line();
}

fs::path RunStore::place_for_model(const nlohmann::json& settings) const {
  const fs::path path = model_path(folder_, settings);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) fail_at(path.parent_path(), "cannot be made a folder for models: ", error.message());
  return path;
}

void RunStore::discard_if_empty() {
  if (!done_.empty()) return;
  std::error_code ignored;
  fs::remove(folder_ / kResults, ignored);
  fs::remove(folder_ / kGrid, ignored);
  if (made_folder_) fs::remove(folder_, ignored);
}

bool RunStore::contains(const nlohmann::json& settings) const {
  return std::find(done_.begin(), done_.end(), settings) != done_.end();
}

void RunStore::append(const nlohmann::json& settings, const RunResult& result) {
  nlohmann::json line = to_json(result);
  line["settings"] = settings;
  file_->append(line.dump(), std::to_string(done_.size()) +
                                 (done_.size() == 1 ? " run before it is" : " runs before it are") +
                                 " kept");
  done_.push_back(settings);
}

namespace {

// One line of probes.jsonl, to the run that it is of.
void add_probe(const std::string& line, StoredGrid& stored) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) throw std::runtime_error("found '" + line.substr(0, 40) + "'");
  for (const char* field : {"settings", "probe", "options"}) {
    if (!json.contains(field)) {
      throw std::runtime_error("found no field \"" + std::string(field) + "\"");
    }
  }
  const auto run = std::find(stored.settings.begin(), stored.settings.end(), json.at("settings"));
  if (run == stored.settings.end()) throw std::runtime_error("found one of another run");
  if (!stored.probe_options.is_null() && stored.probe_options != json.at("options")) {
    throw std::runtime_error("found one of other options, " + json.at("options").dump());
  }
  stored.probe_options = json.at("options");
  RunResult& result = stored.results[static_cast<std::size_t>(run - stored.settings.begin())];
  const auto name = json.at("probe").get<std::string>();
  if (!result.probes.emplace(name, probe_result_from_json(json)).second) {
    throw std::runtime_error("found a second one of " + name + " of the same run");
  }
}

void add_probes(const fs::path& path, StoredGrid& stored) {
  int number = 0;
  for (const std::string& line : complete_lines(engine::read_file(path))) {
    ++number;
    try {
      add_probe(line, stored);
    } catch (const std::exception& error) {
      fail_at(path, "line ", number, ": expected a probe of a finished run, ", error.what());
    }
  }
}

}  // namespace

StoredGrid read_stored_grid(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail_at(folder, "expected a folder of results");
  for (const char* name : {kGrid, kResults}) {
    if (!fs::exists(folder / name)) {
      fail_at(folder, "expected ", name, ", which `run --output` writes; found none");
    }
  }
  StoredGrid stored;
  stored.grid = nlohmann::json::parse(engine::read_file(folder / kGrid), nullptr, false);
  if (!stored.grid.is_object() || !stored.grid.contains("runs")) {
    fail_at(folder / kGrid, "expected a JSON object with the field \"runs\"");
  }
  const std::vector<Line> lines =
      parse_lines(folder / kResults, engine::read_file(folder / kResults), stored.grid.at("runs"));
  for (const nlohmann::json& settings : stored.grid.at("runs")) {
    for (const Line& line : lines) {
      if (line.settings != settings) continue;
      stored.results.push_back(line.result);
      stored.settings.push_back(settings);
    }
  }
  if (fs::exists(folder / kProbesFile)) add_probes(folder / kProbesFile, stored);
  return stored;
}

}  // namespace obverse::reversal

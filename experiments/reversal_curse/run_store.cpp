#include "experiments/reversal_curse/run_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

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

std::string reason() { return std::strerror(errno); }

// False where the disk took less than all of it; errno tells why.
bool write_all(int file, const std::string& text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(file, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    written += static_cast<std::size_t>(count);
  }
  return true;
}

// The name of a file is on disk only once its folder is.
void sync_folder(const fs::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (file >= 0) {
    ::fsync(file);
    ::close(file);
  }
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail_at(path, "cannot be read: ", reason());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Line {
  nlohmann::json settings;
  RunResult result;
};

// Complete lines of results.jsonl, each another one of `runs` (settings), and how many bytes they
// take: behind them stands what a kill cut short, if anything.
std::vector<Line> parse_lines(const fs::path& path, const std::string& text,
                              const nlohmann::json& runs, std::size_t& complete_bytes) {
  std::vector<Line> lines;
  complete_bytes = 0;
  for (std::size_t end; (end = text.find('\n', complete_bytes)) != std::string::npos;
       complete_bytes = end + 1) {
    const std::string line = text.substr(complete_bytes, end - complete_bytes);
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

void write_atomically(const fs::path& path, const std::string& text) {
  const fs::path temporary = path.string() + ".part";
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) fail_at(path, "cannot be written: ", reason());
  const bool written = write_all(file, text) && ::fsync(file) == 0;
  const std::string why = reason();
  ::close(file);
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const std::string cause = written ? reason() : why;
    ::unlink(temporary.c_str());
    fail_at(path, "cannot be written: ", cause);
  }
  sync_folder(path.parent_path());
}

RunStore::RunStore(const fs::path& folder, const nlohmann::json& grid) : folder_(folder) {
  std::error_code error;
  made_folder_ = fs::create_directories(folder, error);
  if (error) fail_at(folder, "cannot be made a folder for results: ", error.message());
  const fs::path results_path = folder / kResults;
  const bool makes_results = !fs::exists(results_path);
  file_ = ::open(results_path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) fail_at(results_path, "cannot be written: ", reason());
  // Locked before anything else is looked at, so that two programs cannot both make the folder
  // theirs.
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    ::close(file_);
    fail_at(folder, "is in use by another run of this program");
  }
  try {
    adopt_grid(grid);
    load(grid.at("runs"));
  } catch (...) {
    if (makes_results) ::unlink(results_path.c_str());
    if (made_folder_) fs::remove(folder, error);
    ::close(file_);
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
  const nlohmann::json found = nlohmann::json::parse(read_text(grid_path), nullptr, false);
  if (!found.is_object() || found.value("runs", nlohmann::json()) != grid.at("runs")) {
    fail_at(folder_, "holds another grid's results; expected an empty folder, or one of the same ",
            "options. Choose another with --output, or remove it");
  }
}

RunStore::~RunStore() {
  if (file_ >= 0) ::close(file_);
}

void RunStore::load(const nlohmann::json& runs) {
  const fs::path path = folder_ / kResults;
  const std::string text = read_text(path);
  std::size_t complete_bytes = 0;
  for (Line& line : parse_lines(path, text, runs, complete_bytes)) {
    done_.push_back(std::move(line.settings));
  }
  if (complete_bytes < text.size() && ::ftruncate(file_, static_cast<off_t>(complete_bytes)) != 0) {
    fail_at(path, "cannot be written: ", reason());
  }
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
  struct stat before {};
  const fs::path path = folder_ / kResults;
  if (::fstat(file_, &before) != 0) fail_at(path, "cannot be written: ", reason());
  if (!write_all(file_, line.dump() + "\n") || ::fsync(file_) != 0) {
    const std::string why = reason();
    // A torn line would be dropped at the next start as well; taking it back keeps the file
    // readable for others.
    const bool taken_back = ::ftruncate(file_, before.st_size) == 0;
    fail_at(path, "cannot be written: ", why, "; ", done_.size(),
            done_.size() == 1 ? " run" : " runs", " before it ", done_.size() == 1 ? "is" : "are",
            " kept", taken_back ? "" : " (the last line is torn)");
  }
  done_.push_back(settings);
}

StoredGrid read_stored_grid(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail_at(folder, "expected a folder of results");
  for (const char* name : {kGrid, kResults}) {
    if (!fs::exists(folder / name)) {
      fail_at(folder, "expected ", name, ", which `run --output` writes; found none");
    }
  }
  StoredGrid stored;
  stored.grid = nlohmann::json::parse(read_text(folder / kGrid), nullptr, false);
  if (!stored.grid.is_object() || !stored.grid.contains("runs")) {
    fail_at(folder / kGrid, "expected a JSON object with the field \"runs\"");
  }
  std::size_t complete_bytes = 0;
  const std::vector<Line> lines = parse_lines(folder / kResults, read_text(folder / kResults),
                                              stored.grid.at("runs"), complete_bytes);
  for (const nlohmann::json& settings : stored.grid.at("runs")) {
    for (const Line& line : lines) {
      if (line.settings == settings) stored.results.push_back(line.result);
    }
  }
  return stored;
}

}  // namespace obverse::reversal

#include "engine/checkpoint/checkpoints.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/files/staged_file.h"

namespace obverse::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "step-";
// Names that no checkpoint has: what is being written, and what is being removed.
constexpr const char* kUnfinished = ".unfinished";
constexpr const char* kRemoved = ".removed";
constexpr std::size_t kDigits = 8;

std::string name_of(std::int64_t step) {
  std::string digits = std::to_string(step);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return kPrefix + digits;
}

std::optional<std::int64_t> step_of(const std::string& name) {
  const std::string prefix = kPrefix;
  if (name.rfind(prefix, 0) != 0) return std::nullopt;
  const std::string digits = name.substr(prefix.size());
  constexpr std::size_t kMostDigits = 18;
  if (digits.size() < kDigits || digits.size() > kMostDigits ||
      digits.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::stoll(digits);
}

std::vector<Checkpoint> checkpoints_in(const fs::path& folder) {
  std::vector<Checkpoint> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto step = step_of(entry->path().filename().string());
    if (step && entry->is_directory()) found.push_back({*step, entry->path()});
  }
  std::sort(found.begin(), found.end(),
            [](const Checkpoint& a, const Checkpoint& b) { return a.step < b.step; });
  return found;
}

[[noreturn]] void fail_at(const fs::path& path, const std::string& what, std::error_code error) {
  throw std::runtime_error(path.string() + ": " + what + ": " + error.message());
}

void rename_or_fail(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) fail_at(to, "cannot be written", error);
}

// Under another name first, so that a program killed meanwhile leaves no half checkpoint.
void remove_checkpoint(const fs::path& checkpoint) {
  const fs::path doomed = checkpoint.string() + kRemoved;
  std::error_code ignored;
  fs::remove_all(doomed, ignored);
  rename_or_fail(checkpoint, doomed);
  fs::remove_all(doomed, ignored);
}

}  // namespace

Checkpoints::Checkpoints(fs::path folder) : folder_(std::move(folder)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) fail_at(folder_, "cannot be made", error);
  std::vector<fs::path> left_over;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string ending = entry->path().extension().string();
    const bool ours = step_of(entry->path().stem().string()).has_value();
    if (ours && (ending == kUnfinished || ending == kRemoved)) left_over.push_back(entry->path());
  }
  if (error) fail_at(folder_, "cannot be read", error);
  for (const fs::path& path : left_over) fs::remove_all(path, error);
}

void Checkpoints::save(std::int64_t step, std::int64_t keep,
                       const std::function<void(const fs::path&)>& write) const {
  const fs::path final = folder_ / name_of(step);
  if (!fs::exists(final)) write_new(final, write);
  if (keep <= 0) return;
  std::vector<Checkpoint> all = checkpoints_in(folder_);
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < all.size(); ++i) {
    remove_checkpoint(all[i].folder);
  }
}

void Checkpoints::write_new(const fs::path& final,
                            const std::function<void(const fs::path&)>& write) const {
  const fs::path unfinished = final.string() + kUnfinished;
  std::error_code error;
  fs::remove_all(unfinished, error);
  fs::create_directories(unfinished, error);
  if (error) fail_at(unfinished, "cannot be made", error);
  try {
    write(unfinished);
    sync_folder(unfinished);
    rename_or_fail(unfinished, final);
  } catch (...) {
    fs::remove_all(unfinished, error);
    throw;
  }
  sync_folder(folder_);
}

std::optional<Checkpoint> Checkpoints::latest() const { return latest_checkpoint(folder_); }

std::optional<Checkpoint> latest_checkpoint(const fs::path& folder) {
  const std::vector<Checkpoint> all = checkpoints_in(folder);
  if (all.empty()) return std::nullopt;
  return all.back();
}

fs::path model_folder_in(const fs::path& folder) {
  if (fs::exists(folder / "config.json")) return folder;
  const auto checkpoint = latest_checkpoint(folder / "checkpoints");
  if (checkpoint) return checkpoint->folder;
  throw std::runtime_error(folder.string() +
                           ": expected a folder with a model's config.json, or with checkpoints/ "
                           "of a training run, found neither");
}

}  // namespace obverse::engine

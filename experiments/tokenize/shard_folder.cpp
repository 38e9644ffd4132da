#include "experiments/tokenize/shard_folder.h"

#include <sys/stat.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>

#include "engine/files/atomic_file.h"
#include "engine/files/staged_file.h"
#include "kernels/core/random.h"

namespace obverse::tokenize {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_at(const fs::path& path, const std::string& what) {
  throw std::runtime_error(path.string() + ": " + what);
}

// The folder that is meant: behind links, without "." and "..", and without a separator at its end,
// behind which there would be no name.
fs::path place_of(const fs::path& folder) {
  std::error_code error;
  fs::path place = fs::weakly_canonical(fs::absolute(folder, error), error);
  if (error) fail_at(folder, "cannot be made: " + error.message());
  return place.has_filename() ? place : place.parent_path();
}

// What only the renaming would find, after all the work.
void check_place(const fs::path& place, const fs::path& folder) {
  const std::string expected = "expected no folder, or an empty one, for token files";
  std::error_code error;
  // A link that leads somewhere is no part of a place.
  switch (fs::symlink_status(place, error).type()) {
    case fs::file_type::not_found:
      return;
    case fs::file_type::directory:
      break;
    case fs::file_type::none:
      fail_at(folder, "cannot be made: " + error.message());
    case fs::file_type::symlink:
      fail_at(folder, expected + ", got a link to nothing");
    default:
      fail_at(folder, expected + ", got a file");
  }
  const bool is_empty = fs::is_empty(place, error);
  if (error) fail_at(folder, "cannot be read: " + error.message());
  if (!is_empty) fail_at(folder, expected);
  struct stat there = {}, above = {};
  if (::stat(place.c_str(), &there) == 0 && ::stat(place.parent_path().c_str(), &above) == 0 &&
      there.st_dev != above.st_dev) {
    fail_at(folder,
            expected + ", got a mount point, which cannot be replaced; name a folder in it");
  }
}

}  // namespace

ShardFolder::ShardFolder(fs::path folder, const tokenizer::Tokenizer& tokenizer,
                         const ShardOptions& options)
    : folder_(std::move(folder)),
      place_(place_of(folder_)),
      vocabulary_(tokenizer.size()),
      options_(options) {
  check_place(place_, folder_);
  parents_.emplace(place_.parent_path(), folder_);
  unfinished_.emplace(place_.string() + ".unfinished", folder_);
  // Another program may have finished it before this one had its claim.
  check_place(place_, folder_);
  tokenizer.save(unfinished_->path());
  engine::write_atomically(unfinished_->path() / "texts.json",
                           nlohmann::json{{"end_of_text", options_.end_of_text}}.dump() + "\n");
}

ShardFolder::~ShardFolder() {
  for (Split* split : {&training_, &validation_}) {
    split->writer.reset();
    split->mask.reset();
  }
}

void ShardFolder::Split::finish_shard() {
  if (!writer) return;
  writer->finish();
  writer.reset();
  if (!mask) return;
  mask->finish();
  mask.reset();
}

ShardFolder::Split& ShardFolder::split_of_document() {
  const double draw =
      kernels::uniform({options_.seed, kernels::Purpose::data_order, 0}, document_++);
  Split& split = draw < options_.validation_share ? validation_ : training_;
  ++split.documents;
  if (split.writer && split.writer->size() >= options_.shard_tokens) {
    split.finish_shard();
  }
  if (!split.writer) {
    char name[48];
    std::snprintf(name, sizeof name, "%s_%03d.bin", split.name, split.shards++);
    split.writer.emplace(unfinished_->path() / name, vocabulary_);
    if (options_.masked) split.mask.emplace(engine::mask_path(unfinished_->path() / name));
  }
  return split;
}

void ShardFolder::add(const tokenizer::IdPart& part) {
  if (part.count > 0) {
    const auto count = static_cast<std::int64_t>(part.count);
    if (open_ == nullptr) open_ = &split_of_document();
    open_->writer->append({part.ids, count});
    open_->tokens += count;
    open_->text_tokens += count - (part.ends_document ? 1 : 0);
    if (open_->mask) {
      counts_.assign(part.count, part.asked ? 1 : 0);
      open_->mask->append({counts_.data(), count});
    }
  }
  if (part.ends_document) open_ = nullptr;
}

ShardFolder::Totals ShardFolder::finish() {
  if (training_.text_tokens == 0) {
    fail_at(folder_, "expected texts for training, found none of at least one token");
  }
  training_.finish_shard();
  validation_.finish_shard();
  unfinished_->rename(place_);
  parents_->keep();
  engine::sync_folder(place_.parent_path());
  return {training_.tokens, validation_.tokens, training_.documents, validation_.documents};
}

}  // namespace obverse::tokenize

#include "experiments/tokenize/shard_folder.h"

#include <cstdio>
#include <stdexcept>
#include <string>
#include <system_error>

#include "engine/files/staged_file.h"
#include "kernels/core/random.h"

namespace obverse::tokenize {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_at(const fs::path& path, const std::string& what) {
  throw std::runtime_error(path.string() + ": " + what);
}

}  // namespace

ShardFolder::ShardFolder(fs::path folder, const tokenizer::Tokenizer& tokenizer,
                         const ShardOptions& options)
    : folder_(std::move(folder)),
      unfinished_(folder_.string() + ".unfinished"),
      vocabulary_(tokenizer.size()),
      options_(options) {
  std::error_code error;
  if (fs::exists(folder_, error) && !fs::is_empty(folder_, error)) {
    fail_at(folder_, "expected no folder, or an empty one, for token files");
  }
  fs::remove_all(unfinished_, error);
  fs::create_directories(unfinished_, error);
  if (error) fail_at(folder_, "cannot be made: " + error.message());
  tokenizer.save(unfinished_);
}

ShardFolder::~ShardFolder() {
  if (finished_) return;
  for (Split* split : {&training_, &validation_}) {
    split->writer.reset();
    split->mask.reset();
  }
  std::error_code ignored;
  fs::remove_all(unfinished_, ignored);
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
    split.writer.emplace(unfinished_ / name, vocabulary_);
    if (options_.masked) split.mask.emplace(engine::mask_path(unfinished_ / name));
  }
  return split;
}

void ShardFolder::add(const tokenizer::IdPart& part) {
  if (part.count > 0) {
    const auto count = static_cast<std::int64_t>(part.count);
    if (open_ == nullptr) open_ = &split_of_document();
    open_->writer->append({part.ids, count});
    open_->tokens += count;
    if (open_->mask) {
      counts_.assign(part.count, part.asked ? 1 : 0);
      open_->mask->append({counts_.data(), count});
    }
  }
  if (part.ends_document) open_ = nullptr;
}

ShardFolder::Totals ShardFolder::finish() {
  if (training_.tokens == 0) {
    fail_at(folder_, "expected texts for training, found none of at least one token");
  }
  training_.finish_shard();
  validation_.finish_shard();
  std::error_code error;
  fs::remove(folder_, error);  // an empty one
  fs::rename(unfinished_, folder_, error);
  if (error) fail_at(folder_, "cannot be made: " + error.message());
  finished_ = true;
  engine::sync_folder(fs::absolute(folder_).parent_path());
  return {training_.tokens, validation_.tokens, training_.documents, validation_.documents};
}

}  // namespace obverse::tokenize

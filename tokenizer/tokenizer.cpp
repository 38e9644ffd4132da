#include "tokenizer/tokenizer.h"

#include <mutex>
#include <stdexcept>
#include <utility>

#include "tokenizer/encoder.h"
#include "tokenizer/files.h"
#include "tokenizer/gpt2_files.h"
#include "tokenizer/huggingface_file.h"
#include "tokenizer/model.h"

namespace obverse::tokenizer {
namespace {

namespace fs = std::filesystem;

Vocabulary read_vocabulary(const fs::path& path, std::string& file) {
  file = path.string();
  const fs::file_type type = file_type(path);
  if (type == fs::file_type::not_found) {
    throw std::runtime_error(file + ": expected a tokenizer's folder or file, got nothing there");
  }
  if (type != fs::file_type::directory) {
    const std::optional<Gpt2Files> files = gpt2_files_of(path);
    return files ? read_gpt2_files(*files) : read_huggingface_file(path);
  }
  const auto is_there = [&path](const char* name) {
    return file_type(path / name) != fs::file_type::not_found;
  };
  if (is_there("tokenizer.json")) {
    file = (path / "tokenizer.json").string();
    return read_huggingface_file(path / "tokenizer.json");
  }
  for (const char* merges : {"vocab.bpe", "merges.txt"}) {
    if (is_there(merges)) return read_gpt2_files(*gpt2_files_of(path / merges));
  }
  throw std::runtime_error(file +
                           ": expected tokenizer.json, vocab.bpe or merges.txt, got none of them");
}

}  // namespace

// Encoders that no thread is using: each call takes one and brings it back, so that there are as
// many as threads have been encoding at a time, and none outlives the tokenizer.
class Tokenizer::Encoders {
 public:
  std::unique_ptr<Encoder> take(const std::shared_ptr<const Model>& model) {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        std::unique_ptr<Encoder> encoder = std::move(free_.back());
        free_.pop_back();
        return encoder;
      }
    }
    return std::make_unique<Encoder>(model);
  }

  void bring_back(std::unique_ptr<Encoder> encoder) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(encoder));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Encoder>> free_;
};

Tokenizer::Tokenizer(Vocabulary vocabulary, const std::string& name)
    : model_(std::make_shared<const Model>(std::move(vocabulary), name)),
      encoders_(std::make_shared<Encoders>()) {}

Tokenizer Tokenizer::load(const fs::path& folder_or_file) {
  std::string file;
  Vocabulary vocabulary = read_vocabulary(folder_or_file, file);
  return Tokenizer(std::move(vocabulary), file);
}

void Tokenizer::encode(std::string_view text, std::vector<std::int32_t>& ids,
                       Specials specials) const {
  std::unique_ptr<Encoder> encoder = encoders_->take(model_);
  encoder->encode(text, ids, specials);  // where it throws, its state is not trusted again
  encoders_->bring_back(std::move(encoder));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, Specials specials) const {
  std::vector<std::int32_t> ids;
  encode(text, ids, specials);
  return ids;
}

std::string_view Tokenizer::bytes_of(std::int32_t id) const {
  if (id < 0 || id >= size()) {
    throw std::invalid_argument("[tokenizer] expected an id from 0 to " +
                                std::to_string(size() - 1) + ", got " + std::to_string(id));
  }
  return model_->vocabulary.tokens[static_cast<std::size_t>(id)];
}

std::string Tokenizer::decode(const std::vector<std::int32_t>& ids) const {
  std::string text;
  for (const std::int32_t id : ids) text += bytes_of(id);
  return text;
}

std::int64_t Tokenizer::size() const {
  return static_cast<std::int64_t>(model_->vocabulary.tokens.size());
}

std::optional<std::int32_t> Tokenizer::special(std::string_view text) const {
  for (const AddedToken& token : model_->vocabulary.added) {
    if (token.special && bytes_of(token.id) == text) return token.id;
  }
  return std::nullopt;
}

bool Tokenizer::is_special(std::int32_t id) const {
  bytes_of(id);  // checks the id
  return model_->is_special[static_cast<std::size_t>(id)];
}

void Tokenizer::save(const fs::path& folder) const {
  write_huggingface_file(folder / "tokenizer.json", model_->vocabulary);
}

void Tokenizer::save_gpt2(const fs::path& folder) const {
  write_gpt2_files(folder, model_->vocabulary);
}

}  // namespace obverse::tokenizer

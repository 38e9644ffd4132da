// Byte-level byte-pair encoding (Sennrich, Haddow and Birch 2016, arXiv:1508.07909; on bytes:
// Radford et al. 2019, GPT-2): text is split by pre-token rules, and within a piece pairs are
// merged in the order that training found. Any bytes can be encoded, and decode(encode(x)) == x,
// unless a file's own rules drop a part of the text.
//
// A Tokenizer is a handle of something immutable: cheap to copy, and used by any number of threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace obverse::tokenizer {

class Encoder;
struct Model;
struct Vocabulary;

class Tokenizer {
 public:
  // A folder with tokenizer.json, or with vocab.bpe and encoder.json (or merges.txt and
  // vocab.json), or one such file. Throws std::runtime_error in one line that names file and field:
  // a file that is missing, cut short or inconsistent, or a tokenizer of another kind.
  static Tokenizer load(const std::filesystem::path& folder_or_file);

  // Throws std::runtime_error, a line that begins with `name`, where tokens, merges and rules do
  // not fit each other.
  explicit Tokenizer(Vocabulary vocabulary, const std::string& name = "vocabulary");

  // Special tokens in a text are text like any other, unless they are allowed to be recognized.
  // Added tokens that are not special are always recognized.
  enum class Specials { as_text, recognized };

  // Appends the ids of `text`. Each thread at a time works with an Encoder of its own, which is
  // kept for the next call.
  void encode(std::string_view text, std::vector<std::int32_t>& ids,
              Specials specials = Specials::as_text) const;
  std::vector<std::int32_t> encode(std::string_view text,
                                   Specials specials = Specials::as_text) const;

  // The bytes of all tokens in a row: UTF-8 only where the ids say so. Throws std::invalid_argument
  // for an id outside of [0, size()).
  std::string decode(const std::vector<std::int32_t>& ids) const;
  // One token's bytes, as long as the tokenizer or a copy lives. Throws as decode() does.
  std::string_view bytes_of(std::int32_t id) const;

  // Ids are [0, size()).
  std::int64_t size() const;
  // The id of a special token such as "<|endoftext|>".
  std::optional<std::int32_t> special(std::string_view text) const;
  // Throws as decode() does.
  bool is_special(std::int32_t id) const;

  // Writes tokenizer.json (Hugging Face) into `folder`, which is made where it is missing: there
  // whole or not at all. Throws std::runtime_error, one line.
  void save(const std::filesystem::path& folder) const;
  // The same with GPT-2's own two files, vocab.bpe and encoder.json. They tell no pre-token rules
  // and nothing of added tokens, so that GPT-2's rules and special tokens of the form <...> or
  // [...] are all that they hold: std::invalid_argument for a tokenizer with others.
  void save_gpt2(const std::filesystem::path& folder) const;

  // What it is made of; tokenizer/model.h.
  const Model& model() const { return *model_; }

 private:
  friend class Encoder;
  class Encoders;

  std::shared_ptr<const Model> model_;
  std::shared_ptr<Encoders> encoders_;
};

}  // namespace obverse::tokenizer

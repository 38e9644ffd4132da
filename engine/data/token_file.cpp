#include "engine/data/token_file.h"

#include <algorithm>

#include "kernels/core/check.h"

namespace obverse::engine {
namespace {

using kernels::require;

constexpr FileHeader kOf16Bits{20240520, 1}, kOf32Bits{20240801, 7};
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

void check_vocabulary(std::int64_t vocabulary) {
  require(vocabulary > 0 && vocabulary <= kMostFileTokens,
          "[token_file] expected a vocabulary in [1, ", kMostFileTokens, "], got ", vocabulary);
}

}  // namespace

TokenFile::TokenFile(const std::filesystem::path& path, std::int64_t vocabulary)
    : path_(path), file_(path), vocabulary_(vocabulary) {
  check_vocabulary(vocabulary);
  const FileHeader header = read_header(path, file_);
  if (header.magic != kOf16Bits.magic && header.magic != kOf32Bits.magic) {
    fail_in_file(path, "magic: expected ", kOf16Bits.magic, " (16-bit ids) or ", kOf32Bits.magic,
                 " (32-bit ids), found ", header.magic);
  }
  const FileHeader& expected = header.magic == kOf16Bits.magic ? kOf16Bits : kOf32Bits;
  if (header.version != expected.version) {
    fail_in_file(path, "version: expected ", expected.version, " with the magic ", expected.magic,
                 ", found ", header.version);
  }
  id_bytes_ = header.magic == kOf16Bits.magic ? 2 : 4;
  size_ = header.count;
  check_body(path, file_, size_, size_ * id_bytes_);
}

// Calls visit(pointer to the first id), of the type that the file holds.
template <typename Visit>
auto TokenFile::with_ids(const Visit& visit) const {
  const std::byte* const body = file_.data() + kHeaderBytes;
  return id_bytes_ == 2 ? visit(reinterpret_cast<const std::uint16_t*>(body))
                        : visit(reinterpret_cast<const std::uint32_t*>(body));
}

void TokenFile::fail_at(std::int64_t place, std::int64_t id) const {
  fail_in_file(path_, "token ", place, ": expected an id below the vocabulary of ", vocabulary_,
               ", found ", id);
}

void TokenFile::read(std::int64_t begin, kernels::Span<std::int32_t> to) const {
  require(begin >= 0 && begin + to.size() <= size_, "[token_file] expected a part of the ", size_,
          " tokens of ", path_.string(), ", got ", to.size(), " from ", begin);
  with_ids([&](const auto* ids) {
    std::int32_t* const out = to.data();
    // A maximum and a look at it: a check of every id would keep the loop from being vectors.
    std::uint32_t largest = 0;
    for (std::int64_t i = 0; i < to.size(); ++i) {
      const std::uint32_t id = ids[begin + i];
      largest = std::max(largest, id);
      out[i] = static_cast<std::int32_t>(id);
    }
    if (largest < static_cast<std::uint64_t>(vocabulary_)) return;
    for (std::int64_t i = begin; i < begin + to.size(); ++i) {
      if (ids[i] >= static_cast<std::uint64_t>(vocabulary_)) fail_at(i, ids[i]);
    }
  });
}

std::int64_t TokenFile::find(std::int32_t id, std::int64_t begin) const {
  require(begin >= 0 && begin <= size_, "[token_file] expected a place of the ", size_,
          " tokens of ", path_.string(), ", got ", begin);
  return with_ids([&](const auto* ids) {
    const auto end = ids + size_;
    return static_cast<std::int64_t>(std::find(ids + begin, end, static_cast<std::uint32_t>(id)) -
                                     ids);
  });
}

void TokenFile::check_ids() const {
  with_ids([&](const auto* ids) {
    constexpr std::int64_t kPart = 1 << 16;
    for (std::int64_t begin = 0; begin < size_; begin += kPart) {
      const std::int64_t end = std::min(begin + kPart, size_);
      auto largest = ids[begin];
      for (std::int64_t i = begin; i < end; ++i) largest = std::max(largest, ids[i]);
      if (largest < static_cast<std::uint64_t>(vocabulary_)) continue;
      for (std::int64_t i = begin; i < end; ++i) {
        if (ids[i] >= static_cast<std::uint64_t>(vocabulary_)) fail_at(i, ids[i]);
      }
    }
  });
}

TokenFileWriter::TokenFileWriter(const std::filesystem::path& path, std::int64_t vocabulary)
    : file_((check_vocabulary(vocabulary), path)), vocabulary_(vocabulary) {
  file_.write(header_bytes({}));
}

void TokenFileWriter::append(kernels::Span<const std::int32_t> ids) {
  require(ids.size() <= kMostFileTokens - size_, "[token_file] expected at most ", kMostFileTokens,
          " tokens in a file, got ", size_ + ids.size());
  const auto bytes = static_cast<std::size_t>(token_bytes(vocabulary_));
  for (const std::int32_t id : ids) {
    require(id >= 0 && id < vocabulary_, "[token_file] expected ids in [0, ", vocabulary_,
            "), got ", id);
  }
  for (const std::int32_t id : ids) {
    // Little endian: the low bytes come first.
    buffer_.append(reinterpret_cast<const char*>(&id), bytes);
    if (buffer_.size() < kBufferBytes) continue;
    file_.write(buffer_);
    buffer_.clear();
  }
  size_ += ids.size();
}

void TokenFileWriter::finish() {
  require(size_ > 0, "[token_file] expected at least one token, got none");
  file_.write(buffer_);
  buffer_.clear();
  FileHeader header = token_bytes(vocabulary_) == 2 ? kOf16Bits : kOf32Bits;
  header.count = static_cast<std::int32_t>(size_);
  file_.write_at(0, header_bytes(header));
  file_.finish();
}

}  // namespace obverse::engine

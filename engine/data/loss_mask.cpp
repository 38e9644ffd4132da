#include "engine/data/loss_mask.h"

#include "kernels/core/check.h"
#include "kernels/core/division.h"

namespace obverse::engine {
namespace {

using kernels::require;

constexpr FileHeader kMaskHeader{0x4B53414D, 1};
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

}  // namespace

std::filesystem::path mask_path(const std::filesystem::path& tokens) {
  return std::filesystem::path(tokens).replace_extension(".mask");
}

LossMask::LossMask(const std::filesystem::path& path, std::int64_t tokens) : file_(path) {
  const FileHeader header = read_header(path, file_);
  if (header.magic != kMaskHeader.magic) {
    fail_in_file(path, "magic: expected ", kMaskHeader.magic, ", found ", header.magic);
  }
  if (header.version != kMaskHeader.version) {
    fail_in_file(path, "version: expected ", kMaskHeader.version, ", found ", header.version);
  }
  size_ = header.count;
  const std::int64_t bytes = kernels::quotient_up(size_ > 0 ? size_ : 0, 8);
  check_body(path, file_, size_, bytes);
  if (size_ != tokens) {
    fail_in_file(path, "count: expected ", tokens, ", the tokens of the file beside it, found ",
                 size_);
  }
  const auto last = std::to_integer<unsigned>(file_.data()[kHeaderBytes + bytes - 1]);
  const auto used = static_cast<unsigned>(size_ - 8 * (bytes - 1));
  if (last >> used != 0) {
    fail_in_file(path, "body: expected zeros behind the last token's bit, found the last byte ",
                 last);
  }
}

void LossMask::read(std::int64_t begin, kernels::Span<std::uint8_t> to) const {
  require(begin >= 0 && begin + to.size() <= size_, "[loss_mask] expected a part of ", size_,
          " tokens, got ", to.size(), " from ", begin);
  const std::byte* const body = file_.data() + kHeaderBytes;
  for (std::int64_t i = 0; i < to.size(); ++i) {
    const std::int64_t place = begin + i;
    to[i] = static_cast<std::uint8_t>(std::to_integer<unsigned>(body[place / 8]) >> place % 8 & 1u);
  }
}

LossMaskWriter::LossMaskWriter(const std::filesystem::path& path) : file_(path) {
  file_.write(header_bytes({}));
}

void LossMaskWriter::append(kernels::Span<const std::uint8_t> counts) {
  require(counts.size() <= kMostFileTokens - size_, "[loss_mask] expected at most ",
          kMostFileTokens, " tokens in a file, got ", size_ + counts.size());
  for (const std::uint8_t one : counts) {
    require(one <= 1, "[loss_mask] expected 0 or 1, got ", static_cast<int>(one));
  }
  for (const std::uint8_t one : counts) {
    if (size_ % 8 == 0) {
      if (buffer_.size() >= kBufferBytes) {
        file_.write(buffer_);
        buffer_.clear();
      }
      buffer_ += '\0';
    }
    buffer_.back() =
        static_cast<char>(static_cast<unsigned char>(buffer_.back()) | one << size_ % 8);
    ++size_;
  }
}

void LossMaskWriter::finish() {
  require(size_ > 0, "[loss_mask] expected at least one token, got none");
  file_.write(buffer_);
  buffer_.clear();
  FileHeader header = kMaskHeader;
  header.count = static_cast<std::int32_t>(size_);
  file_.write_at(0, header_bytes(header));
  file_.finish();
}

}  // namespace obverse::engine

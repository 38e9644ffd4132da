#include "engine/checkpoint/safetensors.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "engine/files/atomic_file.h"
#include "engine/files/shown_json.h"
#include "kernels/core/check.h"

namespace obverse::engine {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "files hold little-endian numbers");

constexpr const char* kMetadata = "__metadata__";
constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMostHeader = 100'000'000;  // what the format's own readers take

template <typename... Parts>
[[noreturn]] void fail_in(const std::filesystem::path& path, const Parts&... parts) {
  std::ostringstream message;
  message << path.string() << ": ";
  (message << ... << parts);
  throw std::runtime_error(message.str());
}

std::uint64_t read_length(const std::string& text) {
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) {
    length = length << 8 | static_cast<unsigned char>(text[i]);
  }
  return length;
}

// Bytes of one element; 0 for a type that the format does not have.
std::int64_t size_of_stored_type(const std::string& type) {
  static const std::map<std::string, std::int64_t> kSizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"I64", 8}, {"U64", 8},     {"F64", 8}};
  const auto found = kSizes.find(type);
  return found == kSizes.end() ? 0 : found->second;
}

// Bytes of a tensor, or -1 where a size is negative or the product is no 64-bit number.
std::int64_t bytes_of(const std::string& type, const std::vector<std::int64_t>& shape) {
  std::int64_t bytes = size_of_stored_type(type);
  for (const std::int64_t size : shape) {
    if (size < 0 || (size > 0 && bytes > std::numeric_limits<std::int64_t>::max() / size)) {
      return -1;
    }
    bytes *= size;
  }
  return bytes;
}

struct Place {
  std::uint64_t begin = 0, end = 0;
  std::string name;
};

bool is_unsigned_list(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const json& item) {
           return item.is_number_unsigned() &&
                  item.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max();
         });
}

// One entry of the header, without its bytes.
Place read_entry(const std::filesystem::path& path, const std::string& name, const json& entry,
                 StoredTensor& tensor) {
  const auto field = [&](const char* key) -> const json& {
    if (!entry.is_object() || !entry.contains(key)) {
      fail_in(path, "tensor \"", shown_name(name), "\": expected the field \"", key,
              "\", found none");
    }
    return entry.at(key);
  };
  const json& type = field("dtype");
  tensor.type = type.is_string() ? type.get<std::string>() : "";
  if (size_of_stored_type(tensor.type) == 0) {
    fail_in(path, "tensor \"", shown_name(name),
            "\": expected a dtype such as F32, F16 or BF16, found ", shown_json(type));
  }
  const json& shape = field("shape");
  if (!is_unsigned_list(shape)) {
    fail_in(path, "tensor \"", shown_name(name), "\": expected a shape of sizes from 0 on, found ",
            shown_json(shape));
  }
  tensor.shape = shape.get<std::vector<std::int64_t>>();
  const json& offsets = field("data_offsets");
  if (!is_unsigned_list(offsets) || offsets.size() != 2 || offsets[0] > offsets[1]) {
    fail_in(path, "tensor \"", shown_name(name), "\": expected data_offsets [begin, end], found ",
            shown_json(offsets));
  }
  const Place place{offsets[0], offsets[1], name};
  const std::int64_t bytes = bytes_of(tensor.type, tensor.shape);
  if (bytes < 0 || static_cast<std::uint64_t>(bytes) != place.end - place.begin) {
    fail_in(path, "tensor \"", shown_name(name), "\": expected data_offsets that are ", bytes,
            " bytes apart for ", tensor.type, " ", shown_json(shape), ", found ",
            shown_json(offsets));
  }
  return place;
}

json parse_header(const std::filesystem::path& path, const std::string& text) {
  if (text.size() < kLengthBytes) {
    fail_in(path, "expected a safetensors file of at least ", kLengthBytes, " bytes, found ",
            text.size());
  }
  const std::uint64_t length = read_length(text);
  if (length > kMostHeader || length > text.size() - kLengthBytes) {
    fail_in(path, "expected a header of at most ",
            std::min<std::uint64_t>(kMostHeader, text.size() - kLengthBytes),
            " bytes, found one that says ", length);
  }
  json header = parsed_json(std::string_view(text).substr(kLengthBytes, length));
  if (!header.is_object()) fail_in(path, "expected a header that is a JSON object");
  return header;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  json header = json::object();
  if (!file.metadata.empty()) header[kMetadata] = file.metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const std::int64_t bytes = bytes_of(tensor.type, tensor.shape);
    kernels::require(size_of_stored_type(tensor.type) > 0 &&
                         bytes == static_cast<std::int64_t>(tensor.bytes.size()) &&
                         name != kMetadata,
                     "[safetensors] expected ", bytes, " bytes of type ", tensor.type,
                     " for tensor ", name, ", got ", tensor.bytes.size());
    header[name] = {{"dtype", tensor.type},
                    {"shape", tensor.shape},
                    {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  // Readers that map the file want the elements aligned.
  while ((text.size() + kLengthBytes) % 8 != 0) text += ' ';
  std::string bytes;
  bytes.reserve(kLengthBytes + text.size() + offset);
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    bytes += static_cast<char>(static_cast<std::uint64_t>(text.size()) >> (8 * i) & 0xff);
  }
  bytes += text;
  for (const auto& [name, tensor] : file.tensors) bytes += tensor.bytes;
  write_atomically(path, bytes);
}

TensorFile read_safetensors(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  const json header = parse_header(path, text);
  const std::uint64_t data = kLengthBytes + read_length(text);
  TensorFile file;
  std::vector<Place> places;
  for (const auto& item : header.items()) {
    if (item.key() != kMetadata) {
      places.push_back(read_entry(path, item.key(), item.value(), file.tensors[item.key()]));
      continue;
    }
    for (const auto& note : item.value().items()) {
      if (!item.value().is_object() || !note.value().is_string()) {
        fail_in(path, kMetadata, ": expected an object of strings, found ",
                shown_json(item.value()));
      }
      file.metadata[note.key()] = note.value();
    }
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t end = 0;
  for (const Place& place : places) {
    if (place.begin != end) {
      fail_in(path, "tensor \"", shown_name(place.name), "\": expected data from byte ", end,
              " on, where the one before ends, found ", place.begin);
    }
    end = place.end;
  }
  if (end != text.size() - data) {
    fail_in(path, "expected ", end, " bytes of tensors behind the header, found ",
            text.size() - data);
  }
  for (const Place& place : places) {
    file.tensors[place.name].bytes = text.substr(data + place.begin, place.end - place.begin);
  }
  return file;
}

}  // namespace obverse::engine

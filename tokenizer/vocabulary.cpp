#include "tokenizer/vocabulary.h"

#include <cstdio>
#include <stdexcept>

namespace obverse::tokenizer {

TokenIds token_ids(const Vocabulary& vocabulary) {
  std::vector<bool> is_added(vocabulary.tokens.size(), false);
  for (const AddedToken& token : vocabulary.added) {
    is_added[static_cast<std::size_t>(token.id)] = true;
  }
  TokenIds ids;
  ids.reserve(vocabulary.tokens.size());
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (!is_added[id]) ids.emplace(vocabulary.tokens[id], static_cast<std::int32_t>(id));
  }
  return ids;
}

std::vector<std::int32_t> byte_ids(const TokenIds& ids, const std::string& file) {
  std::vector<std::int32_t> of_byte(256);
  for (int byte = 0; byte < 256; ++byte) {
    const char letter = static_cast<char>(byte);
    const auto found = ids.find(std::string_view(&letter, 1));
    if (found == ids.end()) {
      char name[8];
      std::snprintf(name, sizeof name, "0x%02X", byte);
      throw std::runtime_error(file + ": expected a token for each of 256 bytes, got none for " +
                               name);
    }
    of_byte[static_cast<std::size_t>(byte)] = found->second;
  }
  return of_byte;
}

}  // namespace obverse::tokenizer

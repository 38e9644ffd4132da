// Small token files for tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/data/loss_mask.h"
#include "engine/data/token_file.h"
#include "tests/support/random_values.h"

namespace obverse::tests {

inline void write_tokens(const std::filesystem::path& path, std::int64_t vocabulary,
                         const std::vector<std::int32_t>& ids) {
  engine::TokenFileWriter writer(path, vocabulary);
  writer.append(span(ids));
  writer.finish();
}

inline void write_mask(const std::filesystem::path& path, const std::vector<std::uint8_t>& counts) {
  engine::LossMaskWriter writer(path);
  writer.append(span(counts));
  writer.finish();
}

// The message of the std::runtime_error that `call` throws, or "nothing thrown".
template <typename Call>
std::string file_error_of(const Call& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace obverse::tests

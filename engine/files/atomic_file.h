// Small files that are there whole or not at all, whatever kills the program.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace obverse::engine {

// Replaces `path` by `text`: written beside it, synced, renamed. Throws std::runtime_error in one
// line that names the file, the old one untouched.
void write_atomically(const std::filesystem::path& path, std::string_view text);

// All bytes of a file. Throws std::runtime_error in one line that names it.
std::string read_file(const std::filesystem::path& path);

}  // namespace obverse::engine

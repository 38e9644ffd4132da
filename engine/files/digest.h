// A short name of what a file holds, to tell whether it is still the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace obverse::engine {

// Sixteen hexadecimal digits. Against accidents, not against an adversary: as fast as memory is
// read, which a cryptographic one is not.
std::string digest_of(const std::byte* bytes, std::int64_t size);

}  // namespace obverse::engine

#include "engine/files/atomic_file.h"

#include <cstddef>
#include <filesystem>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_files.h"

namespace obverse::engine {
namespace {

TEST_CASE("what is written atomically is read whole, of any size", "[files]") {
  const tests::TemporaryFolder folder;
  const auto path = folder.path() / "text";
  for (const std::size_t size : {0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 300'000}) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i % 251);
    write_atomically(path, text);
    CHECK((read_file(path) == text));
  }
}

TEST_CASE("what cannot be read is told with its reason, and is no empty file", "[files]") {
  const tests::TemporaryFolder folder;
  const std::string path = folder.path().string();
  CHECK(tests::file_error_of([&] { read_file(path); }) ==
        path + ": cannot be read: Is a directory");
  CHECK(tests::file_error_of([&] { read_file(path + "/none"); }) ==
        path + "/none: cannot be read: No such file or directory");
  // Fails when it is read, not when it is opened, as a damaged disk does.
  CHECK(tests::file_error_of([] { read_file("/proc/self/mem"); }) ==
        "/proc/self/mem: cannot be read: Input/output error");
}

}  // namespace
}  // namespace obverse::engine

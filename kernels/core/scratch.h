// Working memory of a kernel on its own thread, kept between calls so that a repeated call
// allocates nothing.
#pragma once

#include <cstdint>
#include <vector>

namespace obverse::kernels {

// Hands out parts of one thread's buffer. Contents are undefined; parts are valid until the next
// Scratch of that thread. REQUIRES: one live Scratch a thread and element type.
template <typename T>
class Scratch {
 public:
  explicit Scratch(std::int64_t elements) { reserve(elements); }

  // So that later calls for at most as many elements allocate nothing on this thread.
  static void reserve(std::int64_t elements) {
    if (static_cast<std::int64_t>(buffer().size()) < elements) buffer().resize(elements);
  }

  T* take(std::int64_t elements) {
    T* part = buffer().data() + used_;
    used_ += elements;
    return part;
  }

 private:
  static std::vector<T>& buffer() {
    thread_local std::vector<T> buffer;
    return buffer;
  }
  std::int64_t used_ = 0;
};

}  // namespace obverse::kernels

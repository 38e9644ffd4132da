// Who wrote and who read each two bytes of a block's shared memory, and whether that was in order.
// The method is that of Flanagan and Freund, "FastTrack: efficient and precise dynamic race
// detection" (PLDI 2009): every thread keeps a vector clock, an access is stamped with its thread's
// own time, and it is ordered before a later one if the later thread's clock has caught up with the
// stamp. Only barriers bring clocks together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/core/emulation.h"

namespace obverse::emulation {

using kernels::emulation::Site;

std::string to_string(const Site& site);  // "file:line"

// The vector clocks of a block's threads.
class Clocks {
 public:
  // All threads begin in order after everything that was stamped before.
  void begin(int threads);
  int threads() const { return threads_; }
  std::uint32_t own(int thread) const { return row(thread)[thread]; }
  std::uint32_t begun() const { return begun_; }
  bool has_seen(int thread, int other, std::uint32_t time) const {
    return thread == other || row(thread)[other] >= time;
  }
  // What any of `members` did before is ordered before what any of them does after.
  void join(const std::vector<int>& members);

 private:
  const std::uint32_t* row(int thread) const {
    return times_.data() + static_cast<std::size_t>(thread) * static_cast<std::size_t>(threads_);
  }

  int threads_ = 0;
  std::uint32_t begun_ = 0, latest_ = 0;
  std::vector<std::uint32_t> times_;  // [threads, threads]
  std::vector<std::uint32_t> joined_;
};

// Checks the accesses of one block after another. Every function returns what is wrong, or an empty
// string; offsets and lengths are in bytes from the start of shared memory, and even.
class Shadow {
 public:
  // Forgets nothing: what earlier blocks did is told apart by its time.
  void begin(std::size_t bytes);

  std::string read(const Clocks& clocks, int thread, std::size_t offset, std::size_t bytes,
                   const Site& site);
  std::string write(const Clocks& clocks, int thread, std::size_t offset, std::size_t bytes,
                    const Site& site);
  // A write that is under way: until it has arrived nobody may touch its destination.
  std::string begin_copy(const Clocks& clocks, int thread, std::size_t offset, std::size_t bytes,
                         const Site& site);
  // It arrives now, which is when `thread` waited for it.
  void end_copy(const Clocks& clocks, int thread, std::size_t offset, std::size_t bytes);

 private:
  struct Access {
    const char* file = nullptr;
    std::uint32_t line = 0;
    std::uint32_t time = 0;
    int thread = 0;
    bool under_way = false;
    Site site() const { return {file, static_cast<int>(line)}; }
  };
  // Two readers that are in no order stand for all: whoever writes out of order with any reader is
  // so with one of them, or with a reader after them.
  struct Granule {
    Access write, readers[2];
  };
  static constexpr std::size_t kGranuleBytes = 2;

  template <typename Visit>
  std::string each(std::size_t offset, std::size_t bytes, const Visit& visit);
  static std::string conflict(const Access& earlier, bool earlier_writes, const char* now);
  static std::string check_write(const Clocks& clocks, int thread, const Granule& granule);

  std::vector<Granule> granules_;
};

}  // namespace obverse::emulation

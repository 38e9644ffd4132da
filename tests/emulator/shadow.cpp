#include "tests/emulator/shadow.h"

#include <algorithm>
#include <limits>

namespace obverse::emulation {

std::string to_string(const Site& site) {
  const std::string file = site.file;
  const std::size_t slash = file.rfind('/');
  return (slash == std::string::npos ? file : file.substr(slash + 1)) + ":" +
         std::to_string(site.line);
}

void Clocks::begin(int threads) {
  threads_ = threads;
  begun_ = latest_;
  times_.assign(static_cast<std::size_t>(threads) * static_cast<std::size_t>(threads), begun_);
  latest_ = begun_ + 1;
  for (int thread = 0; thread < threads; ++thread) {
    times_[static_cast<std::size_t>(thread) * static_cast<std::size_t>(threads + 1)] = latest_;
  }
}

void Clocks::join(const std::vector<int>& members) {
  const auto threads = static_cast<std::size_t>(threads_);
  if (members.size() == threads) {
    // Nobody knows more of a thread than itself.
    joined_.resize(threads);
    for (std::size_t i = 0; i < threads; ++i) joined_[i] = times_[i * threads + i];
  } else {
    joined_.assign(threads, 0);
    for (const int member : members) {
      const std::uint32_t* times = row(member);
      for (std::size_t i = 0; i < threads; ++i) joined_[i] = std::max(joined_[i], times[i]);
    }
  }
  for (const int member : members) {
    std::uint32_t* times = times_.data() + static_cast<std::size_t>(member) * threads;
    std::copy(joined_.begin(), joined_.end(), times);
    latest_ = std::max(latest_, ++times[member]);
  }
}

void Shadow::begin(std::size_t bytes) {
  const std::size_t count = (bytes + kGranuleBytes - 1) / kGranuleBytes;
  if (granules_.size() < count) granules_.resize(count);
}

std::string Shadow::conflict(const Access& earlier, bool earlier_writes, const char* now) {
  return std::string(now) + " shared memory that thread " + std::to_string(earlier.thread) +
         (earlier_writes ? " wrote" : " read") + " at " + to_string(earlier.site()) +
         " with no barrier between";
}

template <typename Visit>
std::string Shadow::each(std::size_t offset, std::size_t bytes, const Visit& visit) {
  for (std::size_t i = offset / kGranuleBytes; i < (offset + bytes) / kGranuleBytes; ++i) {
    std::string problem = visit(granules_[i]);
    if (!problem.empty()) return problem;
  }
  return {};
}

std::string Shadow::read(const Clocks& clocks, int thread, std::size_t offset, std::size_t bytes,
                         const Site& site) {
  const Access now{site.file, static_cast<std::uint32_t>(site.line), clocks.own(thread), thread,
                   false};
  return each(offset, bytes, [&](Granule& granule) -> std::string {
    const Access& write = granule.write;
    if (write.time <= clocks.begun()) {
      return "reads shared memory that no thread of the block wrote";
    }
    if (write.under_way) {
      return "reads shared memory to which an asynchronous copy of thread " +
             std::to_string(write.thread) + " (" + to_string(write.site()) +
             ") is under way: nobody waited for it";
    }
    if (!clocks.has_seen(thread, write.thread, write.time)) return conflict(write, true, "reads");
    for (Access& reader : granule.readers) {
      if (reader.time <= clocks.begun() || clocks.has_seen(thread, reader.thread, reader.time)) {
        reader = now;
        break;
      }
    }
    return {};
  });
}

std::string Shadow::check_write(const Clocks& clocks, int thread, const Granule& granule) {
  const Access& write = granule.write;
  // Stamps of earlier blocks may name threads that this block lacks.
  if (write.time > clocks.begun()) {
    if (write.under_way) {
      return "writes shared memory to which an asynchronous copy of thread " +
             std::to_string(write.thread) + " (" + to_string(write.site()) + ") is under way";
    }
    if (!clocks.has_seen(thread, write.thread, write.time)) return conflict(write, true, "writes");
  }
  for (const Access& reader : granule.readers) {
    if (reader.time > clocks.begun() && !clocks.has_seen(thread, reader.thread, reader.time)) {
      return conflict(reader, false, "writes");
    }
  }
  return {};
}

std::string Shadow::write(const Clocks& clocks, int thread, std::size_t offset, std::size_t bytes,
                          const Site& site) {
  const Access now{site.file, static_cast<std::uint32_t>(site.line), clocks.own(thread), thread,
                   false};
  return each(offset, bytes, [&](Granule& granule) {
    std::string problem = check_write(clocks, thread, granule);
    granule.write = now;
    return problem;
  });
}

std::string Shadow::begin_copy(const Clocks& clocks, int thread, std::size_t offset,
                               std::size_t bytes, const Site& site) {
  std::string problem = write(clocks, thread, offset, bytes, site);
  each(offset, bytes, [&](Granule& granule) -> std::string {
    granule.write.under_way = true;
    return {};
  });
  return problem;
}

void Shadow::end_copy(const Clocks& clocks, int thread, std::size_t offset, std::size_t bytes) {
  each(offset, bytes, [&](Granule& granule) -> std::string {
    granule.write.under_way = false;
    granule.write.time = clocks.own(thread);
    return {};
  });
}

}  // namespace obverse::emulation

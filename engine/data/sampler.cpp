#include "engine/data/sampler.h"

#include <numeric>

#include "kernels/core/check.h"
#include "kernels/core/random.h"

namespace obverse::engine {

Sampler::Sampler(std::int64_t size, std::uint64_t seed) : seed_(seed) {
  kernels::require(size > 0, "[sampler] expected at least one item, got ", size);
  order_.resize(static_cast<std::size_t>(size));
}

std::int64_t Sampler::item(std::int64_t draw) {
  const auto size = static_cast<std::int64_t>(order_.size());
  const std::int64_t epoch = draw / size;
  if (epoch != epoch_) {
    epoch_ = epoch;
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
    kernels::RandomSequence random(
        {seed_, kernels::Purpose::data_order, static_cast<std::uint64_t>(epoch)});
    random.shuffle(order_);
  }
  return order_[static_cast<std::size_t>(draw % size)];
}

}  // namespace obverse::engine

// The one pool that the device memory of this process comes from.
#pragma once

#include "kernels/core/caching_pool.h"

namespace obverse::kernels::cuda {

CachingPool& device_pool();

}  // namespace obverse::kernels::cuda

// The main function of the tests on a GPU: without one it says why they were skipped.
#include <cstdio>

#include "kernels/core/device.h"

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

int main(int argc, char** argv) {
  if (const std::string why = obverse::kernels::cuda::why_no_device(); !why.empty()) {
    std::printf("SKIPPED: the CUDA kernels did not run: %s\n", why.c_str());
    return 0;
  }
  return Catch::Session().run(argc, argv);
}

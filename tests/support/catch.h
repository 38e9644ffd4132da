// Catch2 2.13 (Debian 12) and 3.x under one name; Approx in the global namespace with both.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

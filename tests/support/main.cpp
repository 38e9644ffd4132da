// The main function of every test executable. Catch2 2 needs it compiled once, slowly, from its
// header; Catch2 3 brings its own in Catch2::Catch2WithMain, and this file is then empty.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif

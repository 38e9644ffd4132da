#include "bench/kernels/kernel_options.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using bench::KernelOptions;

KernelOptions parsed(const std::vector<const char*>& words) {
  std::vector<const char*> arguments{"kernels"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  return bench::parse_kernel_options(static_cast<int>(arguments.size()), arguments.data(),
                                     {.cpu = {"adamw", "layer_norm", "matmul", "tokens"},
                                      .cuda = {"adamw", "layer_norm", "matmul"}});
}

std::string message(const std::vector<const char*>& words) {
  return error_of([&] { parsed(words); });
}

TEST_CASE("bench kernels runs all that the device has, or what is named", "[bench]") {
  using Names = std::vector<std::string>;
  CHECK(parsed({}).operations == Names{"adamw", "layer_norm", "matmul", "tokens"});
  CHECK(parsed({}).device == "cpu");
  CHECK(parsed({"--device", "cuda"}).operations == Names{"adamw", "layer_norm", "matmul"});
  CHECK(parsed({"--device", "cuda", "--operation", "layer_norm"}).operations ==
        Names{"layer_norm"});
  CHECK(parsed({"--operation", "tokens,adamw,tokens"}).operations == Names{"tokens", "adamw"});
  CHECK(message({"--operation", "tokens", "--device", "cuda"}) ==
        "expected --operation of adamw, layer_norm or matmul on cuda, got 'tokens'");
  CHECK(message({"--operation", "matmul,dot"}) ==
        "expected --operation of adamw, layer_norm, matmul or tokens on cpu, got 'dot'");
  CHECK(message({"--operation", ""}).ends_with("on cpu, got ''"));
}

TEST_CASE("bench kernels takes shapes of the operations that have some", "[bench]") {
  const KernelOptions chosen =
      parsed({"--device", "cuda", "--operation", "adamw,matmul", "--shapes", "7x8x9,100"});
  REQUIRE(chosen.shapes.matmul.size() == 1);
  CHECK(chosen.shapes.matmul[0].name() == "7x8x9");
  REQUIRE(chosen.shapes.adamw.size() == 1);
  CHECK(chosen.shapes.adamw[0].parameters == 100);
  const std::string expected = "expected --shapes with --operation of matmul, attention or adamw";
  CHECK(message({"--shapes", "7x8x9"}) == expected);
  CHECK(message({"--device", "cuda", "--shapes", "7x8x9"}) == expected);
  CHECK(message({"--device", "cuda", "--operation", "layer_norm", "--shapes", "7x8"}) == expected);
  CHECK(message({"--operation", "matmul,layer_norm", "--shapes", "7x8x9"}) == expected);
}

TEST_CASE("bench kernels says which option is wrong", "[bench]") {
  CHECK(parsed({"--help"}).help);
  CHECK(parsed({"--help"}).help_text.find("--device cuda --operation layer_norm") !=
        std::string::npos);
  CHECK(message({"--device", "tpu"}) == "expected --device cpu or cuda, got 'tpu'");
  CHECK(message({"--threads", "-1"}) == "expected --threads of at least 0, got -1");
  CHECK(message({"matmul"}) == "unexpected argument 'matmul'");
}

}  // namespace
}  // namespace obverse::tests

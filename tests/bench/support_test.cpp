// The parts of obverse-bench that are not measuring: shapes, percentiles, rows of the table, JSON.
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/support/figure.h"
#include "bench/support/shapes.h"
#include "bench/support/timing.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using bench::Figure;

TEST_CASE("bench shapes are read as they are written", "[bench]") {
  const auto products = bench::parse_matmul_shapes("4096x4096x4096,8192x50304x768");
  REQUIRE(products.size() == 2);
  CHECK(products[0].name() == "4096x4096x4096");
  CHECK(products[1].m == 8192);
  CHECK(products[1].n == 50304);
  CHECK(products[1].k == 768);

  const auto layers = bench::parse_attention_shapes("2x1024x12x64,1x8192x32x128x8");
  REQUIRE(layers.size() == 2);
  CHECK(layers[0].key_value_heads == 12);
  CHECK(layers[0].name() == "2x1024x12x64");
  CHECK(layers[1].sequence == 8192);
  CHECK(layers[1].head_size == 128);
  CHECK(layers[1].key_value_heads == 8);
  CHECK(layers[1].name() == "1x8192x32x128x8");

  const auto optimizers = bench::parse_adamw_shapes("1000000,1000x7");
  REQUIRE(optimizers.size() == 2);
  CHECK(optimizers[0].name() == "1000000");
  CHECK(optimizers[1].name() == "1000x7");
  CHECK(optimizers[1].begin(0) == 0);
  CHECK(optimizers[1].begin(2) == 256);  // 2 * 142, down to a multiple of 64
  CHECK(optimizers[1].begin(7) == 1000);
}

TEST_CASE("bench says which shape it did not understand", "[bench]") {
  const std::string product = "expected shapes of matmul as MxNxK, got '";
  for (const std::string text : {"", "12x", "12x34", "1x2x3x4", "x1x2", "1x2x0", "1x2x-3", "1x2x3 ",
                                 "axbxc", "1x2x99999999999999999999", "1x2x2147483649"}) {
    CHECK(error_of([&] { bench::parse_matmul_shapes(text); }) == product + text + "'");
  }
  CHECK(error_of([] { bench::parse_matmul_shapes("1x2x3,,4x5x6"); }) == product + "'");
  CHECK(error_of([] { bench::parse_attention_shapes("1x2x3"); }) ==
        "expected shapes of attention as BATCHxSEQUENCExHEADSxHEAD_SIZE[xKEY_VALUE_HEADS], got "
        "'1x2x3'");
  CHECK(error_of([] { bench::parse_attention_shapes("1x2x12x64x5"); }) ==
        "expected key/value heads that divide the heads, got 5 of 12");
  CHECK(error_of([] { bench::parse_attention_shapes("1000000x1000000x1000x1000"); }) ==
        "expected queries of at most 2^40 elements, got 1e+18");
  CHECK(error_of([] { bench::parse_adamw_shapes("1x2x3"); }) ==
        "expected shapes of adamw as PARAMETERS[xTENSORS], got '1x2x3'");
  CHECK(error_of([] { bench::parse_adamw_shapes("5x6"); }) ==
        "expected no more tensors than parameters, got 6 of 5");
}

TEST_CASE("bench tells whose shape is whose by the number of sizes", "[bench]") {
  const auto all = bench::parse_shapes("7x8x9,2x64x4x16,1000,1x32x4x16x2,10x3",
                                       {"matmul", "attention", "adamw"});
  REQUIRE(all.matmul.size() == 1);
  CHECK(all.matmul[0].name() == "7x8x9");
  REQUIRE(all.attention.size() == 2);
  CHECK(all.attention[0].name() == "2x64x4x16");
  CHECK(all.attention[1].name() == "1x32x4x16x2");
  REQUIRE(all.adamw.size() == 2);
  CHECK(all.adamw[1].tensors == 3);

  const auto message = [](const char* text, const std::vector<std::string>& operations) {
    return error_of([&] { bench::parse_shapes(text, operations); });
  };
  CHECK(message("7x8", {"matmul"}) == "expected shapes of matmul as MxNxK, got '7x8'");
  CHECK(message("7x8x9,1x2x3x4", {"matmul", "adamw"}) ==
        "expected shapes of matmul as MxNxK or adamw as PARAMETERS[xTENSORS], got '1x2x3x4'");
  CHECK(message("", {"adamw"}) == "expected shapes of adamw as PARAMETERS[xTENSORS], got ''");
  CHECK(message("7x8x9", {"adamw"}) ==
        "expected shapes of adamw as PARAMETERS[xTENSORS], got '7x8x9'");
  CHECK(message("1x2x4x16", {"matmul"}) == "expected shapes of matmul as MxNxK, got '1x2x4x16'");
  CHECK(message("1000", {"matmul"}) == "expected shapes of matmul as MxNxK, got '1000'");
  CHECK(message("7x8x9", {"adamw", "matmul"}) ==
        "expected shapes of adamw as PARAMETERS[xTENSORS], got none");
  CHECK(message("1x2x3x5x2", {"attention"}) ==
        "expected key/value heads that divide the heads, got 2 of 3");
}

TEST_CASE("bench's default shapes are shapes that it can read", "[bench]") {
  for (const auto& shape : bench::default_matmul_shapes()) {
    CHECK(bench::parse_matmul_shapes(shape.name())[0].name() == shape.name());
  }
  for (const auto& shape : bench::default_attention_shapes()) {
    CHECK(bench::parse_attention_shapes(shape.name())[0].name() == shape.name());
  }
  for (const auto& shape : bench::default_adamw_shapes()) {
    CHECK(bench::parse_adamw_shapes(shape.name())[0].name() == shape.name());
  }
}

TEST_CASE("bench's timings are percentiles of the samples", "[bench]") {
  std::vector<double> samples;
  for (int i = 100; i >= 0; --i) samples.push_back(i);
  const bench::Timing timing = bench::timing_of(samples);
  CHECK(timing.median == 50.0);
  CHECK(timing.low == 20.0);
  CHECK(timing.high == 80.0);
  const bench::Timing one = bench::timing_of({3.0});
  CHECK(one.median == 3.0);
  CHECK(one.low == 3.0);
  CHECK(one.high == 3.0);
  CHECK(bench::calls_per_sample(200e-6, 10e-6) == 20);
  CHECK(bench::calls_per_sample(200e-6, 1.0) == 1);
}

Figure example() {
  Figure figure;
  figure.operation = "matmul";
  figure.provider = "own";
  figure.direction = "wgrad";
  figure.shape = "4096x4096x4096";
  figure.device = "cuda";
  figure.seconds = {200e-6, 190e-6, 230e-6};
  figure.work = 1.2e11;
  figure.counts_flops = true;
  figure.ceiling = "cublas";
  figure.ceiling_rate = 800e12;
  figure.error = 0.0025;
  return figure;
}

TEST_CASE("bench's rows stand under their header", "[bench]") {
  const std::string header = bench::table_header(), row = bench::table_row(example());
  CHECK(row.size() == header.size());
  CHECK(row.find("wgrad") == header.find("direction"));
  CHECK(row.find("200.0") + 5 == header.find("us ") + 2);
  CHECK(row.find("190.0 to 230.0") != std::string::npos);
  CHECK(row.find("600.0 TFLOP/s") != std::string::npos);
  CHECK(row.find("75.0% of cublas") != std::string::npos);
  CHECK(row.ends_with("2.5e-03"));

  Figure bytes = example();
  bytes.counts_flops = false;
  bytes.work = 2e6;
  bytes.ceiling = "copy";
  bytes.ceiling_rate = 2e10;
  bytes.error.reset();
  const std::string other = bench::table_row(bytes);
  CHECK(other.find("10.0 GB/s") != std::string::npos);
  CHECK(other.find("50.0% of copy") != std::string::npos);
  CHECK(other.ends_with(" -"));
}

TEST_CASE("bench's JSON has what the peers' has", "[bench]") {
  const auto json = bench::to_json(example());
  CHECK(json["operation"] == "matmul");
  CHECK(json["provider"] == "own");
  CHECK(json["direction"] == "wgrad");
  CHECK(json["shape"] == "4096x4096x4096");
  CHECK(json["microseconds"].get<double>() == Approx(200.0));
  CHECK(json["microseconds_20"].get<double>() == Approx(190.0));
  CHECK(json["microseconds_80"].get<double>() == Approx(230.0));
  CHECK(json["teraflops_per_second"].get<double>() == Approx(600.0));
  CHECK(json["of_ceiling"].get<double>() == Approx(0.75));
  CHECK(json["error"].get<double>() == Approx(0.0025));
  CHECK_FALSE(json.contains("gigabytes_per_second"));

  Figure figure = example();
  figure.error = std::nan("");
  CHECK(bench::to_json(figure)["error"] == "not finite");
  figure.error.reset();
  figure.counts_flops = false;
  CHECK(bench::to_json(figure)["error"].is_null());
  CHECK(bench::to_json(figure).contains("gigabytes_per_second"));
}

TEST_CASE("bench tells a kernel's operation from its direction", "[bench]") {
  const auto parts = [](const char* kernel) {
    const auto [operation, direction] = bench::operation_and_direction(kernel);
    return operation + "|" + direction;
  };
  CHECK(parts("layer_norm_forward") == "layer_norm|forward");
  CHECK(parts("attention_backward") == "attention|backward");
  CHECK(parts("matmul") == "matmul|");
  CHECK(parts("_forward") == "_forward|");
  CHECK(parts("backward") == "backward|");
}

}  // namespace
}  // namespace obverse::tests

// Whole models on CUDA, emulated or not, against the CPU's in double.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/model_problem.h"
#include "tests/support/test_devices.h"

#ifdef OBVERSE_EMULATED
#include "tests/emulator/emulator.h"
#endif

namespace obverse::tests {
namespace {

using engine::Device;
using engine::DType;
using engine::Recompute;

std::vector<double> gradients_of(ModelProblem& problem, Recompute recompute = Recompute::none) {
  problem.loss(true, recompute);
  return problem.model().gradients().to_doubles();
}

double norm_of(const std::vector<double>& values) { return std::sqrt(dot(values, values)); }

double distance(std::vector<double> a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return norm_of(a);
}

TEST_CASE("a model's loss and gradient on CUDA are the CPU's in float", "[device]") {
  for (const Device& device : cuda_devices()) {
    for (const NamedConfig& named : model_configs()) {
      auto config = tiny_model();
      named.change(config);
      ModelProblem single(config, Device::cpu(), DType::f32), exact(config);
      exact.set_weights(single.model().weights().to_doubles());
      ModelProblem problem(config, device, DType::f32);
      const double loss = exact.loss(false);
      const auto expected = gradients_of(exact);
      // FlashAttention's rule on the vector of all gradients: twice what float arithmetic on the
      // CPU errs, and a few roundings.
      const double cpu_error = distance(gradients_of(single), expected);
      INFO(named.name);
      CHECK(std::abs(problem.loss(false) - loss) < 1e-5 * std::abs(loss));
      CHECK(distance(gradients_of(problem), expected) <
            2 * cpu_error + 8 * unit<float>() * norm_of(expected));
    }
  }
}

// What rounding to bf16 does is measured on the CPU, on weights that are moved at random by as much
// as rounding moves them. Activations are rounded, too, some ten times a block where weights are
// rounded four times, each with the same relative error: a loss is off by 1 + 10 / 4 such
// variances, of which three deviations are allowed. A gradient's errors are many and independent,
// so that their norm hardly varies: twice that of moved weights.
TEST_CASE("a model's loss and gradient in bf16 are those of double within bf16's noise",
          "[device]") {
  for (const Device& device : cuda_devices()) {
    for (const NamedConfig& named : model_configs()) {
      auto config = tiny_model();
      named.change(config);
      ModelProblem half(config, device, DType::bf16);
      const auto weights = half.model().weights().to_doubles();
      const auto of_weights = [&](const std::vector<double>& values) {
        ModelProblem exact(config);
        exact.set_weights(values);
        return std::pair(exact.loss(false), gradients_of(exact));
      };
      const auto [loss, gradient] = of_weights(weights);
      double loss_variance = 0.0, gradient_variance = 0.0;
      constexpr int kDraws = 8;
      for (int draw = 0; draw < kDraws; ++draw) {
        auto moved = weights;
        for (std::size_t i = 0; i < moved.size(); ++i) {
          const double u = kernels::uniform({.seed = 7, .step = std::uint64_t(draw)}, i);
          moved[i] *= 1.0 + 0.5 * unit<kernels::bf16>() * (2.0 * u - 1.0);
        }
        const auto [moved_loss, moved_gradient] = of_weights(moved);
        loss_variance += (moved_loss - loss) * (moved_loss - loss) / kDraws;
        gradient_variance += std::pow(distance(moved_gradient, gradient), 2) / kDraws;
      }
      const double deviations = 3.0 * std::sqrt(1.0 + 10.0 / 4.0);
      INFO(named.name << ": loss " << loss << ", noise " << std::sqrt(loss_variance)
                      << ", gradient " << norm_of(gradient) << ", noise "
                      << std::sqrt(gradient_variance));
      CHECK(std::abs(half.loss(false) - loss) < deviations * std::sqrt(loss_variance));
      CHECK(distance(gradients_of(half), gradient) < 2.0 * std::sqrt(gradient_variance));
    }
  }
}

TEST_CASE("what a bf16 model answers is not rounded to bf16", "[device]") {
  for (const Device& device : cuda_devices()) {
    for (const bool tied : {true, false}) {
      auto config = tiny_model();
      config.tied_embeddings = tied;
      const ModelProblem problem(config, device, DType::bf16);
      engine::Tape tape(device, engine::Tape::Mode::inference);
      const engine::ModelInput input{
          engine::Tensor::from(device, {1, 4}, random_ids(4, config.vocabulary, 5)), {}, {}};
      const auto hidden = problem.model().hidden(tape, input).data().to_doubles();
      const auto& parameters = problem.model().parameters();
      const auto head = (tied ? parameters.front() : parameters.back()).variable.data();
      const auto weights = head.to_doubles();
      const engine::Tensor logits = problem.model().logits(tape, input).data();
      CHECK(logits.dtype() == DType::f32);
      std::vector<double> expected;
      for (std::int64_t token = 0; token < 4; ++token) {
        for (std::int64_t word = 0; word < config.vocabulary; ++word) {
          double sum = 0.0;
          for (std::int64_t i = 0; i < config.width; ++i) {
            sum += hidden[token * config.width + i] * weights[word * config.width + i];
          }
          expected.push_back(sum);
        }
      }
      check_close(logits.to_vector<float>(), expected, 8 * unit<float>(), 1.0, "logits");
    }
  }
}

TEST_CASE("recomputed blocks give the same bits", "[device]") {
  std::vector<std::pair<Device, DType>> all{{Device::cpu(), DType::f32}};
#ifdef OBVERSE_EMULATED
  all.clear();
#endif
  for (const Device& device : cuda_devices()) all.emplace_back(device, DType::bf16);
  for (const auto& [device, dtype] : all) {
    for (const NamedConfig& named : model_configs()) {
      auto config = tiny_model();
      named.change(config);
      ModelProblem kept(config, device, dtype), recomputed(config, device, dtype);
      INFO(named.name << " in " << engine::name_of(dtype) << " on " << name_of(device.kind()));
      CHECK(kept.loss(false) == recomputed.loss(false, Recompute::blocks));
      check_same_bits(gradients_of(recomputed, Recompute::blocks), gradients_of(kept), "gradients");
    }
  }
}

TEST_CASE("recomputed blocks keep less", "[device]") {
  const auto peak = [](Recompute recompute) {
    auto config = tiny_model();
    config.layers = 8;
    ModelProblem problem(config);
    problem.loss(true, recompute);
    const auto use = problem.model().device().allocator().use();
    return use.peak_bytes[static_cast<std::size_t>(engine::MemoryCategory::activations)];
  };
  CHECK(2 * peak(Recompute::blocks) < peak(Recompute::none));
}

TEST_CASE("every config's gradients are those of no recomputation, in double", "[transformer]") {
  for (const NamedConfig& named : model_configs()) {
    auto config = tiny_model();
    named.change(config);
    ModelProblem kept(config), recomputed(config);
    INFO(named.name);
    check_same_bits(gradients_of(recomputed, Recompute::blocks), gradients_of(kept), "gradients");
  }
}

#ifdef OBVERSE_EMULATED
TEST_CASE("host code leaves the device's memory alone", "[device]") {
  for (const Device& device : cuda_devices()) {
    for (const NamedConfig& named : model_configs()) {
      auto config = tiny_model();
      named.change(config);
      ModelProblem open(config, device, DType::bf16);
      const double loss = open.loss(true);
      const emulation::WithGuardedMemory guarded;
      ModelProblem problem(config, device, DType::bf16);
      CHECK(problem.loss(true) == loss);
    }
  }
}
#endif

}  // namespace
}  // namespace obverse::tests

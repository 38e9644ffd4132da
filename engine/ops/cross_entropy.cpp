#include "engine/ops/cross_entropy.h"

#include "engine/autograd/launch.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/reduction/reduction.h"

namespace obverse::engine {
namespace {

void check_targets(const Tensor& logits, const Tensor& targets) {
  require(logits.shape().dimensions() == 3 && targets.shape().dimensions() == 2 &&
              logits.size(0) == targets.size(0) && logits.size(1) == targets.size(1),
          "[cross_entropy] expected logits [batch, sequence, vocabulary] and targets [batch, ",
          "sequence], got ", logits.shape(), " and ", targets.shape());
}

template <typename T>
kernels::CrossEntropy<T> arguments_for(const Tensor& logits, const Tensor& targets,
                                       const Tensor& losses) {
  kernels::CrossEntropy<T> arguments;
  arguments.tokens = targets.elements();
  arguments.vocabulary = logits.size(2);
  arguments.targets = targets.span<std::int32_t>();
  arguments.logits = logits.span<T>();
  arguments.losses = losses.span<kernels::Accumulator<T>>();
  return arguments;
}

}  // namespace

Variable cross_entropy(Tape& tape, const Variable& logits, const Tensor& targets,
                       const Tensor& weights, double normalizer, const Tensor& factor) {
  check_targets(logits.data(), targets);
  require(normalizer > 0.0, "[cross_entropy] expected a normalizer above 0, got ", normalizer,
          " (a batch without any target?)");
  const bool wants_gradient = tape.recording() && logits.requires_gradient();
  const DType dtype = logits.data().dtype();
  const Tensor losses = Tensor::empty(tape.device(), targets.shape(), accumulator_of(dtype));
  const Tensor loss = Tensor::empty(tape.device(), {1}, accumulator_of(dtype));
  with_float_type(dtype, [&]<typename T>(T) {
    using Sum = kernels::Accumulator<T>;
    auto arguments = arguments_for<T>(logits.data(), targets, losses);
    arguments.weights = weights.span_or_empty<Sum>();
    arguments.gradient_scale = 1.0 / normalizer;
    arguments.gradient_factor = factor.span_or_empty<Sum>();
    arguments.write_gradient = wants_gradient;
    OBVERSE_LAUNCH(tape.device(), cross_entropy, arguments);
    const kernels::WeightedSum<Sum> sum{
        .scale = 1.0 / normalizer,
        .factor = factor.span_or_empty<Sum>(),
        .input = losses.span<Sum>(),
        .weights = weights.span_or_empty<Sum>(),
        .out = loss.span<Sum>(),
    };
    OBVERSE_LAUNCH(tape.device(), weighted_sum, sum);
  });
  return tape.record(loss, {&logits},
                     [gradient = logits.data(),
                      logits_gradient = logits.gradient_handle()](const Tensor& output_gradient) {
                       // Usually 1: the loss is where backward starts. Then this reads no logit.
                       with_float_type(gradient.dtype(), [&]<typename T>(T) {
                         const kernels::ScaleBy<T> scaled{
                             output_gradient.span<kernels::Accumulator<T>>(), gradient.span<T>()};
                         OBVERSE_LAUNCH(gradient.device(), scale_by, scaled);
                       });
                       logits_gradient->add(gradient);
                     });
}

Tensor token_losses(const Tensor& logits, const Tensor& targets) {
  check_targets(logits, targets);
  const Tensor losses =
      Tensor::empty(logits.device(), targets.shape(), accumulator_of(logits.dtype()));
  with_float_type(logits.dtype(), [&]<typename T>(T) {
    OBVERSE_LAUNCH(logits.device(), cross_entropy, arguments_for<T>(logits, targets, losses));
  });
  return losses;
}

}  // namespace obverse::engine

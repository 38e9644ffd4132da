#include "engine/training/device_steps.h"

#include <algorithm>
#include <cstring>

#include "engine/ops/adamw.h"
#include "engine/ops/cross_entropy.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduction.h"
#include "kernels/core/division.h"

#ifdef OBVERSE_WITH_CUDA
#include "kernels/core/device_memory.h"
#include "kernels/core/graph.h"
#include "kernels/core/stream.h"

namespace obverse::engine {

// What a step reads beside its examples, in front of them.
struct DeviceSteps::Scalars {
  std::int32_t adamw_step[kAdamWStepWords];
  std::uint64_t dropout_step;
  float loss_factor;
  std::int32_t unused;
};

namespace {

using kernels::cuda::Event;
using kernels::cuda::Graph;
using kernels::cuda::PinnedMemory;
using kernels::cuda::Stream;

constexpr std::size_t kWordBytes = sizeof(std::int32_t);
constexpr std::int64_t kDropoutWord = kAdamWStepWords, kFactorWord = kDropoutWord + 2;
constexpr std::int64_t kScalarWords = kFactorWord + 2;

// Fewer shapes, and fewer graphs, than there are lengths.
constexpr std::int64_t kSequenceMultiple = 8;
// Each takes memory of the driver's own; steps of further shapes stay eager.
constexpr std::size_t kMostGraphs = 64;

// Of tensors, and of what kernels need beside them: the same whether a step is recorded or not.
class StepMemory {
 public:
  explicit StepMemory(const Device& device)
      : of_tensors_(device.allocator()), of_kernels_(device.stream()) {}

 private:
  Allocator::StepMemory of_tensors_;
  Stream::StepMemory of_kernels_;
};

}  // namespace

struct DeviceSteps::Machinery {
  // A step's input on its way, and its results on theirs. Two, by turns: the host fills one while
  // the device may still read the other.
  struct Slot {
    PinnedMemory input, results;
    kernels::cuda::DeviceMemory staged;
    Event copied{Event::Use::order};    // input is in `staged`, on the copying stream
    Event finished{Event::Use::order};  // results have arrived
  };

  explicit Machinery(Stream& main_stream) : main(main_stream) {}

  Stream& main;
  Stream copying;
  std::array<Slot, kMostBegun> slots;
  // By shape: recorded when it comes for the second time, since some come once.
  std::map<BatchLayout, Graph> graphs;
};

DeviceSteps::DeviceSteps(const Transformer& model, Optimizer& optimizer, Tape& tape,
                         const Settings& settings)
    : model_(model),
      optimizer_(optimizer),
      tape_(tape),
      settings_(settings),
      machinery_(std::make_unique<Machinery>(model.device().stream())) {
  static_assert(sizeof(Scalars) == kScalarWords * kWordBytes);
  const Device& device = model.device();
  losses_ = Tensor::zeros(device, {settings.micro_batches}, DType::f32, MemoryCategory::inputs);
  results_ = Tensor::zeros(device, {2}, DType::f32, MemoryCategory::inputs);
  healthy_ = Tensor::from<float>(device, {1}, {1.0f}, MemoryCategory::inputs);
  for (Machinery::Slot& slot : machinery_->slots) {
    slot.results = PinnedMemory(static_cast<std::size_t>(results_.elements()) * sizeof(float));
  }
}

DeviceSteps::~DeviceSteps() {
  // Pinned memory and graphs must not go while the device uses them; what went wrong there was told
  // by end(), or nobody asked.
  try {
    machinery_->copying.synchronize();
    machinery_->main.synchronize();
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

// One layout for all micro-batches of a step, so that few graphs serve all steps.
BatchLayout DeviceSteps::layout_of(const std::vector<Example>& examples) const {
  BatchLayout layout = batch_layout(examples, 0, examples.size());
  layout.rows /= settings_.micro_batches;
  const std::int64_t rounded = kernels::round_up(layout.sequence, kSequenceMultiple);
  const std::int64_t sequence =
      std::max(layout.sequence, std::min(rounded, model_.config().context));
  layout.padded = layout.padded || sequence > layout.sequence;
  layout.sequence = sequence;
  return layout;
}

// Brings the step's input to inputs_, behind what the device's stream has to do before.
void DeviceSteps::stage(const std::vector<Example>& examples, const BatchLayout& layout,
                        const Scalars& scalars) {
  const std::int64_t vocabulary = model_.config().vocabulary;
  const auto check = [&](std::int32_t id, std::int32_t least) {
    require(id >= least && id < vocabulary, "[trainer] expected ids of at least 0 and below the ",
            "vocabulary of ", vocabulary, ", got ", id);
  };
  for (const Example& example : examples) {
    for (const std::int32_t id : example.inputs) check(id, 0);
    for (const std::int32_t id : example.targets) check(id, kernels::kIgnoredTarget);
  }
  const std::int64_t words = kScalarWords + settings_.micro_batches * layout.words();
  if (words > capacity_) {
    // Graphs know the old address. The longest comes first (rehearse()), so that this is rare.
    machinery_->main.synchronize();  // and so the copies that it was held for
    machinery_->graphs.clear();
    capacity_ = 0;
    inputs_ = Tensor::empty(model_.device(), {words}, DType::i32, MemoryCategory::inputs);
    for (Machinery::Slot& slot : machinery_->slots) {
      slot.input = PinnedMemory(static_cast<std::size_t>(words) * kWordBytes);
      slot.staged = kernels::cuda::DeviceMemory(machinery_->main,
                                                static_cast<std::size_t>(words) * kWordBytes);
    }
    capacity_ = words;
  }
  Machinery::Slot& slot = machinery_->slots[static_cast<std::size_t>(begun_ % kMostBegun)];
  // Nothing waits here for the slot's last use: end() has waited for that step.
  auto* const host = reinterpret_cast<std::int32_t*>(slot.input.data());
  std::memcpy(host, &scalars, sizeof(scalars));
  for (std::int64_t i = 0; i < settings_.micro_batches; ++i) {
    write_batch(layout, examples, static_cast<std::size_t>(i * layout.rows),
                host + kScalarWords + i * layout.words());
  }
  const std::size_t bytes = static_cast<std::size_t>(words) * kWordBytes;
  kernels::cuda::copy_to_device_later(machinery_->copying, slot.staged.data(), host, bytes);
  slot.copied.record(machinery_->copying);
  slot.copied.hold(machinery_->main);
  kernels::cuda::copy_on_device(machinery_->main, inputs_.span<std::int32_t>().data(),
                                slot.staged.data(), bytes);
}

// Forward and backward; the gradients are added up. -> the step's loss [1]
Tensor DeviceSteps::run_micro_batches(const BatchLayout& layout) {
  const auto dropout_words = inputs_.part(kDropoutWord, {2}).span<std::int32_t>();
  tape_.set_random(settings_.seed,
                   {reinterpret_cast<const std::uint64_t*>(dropout_words.data()), 1});
  const Tensor factor = inputs_.part(kFactorWord, {1}).read_as(DType::f32);
  for (std::int64_t i = 0; i < settings_.micro_batches; ++i) {
    const Batch batch =
        batch_in(inputs_.part(kScalarWords + i * layout.words(), {layout.words()}), layout);
    const Variable logits = model_.logits(
        tape_, {batch.ids, batch.lengths, batch.prefixes, batch.first_keys}, settings_.recompute);
    const Variable loss = cross_entropy(tape_, logits, batch.targets, batch.weights, 1.0, factor);
    losses_.part(i, {1}).copy_from(loss.data());
    tape_.backward(loss);
  }
  return sum(losses_);
}

void DeviceSteps::run_step(const BatchLayout& layout) {
  optimizer_.zero_gradients();
  const Tensor loss = run_micro_batches(layout);
  // Once NaN, always NaN: nothing is updated any more, however late the host learns of it.
  const Tensor guarded = scaled_by(loss, healthy_);
  const NormAndScale found = optimizer_.update(inputs_.part(0, {kAdamWStepWords}), guarded);
  scaled_sum_into(healthy_, healthy_, 1.0, found.clip_scale, 0.0);
  results_.part(0, {1}).copy_from(loss);
  results_.part(1, {1}).copy_from(found.norm);
}

void DeviceSteps::begin(const std::vector<Example>& examples, std::int64_t step,
                        double learning_rate) {
  require(begun_ - ended_ < kMostBegun, "[trainer] expected at most ", kMostBegun,
          " steps that have begun and not ended");
  const Device& device = model_.device();
  const BatchLayout layout = layout_of(examples);
  Scalars scalars{};
  write_adamw_step(learning_rate, step, scalars.adamw_step);
  scalars.dropout_step = Tape::dropout_step(static_cast<std::uint64_t>(step));
  scalars.loss_factor = static_cast<float>(1.0 / loss_normalizer(examples));
  stage(examples, layout, scalars);
  {
    const StepMemory of_steps(device);
    auto& graphs = machinery_->graphs;
    const auto found = graphs.find(layout);
    if (found == graphs.end() || !settings_.graphs) {
      run_step(layout);
      if (found == graphs.end() && graphs.size() < kMostGraphs) graphs.try_emplace(layout);
    } else {
      Graph& graph = found->second;
      if (!graph.recorded()) {
        graph = Graph::record(machinery_->main, [&] { run_step(layout); });
      }
      graph.replay(machinery_->main);
    }
  }
  Machinery::Slot& slot = machinery_->slots[static_cast<std::size_t>(begun_ % kMostBegun)];
  kernels::cuda::copy_to_host_later(machinery_->main, slot.results.data(),
                                    results_.span<float>().data(), slot.results.bytes());
  slot.finished.record(machinery_->main);
  ++begun_;
}

DeviceSteps::Result DeviceSteps::end() {
  require(ended_ < begun_, "[trainer] expected a step that has begun");
  Machinery::Slot& slot = machinery_->slots[static_cast<std::size_t>(ended_ % kMostBegun)];
  slot.finished.synchronize();
  ++ended_;
  float values[2];
  std::memcpy(values, slot.results.data(), sizeof(values));
  return {values[0], values[1]};
}

void DeviceSteps::rehearse(const std::vector<Example>& examples) {
  const BatchLayout layout = layout_of(examples);
  Scalars scalars{};
  scalars.loss_factor = 1.0f;
  stage(examples, layout, scalars);
  const StepMemory of_steps(model_.device());
  run_micro_batches(layout);
  model_.device().synchronize();
}

}  // namespace obverse::engine
#else
namespace obverse::engine {

struct DeviceSteps::Machinery {};

DeviceSteps::DeviceSteps(const Transformer& model, Optimizer& optimizer, Tape& tape,
                         const Settings& /*settings*/)
    : model_(model), optimizer_(optimizer), tape_(tape) {
  fail(Device::why_no_cuda());
}
DeviceSteps::~DeviceSteps() = default;
void DeviceSteps::begin(const std::vector<Example>& /*examples*/, std::int64_t /*step*/,
                        double /*learning_rate*/) {}
DeviceSteps::Result DeviceSteps::end() { return {}; }
void DeviceSteps::rehearse(const std::vector<Example>& /*examples*/) {}

}  // namespace obverse::engine
#endif

// Reverse-mode differentiation. An op computes its output, then records one gradient function on
// the tape; backward() walks the tape from its end and frees each entry as it goes. A tape belongs
// to one thread.
//
//   Tape tape(device, Tape::Mode::training);
//   Variable loss = cross_entropy(tape, linear(tape, x, weight), targets);
//   tape.backward(loss);          // weight.gradient() has been added to; the tape is empty again
//
// Memory for entries and variables comes from a pool of the tape's own, so that a repeated step
// allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <memory_resource>
#include <utility>
#include <vector>

#include "engine/tensor/tensor.h"
#include "kernels/core/random.h"

namespace obverse::engine {

// Where the gradient of one variable is gathered. Gradient functions hold these rather than
// variables, so that a value that backward does not read is freed as soon as forward is done with
// it.
class Gradient {
 public:
  Gradient(const Shape& shape, DType dtype) : shape_(shape), dtype_(dtype) {}

  const Tensor& tensor() const { return tensor_; }
  const Shape& shape() const { return shape_; }
  // Of a parameter, accumulator_of() its own; else the variable's.
  DType dtype() const { return dtype_; }

  // Adds a contribution. The first one is kept as it is (shared, never written to while shared).
  void add(const Tensor& contribution);

  // For kernels that can add to what is there: memory of the gradient's shape, and whether it holds
  // a sum already.
  struct Target {
    Tensor tensor;
    bool accumulate;
  };
  Target target(const Device& device);
  // For kernels that only ever add: the sum so far, zeros at first.
  Tensor running_sum(const Device& device);

 private:
  bool writable() const { return of_parameter_ || tensor_.unique(); }

  friend class Variable;
  friend class Tape;
  Tensor tensor_;
  Shape shape_;
  DType dtype_;
  bool of_parameter_ = false;  // lives in the caller's memory and is only ever added to
};

using GradientHandle = std::shared_ptr<Gradient>;

// A tensor with a history: its value and, where it needs one, the place of its gradient.
class Variable {
 public:
  Variable() = default;
  // A constant: no gradient flows into it.
  explicit Variable(Tensor data) : data_(std::move(data)) {}
  // A parameter: every backward adds to `gradient`, which has the shape of `data` and
  // accumulator_of() its type.
  static Variable parameter(Tensor data, Tensor gradient);

  bool defined() const { return data_.defined(); }
  const Tensor& data() const { return data_; }
  const Shape& shape() const { return data_.shape(); }
  bool requires_gradient() const { return gradient_ != nullptr; }
  // REQUIRES: requires_gradient(). Undefined tensor before any backward reached it.
  const Tensor& gradient() const;
  // Null where no gradient is needed.
  const GradientHandle& gradient_handle() const { return gradient_; }

 private:
  friend class Tape;
  Variable(Tensor data, GradientHandle gradient)
      : data_(std::move(data)), gradient_(std::move(gradient)) {}
  Tensor data_;
  GradientHandle gradient_;
};

class Tape {
 public:
  enum class Mode {
    training,   // gradient functions are recorded, dropout drops
    inference,  // neither
  };
  Tape(Device device, Mode mode);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  const Device& device() const { return device_; }
  bool training() const { return mode_ == Mode::training; }
  // Whether gradient functions are recorded now: in training, but while a part runs whose forward
  // is to be repeated (recompute()).
  bool recording() const { return recording_; }

  // The output variable of an op. Where one of `inputs` needs a gradient,
  // `backward(output_gradient)` is recorded: it is to add each input's part to that input's
  // Gradient. It captures tensors and GradientHandles, never its own output.
  template <typename Backward>
  Variable record(Tensor output, std::initializer_list<const Variable*> inputs, Backward backward) {
    bool needed = false;
    for (const Variable* input : inputs) needed = needed || input->requires_gradient();
    if (!needed || !recording_) return Variable(std::move(output));
    GradientHandle gradient = new_gradient(output);
    static_assert(alignof(EntryOf<Backward>) <= alignof(std::max_align_t));
    void* memory = pool_->allocate(sizeof(EntryOf<Backward>));
    entries_.push_back(new (memory) EntryOf<Backward>(gradient, std::move(backward)));
    return Variable(std::move(output), std::move(gradient));
  }

  // A variable whose gradient can be read after backward although no op made it: a leaf for tests
  // and probes.
  Variable leaf(Tensor data);

  // Adds d loss / d parameter to every parameter that the loss depends on, and empties the tape.
  // REQUIRES: loss has one element and needs a gradient.
  void backward(const Variable& loss);
  // Likewise for any output of which `gradient` is the loss's gradient: the vector-Jacobian
  // product. REQUIRES: gradient has the output's shape and type.
  void backward(const Variable& output, const Tensor& gradient);

  // body(tape, input), of which nothing but `input` is kept for backward, which runs it again:
  // memory for time (Chen et al. 2016, "Training deep nets with sublinear memory cost",
  // arXiv:1604.06174). Dropouts draw the same again, and all gradients have the same bits.
  // REQUIRES: input needs a gradient; `body` can be called twice, and what it captures outlives the
  // tape's entries.
  template <typename Body>
  Variable recompute(const Variable& input, const Body& body) {
    if (!recording_) return body(*this, input);
    require(input.requires_gradient(), "[recompute] expected an input that needs a gradient");
    const std::uint64_t first_dropout = dropouts_;
    recording_ = false;
    Variable output = body(*this, Variable(input.data()));
    recording_ = true;
    return record(output.data(), {&input},
                  [this, body, first_dropout, data = input.data(),
                   gradient = input.gradient_handle()](const Tensor& output_gradient) {
                    const std::uint64_t next_dropout = std::exchange(dropouts_, first_dropout);
                    const std::size_t first_entry = entries_.size();
                    const Variable again = leaf(data);
                    body(*this, again).gradient_handle()->add(output_gradient);
                    run_back_to(first_entry);
                    dropouts_ = next_dropout;
                    gradient->add(again.gradient());
                  });
  }

  // Draws of this step's dropouts: each op that asks gets a key of its own. Set before every step.
  void set_random(std::uint64_t seed, std::uint64_t step);
  // Likewise, of a step whose dropout_step() is in the device's memory, [1].
  void set_random(std::uint64_t seed, Span<const std::uint64_t> step);
  static constexpr std::uint64_t dropout_step(std::uint64_t step) { return step << 16; }
  struct DropoutKey {
    kernels::RandomKey key;
    Span<const std::uint64_t> step;  // empty, or to be added to key.step
  };
  DropoutKey next_dropout_key();

 private:
  struct Entry {
    explicit Entry(GradientHandle gradient) : output(std::move(gradient)) {}
    virtual ~Entry() = default;
    virtual void run(const Tensor& output_gradient) = 0;
    virtual std::size_t bytes() const = 0;
    GradientHandle output;
  };
  template <typename Backward>
  struct EntryOf final : Entry {
    EntryOf(GradientHandle gradient, Backward function)
        : Entry(std::move(gradient)), backward(std::move(function)) {}
    void run(const Tensor& output_gradient) override { backward(output_gradient); }
    std::size_t bytes() const override { return sizeof(EntryOf); }
    Backward backward;
  };
  using Pool = std::pmr::unsynchronized_pool_resource;

  GradientHandle new_gradient(const Tensor& of);
  // Runs and drops entries from the last one back to number `first`.
  void run_back_to(std::size_t first);
  void drop_last_entry() noexcept;

  Device device_;
  Mode mode_;
  bool recording_;
  std::shared_ptr<Pool>
      pool_;  // shared with the variables that it made, which may outlive the tape
  std::vector<Entry*> entries_;
  DropoutKey dropout_;
  std::uint64_t dropouts_ = 0;
};

}  // namespace obverse::engine

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
  // A parameter: every backward adds to `gradient`, which has the shape and type of `data`.
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

  // The output variable of an op. Where one of `inputs` needs a gradient,
  // `backward(output_gradient)` is recorded: it is to add each input's part to that input's
  // Gradient. It captures tensors and GradientHandles, never its own output.
  template <typename Backward>
  Variable record(Tensor output, std::initializer_list<const Variable*> inputs, Backward backward) {
    bool needed = false;
    for (const Variable* input : inputs) needed = needed || input->requires_gradient();
    if (!needed || mode_ == Mode::inference) return Variable(std::move(output));
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

  // Draws of this step's dropouts: each op that asks gets a key of its own. Set before every step.
  void set_random(std::uint64_t seed, std::uint64_t step);
  kernels::RandomKey next_dropout_key();

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
  void drop_last_entry() noexcept;

  Device device_;
  Mode mode_;
  std::shared_ptr<Pool>
      pool_;  // shared with the variables that it made, which may outlive the tape
  std::vector<Entry*> entries_;
  kernels::RandomKey dropout_;
  std::uint64_t dropouts_ = 0;
};

}  // namespace obverse::engine

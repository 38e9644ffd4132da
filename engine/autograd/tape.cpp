#include "engine/autograd/tape.h"

#include "engine/autograd/launch.h"
#include "kernels/elementwise/elementwise.h"

namespace obverse::engine {

namespace {

// An allocator that keeps its pool alive: a variable may outlive the tape that made it.
template <typename T>
struct PoolAllocator {
  using value_type = T;
  explicit PoolAllocator(std::shared_ptr<std::pmr::unsynchronized_pool_resource> from)
      : pool(std::move(from)) {}
  template <typename U>
  PoolAllocator(const PoolAllocator<U>& other) : pool(other.pool) {}
  T* allocate(std::size_t count) {
    return static_cast<T*>(pool->allocate(count * sizeof(T), alignof(T)));
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    pool->deallocate(memory, count * sizeof(T), alignof(T));
  }
  template <typename U>
  bool operator==(const PoolAllocator<U>& other) const {
    return pool == other.pool;
  }
  std::shared_ptr<std::pmr::unsynchronized_pool_resource> pool;
};

// out = a + b, or a alone where b is undefined.
void add_tensors(const Tensor& a, const Tensor& b, const Tensor& out) {
  with_float_type(a.dtype(), [&]<typename T>(T) {
    kernels::Add<T> arguments;
    arguments.a = a.span<T>();
    arguments.b = b.span_or_empty<T>();
    arguments.out = out.span<T>();
    OBVERSE_LAUNCH(a.device(), add, arguments);
  });
}

Tensor cast_to(DType dtype, const Tensor& from) {
  const Tensor out = Tensor::empty(from.device(), from.shape(), dtype);
  if (from.dtype() == DType::bf16 && dtype == DType::f32) {
    const kernels::Cast<kernels::bf16, float> arguments{from.span<kernels::bf16>(),
                                                        out.span<float>()};
    OBVERSE_LAUNCH(from.device(), cast, arguments);
  } else {
    const kernels::Cast<float, kernels::bf16> arguments{from.span<float>(),
                                                        out.span<kernels::bf16>()};
    OBVERSE_LAUNCH(from.device(), cast, arguments);
  }
  return out;
}

void fill_tensor(const Tensor& out, double value) {
  with_float_type(out.dtype(), [&]<typename T>(T) {
    kernels::Fill<T> arguments{value, out.span<T>()};
    OBVERSE_LAUNCH(out.device(), fill, arguments);
  });
}

}  // namespace

void Gradient::add(const Tensor& contribution) {
  require(contribution.shape() == shape_, "[gradient] expected a contribution of shape ", shape_,
          ", got ", contribution.shape());
  if (contribution.dtype() != dtype_) {
    add(cast_to(dtype_, contribution));
    return;
  }
  if (!tensor_.defined()) {
    tensor_ = contribution;
    return;
  }
  // A shared sum belongs to somebody else as well (a residual passes one gradient to two places).
  Tensor sum = writable() ? tensor_ : Tensor::empty(tensor_.device(), shape_, dtype_);
  add_tensors(tensor_, contribution, sum);
  tensor_ = std::move(sum);
}

Gradient::Target Gradient::target(const Device& device) {
  if (!tensor_.defined()) {
    tensor_ = Tensor::empty(device, shape_, dtype_);
    return {tensor_, false};
  }
  if (!writable()) {
    Tensor own = Tensor::empty(device, shape_, dtype_);
    add_tensors(tensor_, Tensor(), own);
    tensor_ = std::move(own);
  }
  return {tensor_, true};
}

Tensor Gradient::running_sum(const Device& device) {
  const Target found = target(device);
  if (!found.accumulate) fill_tensor(found.tensor, 0.0);
  return found.tensor;
}

Variable Variable::parameter(Tensor data, Tensor gradient) {
  require(data.shape() == gradient.shape() && accumulator_of(data.dtype()) == gradient.dtype(),
          "[variable] expected a gradient of shape ", data.shape(), " and type ",
          name_of(accumulator_of(data.dtype())), " like the parameter's, got ", gradient.shape(),
          " of ", name_of(gradient.dtype()));
  auto handle = std::make_shared<Gradient>(data.shape(), gradient.dtype());
  handle->tensor_ = std::move(gradient);
  handle->of_parameter_ = true;
  return {std::move(data), std::move(handle)};
}

const Tensor& Variable::gradient() const {
  require(requires_gradient(), "[variable] expected a variable that needs a gradient, got ",
          "a constant of shape ", data_.shape());
  return gradient_->tensor();
}

Tape::Tape(Device device, Mode mode)
    : device_(std::move(device)),
      mode_(mode),
      recording_(mode == Mode::training),
      pool_(std::make_shared<Pool>()) {}

Tape::~Tape() {
  while (!entries_.empty()) drop_last_entry();
}

GradientHandle Tape::new_gradient(const Tensor& of) {
  return std::allocate_shared<Gradient>(PoolAllocator<Gradient>(pool_), of.shape(), of.dtype());
}

Variable Tape::leaf(Tensor data) {
  GradientHandle gradient = new_gradient(data);
  return {std::move(data), std::move(gradient)};
}

void Tape::drop_last_entry() noexcept {
  Entry* entry = entries_.back();
  entries_.pop_back();
  const std::size_t bytes = entry->bytes();
  entry->~Entry();
  pool_->deallocate(entry, bytes);
}

void Tape::backward(const Variable& loss) {
  require(loss.defined() && loss.data().elements() == 1,
          "[backward] expected a loss of one element, got ", loss.shape());
  const Tensor seed = Tensor::empty(device_, loss.shape(), loss.data().dtype());
  fill_tensor(seed, 1.0);
  backward(loss, seed);
}

void Tape::backward(const Variable& output, const Tensor& gradient) {
  require(output.requires_gradient(), "[backward] expected a loss that depends on a parameter");
  output.gradient_handle()->add(gradient);
  run_back_to(0);
}

void Tape::run_back_to(std::size_t first) {
  while (entries_.size() > first) {
    Entry* entry = entries_.back();
    // No gradient has reached an entry whose output the loss does not depend on.
    if (entry->output->tensor().defined()) {
      const Tensor gradient = std::move(entry->output->tensor_);
      entry->run(gradient);
    }
    drop_last_entry();
  }
}

void Tape::set_random(std::uint64_t seed, std::uint64_t step) {
  dropout_ = {{seed, kernels::Purpose::dropout, dropout_step(step)}, {}};
  dropouts_ = 0;
}

void Tape::set_random(std::uint64_t seed, Span<const std::uint64_t> step) {
  dropout_ = {{seed, kernels::Purpose::dropout, 0}, step};
  dropouts_ = 0;
}

Tape::DropoutKey Tape::next_dropout_key() {
  DropoutKey key = dropout_;
  constexpr std::uint64_t kMost = dropout_step(1);  // of the next step's keys none are used
  require(dropouts_ < kMost, "[tape] expected at most ", kMost, " dropouts a step");
  key.key.step += dropouts_++;
  return key;
}

}  // namespace obverse::engine

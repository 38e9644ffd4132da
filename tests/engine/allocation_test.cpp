// From the third step on, a training step asks for no memory. The whole executable's operator new
// counts its calls for it.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "engine/training/trainer.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"
#include "tests/support/threads.h"

namespace {

std::atomic<std::int64_t> allocations{0};

void* counted_or_null(std::size_t bytes, std::size_t alignment) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  // aligned_alloc takes whole multiples of the alignment.
  return alignment <= alignof(std::max_align_t)
             ? std::malloc(bytes == 0 ? 1 : bytes)
             : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* counted(std::size_t bytes, std::size_t alignment) {
  void* memory = counted_or_null(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Every form, since a sanitizer brings its own of those that are left out, and then complains that
// the two sides of a pair differ.
void* operator new(std::size_t bytes) { return counted(bytes, 1); }
void* operator new[](std::size_t bytes) { return counted(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes, 1);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes, 1);
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment,
                     const std::nothrow_t&) noexcept {
  return counted_or_null(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(memory);
}

namespace obverse::tests {
namespace {

using engine::Device;
using engine::Document;
using engine::TransformerConfig;

std::vector<Document> documents_of_lengths(std::int64_t count, std::int64_t least,
                                           std::int64_t most, std::int64_t vocabulary) {
  std::vector<Document> documents;
  for (std::int64_t i = 0; i < count; ++i) {
    Document document{{engine::kBeginOfText}, {{1, 2}, {3, 1}}};
    const std::int64_t words = least - 2 + i * 7 % (most - least + 1);
    for (const std::int32_t word : random_ids(words, vocabulary - 5, i)) {
      document.tokens.push_back(5 + word);
    }
    document.tokens.push_back(engine::kEndOfText);
    documents.push_back(document);
  }
  return documents;
}

void check_steady(const TransformerConfig& config, const engine::Objective& objective,
                  std::int64_t accumulation, const std::vector<Document>& documents,
                  std::int64_t batch = 8, int last = 10) {
  const auto device = Device::cpu();
  const engine::Transformer model(config, device, 1);
  engine::TrainingOptions options;
  options.batch = batch;
  options.accumulation = accumulation;
  engine::Trainer trainer(model, objective, documents, options, 1);
  trainer.step();
  trainer.step();
  const std::int64_t before = allocations.load();
  const auto use = device.allocator().use();
  for (int i = 3; i <= last; ++i) trainer.step();
  const std::int64_t made = allocations.load() - before;
  INFO(objective.name() << ", accumulation " << accumulation);
  CHECK(made == 0);
  CHECK(device.allocator().use().system_allocations == use.system_allocations);
  CHECK(device.allocator().use().reserved_bytes == use.reserved_bytes);
  CHECK(device.allocator().use().peak_total_bytes == use.peak_total_bytes);
}

TEST_CASE("allocations are counted at all", "[allocation]") {
  const std::int64_t before = allocations.load();
  const auto one = std::make_unique<int>(1);
  struct alignas(128) Wide {
    char bytes[128];
  };
  const auto wide = std::make_unique<Wide>();
  std::vector<int> many(3);
  many.resize(100);
  CHECK(allocations.load() - before == 4);
  CHECK(reinterpret_cast<std::uintptr_t>(wide.get()) % 128 == 0);
}

TEST_CASE("from the third step on a step allocates nothing", "[allocation]") {
  for (const int threads : {1, 2}) {
    const WithThreads with_threads(threads);
    const engine::TextSizes texts{600, 12};
    for (const auto& description : engine::objective_descriptions()) {
      const auto objective = engine::make_objective(description.name, texts);
      const engine::TextSizes needed = objective->model_sizes(texts);
      TransformerConfig config;
      config.vocabulary = needed.vocabulary;
      config.context = needed.longest;
      config.mask = objective->mask();
      check_steady(config, *objective, 1, documents_of_lengths(8, 5, 12, texts.vocabulary));
    }
  }
}

TEST_CASE("neither do other architectures and micro-batches", "[allocation]") {
  const auto objective = engine::make_objective("masked_uniform");
  TransformerConfig config;
  config.vocabulary = 50;
  config.context = 12;
  config.mask = objective->mask();
  config.dropout = 0.1;
  config.position = engine::PositionKind::rotary;
  config.norm = engine::NormKind::rms;
  config.feed_forward = engine::FeedForwardKind::swiglu;
  config.query_key_norm = true;
  config.key_value_heads = 2;
  config.tied_embeddings = false;
  const auto documents = documents_of_lengths(8, 5, 12, config.vocabulary);
  check_steady(config, *objective, 2, documents);
  config.norm_placement = engine::NormPlacement::post;
  config.feed_forward = engine::FeedForwardKind::relu2;
  check_steady(config, *objective, 2, documents);
}

// Twice as long as all others, and drawn in the fifth step first.
TEST_CASE("neither does a rare visit that lengthens a text", "[allocation]") {
  const engine::TextSizes texts{80, 12};
  const auto objective =
      engine::make_objective("causal:0.6+permuted:0.03+token_reversed:0.37", texts);
  const engine::TextSizes needed = objective->model_sizes(texts);
  TransformerConfig config;
  config.vocabulary = needed.vocabulary;
  config.context = needed.longest;
  check_steady(config, *objective, 1, documents_of_lengths(8, 10, 12, texts.vocabulary), 16, 6);
}

TEST_CASE("neither do batches of any length", "[allocation]") {
  const auto objective = engine::make_objective("masked_uniform");
  TransformerConfig config;
  config.vocabulary = 80;
  config.context = 55;
  config.mask = objective->mask();
  const auto documents = documents_of_lengths(200, 5, 55, config.vocabulary);
  for (const std::int64_t accumulation : {1, 2, 4}) {
    check_steady(config, *objective, accumulation, documents, 8, 60);
  }
}

// Large enough for matmul and attention to use the whole team, whose members keep scratch memory.
TEST_CASE("neither do teams of threads", "[allocation]") {
  const auto objective = engine::make_objective("causal");
  TransformerConfig config;
  config.layers = 1;
  config.width = 128;
  config.vocabulary = 200;
  config.context = 64;
  const auto documents = documents_of_lengths(16, 33, 65, config.vocabulary);
  for (const int threads : {2, 4}) {
    const WithThreads with_threads(threads);
    check_steady(config, *objective, 1, documents, 16);
  }
}

}  // namespace
}  // namespace obverse::tests

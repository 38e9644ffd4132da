// Streams, graphs and memory of the emulated device.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/core/device_memory.h"
#include "kernels/core/graph.h"
#include "kernels/core/launch.cuh"
#include "tests/emulator/emulator.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using namespace kernels::cuda;  // NOLINT: a kernel file's own namespace
using kernels::Span;

__global__ void add_to(Span<float> values, float amount) { values[thread_index().x] += amount; }

void start_add(Stream& stream, const DeviceArray<float>& values, float amount) {
  launch(stream, {.kernel = "add", .grid = {1}, .block = {4}}, &add_to, values.span(), amount);
}

std::vector<float> read(Stream& stream, const DeviceArray<float>& values) {
  std::vector<float> host(static_cast<std::size_t>(values.size()));
  copy_to_host(stream, host.data(), values.span().data(), host.size() * sizeof(float));
  return host;
}

DeviceArray<float> zeros(Stream& stream) {
  DeviceArray<float> values(stream, 4);
  fill_bytes(stream, values.span().data(), 0, 4 * sizeof(float));
  return values;
}

std::string error_text(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing thrown";
}

TEST_CASE("a late stream does its work when somebody waits", "[emulator]") {
  Stream stream;
  const auto values = zeros(stream);
  PinnedMemory pinned(4 * sizeof(float));
  auto* const host = reinterpret_cast<float*>(pinned.data());
  for (const bool late : {false, true}) {
    std::unique_ptr<emulation::WithLateStreams> lateness;
    if (late) lateness = std::make_unique<emulation::WithLateStreams>();
    fill_bytes(stream, values.span().data(), 0, 4 * sizeof(float));
    start_add(stream, values, 2.0f);
    host[0] = -1.0f;
    copy_to_host_later(stream, host, values.span().data(), pinned.bytes());
    CHECK(host[0] == (late ? -1.0f : 2.0f));
    stream.synchronize();
    CHECK(host[0] == 2.0f);
  }
}

TEST_CASE("a late copy reads what stands in host memory when it runs", "[emulator]") {
  Stream stream;
  const auto values = zeros(stream);
  PinnedMemory pinned(4 * sizeof(float));
  auto* const host = reinterpret_cast<float*>(pinned.data());
  const emulation::WithLateStreams late;
  std::fill_n(host, 4, 1.0f);
  copy_to_device_later(stream, values.span().data(), host, pinned.bytes());
  std::fill_n(host, 4, 5.0f);  // too early: the copy is still to come
  CHECK(read(stream, values) == std::vector<float>(4, 5.0f));
}

TEST_CASE("an event holds another stream, however late both are", "[emulator]") {
  Stream first, second;
  const auto values = zeros(first);
  first.synchronize();
  const emulation::WithLateStreams late;
  Event added;
  start_add(first, values, 3.0f);
  added.record(first);
  start_add(first, values, 10.0f);  // behind the event
  added.hold(second);
  PinnedMemory pinned(4 * sizeof(float));
  copy_to_host_later(second, pinned.data(), values.span().data(), pinned.bytes());
  second.synchronize();
  CHECK(*reinterpret_cast<float*>(pinned.data()) == 3.0f);
  first.synchronize();
}

TEST_CASE("a graph is recorded once and replayed in order with other work", "[emulator]") {
  Stream stream;
  const auto values = zeros(stream);
  float amount = 1.0f;
  const Graph graph = Graph::record(stream, [&] {
    start_add(stream, values, amount);
    // Scratch memory of a recording starts as poison at each replay.
    const DeviceArray<float> scratch(stream, 4);
    copy_on_device(stream, scratch.span().data(), values.span().data(), 4 * sizeof(float));
    copy_on_device(stream, values.span().data(), scratch.span().data(), 4 * sizeof(float));
  });
  CHECK(graph.recorded());
  CHECK(read(stream, values) == std::vector<float>(4, 0.0f));
  amount = 100.0f;  // parameters are those of the recording
  graph.replay(stream);
  start_add(stream, values, 10.0f);
  graph.replay(stream);
  CHECK(read(stream, values) == std::vector<float>(4, 12.0f));
}

TEST_CASE("memory of a recording serves recordings alone", "[emulator]") {
  Stream stream;
  const void* recorded = nullptr;
  const Graph graph =
      Graph::record(stream, [&] { recorded = DeviceArray<float>(stream, 1000).span().data(); });
  std::vector<DeviceArray<float>> held;
  for (int i = 0; i < 8; ++i) {
    held.emplace_back(stream, 1000);
    CHECK(held.back().span().data() != recorded);
  }
  const void* again = nullptr;
  Graph::record(stream, [&] { again = DeviceArray<float>(stream, 1000).span().data(); });
  CHECK(again == recorded);
}

TEST_CASE("what cannot be recorded is refused, and the stream goes on", "[emulator]") {
  Stream stream;
  const auto values = zeros(stream);
  float host[4] = {};
  const auto refused = [&](const std::function<void()>& body) {
    return error_text([&] { Graph::record(stream, body); });
  };
  const std::string start = "[graph] expected only work that can be recorded, got ";
  CHECK(refused([&] { stream.synchronize(); }) == start + "a wait for the stream");
  CHECK(refused([&] { copy_to_host(stream, host, values.span().data(), sizeof(host)); }) ==
        start + "a copy that waits");
  CHECK(refused([&] { Graph::record(stream, [] {}); }) == start + "another recording");
  CHECK(error_text([&] { Graph().replay(stream); }) ==
        "[graph] expected a graph that was recorded");
  CHECK_FALSE(stream.recording());
  start_add(stream, values, 1.0f);
  CHECK(read(stream, values) == std::vector<float>(4, 1.0f));
}

TEST_CASE("guarded device memory faults under host code", "[emulator]") {
  Stream stream;
  const auto values = zeros(stream);
  const auto status_of = [&](bool guarded) {
    const pid_t child = fork();
    if (child == 0) {
      std::signal(SIGSEGV, SIG_DFL);  // Catch2's own handler would report
      std::unique_ptr<emulation::WithGuardedMemory> guard;
      if (guarded) guard = std::make_unique<emulation::WithGuardedMemory>();
      start_add(stream, values, 1.0f);  // kernels may
      _exit(values.span().data()[0] == 1.0f ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  };
  CHECK(status_of(false) == 0);
  const int status = status_of(true);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
}

TEST_CASE("a full device says what was asked for", "[emulator]") {
  Stream stream;
  release_cached_device_memory();
  const emulation::WithDeviceBytes few(4096);
  CHECK(error_text([&] {
          const DeviceArray<float> large(stream, 100000);
        }).find("[cuda] out of device memory: asked for 390.6 KiB") == 0);
  CHECK(error_text([&] { const DeviceArray<float> fits(stream, 100); }) == "nothing thrown");
}

TEST_CASE("work of steps has the memory of recordings", "[emulator]") {
  Stream stream;
  const void* done = nullptr;
  {
    const Stream::StepMemory step(stream);
    done = DeviceArray<float>(stream, 5000).span().data();
  }
  CHECK(DeviceArray<float>(stream, 5000).span().data() != done);
  const void* recorded = nullptr;
  Graph::record(stream, [&] { recorded = DeviceArray<float>(stream, 5000).span().data(); });
  CHECK(recorded == done);
}

}  // namespace
}  // namespace obverse::tests

#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>

#include "engine/checkpoint/safetensors.h"
#include "engine/checkpoint/weights.h"
#include "tests/support/catch.h"
#include "tests/support/model_problem.h"
#include "tests/support/temporary_folder.h"

namespace obverse::engine {
namespace {

using tests::read_file;
using tests::TemporaryFolder;
using tests::write_file;

std::string failure_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing thrown";
}

// A file of this header, in front of `data` bytes.
std::string file_of(const std::string& header, std::size_t data) {
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    length[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  }
  return length + header + std::string(data, 'x');
}

TEST_CASE("tensors come back as they were written", "[checkpoint]") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "a.safetensors";
  TensorFile file;
  file.metadata = {{"format", "pt"}, {"note", "B is A"}};
  file.tensors["b"] = {"F32", {2, 3}, std::string(24, 'b')};
  file.tensors["a"] = {"BF16", {5}, std::string(10, 'a')};
  file.tensors["nothing"] = {"F32", {0, 4}, ""};
  file.tensors["scalar"] = {"F64", {}, std::string(8, 's')};
  write_safetensors(path, file);
  const TensorFile read = read_safetensors(path);
  CHECK(read.metadata == file.metadata);
  REQUIRE(read.tensors.size() == file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    INFO(name);
    CHECK(read.tensors.at(name).type == tensor.type);
    CHECK(read.tensors.at(name).shape == tensor.shape);
    CHECK(read.tensors.at(name).bytes == tensor.bytes);
  }
  // Elements of any type lie where they may be read in place: the header ends at a multiple of 8.
  for (const std::string name : {"a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg"}) {
    write_safetensors(path, {{}, {{name, {"F64", {1}, std::string(8, 'x')}}}});
    CHECK(static_cast<unsigned char>(read_file(path)[0]) % 8 == 0);
  }
  CHECK_THROWS_AS(write_safetensors(path, {{}, {{"a", {"F32", {2}, "abc"}}}}),
                  std::invalid_argument);
}

TEST_CASE("a file that lies is one line that names it and the field", "[checkpoint]") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "a.safetensors";
  const auto told = [&](const std::string& content) {
    write_file(path, content);
    const std::string message = failure_of([&] { read_safetensors(path); });
    REQUIRE(message.rfind(path.string() + ": ", 0) == 0);
    CHECK(message.find('\n') == std::string::npos);
    return message.substr(path.string().size() + 2);
  };
  const auto tensor = [](const std::string& fields) { return "{\"w\": {" + fields + "}}"; };
  CHECK(told("short") == "expected a safetensors file of at least 8 bytes, found 5");
  CHECK(told(file_of("{}", 0).substr(0, 9)) ==
        "expected a header of at most 1 bytes, found one that says 2");
  CHECK(told(std::string(8, '\xff') + "{}") ==
        "expected a header of at most 2 bytes, found one that says 18446744073709551615");
  CHECK(told(file_of("{\"w\": " + std::string(300'000, '[') + std::string(300'000, ']') + "}",
                     0)) == "expected a header that is a JSON object");
  CHECK(told(file_of(R"({"a\nb\u001b": 3})", 0)) ==
        "tensor \"a\\nb\\u001b\": expected the field \"dtype\", found none");
  CHECK(told(file_of("[1]", 0)) == "expected a header that is a JSON object");
  CHECK(told(file_of("{\"w\":", 0)) == "expected a header that is a JSON object");
  CHECK(told(file_of("{\"w\": 3}", 0)) == "tensor \"w\": expected the field \"dtype\", found none");
  CHECK(told(file_of(tensor(R"("dtype": "F31", "shape": [1], "data_offsets": [0, 4])"), 4)) ==
        "tensor \"w\": expected a dtype such as F32, F16 or BF16, found \"F31\"");
  CHECK(told(file_of(tensor(R"("dtype": "F32", "shape": [-1], "data_offsets": [0, 4])"), 4)) ==
        "tensor \"w\": expected a shape of sizes from 0 on, found [-1]");
  CHECK(told(file_of(tensor(R"("dtype": "F32", "shape": [1], "data_offsets": [4, 0])"), 4)) ==
        "tensor \"w\": expected data_offsets [begin, end], found [4,0]");
  CHECK(told(file_of(tensor(R"("dtype": "F32", "shape": [2], "data_offsets": [0, 4])"), 4)) ==
        "tensor \"w\": expected data_offsets that are 8 bytes apart for F32 [2], found [0,4]");
  // 2^62 * 2^2 elements would be 0 bytes if the product were let wrap.
  CHECK(told(file_of(tensor(R"("dtype": "F32", "shape": [4611686018427387904, 4],
                               "data_offsets": [0, 0])"),
                     0))
            .find("expected data_offsets that are -1 bytes apart") != std::string::npos);
  CHECK(told(file_of(tensor(R"("dtype": "F32", "shape": [1], "data_offsets": [4, 8])"), 8)) ==
        "tensor \"w\": expected data from byte 0 on, where the one before ends, found 4");
  CHECK(told(file_of(tensor(R"("dtype": "F32", "shape": [1], "data_offsets": [0, 4])"), 3)) ==
        "expected 4 bytes of tensors behind the header, found 3");
  CHECK(told(file_of(tensor(R"("dtype": "F32", "shape": [1], "data_offsets": [0, 4])"), 5)) ==
        "expected 4 bytes of tensors behind the header, found 5");
  CHECK(told(file_of(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                         "b": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]}})",
                     8)) ==
        "tensor \"b\": expected data from byte 4 on, where the one before ends, found 2");
  CHECK(told(file_of(R"({"__metadata__": {"n": 3}})", 0)) ==
        "__metadata__: expected an object of strings, found {\"n\":3}");
  CHECK(told(file_of(R"({"__metadata__": "n"})", 0)) ==
        "__metadata__: expected an object of strings, found \"n\"");
}

// No bytes make it crash; the sanitizers watch.
TEST_CASE("bytes changed at random are refused or read, and nothing else", "[checkpoint]") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "a.safetensors";
  TensorFile file;
  file.metadata = {{"format", "pt"}};
  file.tensors["a"] = {"F32", {2, 3}, std::string(24, 'b')};
  file.tensors["b"] = {"F16", {3}, std::string(6, 'a')};
  write_safetensors(path, file);
  const std::string whole = read_file(path);
  kernels::RandomSequence draws({1, kernels::Purpose::test, 77});
  int refused = 0;
  constexpr int kInputs = 400;
  for (int i = 0; i < kInputs; ++i) {
    std::string changed =
        whole.substr(0, draws.integer(4) == 0 ? draws.integer(whole.size()) : whole.size());
    for (std::uint64_t j = 1 + draws.integer(3); j > 0 && !changed.empty(); --j) {
      changed[draws.integer(changed.size())] = static_cast<char>(draws.integer(256));
    }
    write_file(path, changed);
    refused += failure_of([&] { read_safetensors(path); }) == "nothing thrown" ? 0 : 1;
  }
  CHECK(refused > kInputs / 2);
  CHECK(refused < kInputs);  // a changed element is an element
}

TEST_CASE("weights come back to the model whose they are", "[checkpoint]") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "model.safetensors";
  const Device device = Device::cpu();
  const Transformer saved(tests::tiny_model(), device, 1), other(tests::tiny_model(), device, 2);
  REQUIRE(saved.weights().to_vector<float>() != other.weights().to_vector<float>());
  save_weights(saved, path, {{"settings", "{}"}});
  CHECK(load_weights(other, path).at("settings") == "{}");
  CHECK(saved.weights().to_vector<float>() == other.weights().to_vector<float>());

  TransformerConfig config = tests::tiny_model();
  config.hidden = 16;
  const Transformer wider(config, device, 3);
  const std::vector<float> before = wider.weights().to_vector<float>();
  CHECK(failure_of([&] { load_weights(wider, path); }) ==
        path.string() +
            ": tensor \"blocks.0.feed_forward.up.weight\": expected F32, F16 or BF16 [16, 8], "
            "found F32 [12, 8]");
  CHECK(wider.weights().to_vector<float>() == before);
  config = tests::tiny_model();
  config.tied_embeddings = false;
  const Transformer untied(config, device, 3);
  CHECK(failure_of([&] { load_weights(untied, path); }) ==
        path.string() + ": expected the tensor \"head.weight\", found none");
  save_weights(untied, path);
  CHECK(failure_of([&] { load_weights(saved, path); }).find("tensors, found") != std::string::npos);
}

TEST_CASE("moments come back, each to its own", "[checkpoint]") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "optimizer.safetensors";
  const Transformer model(tests::tiny_model(), Device::cpu(), 3);
  const std::int64_t count = model.parameter_count();
  const auto first_values = tests::normal_values<float>(count, 1);
  const auto second_values = tests::normal_values<float>(count, 2);
  const auto tensor_of = [&](const std::vector<float>& values) {
    return Tensor::from<float>(Device::cpu(), {count}, values);
  };
  save_moments(model, tensor_of(first_values), tensor_of(second_values), path);
  const Tensor first = tensor_of(std::vector<float>(first_values.size()));
  const Tensor second = tensor_of(std::vector<float>(first_values.size()));
  load_moments(model, first, second, path);
  CHECK(first.to_vector<float>() == first_values);
  CHECK(second.to_vector<float>() == second_values);
  // A file that has more than this model's is another model's.
  TensorFile file = read_safetensors(path);
  const std::size_t size = file.tensors.size();
  file.tensors["blocks.9.attention_norm.gain.first_moment"] = {"F32", {1}, std::string(4, 'x')};
  write_safetensors(path, file);
  CHECK(failure_of([&] { load_moments(model, first, second, path); }) ==
        path.string() + ": expected " + std::to_string(size) + " tensors, found " +
            std::to_string(size + 1));
}

}  // namespace
}  // namespace obverse::engine

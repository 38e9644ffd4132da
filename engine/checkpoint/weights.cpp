#include "engine/checkpoint/weights.h"

#include <cstring>
#include <stdexcept>

#include "engine/checkpoint/safetensors.h"

namespace obverse::engine {
namespace {

std::vector<std::int64_t> sizes_of(const Shape& shape) {
  std::vector<std::int64_t> sizes;
  for (int i = 0; i < shape.dimensions(); ++i) sizes.push_back(shape[i]);
  return sizes;
}

std::string words_of(const std::vector<std::int64_t>& sizes) {
  std::string text;
  for (const std::int64_t size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

}  // namespace

void save_weights(const Transformer& model, const std::filesystem::path& path,
                  const std::map<std::string, std::string>& metadata) {
  TensorFile file;
  file.metadata = metadata;
  std::int64_t offset = 0;
  for (const Parameter& parameter : model.parameters()) {
    const Shape& shape = parameter.variable.shape();
    const std::vector<float> values = model.master_weights().part(offset, shape).to_vector<float>();
    offset += shape.elements();
    StoredTensor& tensor = file.tensors[parameter.name];
    tensor.type = "F32";
    tensor.shape = sizes_of(shape);
    tensor.bytes.assign(reinterpret_cast<const char*>(values.data()),
                        values.size() * sizeof(float));
  }
  write_safetensors(path, file);
}

std::map<std::string, std::string> load_weights(const Transformer& model,
                                                const std::filesystem::path& path) {
  require(model.dtype() == DType::f32, "[load_weights] expected a model in f32, got ",
          name_of(model.dtype()));
  const TensorFile file = read_safetensors(path);
  const auto refuse = [&path](const std::string& what) {
    throw std::runtime_error(path.string() + ": " + what);
  };
  for (const Parameter& parameter : model.parameters()) {
    const auto found = file.tensors.find(parameter.name);
    if (found == file.tensors.end()) {
      refuse("expected the tensor \"" + parameter.name + "\", found none");
    }
    const std::vector<std::int64_t> sizes = sizes_of(parameter.variable.shape());
    if (found->second.type != "F32" || found->second.shape != sizes) {
      refuse("tensor \"" + parameter.name + "\": expected F32 " + words_of(sizes) + ", found " +
             found->second.type + " " + words_of(found->second.shape));
    }
  }
  if (file.tensors.size() != model.parameters().size()) {
    refuse("expected " + std::to_string(model.parameters().size()) + " tensors, found " +
           std::to_string(file.tensors.size()));
  }
  for (const Parameter& parameter : model.parameters()) {
    const std::string& bytes = file.tensors.at(parameter.name).bytes;
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    parameter.variable.data().write(values.data());
  }
  return file.metadata;
}

}  // namespace obverse::engine

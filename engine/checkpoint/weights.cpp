#include "engine/checkpoint/weights.h"

#include <stdexcept>

#include "engine/checkpoint/safetensors.h"
#include "engine/checkpoint/tensor_layout.h"
#include "kernels/core/bf16.h"

namespace obverse::engine {
namespace {

// No more tensors than parameters: a file of another model is not taken for this one's.
void check_count(const std::filesystem::path& path, const TensorFile& file, std::size_t expected) {
  if (file.tensors.size() == expected) return;
  throw std::runtime_error(path.string() + ": expected " + std::to_string(expected) +
                           " tensors, found " + std::to_string(file.tensors.size()));
}

TensorLayout renamed(TensorLayout layout, const char* suffix) {
  for (ParameterLayout& parameter : layout) {
    for (TensorPiece& piece : parameter.pieces) piece.name += suffix;
  }
  return layout;
}

constexpr const char* kFirst = ".first_moment";
constexpr const char* kSecond = ".second_moment";

}  // namespace

std::vector<float> parameter_values(const Transformer& model) {
  require(model.master_weights().dtype() == DType::f32,
          "[weights] expected a model whose weights are kept in f32, got ",
          name_of(model.master_weights().dtype()));
  return model.master_weights().to_vector<float>();
}

void set_parameter_values(const Transformer& model, const std::vector<float>& values) {
  require(model.master_weights().dtype() == DType::f32,
          "[weights] expected a model whose weights are kept in f32, got ",
          name_of(model.master_weights().dtype()));
  require(static_cast<std::int64_t>(values.size()) == model.parameter_count(),
          "[weights] expected ", model.parameter_count(), " values, got ", values.size());
  model.master_weights().write(values.data());
  if (model.dtype() != DType::bf16) return;
  std::vector<kernels::bf16> rounded;
  rounded.reserve(values.size());
  for (const float value : values) rounded.push_back(static_cast<kernels::bf16>(value));
  model.weights().write(rounded.data());
}

void save_weights(const Transformer& model, const std::filesystem::path& path,
                  const std::map<std::string, std::string>& metadata) {
  write_safetensors(path, {metadata, pieces_of(model, own_layout(model), parameter_values(model))});
}

std::map<std::string, std::string> load_weights(const Transformer& model,
                                                const std::filesystem::path& path) {
  const TensorFile file = read_safetensors(path);
  const std::vector<float> values = values_in(path, file, model, own_layout(model));
  check_count(path, file, model.parameters().size());
  set_parameter_values(model, values);
  return file.metadata;
}

void save_moments(const Transformer& model, const Tensor& first, const Tensor& second,
                  const std::filesystem::path& path) {
  TensorFile file;
  file.tensors = pieces_of(model, renamed(own_layout(model), kFirst), first.to_vector<float>());
  file.tensors.merge(
      pieces_of(model, renamed(own_layout(model), kSecond), second.to_vector<float>()));
  write_safetensors(path, file);
}

void load_moments(const Transformer& model, const Tensor& first, const Tensor& second,
                  const std::filesystem::path& path) {
  const TensorFile file = read_safetensors(path);
  const auto of_first = values_in(path, file, model, renamed(own_layout(model), kFirst));
  const auto of_second = values_in(path, file, model, renamed(own_layout(model), kSecond));
  check_count(path, file, 2 * model.parameters().size());
  first.write(of_first.data());
  second.write(of_second.data());
}

}  // namespace obverse::engine

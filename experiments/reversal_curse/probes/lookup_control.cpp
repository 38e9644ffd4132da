#include "experiments/reversal_curse/probes/lookup_control.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "experiments/reversal_curse/worlds/pairs_world.h"
#include "kernels/core/check.h"
#include "kernels/core/random.h"

namespace obverse::reversal {
namespace {

// The dimensions of the residual stream: a record, then one each for a name's role, for being a
// name, and for being another word.
constexpr std::int64_t kRecord = 61, kRole = 61, kIsName = 62, kIsWord = 63, kWidth = 64;
constexpr float kRoleSize = 0.7f;
// Beside a record of length 1: so that norms divide by nearly the same number whatever the record,
// and what is taken from a record is missed wherever it is read.
constexpr float kNameSize = 6.0f;
// What attention copies is so much more than what the last word itself has that an edit changes
// names, and words next to nothing.
constexpr float kCopied = 20.0f;
constexpr float kWordSize = kCopied * kNameSize;
constexpr float kLookAtNames = 2.0f;  // of query and key: e^30 for a name, 1 for a word
// Of the logits: the right name has a probability of 0.99 and more among hundreds.
constexpr float kSharpness = 8.0f;

PairsOptions pairs_of(int facts, std::uint64_t seed) {
  PairsOptions options;
  options.pairs = facts;
  options.share_both = 1.0;
  options.share_forward = options.share_reverse = 0.0;
  options.unseen_pairs = 0;
  options.seed = seed;
  return options;
}

engine::TransformerConfig config_of(const World& world, bool one_table) {
  engine::TransformerConfig config;
  config.layers = 1;
  config.width = kWidth;
  config.heads = 1;
  config.hidden = 8;
  config.vocabulary = static_cast<std::int64_t>(world.vocabulary.size());
  config.context = world.longest;
  config.position = engine::PositionKind::none;
  config.norm = engine::NormKind::rms;
  config.biases = false;
  config.tied_embeddings = one_table;
  return config;
}

class Matrix {
 public:
  explicit Matrix(std::int64_t rows) : values_(static_cast<std::size_t>(rows * kWidth), 0.0f) {}
  float& at(std::int64_t row, std::int64_t column) {
    return values_[static_cast<std::size_t>(row * kWidth + column)];
  }
  const float* data() const { return values_.data(); }

 private:
  std::vector<float> values_;
};

// [vocabulary, width]. The special tokens have nothing.
Matrix table_of(const World& world, const FactRecords& records, std::uint64_t seed) {
  Matrix table(static_cast<std::int64_t>(world.vocabulary.size()));
  for (std::int64_t token = engine::kSpecialTokenCount;
       token < static_cast<std::int64_t>(world.vocabulary.size()); ++token) {
    table.at(token, kIsWord) = kWordSize;
  }
  for (const FactRecord& fact : records.facts) {
    std::vector<double> record;
    double squares = 0.0;
    for (std::int64_t i = 0; i < kRecord; ++i) {
      const kernels::RandomKey key{
          seed, kernels::Purpose::probes,
          (std::uint64_t{1} << 42) + static_cast<std::uint64_t>(fact.fact)};
      record.push_back(kernels::normal(key, static_cast<std::uint64_t>(i)));
      squares += record.back() * record.back();
    }
    for (const int side : {0, 1}) {
      const auto name = static_cast<std::size_t>(fact.names[static_cast<std::size_t>(side)]);
      const std::int32_t token = records.names[name][0][0];
      for (std::int64_t i = 0; i < kRecord; ++i) {
        table.at(token, i) =
            static_cast<float>(record[static_cast<std::size_t>(i)] / std::sqrt(squares));
      }
      table.at(token, kRole) = side == 0 ? kRoleSize : -kRoleSize;
      table.at(token, kIsName) = kNameSize;
      table.at(token, kIsWord) = 0.0f;
    }
  }
  return table;
}

// [3 * width, width]: words look for names, and take their record and their role's opposite.
Matrix packed_attention() {
  Matrix packed(3 * kWidth);
  packed.at(0, kIsWord) = kLookAtNames;
  packed.at(kWidth, kIsName) = kLookAtNames;
  for (std::int64_t i = 0; i < kRecord; ++i) packed.at(2 * kWidth + i, i) = kCopied;
  packed.at(2 * kWidth + kRole, kRole) = -kCopied;
  return packed;
}

Matrix identity() {
  Matrix matrix(kWidth);
  for (std::int64_t i = 0; i < kWidth; ++i) matrix.at(i, i) = 1.0f;
  return matrix;
}

}  // namespace

struct LookupControl::Parts {
  Parts(int facts, std::uint64_t seed, bool one_table)
      : world(make_pairs_world(pairs_of(facts, seed))),
        records(make_pairs_records(pairs_of(facts, seed))),
        objective(engine::make_objective("causal")),
        model(config_of(world, one_table), engine::Device::named("cpu"), seed),
        probed{settings, world, records, *objective, model} {
    settings.seed = seed;
    // It answers and does not know how to end.
    settle(records, world);
    for (FactPhrasing& phrasing : records.phrasings) phrasing.after.clear();
    write();
  }

  // What is not named here is 0: the feed-forward part.
  void write() const {
    const Matrix table = table_of(world, records, settings.seed);
    const Matrix packed = packed_attention(), projection = identity();
    const std::vector<float> ones(kWidth, 1.0f);
    std::vector<float> sharp(kWidth, kSharpness);
    sharp[kIsName] = sharp[kIsWord] = 0.0f;  // no answer for being of a kind
    const std::map<std::string, const float*> written = {
        {"token_embedding.weight", table.data()},
        {"head.weight", table.data()},
        {"blocks.0.attention_norm.gain", ones.data()},
        {"blocks.0.attention.packed.weight", packed.data()},
        {"blocks.0.attention.projection.weight", projection.data()},
        {"blocks.0.feed_forward_norm.gain", ones.data()},
        {"outer_norm.gain", sharp.data()}};
    for (const engine::Parameter& parameter : model.parameters()) {
      const engine::Tensor& tensor = parameter.variable.data();
      const std::vector<float> zeros(static_cast<std::size_t>(tensor.elements()), 0.0f);
      const auto found = written.find(parameter.name);
      tensor.write(found == written.end() ? zeros.data() : found->second);
    }
  }

  RunSettings settings;
  World world;
  FactRecords records;
  std::unique_ptr<engine::Objective> objective;
  engine::Transformer model;
  ProbedModel probed;
};

LookupControl::LookupControl(int facts, std::uint64_t seed, bool one_table) {
  kernels::require(facts >= 2, "[lookup_control] expected two facts or more, got ", facts);
  parts_ = std::make_unique<Parts>(facts, seed, one_table);
}

LookupControl::~LookupControl() = default;

const ProbedModel& LookupControl::probed() const { return parts_->probed; }

}  // namespace obverse::reversal

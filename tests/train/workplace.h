// obverse-train as its user meets it: run in a folder of its own, on token files of a small
// language.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "engine/data/token_file.h"
#include "kernels/core/random.h"
#include "tests/support/catch.h"
#include "tests/support/token_files.h"
#include "tests/support/workplace.h"

namespace obverse::train {

namespace fs = std::filesystem;
using nlohmann::json;
using tests::Ended;
using tests::lines_in;
using tests::read_file;

inline constexpr std::int32_t kVocabulary = 20, kEnd = 0;

// Texts in which each token tells most of the next one.
inline void write_tokens(const fs::path& path, std::int64_t count, std::uint64_t stream) {
  kernels::RandomSequence random({4, kernels::Purpose::test, stream});
  engine::TokenFileWriter writer(path, kVocabulary);
  std::vector<std::int32_t> ids;
  std::int32_t last = 3;
  for (std::int64_t i = 0; i < count; ++i) {
    if (i % 23 == 22) {
      ids.push_back(kEnd);
      continue;
    }
    last = random.uniform() < 0.8 ? 1 + (3 * last) % 19
                                  : 1 + static_cast<std::int32_t>(random.integer(19));
    ids.push_back(last);
  }
  writer.append({ids.data(), count});
  writer.finish();
}

class Workplace : public tests::Workplace {
 public:
  Workplace() : tests::Workplace("obverse-train") {
    fs::create_directories(at("data"));
    write_tokens(at("data/train_000.bin"), 3000, 1);
    write_tokens(at("data/validation_000.bin"), 400, 2);
  }

  std::vector<json> metrics(const std::string& folder = "out") const {
    std::vector<json> lines;
    std::istringstream text(read_file(at(folder + "/metrics.jsonl")));
    for (std::string line; std::getline(text, line);) {
      lines.push_back(json::parse(line));
      for (const char* timing : {"seconds", "tokens_per_second"}) lines.back().erase(timing);
    }
    return lines;
  }
  std::set<std::string> checkpoints(const std::string& folder = "out") const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(at(folder + "/checkpoints"))) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
};

// Small enough for a moment; `--threads 1`, since many tests run at a time.
inline const std::string kSmall =
    "--data data --vocabulary 20 --end-of-text 0 --layers 1 --width 16 --heads 2 --sequence 16 "
    "--batch 4 --warm-up-steps 5 --learning-rate 0.01 --threads 1 --validate-every 10 "
    "--validation-sequences 8 --checkpoint-every 20 --output out ";

inline const std::vector<std::string> kWhatACheckpointHolds{"model.safetensors",
                                                            "optimizer.safetensors"};

// Equal metrics but for times, and equal files of the last checkpoint.
inline void check_same(const Workplace& one, const Workplace& other, const std::string& last) {
  CHECK(one.metrics() == other.metrics());
  for (const std::string& file : kWhatACheckpointHolds) {
    CAPTURE(file);
    CHECK(read_file(one.at("out/checkpoints/" + last + "/" + file)) ==
          read_file(other.at("out/checkpoints/" + last + "/" + file)));
  }
}

}  // namespace obverse::train

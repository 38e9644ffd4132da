#include "experiments/reversal_curse/verify/row.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;

json next_token(int name_tokens) {
  return {{"objective", "causal"}, {"world.name_tokens", name_tokens}};
}

std::vector<Measured> curse(const Evidence& evidence) {
  std::vector<Measured> all;
  for (const int k : {1, 2}) {
    all.push_back(evidence.at_least(next_token(k), "trained.accuracy", 0.95));
    all.push_back(evidence.at_most(next_token(k), "reverse.accuracy", 0.03));
  }
  return all;
}

std::vector<Measured> both_ways(const Evidence& evidence) {
  std::vector<Measured> all;
  for (const int k : {1, 2}) {
    for (const char* direction : {"forward", "backward"}) {
      all.push_back(
          evidence.at_least(next_token(k), std::string("both.") + direction + ".accuracy", 0.95));
    }
  }
  return all;
}

std::vector<Measured> token_reversal(const Evidence& evidence) {
  return {evidence.at_least({{"objective", "token_reversed"}, {"world.name_tokens", 1}},
                            "reverse.accuracy", 0.95),
          evidence.at_most({{"objective", "token_reversed"}, {"world.name_tokens", 2}},
                           "reverse.accuracy", 0.12),
          evidence.at_least({{"objective", "token_reversed"}, {"world.name_tokens", 2}},
                            "trained.accuracy", 0.9)};
}

std::vector<Measured> entity_reversal(const Evidence& evidence) {
  const json arm = {{"objective", "entity_reversed"}, {"world.name_tokens", 2}};
  return {evidence.at_least(arm, "trained.accuracy", 0.90),
          evidence.at_least(arm, "reverse.accuracy", 0.95)};
}

}  // namespace

std::vector<VerifyRow> curse_rows() {
  const std::vector<std::string> quick = {"quick"};
  return {{1, "causal, untied, k 1 and 2", "trained >= 0.95, reverse <= 0.03",
           "Berglund et al. 2023", quick, quick, curse},
          {3, "causal, untied, k 1 and 2: facts stated both ways, held-out template",
           "both directions >= 0.95", "control", quick, quick, both_ways},
          {6, "token reversal", "k 1: reverse >= 0.95; k 2: reverse <= 0.12", "Kitouni et al. 2024",
           quick, quick, token_reversal},
          {7, "entity reversal, k 2", "trained >= 0.90, reverse >= 0.95", "Golovneva et al. 2024",
           quick, quick, entity_reversal}};
}

}  // namespace obverse::reversal

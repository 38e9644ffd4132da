#include "experiments/reversal_curse/results.h"

#include <cmath>
#include <limits>
#include <stdexcept>

namespace obverse::reversal {

namespace {

using nlohmann::json;

// Log-probabilities are kept to 1e-4 nats: far below their spread, and a third of the file's size.
double rounded(double value) { return std::round(value * 1e4) / 1e4; }

[[noreturn]] void fail(const std::string& path, const std::string& expected,
                       const std::string& found) {
  throw std::runtime_error("field \"" + path + "\": expected " + expected + ", found " + found);
}

const json& field(const json& object, const std::string& path, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) fail(path + name, "a value", "none");
  return *found;
}

std::string text(const json& value, const std::string& path) {
  if (!value.is_string()) fail(path, "a string", value.type_name());
  return value.get<std::string>();
}

template <typename Integer>
Integer integer(const json& value, const std::string& path) {
  if (!value.is_number_integer()) fail(path, "an integer", value.type_name());
  return value.get<Integer>();
}

// A number that is not finite is written as null, JSON having no other word for it.
double number(const json& value, const std::string& path) {
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!value.is_number()) fail(path, "a number", value.type_name());
  return value.get<double>();
}

const json& object_field(const json& object, const std::string& path, const char* name) {
  const json& value = field(object, path, name);
  if (!value.is_object()) fail(path + name, "an object", value.type_name());
  return value;
}

const json& array_field(const json& object, const std::string& path, const char* name) {
  const json& value = field(object, path, name);
  if (!value.is_array()) fail(path + name, "an array", value.type_name());
  return value;
}

json columns(const std::vector<Outcome>& outcomes) {
  json columns = {{"fact", json::array()},       {"direction", json::array()},
                  {"correct", json::array()},    {"chosen", json::array()},
                  {"candidates", json::array()}, {"right", json::array()},
                  {"wrong", json::array()}};
  for (const Outcome& outcome : outcomes) {
    columns["fact"].push_back(outcome.fact);
    columns["direction"].push_back(outcome.direction);
    columns["correct"].push_back(outcome.correct ? 1 : 0);
    columns["chosen"].push_back(outcome.chosen ? 1 : 0);
    columns["candidates"].push_back(outcome.candidates);
    columns["right"].push_back(rounded(outcome.right_logprob));
    columns["wrong"].push_back(rounded(outcome.wrong_logprob));
  }
  return columns;
}

std::vector<Outcome> outcomes_of(const json& columns, const std::string& path) {
  const std::size_t count = array_field(columns, path, "fact").size();
  std::vector<Outcome> outcomes(count);
  const auto fill = [&](const char* name, auto&& set) {
    const json& column = array_field(columns, path, name);
    if (column.size() != count) {
      fail(path + name, std::to_string(count) + " values, as in \"" + path + "fact\"",
           std::to_string(column.size()));
    }
    for (std::size_t i = 0; i < count; ++i) {
      set(outcomes[i], column[i], path + name + "[" + std::to_string(i) + "]");
    }
  };
  fill("fact", [](Outcome& o, const json& v, const auto& at) { o.fact = integer<int>(v, at); });
  fill("direction", [](Outcome& o, const json& v, const auto& at) {
    o.direction = integer<int>(v, at);
    if (o.direction != 0 && o.direction != 1) fail(at, "0 or 1", v.dump());
  });
  fill("correct",
       [](Outcome& o, const json& v, const auto& at) { o.correct = integer<int>(v, at) != 0; });
  fill("chosen",
       [](Outcome& o, const json& v, const auto& at) { o.chosen = integer<int>(v, at) != 0; });
  fill("candidates", [](Outcome& o, const json& v, const auto& at) {
    o.candidates = integer<int>(v, at);
    if (o.candidates < 1) fail(at, "at least 1", v.dump());
  });
  fill("right", [](Outcome& o, const json& v, const auto& at) { o.right_logprob = number(v, at); });
  fill("wrong", [](Outcome& o, const json& v, const auto& at) { o.wrong_logprob = number(v, at); });
  return outcomes;
}

}  // namespace

json to_json(const RunResult& result) {
  // Metrics are those of what is stored, so that whoever computes them again gets the same numbers.
  RunResult stored = result;
  for (std::vector<Outcome>& outcomes : stored.outcomes) {
    for (Outcome& outcome : outcomes) {
      outcome.right_logprob = rounded(outcome.right_logprob);
      outcome.wrong_logprob = rounded(outcome.wrong_logprob);
    }
  }
  json line = {{"objective", result.objective}, {"architecture", result.architecture},
               {"world", result.world},         {"training", result.training},
               {"seed", result.seed},           {"steps", result.steps},
               {"tokens", result.tokens},       {"seconds", result.seconds},
               {"device", result.device},       {"directions", result.directions}};
  line["metrics"] = metrics_of({&stored});
  line["outcomes"] = json::object();
  for (int asked = 0; asked < kAskedCount; ++asked) {
    const std::vector<Outcome>& outcomes = result.outcomes[static_cast<std::size_t>(asked)];
    if (!outcomes.empty()) {
      line["outcomes"][name_of(static_cast<Asked>(asked))] = columns(outcomes);
    }
  }
  line["curve"] = json::array();
  for (const CurvePoint& point : result.curve) {
    line["curve"].push_back({{"step", point.step},
                             {"loss", point.loss},
                             {"trained_accuracy", point.trained_accuracy},
                             {"reverse_accuracy", point.reverse_accuracy}});
  }
  return line;
}

RunResult run_result_from_json(const json& line) {
  if (!line.is_object()) {
    throw std::runtime_error(std::string("expected an object, found ") + line.type_name());
  }
  RunResult result;
  result.objective = text(field(line, "", "objective"), "objective");
  result.architecture = object_field(line, "", "architecture");
  result.world = object_field(line, "", "world");
  result.training = object_field(line, "", "training");
  result.seed = integer<std::uint64_t>(field(line, "", "seed"), "seed");
  result.steps = integer<std::int64_t>(field(line, "", "steps"), "steps");
  result.tokens = integer<std::int64_t>(field(line, "", "tokens"), "tokens");
  result.seconds = number(field(line, "", "seconds"), "seconds");
  result.device = text(field(line, "", "device"), "device");
  const json& directions = array_field(line, "", "directions");
  if (directions.size() != 2) fail("directions", "2 names", std::to_string(directions.size()));
  result.directions = {text(directions[0], "directions[0]"), text(directions[1], "directions[1]")};
  const json& outcomes = object_field(line, "", "outcomes");
  for (int asked = 0; asked < kAskedCount; ++asked) {
    const char* name = name_of(static_cast<Asked>(asked));
    if (!outcomes.contains(name)) continue;
    result.outcomes[static_cast<std::size_t>(asked)] = outcomes_of(
        object_field(outcomes, "outcomes.", name), std::string("outcomes.") + name + ".");
  }
  const json& curve = array_field(line, "", "curve");
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const std::string path = "curve[" + std::to_string(i) + "].";
    if (!curve[i].is_object()) fail(path, "an object", curve[i].type_name());
    const auto value = [&](const char* name) -> const json& { return field(curve[i], path, name); };
    result.curve.push_back({integer<std::int64_t>(value("step"), path + "step"),
                            number(value("loss"), path + "loss"),
                            number(value("trained_accuracy"), path + "trained_accuracy"),
                            number(value("reverse_accuracy"), path + "reverse_accuracy")});
  }
  return result;
}

}  // namespace obverse::reversal

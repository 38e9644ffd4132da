// Linear probes of truth: whether one direction of the residual stream tells "true" from "false" in
// statements that are asserted, denied and quoted, and whether it is the one that tells what is
// said to be true.
//
// Statements are the world's held-out ones (worlds/assertions_world.h) about facts that the model
// answers right; each fact gives a true and a false one in every frame. A ridge probe is fitted to
// one frame's activations and asked about another's, always about entities that it was not fitted
// to. (Whole blocks of entities are held out, since within these values are balanced: where a part
// that is held out has too much of one label, the rest has too little of it, and a probe does worse
// than chance.) With the threshold at the other frame's own mean (no labels), "accuracy" asks for
// the direction alone; "uncentred_accuracy" carries the threshold over, too. Chance is 1/2; surely
// less says that the direction has turned round, as that of the whole statement's truth does
// between plain and denied ones. Labels balance entities and values, so that no weighting of tokens
// tells them: "tokens" fits the same probe to which tokens a statement holds, and what it gets
// above 1/2, or a probe on labels shuffled within facts does, nothing in the model explains.
// (Held-out parts of a balanced whole pull both a little below 1/2.)
//
// Published: Marks and Tegmark 2023, "The geometry of truth", arXiv:2310.06824.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "experiments/reversal_curse/probes/activations.h"
#include "experiments/reversal_curse/probes/linear_probe.h"
#include "experiments/reversal_curse/probes/probe.h"
#include "experiments/reversal_curse/worlds/assertions_world.h"
#include "kernels/core/check.h"
#include "kernels/core/random.h"

namespace obverse::reversal {
namespace {

constexpr int kFolds = 5;
// What a balanced design leaves of a weight is rounding; a tie says "false" of either statement.
constexpr double kTie = 1e-9;
// In units of a standardised feature's variance.
constexpr double kPenalty = 0.01;
// Fewer known facts than this say nothing that a probe of a stream's width could be trusted with.
constexpr std::size_t kLeastFacts = 10;
constexpr std::size_t kRows = 256;  // statements a forward pass

constexpr std::array<const char*, 3> kFrames = {"plain", "denied", "quoted"};

enum class Place { end, value };  // the full stop, and the last token of the value

using Places = std::array<std::size_t, 2>;  // by Place

// A statement as the model reads it; gives back where.
Places read_statement(const engine::Objective& objective, const engine::Document& document,
                      engine::Example& example) {
  const engine::EntitySpan& value = document.entities.at(1);
  const auto begin = document.tokens.begin() + value.begin;
  const std::vector<std::int32_t> before(document.tokens.begin(), begin);
  // Value and full stop, as one answer: what is asked for is shown.
  const std::vector<std::int32_t> answer(begin, document.tokens.end() - 1);
  const std::vector<std::int32_t> after = {engine::kEndOfText};
  if (objective.decoding() == engine::Decoding::left_to_right) {
    engine::Reading reading;
    objective.read_question(before, answer, after, false, reading);
    example = std::move(reading.example);
  } else {
    example.inputs = document.tokens;
    example.prefix = static_cast<std::int32_t>(document.tokens.size());
    example.targets.assign(document.tokens.size(), -1);
  }
  const std::vector<std::int32_t>& inputs = example.inputs;
  const auto found = std::search(inputs.begin(), inputs.end(), answer.begin(), answer.end());
  kernels::require(found != inputs.end(),
                   "[assertion] expected an objective that reads a statement as it is, got ",
                   objective.name());
  const auto end = static_cast<std::size_t>(found - inputs.begin()) + answer.size() - 1;
  return {end, end - 1};
}

class Assertion {
 public:
  explicit Assertion(const ProbedModel& probed) : probed_(probed) {
    const nlohmann::json options =
        complete_options(world_kind("assertions"), probed.settings.world.options);
    keep_known(held_out_statements(options, probed.settings.seed));
  }

  ProbeResult run() {
    if (!result_.counts.contains("layers")) return std::move(result_);
    kernels::RandomSequence fold_draws = draws(1);
    std::vector<int> blocks;
    for (const HeldOutStatement& statement : statements_) blocks.push_back(statement.block);
    folds_ = draw_folds(blocks, kFolds, fold_draws);
    add_tokens();
    for (const HeldOutStatement& statement : statements_) {
      places_.push_back(
          read_statement(probed_.objective, statement.document, examples_.emplace_back()));
    }
    for (std::int64_t layer = -1; layer < probed_.model.config().layers; ++layer) {
      const std::string name = layer < 0 ? "embedding" : "layer_" + std::to_string(layer);
      read_layer(layer);
      add_truth("assertion." + name + ".", features_[0], true);
      add_said("assertion." + name + ".", features_[0]);
      add_truth("assertion." + name + ".value_token.", features_[1], false);
    }
    return std::move(result_);
  }

 private:
  using Features = std::vector<std::vector<double>>;  // of every statement

  kernels::RandomSequence draws(std::uint64_t occasion) const {
    constexpr std::uint64_t kOccasions = std::uint64_t{1} << 51;
    return kernels::RandomSequence(
        {probed_.settings.seed, kernels::Purpose::probes, kOccasions | occasion});
  }

  // Of what the model does not know it cannot tell the truth: the plain question must be answered.
  void keep_known(const std::vector<HeldOutStatement>& all) {
    std::vector<AskedAnswer> asked;
    std::vector<int> facts;
    for (const HeldOutStatement& one : all) {
      if (one.frame != StatementFrame::plain || !one.holds) continue;
      const engine::EntitySpan& value = one.document.entities.at(1);
      const auto begin = one.document.tokens.begin() + value.begin;
      AskedAnswer question;
      question.before = {one.document.tokens.begin(), begin};
      question.answer = {begin, begin + value.length};
      question.after = {begin + value.length, one.document.tokens.end()};
      asked.push_back(question);
      facts.push_back(one.fact);
    }
    const std::vector<Score> scores = score_all(probed_, asked);
    std::set<int> known, blocks;
    for (std::size_t i = 0; i < facts.size(); ++i) {
      if (scores[i].greedy) known.insert(facts[i]);
    }
    for (const HeldOutStatement& one : all) {
      if (known.count(one.fact) == 0) continue;
      statements_.push_back(one);
      blocks.insert(one.block);
    }
    result_.counts["facts_held_out"] = facts.size();
    result_.counts["facts_unknown"] = facts.size() - known.size();
    result_.counts["facts_probed"] = 0;
    if (known.size() < kLeastFacts || blocks.size() < kFolds) {
      result_.counts["left_out"] = "the model knows too few facts for a probe";
      return;
    }
    result_.counts["facts_probed"] = known.size();
    result_.counts["layers"] = probed_.model.config().layers;
  }

  void read_layer(std::int64_t layer) {
    features_ = {};
    for (std::size_t first = 0; first < examples_.size(); first += kRows) {
      const std::size_t count = std::min(kRows, examples_.size() - first);
      const Activations activations(probed_.model, layer, Site::stream, examples_, first, count);
      for (std::size_t row = 0; row < count; ++row) {
        for (std::size_t place = 0; place < features_.size(); ++place) {
          features_[place].push_back(activations.at(row, places_[first + row][place]));
        }
      }
    }
  }

  template <typename Wanted, typename Label>
  LabelledPoints points(const Features& features, const Wanted& wanted, const Label& label) const {
    LabelledPoints points;
    for (std::size_t i = 0; i < statements_.size(); ++i) {
      if (!wanted(statements_[i])) continue;
      points.add(features[i], label(statements_[i]) ? 1 : 0, statements_[i].block);
    }
    return points;
  }

  template <typename Wanted>
  std::vector<int> facts_of(const Wanted& wanted) const {
    std::vector<int> facts;
    for (const HeldOutStatement& statement : statements_) {
      if (wanted(statement)) facts.push_back(statement.fact);
    }
    return facts;
  }

  static auto in_frame(int frame) {
    return [frame](const HeldOutStatement& statement) {
      return static_cast<int>(statement.frame) == frame;
    };
  }
  static bool holds(const HeldOutStatement& statement) { return statement.holds; }
  static bool said(const HeldOutStatement& statement) {
    return statement.frame != StatementFrame::denied;
  }
  static bool not_quoted(const HeldOutStatement& statement) {
    return statement.frame != StatementFrame::quoted;
  }

  void add(const std::string& metric, const std::vector<double>& scores,
           const std::vector<int>& labels, const std::vector<int>& facts) {
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const bool right = (scores[i] > kTie) == (labels[i] == 1);
      result_.add(Estimator::share, metric, facts[i], right ? 1.0 : 0.0);
    }
  }

  // A probe fitted to `from`, asked about `to`.
  void ask(const std::string& metric, const LabelledPoints& from, const LabelledPoints& to,
           const std::vector<int>& facts, Centre centre = Centre::own) {
    add(metric, held_out_scores(from, to, folds_, centre, kPenalty), to.labels, facts);
  }

  // Labels of both are the same draw's where both are of the same frame; the probe's own are what
  // counts.
  void ask_shuffled(const std::string& metric, LabelledPoints all, const std::vector<int>& facts) {
    kernels::RandomSequence shuffles = draws(2 + next_shuffle_++);
    all.labels = shuffled_within(all.labels, facts, shuffles);
    ask(metric, all, all, facts);
  }

  void add_truth(const std::string& prefix, const Features& features, bool with_uncentred) {
    std::array<LabelledPoints, 3> frames;
    for (int frame = 0; frame < 3; ++frame) {
      frames[static_cast<std::size_t>(frame)] = points(features, in_frame(frame), holds);
    }
    const std::vector<int> facts = facts_of(in_frame(0));  // in the same order in every frame
    for (std::size_t from = 0; from < frames.size(); ++from) {
      for (std::size_t to = 0; to < frames.size(); ++to) {
        const std::string name = prefix + "truth." + kFrames[from] + "_to_" + kFrames[to] + ".";
        ask(name + "accuracy", frames[from], frames[to], facts);
        if (from == to) {
          ask_shuffled(name + "shuffled_accuracy", frames[from], facts);
        } else if (with_uncentred) {
          ask(name + "uncentred_accuracy", frames[from], frames[to], facts, Centre::learned);
        }
      }
    }
  }

  // Whether the frame asserts: plain against denied, each content held out in turn; how often what
  // is quoted is on the asserted side; and whether the direction tells truth within the plain
  // frame. (The truth probe asked for the frame would say nothing: all statements of a frame are
  // moved alike, to one side or the other of any direction.)
  void add_said(const std::string& prefix, const Features& features) {
    const auto with = [](bool content) {
      return [content](const HeldOutStatement& statement) {
        return not_quoted(statement) && statement.holds == content;
      };
    };
    const std::array<LabelledPoints, 2> contents = {points(features, with(false), said),
                                                    points(features, with(true), said)};
    constexpr std::array<const char*, 2> kContents = {"false", "true"};
    for (std::size_t from = 0; from < contents.size(); ++from) {
      for (std::size_t to = 0; to < contents.size(); ++to) {
        ask(prefix + "said_true." + kContents[from] + "_to_" + kContents[to] + ".accuracy",
            contents[from], contents[to], facts_of(with(to == 1)));
      }
    }
    const LabelledPoints both_said = points(features, not_quoted, said);
    const std::vector<int> both_facts = facts_of(not_quoted);
    ask_shuffled(prefix + "said_true.shuffled_accuracy", both_said, both_facts);
    // Labels of 1: the accuracy is the share that is taken for asserted.
    const LabelledPoints quoted = points(features, in_frame(2), said);
    ask(prefix + "said_true.quoted_as_said", both_said, quoted, facts_of(in_frame(2)),
        Centre::learned);
    const LabelledPoints plain = points(features, in_frame(0), holds);
    ask(prefix + "said_true_to_truth.accuracy", both_said, plain, facts_of(in_frame(0)));
  }

  // Which tokens a statement holds, and nothing else of it: what the frequencies of values, and of
  // entities, tell.
  void add_tokens() {
    std::map<std::int32_t, std::size_t> places;
    for (const HeldOutStatement& statement : statements_) {
      for (const std::int32_t token : statement.document.tokens) {
        places.emplace(token, places.size());
      }
    }
    Features tokens;
    for (const HeldOutStatement& statement : statements_) {
      std::vector<double>& point = tokens.emplace_back(places.size(), 0.0);
      for (const std::int32_t token : statement.document.tokens) point[places.at(token)] = 1.0;
    }
    for (int frame = 0; frame < 3; ++frame) {
      const LabelledPoints all = points(tokens, in_frame(frame), holds);
      ask(std::string("assertion.tokens.truth.") + kFrames[static_cast<std::size_t>(frame)] +
              ".accuracy",
          all, all, facts_of(in_frame(frame)));
    }
  }

  const ProbedModel& probed_;
  std::vector<HeldOutStatement> statements_;  // frame by frame, facts in the same order
  std::vector<engine::Example> examples_;     // a statement each, as it is read
  std::vector<Places> places_;
  std::array<Features, 2> features_;  // by Place
  std::vector<int> folds_;            // by block
  std::uint64_t next_shuffle_ = 0;
  ProbeResult result_;
};

}  // namespace

std::vector<ProbeKind> assertion_probes() {
  return {{.name = "assertion",
           .summary = "linear probes of truth in statements asserted, denied and quoted (Marks and "
                      "Tegmark 2023)",
           .run = [](const ProbedModel& probed,
                     const ProbeOptions&) { return Assertion(probed).run(); },
           .why_not = [](const RunSettings& settings) -> std::string {
             if (settings.world.name == "assertions") return "";
             return "it reads statements of the world assertions, not of " + settings.world.name;
           }}};
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/probes/asking.h"

#include <algorithm>
#include <array>

#include "engine/ops/cross_entropy.h"
#include "engine/ops/elementwise.h"
#include "kernels/core/check.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::reversal {
namespace {

void append(std::vector<std::int32_t>& to, const std::vector<std::int32_t>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

AskedAnswer ask_in(const FactRecords& records, const FactPhrasing& phrasing, int subject,
                   int answer) {
  kernels::require(records.fit(phrasing, subject, answer),
                   "[asking] expected names that have the forms of their phrasing, got ", subject,
                   " and ", answer);
  AskedAnswer asked;
  asked.subject = records.name(subject, phrasing, 0);
  asked.before = phrasing.before;
  asked.subject_begin = asked.before.size();
  append(asked.before, asked.subject);
  const std::size_t between = asked.before.size();
  append(asked.before, phrasing.between);
  asked.answer = records.name(answer, phrasing, 1);
  asked.after = phrasing.after;
  const std::array<std::size_t, 3> begins = {0, between, asked.before.size() + asked.answer.size()};
  for (std::size_t part = 0; part < begins.size(); ++part) {
    for (const engine::EntitySpan& span : phrasing.others[part]) {
      asked.others.push_back({static_cast<std::int32_t>(begins[part]) + span.begin, span.length});
    }
  }
  return asked;
}

AskedAnswer ask_behind(const AskedAnswer& premise, const AskedAnswer& asked) {
  AskedAnswer both = asked;
  both.before = premise.before;
  append(both.before, premise.answer);
  // The premise goes on into the question: no end of text between them, and one beginning.
  for (const std::int32_t token : premise.after) {
    if (token != engine::kEndOfText) both.before.push_back(token);
  }
  const std::size_t begins =
      !asked.before.empty() && asked.before.front() == engine::kBeginOfText ? 1 : 0;
  const std::size_t moved = both.before.size() - begins;
  both.before.insert(both.before.end(), asked.before.begin() + static_cast<std::ptrdiff_t>(begins),
                     asked.before.end());
  both.subject_begin += moved;
  for (engine::EntitySpan& span : both.others) span.begin += static_cast<std::int32_t>(moved);
  return both;
}

engine::Document document_of(const AskedAnswer& asked) {
  engine::Document document;
  document.tokens = asked.before;
  document.entities = asked.others;
  document.entities.push_back({static_cast<std::int32_t>(asked.subject_begin),
                               static_cast<std::int32_t>(asked.subject.size())});
  document.entities.push_back({static_cast<std::int32_t>(document.tokens.size()),
                               static_cast<std::int32_t>(asked.answer.size())});
  std::sort(document.entities.begin(), document.entities.end(),
            [](const auto& a, const auto& b) { return a.begin < b.begin; });
  append(document.tokens, asked.answer);
  append(document.tokens, asked.after);
  return document;
}

std::vector<Score> score_all(const ProbedModel& probed, const std::vector<AskedAnswer>& asked) {
  std::vector<Attempt> attempts;
  for (const AskedAnswer& one : asked) attempts.push_back({&one.before, &one.answer, &one.after});
  return score(probed.model, probed.objective, attempts, true);
}

void add_answer_examples(const engine::Objective& objective, const AskedAnswer& asked,
                         std::vector<engine::Example>& examples) {
  if (objective.decoding() == engine::Decoding::left_to_right) {
    engine::Reading reading;
    objective.read_question(asked.before, asked.answer, asked.after, false, reading);
    for (std::size_t i = 0; i < asked.answer.size(); ++i) {
      reading.example.targets[static_cast<std::size_t>(reading.places[i])] = asked.answer[i];
    }
    examples.push_back(std::move(reading.example));
    return;
  }
  for (std::size_t i = 0; i < asked.answer.size(); ++i) {
    engine::Example& example = examples.emplace_back();
    append(example.inputs, asked.before);
    for (std::size_t j = 0; j < asked.answer.size(); ++j) {
      example.inputs.push_back(j < i ? asked.answer[j] : std::int32_t{engine::kMask});
    }
    append(example.inputs, asked.after);
    example.prefix = static_cast<std::int32_t>(example.inputs.size());
    example.targets.assign(example.inputs.size(), kernels::kIgnoredTarget);
    example.targets[asked.before.size() + i] = asked.answer[i];
  }
}

double loss_of(const engine::Transformer& model, const std::vector<engine::Example>& examples,
               double normalizer, const engine::ForwardHooks& hooks) {
  const engine::Batch batch =
      engine::make_batch(model.device(), examples, 0, examples.size(), model.dtype());
  engine::Tape tape(model.device(), engine::Tape::Mode::inference);
  const engine::Variable logits =
      model.logits(tape, {batch.ids, batch.lengths, batch.prefixes}, hooks);
  return engine::cross_entropy(tape, logits, batch.targets, batch.weights, normalizer)
      .data()
      .item();
}

double loss_and_gradient(const engine::Transformer& model,
                         const std::vector<engine::Example>& examples, double normalizer,
                         const engine::ForwardHooks& hooks) {
  engine::fill(model.gradients(), 0.0);
  const engine::Batch batch =
      engine::make_batch(model.device(), examples, 0, examples.size(), model.dtype());
  engine::Tape tape(model.device(), engine::Tape::Mode::training);
  const engine::Variable logits =
      model.logits(tape, {batch.ids, batch.lengths, batch.prefixes}, hooks);
  const engine::Variable loss =
      engine::cross_entropy(tape, logits, batch.targets, batch.weights, normalizer);
  const double value = loss.data().item();
  tape.backward(loss);
  return value;
}

}  // namespace obverse::reversal

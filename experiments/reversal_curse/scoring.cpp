#include "experiments/reversal_curse/scoring.h"

#include <algorithm>
#include <cmath>

#include "engine/data/batch.h"
#include "engine/data/document.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::reversal {
namespace {

using engine::Example;
using engine::Span;
using engine::Tensor;

// Logits of one pass over a batch of texts, readable row by row.
class Pass {
 public:
  Pass(const engine::Transformer& model, const std::vector<Example>& texts, std::size_t first,
       std::size_t count) {
    const engine::Batch batch = engine::make_batch(model.device(), texts, first, count);
    engine::Tape tape(model.device(), engine::Tape::Mode::inference);
    logits_ = model.logits(tape, {batch.ids, batch.lengths, batch.prefixes}).data().on_host();
  }

  // The vocabulary's logits at one place.
  Span<float> at(std::size_t row, std::size_t place) const {
    const std::int64_t vocabulary = logits_.size(2);
    return logits_.span<float>().subspan(
        (static_cast<std::int64_t>(row) * logits_.size(1) + static_cast<std::int64_t>(place)) *
            vocabulary,
        vocabulary);
  }

 private:
  Tensor logits_;
};

struct Likeliest {
  std::int32_t token;
  double logprob;
};

double log_sum_exp(Span<float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return largest + std::log(sum);
}

double logprob_of(Span<float> logits, std::int32_t token) {
  return static_cast<double>(logits[token]) - log_sum_exp(logits);
}

// Of equal logits the lowest token, so that a model that has learned nothing is not right by luck
// of the order.
Likeliest likeliest(Span<float> logits) {
  const auto* best = std::max_element(logits.begin(), logits.end());
  return {static_cast<std::int32_t>(best - logits.begin()), *best - log_sum_exp(logits)};
}

void append(std::vector<std::int32_t>& to, const std::vector<std::int32_t>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

void no_targets(Example& example) {
  example.targets.assign(example.inputs.size(), kernels::kIgnoredTarget);
}

void score_left_to_right(const engine::Transformer& model, const engine::Objective& objective,
                         const std::vector<Attempt>& attempts, std::size_t first, std::size_t count,
                         bool wants_greedy, std::vector<Score>& scores) {
  std::vector<engine::Reading> readings(count);
  std::vector<Example> texts(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Attempt& attempt = attempts[first + i];
    objective.read_question(*attempt.before, *attempt.answer, *attempt.after, attempt.infill,
                            readings[i]);
    texts[i] = std::move(readings[i].example);
  }
  const Pass pass(model, texts, 0, count);
  for (std::size_t i = 0; i < count; ++i) {
    const engine::Reading& reading = readings[i];
    const Attempt& attempt = attempts[first + i];
    Score& score = scores[first + i];
    score.greedy = wants_greedy;
    for (std::size_t j = 0; j < attempt.answer->size(); ++j) {
      const Span<float> logits = pass.at(i, static_cast<std::size_t>(reading.places[j]));
      const std::int32_t token = (*attempt.answer)[j];
      score.logprob += logprob_of(logits, token);
      if (score.greedy) score.greedy = likeliest(logits).token == token;
    }
    if (score.greedy && reading.end_place >= 0) {
      const Span<float> logits = pass.at(i, static_cast<std::size_t>(reading.end_place));
      score.greedy = likeliest(logits).token == engine::kEndOfText;
    }
  }
}

void score_unmasking(const engine::Transformer& model, const std::vector<Attempt>& attempts,
                     std::size_t first, std::size_t count, bool wants_greedy,
                     std::vector<Score>& scores) {
  std::vector<Example> masked(count);
  std::size_t longest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Attempt& attempt = attempts[first + i];
    append(masked[i].inputs, *attempt.before);
    masked[i].inputs.insert(masked[i].inputs.end(), attempt.answer->size(), engine::kMask);
    append(masked[i].inputs, *attempt.after);
    // Under a prefix mask, too, a gap is seen from both sides.
    masked[i].prefix = static_cast<std::int32_t>(masked[i].inputs.size());
    no_targets(masked[i]);
    longest = std::max(longest, attempt.answer->size());
  }
  std::vector<Example> told = masked;  // filled with the right tokens, from left to right
  std::vector<Example> guessed = masked;
  for (std::size_t j = 0; j < longest; ++j) {
    const Pass pass(model, told, 0, count);
    for (std::size_t i = 0; i < count; ++i) {
      const Attempt& attempt = attempts[first + i];
      if (j >= attempt.answer->size()) continue;
      const std::size_t place = attempt.before->size() + j;
      scores[first + i].logprob += logprob_of(pass.at(i, place), (*attempt.answer)[j]);
      told[i].inputs[place] = (*attempt.answer)[j];
    }
  }
  if (!wants_greedy) return;
  for (std::size_t j = 0; j < longest; ++j) {
    const Pass pass(model, guessed, 0, count);
    for (std::size_t i = 0; i < count; ++i) {
      const Attempt& attempt = attempts[first + i];
      const std::size_t begin = attempt.before->size();
      std::size_t best_place = 0;
      Likeliest best{0, -INFINITY};
      for (std::size_t place = begin; place < begin + attempt.answer->size(); ++place) {
        if (guessed[i].inputs[place] != engine::kMask) continue;
        const Likeliest found = likeliest(pass.at(i, place));
        if (found.logprob > best.logprob) {
          best = found;
          best_place = place;
        }
      }
      if (best_place > 0) guessed[i].inputs[best_place] = best.token;
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Attempt& attempt = attempts[first + i];
    scores[first + i].greedy =
        std::equal(attempt.answer->begin(), attempt.answer->end(),
                   guessed[i].inputs.begin() + static_cast<std::ptrdiff_t>(attempt.before->size()));
  }
}

}  // namespace

std::vector<Score> score(const engine::Transformer& model, const engine::Objective& objective,
                         const std::vector<Attempt>& attempts, bool wants_greedy) {
  // Enough rows to keep the matrix products busy, few enough that the logits stay near 10 MB for
  // small vocabularies and below 128 MB for large ones and long texts.
  constexpr std::size_t kRows = 256, kMostLogits = std::size_t{1} << 25;
  const auto vocabulary = static_cast<std::size_t>(model.config().vocabulary);
  const auto length_of = [](const Attempt& attempt) {
    return attempt.before->size() + attempt.answer->size() + attempt.after->size();
  };
  const auto decoding_of = [&objective](const Attempt& attempt) {
    return attempt.infill ? objective.infill_decoding() : objective.decoding();
  };
  std::vector<Score> scores(attempts.size());
  for (std::size_t first = 0, count = 0; first < attempts.size(); first += count) {
    const engine::Decoding decoding = decoding_of(attempts[first]);
    std::size_t longest = length_of(attempts[first]);
    count = 1;
    while (count < std::min(kRows, attempts.size() - first) &&
           decoding_of(attempts[first + count]) == decoding) {
      longest = std::max(longest, length_of(attempts[first + count]));
      if ((count + 1) * longest * vocabulary > kMostLogits) break;
      ++count;
    }
    if (decoding == engine::Decoding::left_to_right) {
      score_left_to_right(model, objective, attempts, first, count, wants_greedy, scores);
    } else {
      score_unmasking(model, attempts, first, count, wants_greedy, scores);
    }
  }
  return scores;
}

}  // namespace obverse::reversal

#include "experiments/reversal_curse/world.h"

#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

const std::string& printed(const World& world, std::int32_t token) {
  kernels::require(token >= 0 && static_cast<std::size_t>(token) < world.vocabulary.size(),
                   "[world] expected a token id below ", world.vocabulary.size(), ", got ", token);
  return world.vocabulary[static_cast<std::size_t>(token)];
}

std::string join(const World& world, const std::vector<std::int32_t>& tokens) {
  std::string text;
  for (const std::int32_t token : tokens) {
    if (!text.empty()) text += ' ';
    text += printed(world, token);
  }
  return text;
}

}  // namespace

const char* name_of(Asked asked) {
  switch (asked) {
    case Asked::trained:
      return "trained";
    case Asked::reverse:
      return "reverse";
    case Asked::infill:
      return "infill";
    case Asked::both:
      return "both";
    case Asked::unseen:
      return "unseen";
    case Asked::in_context:
      return "in_context";
    case Asked::expanded_trained:
      return "expanded_trained";
    case Asked::expanded_reverse:
      return "expanded_reverse";
    case Asked::composed:
      return "composed";
    case Asked::wrong_inference:
      return "wrong_inference";
    case Asked::in_context_unseen:
      return "in_context_unseen";
  }
  kernels::fail("[world] expected a measure below ", kAskedCount, ", got ",
                static_cast<int>(asked));
}

std::string World::text_of(const Question& question) const {
  const CandidateSet& set = candidate_sets.at(static_cast<std::size_t>(question.candidates));
  std::string text = join(*this, question.before);
  text += " [" + join(*this, set.answers.at(static_cast<std::size_t>(question.right))) + "]";
  if (!question.after.empty()) text += " " + join(*this, question.after);
  return text;
}

}  // namespace obverse::reversal

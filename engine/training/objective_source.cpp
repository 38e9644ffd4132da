#include "engine/training/objective_source.h"

#include <algorithm>

namespace obverse::engine {

ObjectiveSource::ObjectiveSource(const Objective& objective, const std::vector<Document>& documents,
                                 std::int64_t vocabulary, std::int64_t context, std::uint64_t seed)
    : objective_(objective),
      documents_(documents),
      seed_(seed),
      sampler_(static_cast<std::int64_t>(documents.size()), seed) {
  std::size_t longest = 0;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    require(!documents[i].tokens.empty(),
            "[trainer] expected documents of at least one token, got ", "an empty document ", i);
    longest = std::max(longest, documents[i].tokens.size());
  }
  const auto text = static_cast<std::int64_t>(longest);
  const TextSizes needed = objective.model_sizes({vocabulary, text, objective.specials()});
  lengthens_ = needed.longest > text;
  // Those of some visits are longer than the text: no draw of one visit tells how long they get.
  longest_ = lengthens_ ? std::min(needed.longest, context) : text;
}

void ObjectiveSource::make(std::int64_t draw, Example& example) {
  const auto item = static_cast<std::size_t>(sampler_.item(draw));
  objective_.make_example(documents_[item],
                          kernels::RandomSequence({seed_, kernels::Purpose::objective,
                                                   static_cast<std::uint64_t>(draw)}),
                          example);
}

bool ObjectiveSource::rehearse(int occasion, std::vector<Example>& examples) {
  constexpr int kOccasions = 3;
  if (occasion >= kOccasions) return false;
  std::vector<const Document*> by_length;
  for (const Document& document : documents_) by_length.push_back(&document);
  std::sort(by_length.begin(), by_length.end(), [](const Document* a, const Document* b) {
    return a->tokens.size() > b->tokens.size();
  });
  const std::size_t place = occasion == 0   ? 0
                            : occasion == 1 ? by_length.size() / 2
                                            : by_length.size() - 1;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    objective_.make_example(i == 0 ? *by_length[place] : *by_length.back(),
                            kernels::RandomSequence({seed_, kernels::Purpose::objective, i}),
                            examples[i]);
  }
  if (occasion == 0 && lengthens_) lengthen(examples.front(), longest_);
  return true;
}

}  // namespace obverse::engine

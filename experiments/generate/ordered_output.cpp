#include "experiments/generate/ordered_output.h"

#include <utility>

namespace obverse::generation {

OrderedOutput::OrderedOutput(std::size_t texts, Sink sink) : held_(texts), sink_(std::move(sink)) {}

void OrderedOutput::write(std::size_t text, const std::string& what) {
  if (what.empty()) return;
  if (text == turn_) {
    sink_(what);
  } else {
    held_[text].what += what;
  }
}

void OrderedOutput::close(std::size_t text) {
  held_[text].closed = true;
  while (turn_ < held_.size() && held_[turn_].closed) {
    ++turn_;
    if (turn_ == held_.size() || held_[turn_].what.empty()) continue;
    sink_(held_[turn_].what);
    held_[turn_].what.clear();
  }
}

}  // namespace obverse::generation

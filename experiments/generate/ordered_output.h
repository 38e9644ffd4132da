// Texts that come about at the same time, written one after another: the first that has not ended
// as it comes, those behind it when it is their turn.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace obverse::generation {

class OrderedOutput {
 public:
  using Sink = std::function<void(const std::string& text)>;
  OrderedOutput(std::size_t texts, Sink sink);

  void write(std::size_t text, const std::string& what);
  // Nothing is written to it any more.
  void close(std::size_t text);

 private:
  struct Held {
    std::string what;
    bool closed = false;
  };
  std::vector<Held> held_;
  std::size_t turn_ = 0;
  Sink sink_;
};

}  // namespace obverse::generation

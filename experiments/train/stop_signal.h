// Ends a run in order when it is asked to.
#pragma once

namespace obverse::train {

// While one lives, the first SIGINT or SIGTERM is remembered; the second one ends the program as
// usual. REQUIRES: one at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool came() const;
};

}  // namespace obverse::train

#include "experiments/train/stop_signal.h"

#include <csignal>

namespace obverse::train {
namespace {

// A signal's handler may touch nothing else.
volatile std::sig_atomic_t stop_came = 0;

void remember(int /*signal*/) { stop_came = 1; }

void handle(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  // Once: who asks again does not want to wait.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

StopSignal::StopSignal() {
  stop_came = 0;
  handle(remember);
}

StopSignal::~StopSignal() { handle(SIG_DFL); }

bool StopSignal::came() const { return stop_came != 0; }

}  // namespace obverse::train

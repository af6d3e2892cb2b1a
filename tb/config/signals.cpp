#include "tb/config/signals.h"

#include <unistd.h>

#include <array>
#include <csignal>

#include "tb/config/atomic_file.h"

namespace heatvit::tb {
namespace {

std::array<volatile sig_atomic_t, 256> worker_processes;  // NOLINT: a signal handler needs globals; 0 is a free slot

// Calls nothing but async-signal-safe functions.
void clean_up_and_exit(int signal) {
  for (const volatile sig_atomic_t& worker : worker_processes) {
    if (worker != 0) kill(worker, SIGTERM);
  }
  weights::remove_unfinished_files();
  _exit(128 + signal);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action = {};
  action.sa_handler = clean_up_and_exit;
  for (const int signal : weights::kEndingSignals) {
    struct sigaction before = {};
    sigaction(signal, nullptr, &before);
    if (signal != SIGHUP || before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void register_worker(int process_id) {
  for (volatile sig_atomic_t& slot : worker_processes) {
    if (slot != 0) continue;
    slot = process_id;
    return;
  }
}

void forget_worker(int process_id) {
  for (volatile sig_atomic_t& slot : worker_processes) {
    if (slot == process_id) slot = 0;
  }
}

void detach_from_parent() {
  weights::forget_unfinished_files();
  for (volatile sig_atomic_t& slot : worker_processes) slot = 0;
  for (const int signal : weights::kEndingSignals) std::signal(signal, SIG_DFL);
  for (const int signal : {SIGINT, SIGQUIT, SIGHUP})  // the terminal sends them to all; the parent decides
    std::signal(signal, SIG_IGN);
  std::signal(SIGPIPE, SIG_DFL);
}

}  // namespace heatvit::tb

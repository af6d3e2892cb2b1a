#include "tb/config/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "accel/isa/errors.h"

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;

// What a signal handler may touch: fixed storage, filled before a slot is marked as used.
struct PathSlot {
  volatile sig_atomic_t used = 0;
  std::array<char, PATH_MAX> path{};
};
std::array<PathSlot, 16> unfinished_files;                // NOLINT: a signal handler needs globals
std::array<volatile sig_atomic_t, 256> worker_processes;  // NOLINT: 0 is a free slot

void remember_file(const std::string& path) {
  for (PathSlot& slot : unfinished_files) {
    if (slot.used != 0 || path.size() >= slot.path.size()) continue;
    std::memcpy(slot.path.data(), path.c_str(), path.size() + 1);
    slot.used = 1;
    return;
  }
}

void forget_file(const std::string& path) {
  for (PathSlot& slot : unfinished_files) {
    if (slot.used != 0 && path == slot.path.data()) slot.used = 0;
  }
}

// Calls nothing but async-signal-safe functions.
void clean_up_and_exit(int signal) {
  for (const volatile sig_atomic_t& worker : worker_processes) {
    if (worker != 0) kill(worker, SIGTERM);
  }
  for (PathSlot& slot : unfinished_files) {
    if (slot.used != 0) unlink(slot.path.data());
  }
  _exit(128 + signal);
}

mode_t file_mode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  if (path_ == "-") {
    descriptor_ = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    if (descriptor_ < 0) throw InputError(std::string("cannot write to standard output: ") + std::strerror(errno));
    return;
  }
  std::error_code error;
  const fs::path resolved = fs::weakly_canonical(path_, error);
  target_ = error ? path_ : resolved.string();
  if (path_.empty() || fs::is_directory(target_, error)) {
    throw InputError("cannot write '" + path_ + "': " + (path_.empty() ? "the name is empty" : "it is a folder"));
  }
  std::string reason;
  if (fs::exists(target_, error) && !fs::is_regular_file(target_, error)) {
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    reason = std::strerror(errno);
  } else {
    const SignalHold hold;  // a file that exists is also known to the handler
    temporary_ = target_ + ".XXXXXX";
    descriptor_ = mkostemp(temporary_.data(), O_CLOEXEC);
    reason = std::strerror(errno);
    if (descriptor_ >= 0) {
      remember_file(temporary_);
      fchmod(descriptor_, file_mode());
    }
  }
  if (descriptor_ < 0) {
    temporary_.clear();
    throw InputError("cannot write '" + path_ + "': " + reason);
  }
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
  if (temporary_.empty()) return;
  const SignalHold hold;
  unlink(temporary_.c_str());
  forget_file(temporary_);
  temporary_.clear();
}

void AtomicFile::write(const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(descriptor_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const std::string reason = std::strerror(errno);
      discard();
      throw WriteError("writing '" + path_ + "' failed: " + reason);
    }
    done += static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  bool good = true;
  if (!temporary_.empty()) good = fsync(descriptor_) == 0;  // the rename must not overtake the data
  good = close(descriptor_) == 0 && good;
  descriptor_ = -1;
  if (good && !temporary_.empty()) {
    const SignalHold hold;
    good = std::rename(temporary_.c_str(), target_.c_str()) == 0;
    if (good) {
      forget_file(temporary_);
      temporary_.clear();
    }
  }
  if (!good) {
    const std::string reason = std::strerror(errno);
    discard();
    throw WriteError("writing '" + path_ + "' failed: " + reason);
  }
}

SignalHold::SignalHold() {
  sigset_t both;
  sigemptyset(&both);
  sigaddset(&both, SIGINT);
  sigaddset(&both, SIGTERM);
  sigprocmask(SIG_BLOCK, &both, &before_);
}

SignalHold::~SignalHold() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

void install_signal_handlers() {
  struct sigaction action = {};
  action.sa_handler = clean_up_and_exit;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is a failed write, reported like any other
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
  for (PathSlot& slot : unfinished_files) slot.used = 0;
  for (volatile sig_atomic_t& slot : worker_processes) slot = 0;
  std::signal(SIGINT, SIG_IGN);  // the terminal sends it to all; the parent decides
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGPIPE, SIG_DFL);
}

}  // namespace heatvit::tb

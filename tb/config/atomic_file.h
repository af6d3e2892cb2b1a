// Output files that are either complete or not there.
#pragma once

#include <csignal>
#include <string>

namespace heatvit::tb {

/// A file that is written beside its target and renamed over it by commit(). Without commit() (an error, an exception,
/// SIGINT) nothing remains and an older file stays as it was. A target that exists and is no regular file (a pipe,
/// /dev/stdout) is written in place; "-" is standard output.
class AtomicFile {
 public:
  /// Throws InputError when the target cannot be created: the path is a folder, its folder is missing or read-only.
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Throws WriteError (disk full, ...).
  void write(const std::string& text);

  /// Throws WriteError. At most once.
  void commit();

 private:
  void discard() noexcept;

  std::string path_;       // as given, for messages
  std::string target_;     // symbolic links resolved
  std::string temporary_;  // empty: written in place
  int descriptor_ = -1;
};

/// Holds SIGINT and SIGTERM back while it lives: for a few steps that belong together.
class SignalHold {
 public:
  SignalHold();
  ~SignalHold();
  SignalHold(const SignalHold&) = delete;
  SignalHold& operator=(const SignalHold&) = delete;

 private:
  sigset_t before_{};
};

/// Installs handlers of SIGINT and SIGTERM that remove unfinished files, end worker processes and exit with 130 or 143.
void install_signal_handlers();

/// Processes that end with this one; at most 256. Not for use from several threads.
void register_worker(int process_id);
void forget_worker(int process_id);

/// In a freshly forked worker: the parent's unfinished files and other workers are none of its business.
void detach_from_parent();

}  // namespace heatvit::tb

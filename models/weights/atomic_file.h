// Output files that are either complete or not there: every file that the tools write goes through here.
#pragma once

#include <csignal>
#include <cstddef>
#include <string>

namespace heatvit::weights {

/// Whoever read an output (stdout, a pipe) has had enough, as `head` does: the end, without a word.
struct ClosedPipe {};

/// A file that is written beside its target and renamed over it by commit(). Without commit() (an error, an exception,
/// a signal) nothing remains and an older file stays as it was. A target that exists and is no regular file (a pipe, a
/// device, /dev/stdout) is written in place, a symbolic link is followed; "-" is standard output. The new file has the
/// mode of the old one, or what the umask leaves of 0666.
class AtomicFile {
 public:
  /// Throws InputError when the target cannot be created: the path is a folder, its folder is missing or read-only, its
  /// name is too long, its links lead in circles.
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Throws WriteError (disk full, ...) or ClosedPipe.
  void write(const std::string& text) { write(text.data(), text.size()); }
  void write(const void* bytes, size_t size);

  /// Throws WriteError. At most once.
  void commit();

 private:
  void discard() noexcept;
  [[noreturn]] void fail();

  std::string path_;       // as given, for messages
  std::string target_;     // symbolic links resolved
  std::string temporary_;  // empty: written in place
  int descriptor_ = -1;
};

/// Where a path leads through symbolic links, the last one included even where it dangles. Throws InputError: links in
/// circles, a name that is too long.
std::string followed(const std::string& path);

/// Holds the signals that end a program back while it lives: for a few steps that belong together.
class SignalHold {
 public:
  SignalHold();
  ~SignalHold();
  SignalHold(const SignalHold&) = delete;
  SignalHold& operator=(const SignalHold&) = delete;

 private:
  sigset_t before_{};
};

/// The signals that end a program unless it takes care of them. SIGXFSZ is none: ignored, it is a failed write.
constexpr int kEndingSignals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,   SIGXCPU,
                                  SIGALRM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF};

/// Removes the files that are being written: for a signal handler, calls nothing but async-signal-safe functions.
void remove_unfinished_files();

/// In a freshly forked process: they are the parent's.
void forget_unfinished_files();

}  // namespace heatvit::weights

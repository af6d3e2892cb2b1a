#include "models/weights/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "accel/isa/errors.h"

namespace heatvit::weights {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as Linux follows

// What a signal handler may touch: fixed storage, filled before a slot is marked as used.
struct PathSlot {
  volatile sig_atomic_t used = 0;
  std::array<char, PATH_MAX> path{};
};
std::array<PathSlot, 16> unfinished_files;  // NOLINT: a signal handler needs globals

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

mode_t file_mode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw InputError("cannot write '" + path + "': " + why);
}

}  // namespace

std::string followed(const std::string& path) {
  std::error_code error;
  fs::path target = path;
  for (int links = 0; fs::is_symlink(fs::symlink_status(target, error)); ++links) {
    if (links == kMostLinks) refuse(path, "Too many levels of symbolic links");
    const fs::path link = fs::read_symlink(target, error);
    if (error) refuse(path, error.message());
    target = link.is_absolute() ? link : target.parent_path() / link;
  }
  const fs::path resolved = fs::weakly_canonical(target, error);
  if (error) refuse(path, error.message());
  return resolved.string();
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  if (path_ == "-") {
    descriptor_ = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    if (descriptor_ < 0) throw InputError(std::string("cannot write to standard output: ") + std::strerror(errno));
    return;
  }
  if (path_.empty()) refuse(path_, "the name is empty");
  struct stat status = {};
  const bool exists = stat(path_.c_str(), &status) == 0;
  if (!exists && errno != ENOENT) refuse(path_, std::strerror(errno));
  if (exists && S_ISDIR(status.st_mode)) refuse(path_, "it is a folder");
  int reason = 0;
  if (exists && !S_ISREG(status.st_mode)) {
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    reason = errno;
  } else {
    target_ = followed(path_);
    const SignalHold hold;             // a file that exists is also known to the handler
    temporary_ = target_ + ".XXXXXX";  // mkostemp fills them in; beside the target, so that rename() does
    descriptor_ = mkostemp(temporary_.data(), O_CLOEXEC);
    reason = errno;
    if (descriptor_ >= 0) {
      remember_file(temporary_);
      fchmod(descriptor_, exists ? status.st_mode & 0777 : file_mode());
    }
  }
  if (descriptor_ < 0) {
    temporary_.clear();
    refuse(path_, std::strerror(reason));
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

void AtomicFile::fail() {
  const bool closed = errno == EPIPE;
  const std::string reason = std::strerror(errno);
  discard();
  if (closed) throw ClosedPipe();
  throw WriteError("writing '" + path_ + "' failed: " + reason);
}

void AtomicFile::write(const void* bytes, size_t size) {
  const char* at = static_cast<const char*>(bytes);
  while (size != 0) {
    const ssize_t written = ::write(descriptor_, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail();
    at += written;
    size -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  bool good = true;
  if (!temporary_.empty()) good = fsync(descriptor_) == 0;  // the rename must not overtake the data
  good = close(descriptor_) == 0 && good;                   // network file systems report a full disk only here
  descriptor_ = -1;
  if (good && !temporary_.empty()) {
    const SignalHold hold;
    good = std::rename(temporary_.c_str(), target_.c_str()) == 0;
    if (good) {
      forget_file(temporary_);
      temporary_.clear();
    }
  }
  if (!good) fail();
}

SignalHold::SignalHold() {
  sigset_t ending;
  sigemptyset(&ending);
  for (const int signal : kEndingSignals) sigaddset(&ending, signal);
  sigprocmask(SIG_BLOCK, &ending, &before_);
}

SignalHold::~SignalHold() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

void remove_unfinished_files() {
  for (PathSlot& slot : unfinished_files) {
    if (slot.used != 0) unlink(slot.path.data());
  }
}

void forget_unfinished_files() {
  for (PathSlot& slot : unfinished_files)
    if (slot.used != 0) slot.used = 0;  // a write would copy the page
}

}  // namespace heatvit::weights

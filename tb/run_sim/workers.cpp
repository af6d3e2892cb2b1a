#include "tb/run_sim/workers.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"

namespace heatvit::tb {
namespace {

enum class Kind : uint32_t { kResult, kInputError, kFailure };

struct Header {
  Kind kind = Kind::kResult;
  uint64_t index = 0;
  uint64_t bytes = 0;
};

void write_all(int descriptor, const void* data, size_t size) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = write(descriptor, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);  // the parent is gone
    next += written;
    size -= static_cast<size_t>(written);
  }
}

void send(int descriptor, Kind kind, size_t index, const std::string& payload) {
  const Header header{kind, index, payload.size()};
  write_all(descriptor, &header, sizeof header);
  write_all(descriptor, payload.data(), payload.size());
}

/// A worker's whole life.
[[noreturn]] void work(int descriptor, size_t first, size_t count, size_t step, const MakeSimulate& make) {
  size_t index = first;
  try {
    const Simulate simulate = make();
    for (; index < count; index += step) send(descriptor, Kind::kResult, index, serialise(simulate(index)));
  } catch (const InputError& error) {
    send(descriptor, Kind::kInputError, index, error.what());
  } catch (const std::exception& error) {
    send(descriptor, Kind::kFailure, index, error.what());
  }
  _exit(0);  // no destructors: files and buffers belong to the parent
}

class Worker {
 public:
  Worker(size_t first, size_t count, size_t step, const MakeSimulate& make) : left_((count - first + step - 1) / step) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
    const SignalHold hold;  // a process that exists is also known to the signal handler
    const pid_t parent = getpid();
    process_ = fork();
    if (process_ == 0) {
      close(ends[0]);
      detach_from_parent();
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      unblock();
      work(ends[1], first, count, step, make);
    }
    close(ends[1]);
    descriptor_ = ends[0];
    if (process_ < 0) {
      close(descriptor_);
      throw std::runtime_error(std::string("cannot start a worker: ") + std::strerror(errno));
    }
    register_worker(process_);
  }

  ~Worker() {
    if (descriptor_ >= 0) close(descriptor_);
    if (process_ > 0) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
      forget_worker(process_);
    }
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  int descriptor() const { return descriptor_; }
  bool finished() const { return left_ == 0; }

  /// Reads what has come and hands over complete results.
  void receive(const TakeResult& take) {
    char chunk[65536];
    const ssize_t size = read(descriptor_, chunk, sizeof chunk);
    if (size < 0 && errno == EINTR) return;
    if (size <= 0) throw std::runtime_error("a worker process " + how_it_ended() + " before its images were done");
    buffer_.append(chunk, static_cast<size_t>(size));
    while (hand_over(take)) {
    }
  }

 private:
  static void unblock() {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
  }

  bool hand_over(const TakeResult& take) {
    Header header;
    if (buffer_.size() < sizeof header) return false;
    std::memcpy(&header, buffer_.data(), sizeof header);
    if (buffer_.size() - sizeof header < header.bytes) return false;
    const std::string payload = buffer_.substr(sizeof header, header.bytes);
    buffer_.erase(0, sizeof header + header.bytes);
    if (header.kind == Kind::kInputError) throw InputError(payload);
    if (header.kind == Kind::kFailure) throw std::runtime_error(payload);
    --left_;
    take(header.index, deserialise(payload));
    return true;
  }

  std::string how_it_ended() {
    int status = 0;
    waitpid(process_, &status, 0);
    forget_worker(process_);
    process_ = -1;
    if (WIFSIGNALED(status)) return "was killed by signal " + std::to_string(WTERMSIG(status));
    return "ended with code " + std::to_string(WEXITSTATUS(status));
  }

  pid_t process_ = -1;
  int descriptor_ = -1;
  size_t left_;
  std::string buffer_;
};

}  // namespace

void run_jobs(size_t count, int jobs, const MakeSimulate& make, const TakeResult& take) {
  const size_t workers_wanted = std::min(count, static_cast<size_t>(jobs));
  if (workers_wanted <= 1) {
    const Simulate simulate = make();
    for (size_t index = 0; index < count; ++index) take(index, simulate(index));
    return;
  }
  std::fflush(nullptr);  // what is buffered now must not be written twice
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t first = 0; first < workers_wanted; ++first) {
    workers.push_back(std::make_unique<Worker>(first, count, workers_wanted, make));
  }
  while (!workers.empty()) {
    std::vector<pollfd> waiting;
    for (const auto& worker : workers) waiting.push_back({worker->descriptor(), POLLIN, 0});
    if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) throw std::runtime_error("poll failed");
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents != 0) workers[i]->receive(take);
    }
    workers.erase(std::remove_if(workers.begin(), workers.end(), [](const auto& w) { return w->finished(); }),
                  workers.end());
  }
}

}  // namespace heatvit::tb

#include "tb/explore/process_pool.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/config/signals.h"

namespace heatvit::explore {
namespace {

enum class Frame : uint32_t { kMessage, kDone, kInputError, kFailure };

/// A frame is its kind, its length, its bytes. The parent being gone ends the child.
void send_frame(int pipe, Frame kind, const std::string& payload) {
  std::string bytes(sizeof(uint32_t) + sizeof(uint64_t), '\0');
  const uint64_t size = payload.size();
  std::memcpy(bytes.data(), &kind, sizeof kind);
  std::memcpy(bytes.data() + sizeof kind, &size, sizeof size);
  bytes += payload;
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(pipe, bytes.data() + done, bytes.size() - done);
    if (n <= 0 && errno != EINTR) _exit(1);
    if (n > 0) done += static_cast<size_t>(n);
  }
}

[[noreturn]] void live_as_child(int pipe, pid_t parent, size_t item, const ChildWork& work) {
  tb::detach_from_parent();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  try {
    work.run(item, [pipe](const std::string& bytes) { send_frame(pipe, Frame::kMessage, bytes); });
    send_frame(pipe, Frame::kDone, "");
  } catch (const InputError& error) {
    send_frame(pipe, Frame::kInputError, error.what());
  } catch (const std::exception& error) {
    send_frame(pipe, Frame::kFailure, error.what());
  }
  _exit(0);  // no destructors: open files and databases belong to the parent
}

class Child {
 public:
  Child(size_t item, const ChildWork& work) : item_(item) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
    const tb::SignalHold hold;  // a process that exists is also known to the signal handler
    const pid_t parent = getpid();
    process_ = fork();
    if (process_ == 0) {
      close(ends[0]);
      live_as_child(ends[1], parent, item, work);
    }
    close(ends[1]);
    pipe_ = ends[0];
    if (process_ < 0) {
      close(pipe_);
      throw std::runtime_error(std::string("cannot start a worker: ") + std::strerror(errno));
    }
    tb::register_worker(process_);
  }

  ~Child() {
    close(pipe_);
    if (process_ < 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    tb::forget_worker(process_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int pipe_end() const { return pipe_; }

  /// Reads what has come and hands it on. False when the child has ended, which has been handed on, too.
  bool receive(const ChildWork& work) {
    char chunk[65536];
    const ssize_t size = read(pipe_, chunk, sizeof chunk);
    if (size < 0 && errno == EINTR) return true;
    if (size > 0) {
      buffer_.append(chunk, static_cast<size_t>(size));
      while (take_frame(work)) {
      }
      return true;
    }
    work.on_end(item_, reap());
    return false;
  }

 private:
  bool take_frame(const ChildWork& work) {
    Frame kind{};
    uint64_t size = 0;
    constexpr size_t kHead = sizeof kind + sizeof size;
    if (buffer_.size() < kHead) return false;
    std::memcpy(&kind, buffer_.data(), sizeof kind);
    std::memcpy(&size, buffer_.data() + sizeof kind, sizeof size);
    if (buffer_.size() - kHead < size) return false;
    const std::string payload = buffer_.substr(kHead, size);
    buffer_.erase(0, kHead + size);
    if (kind == Frame::kMessage) {
      work.on_message(item_, payload);
    } else {
      said_goodbye_ = true;
      end_.message = payload;
      end_.kind = kind == Frame::kDone         ? ChildEnd::Kind::kDone
                  : kind == Frame::kInputError ? ChildEnd::Kind::kInputError
                                               : ChildEnd::Kind::kFailure;
    }
    return true;
  }

  ChildEnd reap() {
    int status = 0;
    rusage usage{};
    while (wait4(process_, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    tb::forget_worker(process_);
    process_ = -1;
    end_.peak_kib = usage.ru_maxrss;
    if (said_goodbye_) return end_;
    end_.kind = ChildEnd::Kind::kFailure;
    end_.message = WIFSIGNALED(status) ? "the worker process was killed by signal " + std::to_string(WTERMSIG(status))
                                       : "the worker process ended with code " + std::to_string(WEXITSTATUS(status));
    return end_;
  }

  size_t item_;
  pid_t process_ = -1;
  int pipe_ = -1;
  std::string buffer_;
  bool said_goodbye_ = false;
  ChildEnd end_;
};

}  // namespace

void expect_done(const ChildEnd& end) {
  if (end.kind == ChildEnd::Kind::kInputError) throw InputError(end.message);
  if (end.kind == ChildEnd::Kind::kFailure) throw std::runtime_error(end.message);
}

void run_in_children(size_t count, int jobs, const ChildWork& work) {
  std::fflush(nullptr);  // what is buffered now must not be written twice
  std::vector<std::unique_ptr<Child>> children;
  for (size_t next = 0; next < count || !children.empty();) {
    while (next < count && children.size() < static_cast<size_t>(jobs))
      children.push_back(std::make_unique<Child>(next++, work));
    std::vector<pollfd> waiting;
    for (const auto& child : children) waiting.push_back({child->pipe_end(), POLLIN, 0});
    if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) throw std::runtime_error("poll failed");
    for (size_t i = waiting.size(); i-- > 0;) {
      if (waiting[i].revents != 0 && !children[i]->receive(work))
        children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

}  // namespace heatvit::explore

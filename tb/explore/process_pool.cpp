#include "tb/explore/process_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/config/signals.h"

namespace heatvit::explore {
namespace {

enum class Frame : uint32_t { kMessage, kDone, kInputError, kFailure, kQuestion };

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

/// Takes the first frame off the bytes, if it is there whole.
bool cut_frame(std::string& bytes, Frame& kind, std::string& payload) {
  uint64_t size = 0;
  constexpr size_t kHead = sizeof kind + sizeof size;
  if (bytes.size() < kHead) return false;
  std::memcpy(&kind, bytes.data(), sizeof kind);
  std::memcpy(&size, bytes.data() + sizeof kind, sizeof size);
  if (bytes.size() - kHead < size) return false;
  payload = bytes.substr(kHead, size);
  bytes.erase(0, kHead + size);
  return true;
}

void let_signals_through() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void live_as_child(int pipe, pid_t parent, size_t item, const ChildWork& work) {
  tb::detach_from_parent();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  let_signals_through();
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
    std::string payload;
    if (!cut_frame(buffer_, kind, payload)) return false;
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

int cores() { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

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

namespace {

/// Threads of the parent fork one after the other, so that no child holds the ends of another one's pipes.
std::mutex& forking() {
  static std::mutex mutex;
  return mutex;
}

/// Waits for a frame's bytes. False at the end of the stream.
bool read_some(int pipe, std::string& buffer) {
  std::array<char, 65536> chunk;  // NOLINT: filled by read()
  ssize_t size = -1;
  while ((size = read(pipe, chunk.data(), chunk.size())) < 0 && errno == EINTR) {
  }
  if (size <= 0) return false;
  buffer.append(chunk.data(), static_cast<size_t>(size));
  return true;
}

/// Only the ends of its own pipes, and the standard streams: others' pipes would never end.
void keep_open(int first, int second) {
  const auto [low, high] = std::minmax(first, second);
  if (low > 3) close_range(3, static_cast<unsigned>(low) - 1, 0);
  if (high > low + 1) close_range(static_cast<unsigned>(low) + 1, static_cast<unsigned>(high) - 1, 0);
  close_range(static_cast<unsigned>(high) + 1, ~0U, 0);
}

/// Answers, or says what went wrong, as the frame's kind tells.
Frame answered(const Answer& answer, const std::string& request, std::string& text) {
  try {
    text = answer(request);
    return Frame::kMessage;
  } catch (const InputError& error) {
    text = error.what();
    return Frame::kInputError;
  } catch (const std::filesystem::filesystem_error& error) {
    text = error.what();
    return Frame::kInputError;
  } catch (const std::bad_alloc&) {
    text = "out of memory";
  } catch (const std::exception& error) {
    text = error.what();
  }
  return Frame::kFailure;
}

/// Of the child that serves: its ends of the pipes.
struct Serving {
  int requests = -1, answers = -1;
  std::string buffer;
};

Serving& serving() {
  static Serving ends;
  return ends;
}

/// The next frame's payload; the parent being gone ends the child.
std::string next_request(Serving& ends) {
  Frame kind{};
  std::string payload;
  while (!cut_frame(ends.buffer, kind, payload))
    if (!read_some(ends.requests, ends.buffer)) _exit(0);
  return payload;
}

[[noreturn]] void serve(int requests, int answers, bool by_main_thread, const std::function<Answer()>& make) {
  tb::detach_from_parent();
  if (by_main_thread) prctl(PR_SET_PDEATHSIG, SIGKILL);  // the kernel means the thread, and other threads end early
  keep_open(requests, answers);
  let_signals_through();
  serving() = {requests, answers, ""};
  Answer answer;
  std::string text;
  const Frame made = answered(
      [&](const std::string&) {
        answer = make();
        return std::string();
      },
      "", text);
  if (made != Frame::kMessage) {
    send_frame(answers, made, text);
    _exit(0);
  }
  send_frame(answers, Frame::kDone, "");
  for (;;) {
    const Frame outcome = answered(answer, next_request(serving()), text);
    send_frame(answers, outcome, text);
    if (outcome == Frame::kFailure) _exit(0);
  }
}

}  // namespace

std::string ask_parent(const std::string& question) {
  Serving& ends = serving();
  if (ends.answers < 0) throw std::runtime_error("there is nobody to ask");
  send_frame(ends.answers, Frame::kQuestion, question);
  return next_request(ends);
}

Server::Server(const std::function<Answer()>& make) : parent_(getpid()) {
  int to[2], from[2];
  std::fflush(nullptr);
  const std::lock_guard lock(forking());
  if (pipe2(to, O_CLOEXEC) != 0) throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
  if (pipe2(from, O_CLOEXEC) != 0) {
    close(to[0]), close(to[1]);
    throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  {
    const tb::SignalHold hold;
    const bool by_main_thread = gettid() == parent_;
    process_ = fork();
    if (process_ == 0) {
      forking().unlock();  // it may have servers of its own
      serve(to[0], from[1], by_main_thread, make);
    }
  }
  close(to[0]), close(from[1]);
  requests_ = to[1], answers_ = from[0];
  if (process_ >= 0) return;
  close(requests_), close(answers_);
  throw std::runtime_error(std::string("cannot start a worker: ") + std::strerror(errno));
}

Server::~Server() {
  if (alive()) end(SIGTERM);
  if (requests_ >= 0) close(requests_), close(answers_);
}

bool Server::alive() {
  if (process_ <= 0 || parent_ != getpid()) return false;
  if (waitpid(process_, nullptr, WNOHANG) == process_) process_ = -1;  // it ended while nobody asked it
  return process_ > 0;
}

/// Its files are removed, its own workers are ended by it where it installed handlers; else it is gone at once.
void Server::end(int signal) {
  if (signal != 0) kill(process_, signal);
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
}

void Server::ask(const std::string& request) {
  std::string bytes;
  const Frame kind = Frame::kMessage;
  const uint64_t size = request.size();
  bytes.append(reinterpret_cast<const char*>(&kind), sizeof kind);
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes += request;
  // A child that has ended takes nothing; why, answer() finds in what it sent before.
  struct sigaction ignore = {}, before = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(requests_, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno != EINTR) break;
    if (n > 0) done += static_cast<size_t>(n);
  }
  sigaction(SIGPIPE, &before, nullptr);
}

std::string Server::answer(const Waiting& waiting, const Reply& reply) {
  constexpr int kPatience = 100;  // ms
  Frame kind{};
  std::string payload;
  while (!cut_frame(buffer_, kind, payload) || kind == Frame::kDone || kind == Frame::kQuestion) {
    if (kind == Frame::kQuestion) {
      kind = Frame::kMessage;
      ask(reply(payload));
      continue;
    }
    if (kind == Frame::kDone) {
      made_ = true;
      kind = Frame::kMessage;
      continue;
    }
    pollfd event{answers_, POLLIN, 0};
    const int ready = poll(&event, 1, waiting ? kPatience : -1);
    if (ready <= 0) {
      if (waiting) waiting();
      continue;
    }
    if (read_some(answers_, buffer_)) continue;
    if (waiting) waiting();  // who interrupts the parent interrupts its child, too
    int status = 0;
    while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
    throw std::runtime_error(WIFSIGNALED(status)
                                 ? "the worker process was killed by signal " + std::to_string(WTERMSIG(status))
                                 : "the worker process ended with code " + std::to_string(WEXITSTATUS(status)));
  }
  if (kind == Frame::kMessage) return payload;
  if (!made_ || kind != Frame::kInputError) end(0);
  if (kind == Frame::kInputError) throw InputError(payload);
  throw std::runtime_error(payload);
}

void ask_all(const std::vector<std::unique_ptr<Server>>& servers, size_t count,
             const std::function<std::string(size_t)>& request,
             const std::function<void(size_t, const std::string& answer)>& take) {
  std::vector<size_t> working(servers.size(), count);  // the request each has; count: none
  size_t next = 0, open = 0;
  const auto hand_on = [&](size_t s) {
    working[s] = std::min(next, count);
    if (next >= count) return;
    servers[s]->ask(request(next++));
    ++open;
  };
  for (size_t s = 0; s < servers.size(); ++s) hand_on(s);
  while (open > 0) {
    std::vector<pollfd> waiting;
    std::vector<size_t> whose;
    for (size_t s = 0; s < servers.size(); ++s)
      if (working[s] != count) waiting.push_back({servers[s]->answers_, POLLIN, 0}), whose.push_back(s);
    if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) throw std::runtime_error("poll failed");
    for (size_t w = 0; w < waiting.size(); ++w) {
      if (waiting[w].revents == 0) continue;
      take(working[whose[w]], servers[whose[w]]->answer());
      --open;
      hand_on(whose[w]);
    }
  }
}

}  // namespace heatvit::explore

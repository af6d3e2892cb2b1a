// Work in child processes: SystemC elaborates once a process, and what one design point leaves behind must not reach
// the next. The children fork from this process as it is when run_in_children() is called: load what they share before.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace heatvit::explore {

/// Those that this process may use, at least one.
int cores();

/// How a child ended.
struct ChildEnd {
  enum class Kind {
    kDone,
    kInputError,
    kFailure
  };  // failure: an exception other than InputError, a signal, an exit code
  Kind kind = Kind::kDone;
  std::string message;  // of an error, one line
  long peak_kib = 0;    // resident memory at its largest
};

/// Throws the child's error as what it was there: InputError, else std::runtime_error.
void expect_done(const ChildEnd& end);

/// Sends bytes to the parent; they arrive whole and in order.
using Send = std::function<void(const std::string& bytes)>;

struct ChildWork {
  std::function<void(size_t item, const Send& send)> run;                 // in the child
  std::function<void(size_t item, const std::string& bytes)> on_message;  // in the parent
  std::function<void(size_t item, const ChildEnd& end)> on_end;           // in the parent, after the item's messages
};

/// Items 0 .. count-1 in this order, each in a process of its own, at most `jobs` at once. When a callback throws, the
/// running children are killed and the exception leaves. Throws std::runtime_error when no process can be started.
void run_in_children(size_t count, int jobs, const ChildWork& work);

/// Answers a request, in the child.
using Answer = std::function<std::string(const std::string& request)>;

/// Answers a question that the child asks back, in the parent.
using Reply = std::function<std::string(const std::string& question)>;

/// In a Server's child, while it answers: asks back.
std::string ask_parent(const std::string& question);

/// Called every tenth of a second while somebody waits, and when a signal has come; what it throws ends the wait.
using Waiting = std::function<void()>;

/// A child that stays: it makes its Answer once and then takes one request after the other, until it is destroyed or
/// the parent is gone. An InputError of a request is thrown by answer() and the child goes on; any other error, or one
/// while the Answer is made, is thrown likewise and ends it.
class Server {
 public:
  /// Forks. Throws std::runtime_error when no process can be started. May be called in any thread.
  explicit Server(const std::function<Answer()>& make);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Of a request that was not answered yet there may be one.
  void ask(const std::string& request);
  std::string answer(const Waiting& waiting = {}, const Reply& reply = {});

  /// False once it has ended; in a process that was forked from its parent, too.
  bool alive();

 private:
  friend void ask_all(const std::vector<std::unique_ptr<Server>>&, size_t, const std::function<std::string(size_t)>&,
                      const std::function<void(size_t, const std::string&)>&);
  void end(int signal);

  pid_t process_ = -1, parent_;
  int requests_ = -1, answers_ = -1;  // ends of pipes
  bool made_ = false;                 // it has its Answer
  std::string buffer_;
};

/// Hands requests 0 .. count-1 to the servers, each the next one when it is done with its last; answers are taken as
/// they come. After an exception the servers are of no use: others of them still work on what nobody will take.
void ask_all(const std::vector<std::unique_ptr<Server>>& servers, size_t count,
             const std::function<std::string(size_t)>& request,
             const std::function<void(size_t, const std::string& answer)>& take);

}  // namespace heatvit::explore

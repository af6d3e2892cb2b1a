// Work in child processes: SystemC elaborates once a process, and what one design point leaves behind must not reach
// the next. The children fork from this process as it is when run_in_children() is called: load what they share before.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace heatvit::explore {

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

}  // namespace heatvit::explore

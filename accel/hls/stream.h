// A bounded first-in first-out stream between the stages of a dataflow region: hls::stream under synthesis. In
// simulation the stages run one after the other or interleaved in one thread, so a stream that would block there never
// goes on: reading it empty or writing it full is a suspected deadlock, and what is left at the end was never consumed.
// Both are reported on stderr with the stream's name and counted; hls::stream itself says nothing about depth.
#ifndef HEATVIT_ACCEL_HLS_STREAM_H_
#define HEATVIT_ACCEL_HLS_STREAM_H_

#include <cstdint>

#if defined(__SYNTHESIS__)

#include <hls_stream.h>

namespace heatvit {
namespace hls {

/// One template argument: some vendors' headers take no depth, and where they do it has a default. The pragma beside
/// each variable gives the depth.
template <class T, int kDepth>
using Stream = ::hls::stream<T>;

}  // namespace hls
}  // namespace heatvit

#else

#include <cstdio>

namespace heatvit {
namespace hls {

template <class T, int kDepth>
class Stream {
 public:
  explicit Stream(const char* name) : name_(name) {}
  ~Stream() {
    if (count_ != 0) std::fprintf(stderr, "stream %s: %d elements left over\n", name_, count_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == kDepth; }
  int size() const { return count_; }
  int problems() const { return problems_; }

  /// The oldest element; T{} from an empty stream.
  T read() {
    if (empty()) {
      report("read while empty");
      return T{};
    }
    const T value = values_[first_];
    first_ = (first_ + 1) % kDepth;
    --count_;
    return value;
  }

  /// Appends; a full stream keeps what it has.
  void write(const T& value) {
    if (full()) {
      report("written while full");
      return;
    }
    values_[(first_ + count_) % kDepth] = value;
    ++count_;
  }

 private:
  static_assert(kDepth >= 1, "a stream holds something");

  void report(const char* what) {
    ++problems_;
    std::fprintf(stderr, "stream %s: suspected deadlock: %s (depth %d)\n", name_, what, kDepth);
  }

  const char* name_;
  T values_[kDepth] = {};
  int first_ = 0, count_ = 0, problems_ = 0;
};

}  // namespace hls
}  // namespace heatvit

#endif

#endif  // HEATVIT_ACCEL_HLS_STREAM_H_

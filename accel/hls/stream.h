// A first-in first-out stream between the processes of a dataflow region: hls::stream under synthesis, its depth in the
// pragma beside the variable. In simulation the processes run one after the other, each to its end, so a stream grows
// as it must; reading it empty, which in hardware would never end, and what is left over at the end are reported on
// stderr with the stream's name and counted. Depth is not simulated: it matters where two streams leave a process and
// meet again behind others, and has its reason beside it there.
#ifndef HEATVIT_ACCEL_HLS_STREAM_H_
#define HEATVIT_ACCEL_HLS_STREAM_H_

#include <cstdint>

#if defined(__SYNTHESIS__)

#include <hls_stream.h>

namespace heatvit {
namespace hls {

/// One template argument: some vendors' headers take no depth.
template <class T>
using Stream = ::hls::stream<T>;

}  // namespace hls
}  // namespace heatvit

#else

#include <cstddef>
#include <cstdio>
#include <vector>

namespace heatvit {
namespace hls {

template <class T>
class Stream {
 public:
  explicit Stream(const char* name) : name_(name) {}
  ~Stream() {
    if (!empty()) std::fprintf(stderr, "stream %s: %zu elements left over\n", name_, size());
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  bool empty() const { return first_ == values_.size(); }
  static constexpr bool full() { return false; }
  size_t size() const { return values_.size() - first_; }
  int problems() const { return problems_; }

  /// The oldest element; T{} from an empty stream.
  T read() {
    if (empty()) {
      ++problems_;
      if (problems_ == 1) std::fprintf(stderr, "stream %s: suspected deadlock: read while empty\n", name_);
      return T{};
    }
    const T value = values_[first_++];
    if (empty()) {
      values_.clear();
      first_ = 0;
    }
    return value;
  }

  void write(const T& value) { values_.push_back(value); }

 private:
  const char* name_;
  std::vector<T> values_;
  size_t first_ = 0;
  int problems_ = 0;
};

}  // namespace hls
}  // namespace heatvit

#endif

#endif  // HEATVIT_ACCEL_HLS_STREAM_H_

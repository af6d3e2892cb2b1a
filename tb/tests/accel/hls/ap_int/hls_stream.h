// A stand-in for the vendor's header, of our own: what accel/hls uses of hls::stream, for the checker, which reads the
// sources as a synthesis tool does. One template argument, as some headers have it.
#pragma once

namespace hls {

template <class T>
class stream {
 public:
  explicit stream(const char* name);
  T read();
  void write(const T& value);
  bool empty() const;
  bool full() const;
};

}  // namespace hls

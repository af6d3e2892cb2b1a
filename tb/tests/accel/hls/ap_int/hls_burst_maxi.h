// A stand-in for the vendor's header, of our own: what accel/hls uses of hls::burst_maxi, for the checker, which reads
// the sources as a synthesis tool does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hls {

template <class T>
class burst_maxi {
 public:
  burst_maxi(const burst_maxi& other);
  burst_maxi(T* memory);
  void read_request(size_t word, size_t words);
  T read();
  void write_request(size_t word, size_t words);
  void write(const T& word, int64_t enabled = -1);
  void write_response();
};

}  // namespace hls

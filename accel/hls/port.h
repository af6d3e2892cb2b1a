// An AXI master of 128-bit words whose bursts are asked for by hand, several ahead: hls::burst_maxi under synthesis. In
// simulation a class with the same members, which reports on stderr what hardware would not answer: words that nobody
// asked for, bursts that are not read or written to their end.
#ifndef HEATVIT_ACCEL_HLS_PORT_H_
#define HEATVIT_ACCEL_HLS_PORT_H_

#include <cstdint>

namespace heatvit {
namespace hls {

constexpr int kWordBytes = 16;

/// What a port moves in a cycle.
struct Word {
  int8_t byte[kWordBytes];
};

/// Bursts that are under way at most. Fewer than an AXI adapter queues.
constexpr int kOutstanding = 8;

}  // namespace hls
}  // namespace heatvit

#if defined(__SYNTHESIS__)

#include <hls_burst_maxi.h>

namespace heatvit {
namespace hls {

using Port = ::hls::burst_maxi<Word>;

}  // namespace hls
}  // namespace heatvit

#else

#include <cstddef>
#include <cstdio>

namespace heatvit {
namespace hls {

class Port {
 public:
  Port(Word* memory) : memory_(memory) {}  // as the vendor's: a pointer is a port
  Port(const Port& other) : memory_(other.memory_) {}
  Port& operator=(const Port&) = delete;
  ~Port() {
    if (reads_.under_way() || writes_.under_way() || unanswered_ != 0) report("bursts left over");
  }

  void read_request(size_t word, size_t words) { ask(reads_, word, words); }
  void write_request(size_t word, size_t words) {
    ask(writes_, word, words);
    ++unanswered_;
  }

  Word read() {
    if (!reads_.under_way()) {
      report("word read that nobody asked for");
      return Word{};
    }
    return memory_[reads_.next()];
  }

  /// Bit b of `enabled`: byte b is written.
  void write(const Word& word, uint32_t enabled) {
    if (!writes_.under_way()) return report("word written that nobody asked for");
    Word& to = memory_[writes_.next()];
    for (int b = 0; b < kWordBytes; ++b)
      if ((enabled >> b & 1) != 0) to.byte[b] = word.byte[b];
  }

  /// Of the oldest burst that has none yet.
  void write_response() {
    if (unanswered_ == 0) return report("response without a burst");
    --unanswered_;
  }

 private:
  struct Burst {
    size_t word, words;
  };
  struct Queue {
    Burst bursts[kOutstanding];
    int first = 0, count = 0;
    bool under_way() const { return count != 0; }
    size_t next() {
      Burst& burst = bursts[first];
      const size_t word = burst.word++;
      if (--burst.words == 0) {
        first = (first + 1) % kOutstanding;
        --count;
      }
      return word;
    }
  };

  static void report(const char* what) { std::fprintf(stderr, "port: suspected deadlock: %s\n", what); }

  static void ask(Queue& queue, size_t word, size_t words) {
    if (queue.count == kOutstanding) return report("more bursts than are answered");
    queue.bursts[(queue.first + queue.count++) % kOutstanding] = Burst{word, words};
  }

  Word* memory_;
  Queue reads_, writes_;
  int unanswered_ = 0;
};

}  // namespace hls
}  // namespace heatvit

#endif

#endif  // HEATVIT_ACCEL_HLS_PORT_H_

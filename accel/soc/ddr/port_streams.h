// The ports of the DDR controller in front of its scheduler, without SystemC: trains in, times out. Whoever owns it
// says what time it is; state only ever advances to that, so a train that begins later competes for the rest of an
// earlier one, and no port starves another.
//
// A burst train is cut into AXI bursts, and a group of up to 32 column accesses that follow each other on a port (up to
// 64 while the memory waits for the port) is one request of the scheduler (train_cutter.h). Reads and writes of a port
// are streams of their own, and so are those of a second reader: one train each at a time. Two readers of a port share
// its data beats, whole groups at a time. A read burst is through when its data have passed the port, a write burst
// when the write queue has taken it. All times are absolute, in fs.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>

#include "accel/modules/burst_train.h"
#include "accel/soc/config.h"
#include "accel/soc/ddr/scheduler.h"
#include "accel/soc/ddr/train_cutter.h"
#include "accel/soc/memory_statistics.h"
#include "accel/soc/shared_path.h"

namespace heatvit::soc::ddr {

constexpr uint32_t kMaxOutstanding = 64;  // bursts of a stream in flight

/// Reciprocals of the numbers of bursts, rounded up; kReciprocals[1] is not used.
constexpr std::array<uint64_t, kMaxOutstanding + 1> reciprocals() {
  std::array<uint64_t, kMaxOutstanding + 1> of{};
  for (uint32_t divisor = 2; divisor <= kMaxOutstanding; ++divisor) of[divisor] = UINT64_MAX / divisor + 1;
  return of;
}
inline constexpr std::array<uint64_t, kMaxOutstanding + 1> kReciprocals = reciprocals();

/// value / divisor. The product with the reciprocal is exact below 2^58: it is too large by less than
/// value x divisor / 2^64 of one. (2^64 / divisor rounded up, for powers of two exactly.)
inline uint64_t quotient(uint64_t value, uint32_t divisor) {
  if (divisor == 1 || divisor > kMaxOutstanding || value >> 58 != 0) return divisor == 1 ? value : value / divisor;
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(Wide{value} * kReciprocals[divisor] >> 64);
}

class PortStreams {
 public:
  static constexpr size_t kStreams = 4 * kMemoryPorts;  // reads and writes of each port, of two masters each
  /// 64-byte requests as the controller takes them, clocks of the memory.
  using Recorder = std::function<void(uint64_t address, bool write, uint64_t clock)>;

  /// When the bursts of a stream are through, as far back as the port's limit of outstanding bursts asks.
  class Flight {
   public:
    /// Nothing in flight; bursts may start at `time`.
    void open(uint64_t time) {
      opened_ = time;
      issued_ = newest_ = oldest_ = 0;
    }

    /// `bursts` at equal distances, the first and the last through at these times.
    void push(uint32_t bursts, uint64_t first, uint64_t last) {
      groups_[newest_++ % kGroups] = {first, last, issued_, bursts};
      issued_ += bursts;
    }

    /// When the next burst may start: the one that is `outstanding` bursts before it is through.
    uint64_t room(uint32_t outstanding) {
      if (issued_ < outstanding) return opened_;
      const uint32_t position = issued_ - outstanding;
      const Group* g = &groups_[oldest_ % kGroups];
      while (g->start + g->bursts <= position) g = &groups_[++oldest_ % kGroups];
      if (position == g->start) return g->first;
      return g->first + quotient((g->last - g->first) * (position - g->start), g->bursts - 1);
    }

   private:
    struct Group {
      uint64_t first = 0, last = 0;
      uint32_t start = 0, bursts = 0;
    };
    // `oldest_` is one group late: one more than may be outstanding, rounded up to a cheap remainder.
    static constexpr uint32_t kGroups = 2 * kMaxOutstanding;
    std::array<Group, kGroups> groups_{};
    uint64_t opened_ = 0;
    uint32_t issued_ = 0, newest_ = 0, oldest_ = 0;
  };

  /// One direction of a port.
  struct Stream {
    modules::BurstTrain train;
    modules::PortTiming timing;
    ddr::TrainCutter cutter;
    Prepared next;  // the cutter's group as a request
    Flight flight;
    uint64_t request = 0;  // earliest address beat
    uint64_t channel = 0;  // the port's data channel is free
    uint64_t finish = 0;   // last beat or response of the bursts served so far
    SharedPath* path = nullptr;
    uint64_t* beats = nullptr;  // the port's read channel is free, where it has two readers
    uint32_t port = 0;
    bool wide = false;  // reads: the port's own beats hold it up, and the memory had nothing else to do

    /// As at first, but for what a flight that is not open holds: three kilobytes.
    void forget(uint32_t own_port, SharedPath* own_path) {
      train = {}, timing = {}, cutter = {}, next = {};
      flight.open(0);
      request = channel = finish = 0;
      path = own_path, beats = nullptr;
      port = own_port, wide = false;
    }
  };

  /// Throws InputError for a memory that cannot be built.
  explicit PortStreams(const DdrConfig& config);

  /// What a port's data pass on their way; null: nothing. From the next reset() on.
  void set_path(MemoryPort port, SharedPath* path) { paths_[static_cast<size_t>(port)] = path; }

  /// Closed banks, empty queues, idle ports, refresh counted from `epoch`. Trains under way are forgotten.
  void reset(uint64_t epoch);

  static size_t index_of(int port, bool write, bool second_reader = false) {
    return 2 * static_cast<size_t>(port) + (write ? 1 : 0) + (second_reader ? kStreams / 2 : 0);
  }
  const Stream& stream(size_t index) const { return streams_[index]; }

  /// A train that comes now; the stream's last one is through. From the first one of a second reader on the port's
  /// readers share its channel.
  void begin(size_t index, const modules::BurstTrain& train, const modules::PortTiming& timing, uint64_t now);
  /// Does, over all ports, what happens before `until`: requests reach the queues, the scheduler serves.
  void advance(uint64_t until);
  /// When a train that is not served whole is through at the earliest, seen from the controller.
  uint64_t earliest_finish(const Stream& stream) const;

  void set_recorder(Recorder recorder) { recorder_ = std::move(recorder); }
  /// Of every read request: arrival at the controller to the last data of its first burst, ns.
  void set_latency_recorder(std::function<void(double ns)> recorder) { latency_recorder_ = std::move(recorder); }
  MemoryStatistics statistics() const;
  const Scheduler& scheduler() const { return scheduler_; }

 private:
  static constexpr uint32_t kWrites = 0xAAAAAAAA;  // bits of the streams that write

  void schedule(Stream& stream, size_t index);
  void admit(size_t index, uint64_t clock, uint64_t horizon);
  void deliver(Stream& stream, const Served& served, bool at_once);
  void take_write(Stream& stream, uint64_t clock);
  void serve();
  void release(bool write);
  bool yields(const Stream& stream, size_t index) const;
  size_t longest_held(bool write) const;
  void take_up(bool write);
  void step(Stream& stream, size_t index);
  void account(const Stream& stream, uint64_t clock);
  void record(const Request& request, uint64_t clock);

  /// Absolute time of a memory clock, and the first clock not before a time.
  uint64_t time_of(uint64_t clock) const { return epoch_ + clock * scheduler_.timing().clock_fs; }
  uint64_t clock_at(uint64_t time) const {
    return time <= epoch_ ? 0 : static_cast<uint64_t>(static_cast<double>(time - epoch_) * inverse_) + 1;
  }

  Scheduler scheduler_;
  double inverse_;          // clocks a femtosecond
  uint64_t round_trip_fs_;  // of a read of an open row, in the controller
  std::array<SharedPath*, kMemoryPorts> paths_{};
  std::array<Stream, kStreams> streams_;
  std::array<uint64_t, kMemoryPorts> read_beats_{};
  // Clock of a stream's next request and, below it, the stream: the order in which they arrive.
  static constexpr unsigned kStreamBits = 5;
  static_assert(kStreams == size_t{1} << kStreamBits);
  std::array<uint64_t, kStreams> events_{};
  uint32_t pending_ = 0;  // streams that have one, a bit each
  uint32_t held_ = 0;     // streams whose request waits for room in a queue
  uint64_t now_ = 0;      // clock of what happened last
  MemoryStatistics statistics_;
  uint32_t bin_shift_ = 0;
  uint64_t epoch_ = 0;
  Recorder recorder_;
  std::function<void(double)> latency_recorder_;
};

}  // namespace heatvit::soc::ddr

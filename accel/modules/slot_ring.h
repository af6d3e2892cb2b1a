// An on-chip buffer of a few slots between one producer and its consumers: ping-pong at depth two. Slots are filled and
// released in order, and each tells how what is in it lies. Functional mode: a slot holds the bytes, and a released
// slot is poisoned. Shared, the slots are one circular memory: a tile takes the words that it has, so that more of
// smaller ones fit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "accel/modules/accounting.h"
#include "accel/modules/condition.h"
#include "accel/modules/config.h"
#include "accel/modules/plan.h"

namespace heatvit::modules {

enum class Consumer : uint8_t { kAny, kVector, kSelector };

/// A full slot as its reader sees it.
struct SlotView {
  uint8_t* data = nullptr;  // null in timing mode
  SlotLayout layout;
};

class SlotRing {
 public:
  static constexpr uint8_t kPoison = 0xA5;

  static constexpr int64_t kWordBytes = 64;  // tiles of a shared memory begin on such

  /// `bytes` a slot, `depth` slots; storage only with data.
  SlotRing(std::string name, int depth, int64_t bytes, bool with_data, bool poison, bool shared = false)
      : name_(std::move(name)),
        bytes_(bytes),
        free_bytes_(depth * bytes),
        poison_(with_data && poison),
        with_data_(with_data),
        shared_(shared),
        slots_(static_cast<size_t>(shared ? std::max(depth, kSharedTiles) : depth)) {
    if (with_data && !shared)
      for (Slot& slot : slots_) slot.data.assign(static_cast<size_t>(bytes), kPoison);
  }

  /// Waits for a free slot and returns its storage (null in timing mode). Throws if `needed` bytes do not fit: the
  /// command list asks for more than the hardware has.
  uint8_t* acquire_free(UnitAccount& account, int64_t needed) {
    if (needed > bytes_)
      throw std::runtime_error("buffer " + name_ + " holds " + std::to_string(bytes_) + " bytes, a command needs " +
                               std::to_string(needed));
    const int64_t words = taken_by(needed);
    while (filled_ == slots_.size() || words > free_bytes_) {
      account.enter(Cause::kWaitSpace);
      changed_.wait();
    }
    Slot& slot = slots_[tail_];
    slot.used = needed;
    free_bytes_ -= words;
    if (shared_ && with_data_) slot.data.assign(static_cast<size_t>(needed), kPoison);
    return slot.data.empty() ? nullptr : slot.data.data();
  }

  /// The slot acquired last is full, and lies as `layout` says where that is not for both sides to know.
  void publish(const SlotLayout& layout = {}, Consumer consumer = Consumer::kAny) {
    fill(take_tail(), layout, consumer);
  }

  /// The next slot in order, waited for as above, which another producer fills: those behind it need not wait for that.
  void reserve(UnitAccount& account, int64_t needed) {
    acquire_free(account, needed);
    reserved_.push_back(take_tail());
    changed_.notify();
  }
  /// The slot acquired last holds what the other producer takes before it publishes it.
  void hand_on() {
    reserved_.push_back(take_tail());
    changed_.notify();
  }
  /// The other producer: storage of the slot reserved longest ago, or of the one so many behind it, once there is one.
  uint8_t* reserved(UnitAccount& account, Cause cause = Cause::kWaitSpace, size_t behind = 0) {
    while (reserved_.size() <= behind) {
      account.enter(cause);
      changed_.wait();
    }
    Slot& slot = slots_[reserved_[behind]];
    return slot.data.empty() ? nullptr : slot.data.data();
  }
  void publish_reserved(const SlotLayout& layout) {
    const size_t index = reserved_.front();
    reserved_.pop_front();
    fill(index, layout, Consumer::kAny);
  }

  /// Waits until the oldest slot is full and meant for `consumer`; `behind`: the slot so many behind it. One order for
  /// all consumers: what they make of it meets in the output buffer, whose slots leave in the order of commands.
  SlotView front(UnitAccount& account, Cause cause, Consumer consumer = Consumer::kAny, size_t behind = 0) {
    while (filled_ <= behind || !at(behind).full || at(behind).consumer != consumer) {
      account.enter(cause);
      changed_.wait();
    }
    Slot& slot = at(behind);
    return {slot.data.empty() ? nullptr : slot.data.data(), slot.layout};
  }

  void release() {
    Slot& slot = slots_[head_];
    if (poison_) std::memset(slot.data.data(), kPoison, static_cast<size_t>(slot.used));
    free_bytes_ += taken_by(slot.used);
    head_ = (head_ + 1) % slots_.size();
    --filled_;
    changed_.notify();
  }

  bool empty() const { return filled_ == 0; }
  const std::string& name() const { return name_; }

 private:
  struct Slot {
    std::vector<uint8_t> data;
    int64_t used = 0;
    SlotLayout layout;
    Consumer consumer = Consumer::kAny;
    bool full = false;
  };

  size_t take_tail() {
    const size_t index = tail_;
    slots_[index].full = false;
    tail_ = (tail_ + 1) % slots_.size();
    ++filled_;
    return index;
  }
  void fill(size_t index, const SlotLayout& layout, Consumer consumer) {
    Slot& slot = slots_[index];
    slot.layout = layout;
    slot.consumer = consumer;
    slot.full = true;
    changed_.notify();
  }

  Slot& at(size_t behind) { return slots_[(head_ + behind) % slots_.size()]; }
  /// What a tile takes of a shared memory.
  int64_t taken_by(int64_t bytes) const {
    return shared_ ? std::min((bytes + kWordBytes - 1) / kWordBytes * kWordBytes, bytes_) : 0;
  }

  std::string name_;
  int64_t bytes_;       // of a slot
  int64_t free_bytes_;  // of a shared memory
  bool poison_, with_data_, shared_;
  std::vector<Slot> slots_;
  std::deque<size_t> reserved_;
  size_t head_ = 0, tail_ = 0, filled_ = 0;  // filled or reserved
  Condition changed_;
};

}  // namespace heatvit::modules

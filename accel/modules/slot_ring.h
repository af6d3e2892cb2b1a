// An on-chip buffer of a few slots between one producer and its consumers: ping-pong at depth two. Slots are filled and
// released in order, and each tells how what is in it lies. Functional mode: a slot holds the bytes, and a released
// slot is poisoned.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <systemc>
#include <vector>

#include "accel/modules/accounting.h"
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

  /// `bytes` a slot; storage only with data.
  SlotRing(std::string name, int depth, int64_t bytes, bool with_data, bool poison)
      : name_(std::move(name)), bytes_(bytes), poison_(with_data && poison), slots_(static_cast<size_t>(depth)) {
    if (with_data)
      for (Slot& slot : slots_) slot.data.assign(static_cast<size_t>(bytes), kPoison);
  }

  /// Waits for a free slot and returns its storage (null in timing mode). Throws if `needed` bytes do not fit: the
  /// command list asks for more than the hardware has.
  uint8_t* acquire_free(UnitAccount& account, int64_t needed) {
    if (needed > bytes_)
      throw std::runtime_error("buffer " + name_ + " holds " + std::to_string(bytes_) + " bytes, a command needs " +
                               std::to_string(needed));
    while (filled_ == slots_.size()) {
      account.enter(Cause::kWaitSpace);
      sc_core::wait(changed_);
    }
    Slot& slot = slots_[tail_];
    slot.used = needed;
    return slot.data.empty() ? nullptr : slot.data.data();
  }

  /// The slot acquired last is full, and lies as `layout` says where that is not for both sides to know.
  void publish(const SlotLayout& layout = {}, Consumer consumer = Consumer::kAny) {
    slots_[tail_].layout = layout;
    slots_[tail_].consumer = consumer;
    tail_ = (tail_ + 1) % slots_.size();
    ++filled_;
    changed_.notify();
  }

  /// Waits until the oldest slot is full and meant for `consumer`.
  SlotView front(UnitAccount& account, Cause cause, Consumer consumer = Consumer::kAny) {
    while (filled_ == 0 || slots_[head_].consumer != consumer) {
      account.enter(cause);
      sc_core::wait(changed_);
    }
    Slot& slot = slots_[head_];
    return {slot.data.empty() ? nullptr : slot.data.data(), slot.layout};
  }

  void release() {
    Slot& slot = slots_[head_];
    if (poison_) std::memset(slot.data.data(), kPoison, static_cast<size_t>(slot.used));
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
  };

  std::string name_;
  int64_t bytes_;
  bool poison_;
  std::vector<Slot> slots_;
  size_t head_ = 0, tail_ = 0, filled_ = 0;
  sc_core::sc_event changed_;
};

}  // namespace heatvit::modules

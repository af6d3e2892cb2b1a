#include "tb/tests/accel/soc/memory_reference.h"

#include <algorithm>
#include <deque>

namespace heatvit::testing {
namespace {

using soc::ddr::Location;

struct Waiting {
  Location at;
  bool write;
};

class Reference {
 public:
  explicit Reference(const soc::DdrConfig& c)
      : c_(c),
        t_(soc::ddr::make_timing(c)),
        map_(c),
        banks_(map_.banks()),
        acts_(4, -kLong),
        group_act_(map_.groups(), -kLong),
        group_read_(group_act_),
        group_write_(group_act_) {}

  uint64_t run(const std::vector<ReferenceRequest>& requests) {
    size_t next = 0;
    for (now_ = 0; next < requests.size() || !reads_.empty() || !writes_.empty(); ++now_) {
      while (next < requests.size()) {
        const ReferenceRequest& r = requests[next];
        std::deque<Waiting>& queue = r.write ? writes_ : reads_;
        if (queue.size() >= static_cast<size_t>(r.write ? c_.write_queue : c_.read_queue)) break;
        queue.push_back({map_.locate(r.address >> map_.block_shift()), r.write});
        ++next;
      }
      if (now_ >= due_) {
        refresh();
      } else {
        step();
      }
    }
    return static_cast<uint64_t>(end_);
  }

 private:
  static constexpr int64_t kLong = 1 << 20;
  struct Bank {
    int64_t row = -1, act = -kLong, pre = -kLong, read = -kLong, write = -kLong;
  };

  void step() {
    const int run = c_.drain_high - c_.drain_low;
    if (drain_ && !reads_.empty() && (static_cast<int>(writes_.size()) <= c_.drain_low || served_ >= run))
      drain_ = false, served_ = 0;
    if (!drain_ && static_cast<int>(writes_.size()) >= c_.drain_high && (served_ >= run || reads_.empty()))
      drain_ = true, served_ = 0;
    std::deque<Waiting>& queue = (drain_ && !writes_.empty()) || reads_.empty() ? writes_ : reads_;
    const size_t window = std::min(queue.size(), static_cast<size_t>(c_.window));
    for (size_t i = 0; i < window; ++i)
      if (column(queue[i])) {
        queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(i));
        ++served_;
        return;
      }
    for (size_t i = 0; i < window; ++i)
      if (row_command(queue, i)) return;
  }

  bool column(const Waiting& w) {
    Bank& b = banks_[w.at.bank];
    const uint32_t g = map_.group_of(w.at.bank);
    if (b.row != w.at.row || now_ < b.act + t_.rcd) return false;
    if (now_ < std::max(read_, write_) + t_.ccd_s || now_ < std::max(group_read_[g], group_write_[g]) + t_.ccd_l)
      return false;
    if (w.write && now_ < read_ + t_.read_to_write()) return false;
    if (!w.write && (now_ < write_ + t_.write_data() + t_.wtr_s || now_ < group_write_[g] + t_.write_data() + t_.wtr_l))
      return false;
    (w.write ? b.write : b.read) = (w.write ? group_write_[g] : group_read_[g]) = (w.write ? write_ : read_) = now_;
    end_ = now_ + (w.write ? t_.cwl : t_.cl) + 4;
    return true;
  }

  bool can_precharge(const Bank& b) const {
    return now_ >= b.act + t_.ras && now_ >= b.read + t_.rtp && now_ >= b.write + t_.write_data() + t_.wr;
  }

  /// Does a request within the window hit the bank's open row?
  bool wanted(const std::deque<Waiting>& queue, uint32_t bank, int64_t row) const {
    const auto end = queue.begin() + std::min(static_cast<std::ptrdiff_t>(queue.size()), std::ptrdiff_t{c_.window});
    return std::any_of(queue.begin(), end, [&](const Waiting& w) { return w.at.bank == bank && w.at.row == row; });
  }

  bool row_command(const std::deque<Waiting>& queue, size_t i) {
    const Waiting& w = queue[i];
    Bank& b = banks_[w.at.bank];
    if (b.row == w.at.row) return false;
    for (size_t j = 0; j < i; ++j)
      if (queue[j].at.bank == w.at.bank) return false;  // an older one decides about the bank
    if (b.row >= 0) {
      if (!can_precharge(b) || wanted(queue, w.at.bank, b.row)) return false;
      b.row = -1;
      b.pre = now_;
      return true;
    }
    const uint32_t g = map_.group_of(w.at.bank);
    if (now_ < b.pre + t_.rp || now_ < b.act + t_.rc || now_ < acts_.back() + t_.rrd_s ||
        now_ < group_act_[g] + t_.rrd_l || now_ < acts_.front() + t_.faw || now_ < refreshed_ + t_.rfc)
      return false;
    b.row = w.at.row;
    b.act = group_act_[g] = now_;
    acts_.pop_front();
    acts_.push_back(now_);
    return true;
  }

  void refresh() {
    bool closed = true;
    for (Bank& b : banks_) {
      if (b.row >= 0 && can_precharge(b)) b.row = -1, b.pre = now_;
      closed = closed && b.row < 0 && now_ >= b.pre + t_.rp;
    }
    if (!closed) return;
    refreshed_ = now_;
    due_ += t_.refi;
  }

  soc::DdrConfig c_;
  soc::ddr::Timing t_;
  soc::ddr::AddressMap map_;
  std::vector<Bank> banks_;
  std::deque<int64_t> acts_;
  std::vector<int64_t> group_act_, group_read_, group_write_;
  std::deque<Waiting> reads_, writes_;
  int64_t now_ = 0, end_ = 0, due_ = t_.refi, refreshed_ = -kLong, read_ = -kLong, write_ = -kLong;
  bool drain_ = false;
  int served_ = 1 << 20;
};

}  // namespace

uint64_t reference_clocks(const soc::DdrConfig& config, const std::vector<ReferenceRequest>& requests) {
  return Reference(config).run(requests);
}

}  // namespace heatvit::testing

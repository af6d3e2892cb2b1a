#include "tb/tests/accel/soc/memory_rules.h"

#include <algorithm>
#include <optional>

namespace heatvit::testing {
namespace {

using soc::ddr::Command;
using soc::ddr::CommandKind;
using Clock = std::optional<int64_t>;

struct BankState {
  std::optional<uint32_t> row;
  Clock act, pre, read, write;
};

/// `later` at least `gap` behind `earlier`.
bool apart(const Clock& earlier, int64_t later, int64_t gap) { return !earlier || later - *earlier >= gap; }

class Judge {
 public:
  Judge(const soc::ddr::Timing& t, uint32_t groups, uint32_t banks)
      : t_(t), per_group_(banks / groups), banks_(banks), group_(groups) {}

  std::string next(const Command& c) {
    const auto now = static_cast<int64_t>(c.clock);
    if (!c.automatic && last_ && now == *last_) return "two commands in one clock";
    if (!c.automatic) last_ = now;
    if (!apart(refresh_, now, t_.rfc)) return "tRFC";
    if (now > refresh_.value_or(0) + kIntervals * t_.refi) return "tREFI";
    BankState& bank = banks_[c.bank];
    switch (c.kind) {
      case CommandKind::kActivate: return activate(bank, group_[c.bank / per_group_], c, now);
      case CommandKind::kPrecharge: return precharge(bank, now);
      case CommandKind::kRead: return read(bank, group_[c.bank / per_group_], c, now);
      case CommandKind::kWrite: return write(bank, group_[c.bank / per_group_], c, now);
      case CommandKind::kRefresh: break;
    }
    for (const BankState& b : banks_) {
      if (b.row) return "refresh with an open row";
      if (!apart(b.pre, now, t_.rp)) return "tRP before refresh";
    }
    refresh_ = now;
    return "";
  }

 private:
  static constexpr int64_t kIntervals = 9;  // from refresh to refresh at most: eight may be put off
  struct Group {
    Clock act, read, write;
  };

  std::string activate(BankState& b, Group& g, const Command& c, int64_t now) {
    if (b.row) return "ACT of an open bank";
    if (!apart(b.act, now, t_.rc)) return "tRC";
    if (!apart(b.pre, now, t_.rp)) return "tRP";
    if (!acts_.empty() && !apart(acts_.back(), now, t_.rrd_s)) return "tRRD_S";
    if (!apart(g.act, now, t_.rrd_l)) return "tRRD_L";
    if (acts_.size() >= 4 && !apart(acts_[acts_.size() - 4], now, t_.faw)) return "tFAW";
    b.row = c.row;
    b.act = g.act = now;
    acts_.push_back(now);
    return "";
  }

  std::string precharge(BankState& b, int64_t now) {
    if (!apart(b.act, now, t_.ras)) return "tRAS";
    if (!apart(b.read, now, t_.rtp)) return "tRTP";
    if (!apart(b.write, now, t_.cwl + 4 + t_.wr)) return "tWR";
    b.row.reset();
    b.pre = now;
    return "";
  }

  std::string column(const BankState& b, const Group& g, const Command& c, int64_t now) const {
    if (!b.row || *b.row != c.row) return "column of a row that is not open";
    if (!apart(b.act, now, t_.rcd)) return "tRCD";
    for (const Clock& other : {read_, write_})
      if (!apart(other, now, t_.ccd_s)) return "tCCD_S";
    if (!apart(g.read, now, t_.ccd_l) || !apart(g.write, now, t_.ccd_l)) return "tCCD_L";
    return "";
  }

  std::string read(BankState& b, Group& g, const Command& c, int64_t now) {
    if (std::string broken = column(b, g, c, now); !broken.empty()) return broken;
    if (!apart(write_, now, t_.cwl + 4 + t_.wtr_s)) return "tWTR_S";
    if (!apart(g.write, now, t_.cwl + 4 + t_.wtr_l)) return "tWTR_L";
    b.read = g.read = read_ = now;
    return "";
  }

  std::string write(BankState& b, Group& g, const Command& c, int64_t now) {
    if (std::string broken = column(b, g, c, now); !broken.empty()) return broken;
    if (!apart(read_, now, int64_t{t_.cl} + 4 + t_.turnaround - t_.cwl)) return "bus turnaround";
    b.write = g.write = write_ = now;
    return "";
  }

  soc::ddr::Timing t_;
  uint32_t per_group_;
  std::vector<BankState> banks_;
  std::vector<Group> group_;
  std::vector<int64_t> acts_;
  Clock last_, read_, write_, refresh_;
};

}  // namespace

std::string RuleChecker::verdict() {
  std::stable_sort(commands_.begin(), commands_.end(),
                   [](const Command& a, const Command& b) { return a.clock < b.clock; });
  Judge judge(t_, groups_, banks_);
  for (size_t i = 0; i < commands_.size(); ++i) {
    const std::string broken = judge.next(commands_[i]);
    if (!broken.empty())
      return broken + " at clock " + std::to_string(commands_[i].clock) + ", command " + std::to_string(i);
  }
  return "";
}

}  // namespace heatvit::testing

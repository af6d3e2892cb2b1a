// The DDR4 controller: rules at their edges, random requests before an independent judge, bandwidth, maps, bad input.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "accel/isa/errors.h"
#include "accel/soc/ddr/scheduler.h"
#include "tb/tests/accel/soc/memory_rules.h"
#include "tb/tests/accel/soc/memory_support.h"

namespace heatvit::testing {
namespace {

using soc::DdrConfig;
using soc::ddr::AddressMap;
using soc::ddr::Request;
using soc::ddr::Scheduler;

const char* const kColumnLowest = "r14-0 b1-0 g1-0 c9-3";

double efficiency(const DdrConfig& config, size_t count, const MakeRequest& make) {
  Scheduler scheduler(config);
  return 4.0 * static_cast<double>(count) / static_cast<double>(replay(scheduler, count, make));
}

std::string judged(const DdrConfig& config, size_t count, const MakeRequest& make, size_t* commands = nullptr) {
  Scheduler scheduler(config);
  RuleChecker checker(scheduler.timing(), scheduler.map().groups(), scheduler.map().banks());
  scheduler.device().set_sink(&checker);
  replay(scheduler, count, make);
  if (commands != nullptr) *commands = checker.count();
  return checker.verdict();
}

TEST(Timing, JedecRoundingOfTheBoardsPreset) {
  const auto t = soc::ddr::make_timing(DdrConfig{});
  EXPECT_EQ(t.cl, 15U);
  EXPECT_EQ(t.cwl, 14U);
  EXPECT_EQ(t.rcd, 15U);
  EXPECT_EQ(t.rp, 15U);
  EXPECT_EQ(t.ras, 36U);
  EXPECT_EQ(t.rc, 51U);
  EXPECT_EQ(t.faw, 32U);
  EXPECT_EQ(t.ccd_l, 6U);
  EXPECT_EQ(t.rrd_l, 6U);
  EXPECT_EQ(t.wtr_l, 8U);
  EXPECT_EQ(t.wr, 16U);
  EXPECT_EQ(t.rfc, 278U);
  EXPECT_EQ(soc::ddr::clocks(14.06, 937), 15U);  // 15.005 clocks: within the 2.6 % that may be missing
  EXPECT_EQ(soc::ddr::clocks(14.10, 937), 16U);
}

TEST(Rules, AMillionRandomRequestsBreakNone) {
  std::mt19937_64 random(7);
  size_t commands = 0;
  EXPECT_EQ(judged(
                DdrConfig{}, 1'000'000,
                [&](size_t) { return request_at(random() % (uint64_t{1} << 26) * 64, random() % 3 == 0); }, &commands),
            "");
  EXPECT_GT(commands, 2'000'000U);
}

TEST(Rules, EveryPolicyMapAndDeviceKeepsThem) {
  for (const char* map : {"r14-0 b1-0 c9-3 g1-0", kColumnLowest, "r14-0 c9-3 b1-0 g1-0", "r14-0 g1 c9-5 g0 c4-3 b1-0"})
    for (const auto page : {soc::PagePolicyKind::kOpen, soc::PagePolicyKind::kClosed, soc::PagePolicyKind::kTimeout}) {
      DdrConfig config;
      config.map = map;
      config.page = page;
      std::mt19937_64 random(3);
      EXPECT_EQ(judged(config, 60'000,
                       [&](size_t) {
                         return request_at(random() % 4096 * 64 * (1 + random() % 3 * 977), random() % 2 == 0);
                       }),
                "")
          << map;
    }
}

/// Rows of trains as the controller groups them, aligned and not, within stripes of the map and across their ends.
TEST(Rules, GroupsOfRowsKeepThem) {
  for (const char* map : {"r14-0 b1-0 c9-3 g1-0", kColumnLowest, "r14-0 g1 b1-0 c9-3 g0"}) {
    DdrConfig config;
    config.map = map;
    std::mt19937_64 random(11);
    const auto below = [&random](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
    const auto group = [&](size_t) {
      const uint32_t unit = below(4) == 0 ? 16 : 64;
      Request r = request_at(uint64_t{below(1U << 18)} * 4096 + below(64) * unit, below(2) == 0);
      r.rows = 1 + below(below(2) == 0 ? 5 : 32);
      r.bytes = unit * (1 + below(8));
      r.pitch = r.bytes + unit * below(below(2) == 0 ? 5 : 48);
      r.first_bytes = std::min(r.bytes, 256U);
      return r;
    };
    EXPECT_EQ(judged(config, 30'000, group), "") << map;
  }
}

/// What the judge makes of legal commands when each rule is one clock longer than the controller believed: it must
/// object, so the controller was exactly on time, and the judge sees one clock.
TEST(Rules, EachIsMetToTheClock) {
  DdrConfig config;
  Scheduler scheduler(config);
  RuleChecker checker(scheduler.timing(), scheduler.map().groups(), scheduler.map().banks());
  scheduler.device().set_sink(&checker);
  std::mt19937_64 random(5);
  replay(scheduler, 200'000, [&](size_t i) {
    return request_at(i % 4000 < 2000 ? random() % 8192 * 64 * (random() % 2 == 0 ? 1 : 513) : i * 64,
                      random() % 2 == 0);
  });
  ASSERT_EQ(checker.verdict(), "");
  const soc::ddr::Timing& right = scheduler.timing();
  // Column and row commands leave on clocks of different parity: a rule between the two kinds may be met one clock
  // late.
  struct Case {
    const char* rule;
    uint32_t soc::ddr::Timing::*field;
    uint32_t more;
  };
  for (const Case& c : {Case{"tRCD", &soc::ddr::Timing::rcd, 1}, Case{"tRP", &soc::ddr::Timing::rp, 2},
                        Case{"tRC", &soc::ddr::Timing::rc, 2}, Case{"tRRD_S", &soc::ddr::Timing::rrd_s, 1},
                        Case{"tRRD_L", &soc::ddr::Timing::rrd_l, 1}, Case{"tCCD_S", &soc::ddr::Timing::ccd_s, 1},
                        Case{"tCCD_L", &soc::ddr::Timing::ccd_l, 1}, Case{"tFAW", &soc::ddr::Timing::faw, 1},
                        Case{"tRAS", &soc::ddr::Timing::ras, 2}, Case{"tRTP", &soc::ddr::Timing::rtp, 2},
                        Case{"tWR", &soc::ddr::Timing::wr, 2}, Case{"tWTR_S", &soc::ddr::Timing::wtr_s, 2},
                        Case{"tWTR_L", &soc::ddr::Timing::wtr_l, 2}, Case{"tRFC", &soc::ddr::Timing::rfc, 2},
                        Case{"bus turnaround", &soc::ddr::Timing::turnaround, 2}}) {
    soc::ddr::Timing longer = right;
    longer.*c.field += c.more;
    RuleChecker strict(longer, scheduler.map().groups(), scheduler.map().banks());
    strict.commands() = checker.commands();
    EXPECT_NE(strict.verdict(), "") << c.rule;
  }
}

TEST(Bandwidth, SequentialReads) {
  DdrConfig config;
  EXPECT_GE(efficiency(config, 262'144, sequential), 0.95);
  config.map = kColumnLowest;
  config.window = 1;  // in order: bound by tCCD_L and refresh
  const double in_order = efficiency(config, 262'144, sequential);
  EXPECT_GE(in_order, 0.62);
  EXPECT_LE(in_order, 0.667);
}

TEST(Bandwidth, OpenPagesBeatClosedOnesInSequenceOnly) {
  DdrConfig open, closed;
  closed.page = soc::PagePolicyKind::kClosed;
  open.window = closed.window = 1;
  open.map = closed.map = kColumnLowest;
  EXPECT_GT(efficiency(open, 20'000, sequential), 2 * efficiency(closed, 20'000, sequential));
}

TEST(Map, EveryBlockHasAPlaceOfItsOwn) {
  DdrConfig config;
  config.row_bits = 8;
  config.column_bits = 6;
  for (const char* map : {"r7-0 b1-0 c5-3 g1-0", "g0 r7-4 c3 b0 r0-3 g1 c5 b1 c4"}) {
    config.map = map;
    const AddressMap m(config);
    std::vector<int> seen(size_t{1} << 12);
    for (uint64_t block = 0; block < m.bytes() / 64; ++block) {
      const auto at = m.locate(block);
      ASSERT_LT(at.row, 256U);
      ASSERT_LT(at.bank, 16U);
      ++seen[at.row * 16 + at.bank];
    }
    EXPECT_EQ(seen, std::vector<int>(size_t{1} << 12, 8)) << map;
  }
}

/// Requests with pauses of up to `longest` clocks between them; when their data came, and the refreshes at the end.
/// A listener hears of each refresh, so with one they are carried out one by one.
std::vector<uint64_t> behind_pauses(const DdrConfig& config, uint64_t longest, soc::ddr::CommandSink* listener) {
  Scheduler scheduler(config);
  scheduler.device().set_sink(listener);
  std::mt19937_64 random(11);
  std::vector<uint64_t> seen;
  uint64_t now = 0;
  for (int i = 0; i < 400; ++i) {
    now += random() % 4 == 0 ? random() % 8 : random() % longest;
    const Request request = request_at(random() % (uint64_t{1} << 26) * 64, random() % 3 == 0, now);
    scheduler.admit(request, scheduler.columns_of(request));
    while (!scheduler.empty()) {
      now = std::max(now, scheduler.decision_time());
      const soc::ddr::Served served = scheduler.serve();
      seen.insert(seen.end(), {served.first_data, served.last_data});
    }
  }
  seen.push_back(scheduler.device().refreshes());
  return seen;
}

TEST(Refresh, LongPausesCountThemAsShortOnesDo) {
  struct Silent : soc::ddr::CommandSink {
    void on_command(const soc::ddr::Command& command) override {
      refreshes += command.kind == soc::ddr::CommandKind::kRefresh;
    }
    uint64_t refreshes = 0;
  };
  // The board's; longer than half of the interval; nearly all of it; nothing; an interval shorter than a request.
  const std::vector<std::pair<double, double>> refreshes = {{260, 7800}, {4400, 7800}, {7798, 7800},
                                                            {0, 7800},   {0, 100},     {60, 121}};
  for (const auto& [length, interval] : refreshes)
    for (const uint64_t pause : {uint64_t{300}, uint64_t{50'000}, uint64_t{3'000'000}}) {
      DdrConfig config;
      config.t_rfc_ns = length;
      config.t_refi_ns = interval;
      Silent listener;
      const std::vector<uint64_t> one_by_one = behind_pauses(config, pause, &listener);
      EXPECT_EQ(behind_pauses(config, pause, nullptr), one_by_one) << length << " of " << interval << " ns, " << pause;
      EXPECT_EQ(one_by_one.back(), listener.refreshes);
    }
}

/// A pause of years is done at once: this test ends.
TEST(Refresh, TheLongestPauseEnds) {
  Scheduler scheduler{DdrConfig{}};
  const uint64_t late = uint64_t{1} << 56;
  const Request request = request_at(0, false, late);
  scheduler.admit(request, scheduler.columns_of(request));
  EXPECT_LT(scheduler.decision_time(), late + 400);
  EXPECT_LT(scheduler.serve().last_data, late + 400);
  EXPECT_EQ(scheduler.device().refreshes(), late / scheduler.timing().refi);
}

TEST(Faults, ImpossibleConfigurationsAreRefused) {
  const auto refused = [](const std::function<void(DdrConfig&)>& change) {
    DdrConfig config;
    change(config);
    EXPECT_THROW(Scheduler{config}, InputError);
  };
  refused([](DdrConfig& c) { c.t_ras_ns = 50; });
  refused([](DdrConfig& c) { c.t_rfc_ns = 8000; });
  refused([](DdrConfig& c) { c.t_rrd_s_ns = 6; });
  refused([](DdrConfig& c) { c.banks = 0; });
  refused([](DdrConfig& c) { c.bank_groups = 3; });
  refused([](DdrConfig& c) { c.drain_low = 48; });
  refused([](DdrConfig& c) { c.drain_high = 65; });
  refused([](DdrConfig& c) { c.map = "r14-0 b1-0 c9-3 g1"; });
  refused([](DdrConfig& c) { c.map = "r14-0 b1-0 c9-3 g1-0 g0"; });
  refused([](DdrConfig& c) { c.map = "r15-0 b1-0 c9-3 g1-0"; });
  refused([](DdrConfig& c) { c.map = "r14-0 b1-0 c9-2 g1-0"; });
  refused([](DdrConfig& c) { c.map = "x4 r14-0"; });
}

}  // namespace
}  // namespace heatvit::testing

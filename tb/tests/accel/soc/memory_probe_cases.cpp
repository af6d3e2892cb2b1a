// Probes at the edge of every DDR4 rule: commands written out, the last one a clock early and on time, before the
// judge; and the clocks at which the device model sends the same commands.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "accel/soc/ddr/device.h"
#include "tb/tests/accel/soc/memory_rules.h"

namespace heatvit::testing {
namespace {

using soc::DdrConfig;
using soc::ddr::AddressMap;
using soc::ddr::Command;
using soc::ddr::CommandKind;
using soc::ddr::Device;
using soc::ddr::Timing;

constexpr auto kAct = CommandKind::kActivate;
constexpr auto kPre = CommandKind::kPrecharge;
constexpr auto kRead = CommandKind::kRead;
constexpr auto kWrite = CommandKind::kWrite;
constexpr auto kRefresh = CommandKind::kRefresh;
// Four bank groups of four banks: the same bank, another of its group, others of the other groups.
constexpr uint32_t kBank = 0, kNeighbour = 1, kFar = 4, kFarther = 8, kFarthest = 12;
constexpr uint64_t kBegin = 2000, kColumn = kBegin + 400;  // long after the ACTs

Command command(CommandKind kind, uint32_t bank, uint64_t clock) {
  Command c;
  c.kind = kind;
  c.bank = bank;
  c.clock = clock;
  return c;
}

std::string verdict(const Timing& t, const std::vector<Command>& commands) {
  RuleChecker checker(t, 4, 16);
  checker.commands() = commands;
  const std::string whole = checker.verdict();
  return whole.substr(0, whole.find(" at clock"));
}

struct Probe {
  const char* rule;
  std::vector<Command> before;
  Command probed;  // on time
};

std::vector<Command> open(std::vector<Command> more) {
  std::vector<Command> commands = {command(kAct, kBank, kBegin), command(kAct, kNeighbour, kBegin + 100),
                                   command(kAct, kFar, kBegin + 200)};
  commands.insert(commands.end(), more.begin(), more.end());
  return commands;
}

std::vector<Probe> probes(const Timing& t) {
  const uint64_t write_data = uint64_t{t.cwl} + 4, b = kBegin, c = kColumn, precharge = b + t.rc;
  return {
      {"tRCD", {command(kAct, kBank, b)}, command(kRead, kBank, b + t.rcd)},
      {"tRCD", {command(kAct, kBank, b)}, command(kWrite, kBank, b + t.rcd)},
      {"tRP", {command(kAct, kBank, b), command(kPre, kBank, precharge)}, command(kAct, kBank, precharge + t.rp)},
      {"tRAS", {command(kAct, kBank, b)}, command(kPre, kBank, b + t.ras)},
      {"tRRD_S", {command(kAct, kBank, b)}, command(kAct, kFar, b + t.rrd_s)},
      {"tRRD_L", {command(kAct, kBank, b)}, command(kAct, kNeighbour, b + t.rrd_l)},
      {"tFAW",
       {command(kAct, kBank, b), command(kAct, kFar, b + 6), command(kAct, kFarther, b + 12),
        command(kAct, kFarthest, b + 18)},
       command(kAct, kNeighbour, b + t.faw)},
      {"tCCD_S", open({command(kRead, kBank, c)}), command(kRead, kFar, c + t.ccd_s)},
      {"tCCD_S", open({command(kWrite, kBank, c)}), command(kWrite, kFar, c + t.ccd_s)},
      {"tCCD_L", open({command(kRead, kBank, c)}), command(kRead, kNeighbour, c + t.ccd_l)},
      {"tCCD_L", open({command(kWrite, kBank, c)}), command(kWrite, kBank, c + t.ccd_l)},
      {"tWTR_S", open({command(kWrite, kBank, c)}), command(kRead, kFar, c + write_data + t.wtr_s)},
      {"tWTR_L", open({command(kWrite, kBank, c)}), command(kRead, kNeighbour, c + write_data + t.wtr_l)},
      {"bus turnaround", open({command(kRead, kBank, c)}), command(kWrite, kFar, c + t.cl + 4 + t.turnaround - t.cwl)},
      {"tRTP", open({command(kRead, kBank, c)}), command(kPre, kBank, c + t.rtp)},
      {"tWR", open({command(kWrite, kBank, c)}), command(kPre, kBank, c + write_data + t.wr)},
      {"tRFC", {command(kRefresh, 0, b)}, command(kAct, kBank, b + t.rfc)},
      {"tRFC", {command(kRefresh, 0, b)}, command(kRefresh, 0, b + t.rfc)},
      {"tRP before refresh",
       {command(kAct, kBank, b), command(kPre, kBank, precharge)},
       command(kRefresh, 0, precharge + t.rp)},
  };
}

void expect_edge(const Timing& t, const Probe& probe) {
  std::vector<Command> commands = probe.before;
  commands.push_back(probe.probed);
  EXPECT_EQ(verdict(t, commands), "") << probe.rule << " on time";
  --commands.back().clock;
  EXPECT_EQ(verdict(t, commands), probe.rule) << "a clock early";
}

TEST(Probe, OneClockEarlyIsRefusedOnTimeIsNot) {
  for (const double rate : {2133.33, 2400.0}) {
    DdrConfig config;
    config.mega_transfers = rate;
    const Timing t = soc::ddr::make_timing(config);
    for (const Probe& probe : probes(t)) expect_edge(t, probe);
    Timing short_precharge = t;  // tRC by itself: ACT, PRE, ACT are else held apart by tRAS and tRP as well
    short_precharge.rp = 5;
    expect_edge(short_precharge, {"tRC",
                                  {command(kAct, kBank, kBegin), command(kPre, kBank, kBegin + t.ras)},
                                  command(kAct, kBank, kBegin + t.rc)});
  }
}

/// CAS latencies show where data meet: what is on time for one latency is early where reads' data come a clock later.
TEST(Probe, CasLatenciesMoveTheData) {
  const Timing t = soc::ddr::make_timing(DdrConfig{});
  Timing later_reads = t, later_writes = t;
  ++later_reads.cl;
  ++later_writes.cwl;
  const std::vector<Command> write_behind_read =
      open({command(kRead, kBank, kColumn), command(kWrite, kFar, kColumn + t.cl + 4 + t.turnaround - t.cwl)});
  const std::vector<Command> read_behind_write =
      open({command(kWrite, kBank, kColumn), command(kRead, kFar, kColumn + t.cwl + 4 + t.wtr_s)});
  EXPECT_EQ(verdict(later_reads, write_behind_read), "bus turnaround");
  EXPECT_EQ(verdict(later_writes, write_behind_read), "");
  EXPECT_EQ(verdict(later_writes, read_behind_write), "tWTR_S");
  EXPECT_EQ(verdict(later_reads, read_behind_write), "");
}

/// Eight refreshes may be put off (JESD79-4): the ninth interval is the last.
TEST(Probe, RefreshesMayBePutOffSoLong) {
  const Timing t = soc::ddr::make_timing(DdrConfig{});
  const uint64_t last = kBegin + 9 * uint64_t{t.refi};
  EXPECT_EQ(verdict(t, {command(kRefresh, 0, kBegin), command(kRefresh, 0, last)}), "");
  EXPECT_EQ(verdict(t, {command(kRefresh, 0, kBegin), command(kRefresh, 0, last + 1)}), "tREFI");
}

TEST(Probe, OneCommandAClock) {
  const Timing t = soc::ddr::make_timing(DdrConfig{});
  EXPECT_EQ(verdict(t, open({command(kRead, kBank, kColumn), command(kPre, kNeighbour, kColumn)})),
            "two commands in one clock");
  EXPECT_EQ(verdict(t, open({command(kRead, kBank, kColumn), command(kPre, kNeighbour, kColumn + 1)})), "");
}

class Recorder : public soc::ddr::CommandSink {
 public:
  void on_command(const Command& c) override { commands.push_back(c); }
  std::vector<Command> commands;
};

/// A block of the default map, "r14-0 b1-0 c9-3 g1-0".
uint64_t block(uint32_t row, uint32_t bank, uint32_t group) { return (uint64_t{row} << 11) | (bank << 9) | group; }

uint64_t next_even(uint64_t clock) { return (clock + 1) & ~uint64_t{1}; }
uint64_t next_odd(uint64_t clock) { return clock | 1; }

/// The device's own commands lie on the first slot (odd clocks for rows, even ones for columns) that the rules leave.
TEST(Probe, TheDeviceSendsOnTheFirstClockTheRulesLeave) {
  const DdrConfig config;
  const Timing t = soc::ddr::make_timing(config);
  const AddressMap map(config);
  const soc::ddr::OpenPage pages;
  struct Access {
    uint64_t block;
    bool write;
  };
  const auto clocks = [&](std::vector<Access> accesses) {
    Device device(t, map, pages);
    Recorder recorder;
    device.set_sink(&recorder);
    for (const Access& a : accesses) device.place({a.block, 1, 1, 0, a.write}, 0, false);
    std::vector<uint64_t> list;
    for (const Command& c : recorder.commands) list.push_back(c.clock);
    return list;
  };
  using List = std::vector<uint64_t>;
  const uint64_t act = 1, cas = next_even(act + t.rcd);  // the first slots
  const uint64_t data = uint64_t{t.cwl} + 4;
  EXPECT_EQ(clocks({{block(1, 0, 0), false}}), (List{act, cas})) << "tRCD";
  const uint64_t again = next_odd(act + t.rc);
  EXPECT_EQ(clocks({{block(1, 0, 0), false}, {block(2, 0, 0), false}}),
            (List{act, cas, act + t.ras, again, next_even(again + t.rcd)}))
      << "tRAS, tRP, tRC";
  EXPECT_EQ(clocks({{block(1, 0, 0), false}, {block(1, 0, 1), false}}),
            (List{act, cas, next_odd(act + t.rrd_s), next_even(next_odd(act + t.rrd_s) + t.rcd)}))
      << "tRRD_S, tCCD_S";
  EXPECT_EQ(clocks({{block(1, 0, 0), false}, {block(1, 1, 0), false}})[2], next_odd(act + t.rrd_l)) << "tRRD_L";
  EXPECT_EQ(clocks({{block(1, 0, 0), false}, {block(1, 0, 0), false}})[2], cas + t.ccd_l) << "tCCD_L";
  EXPECT_EQ(clocks({{block(1, 0, 0), true}, {block(1, 0, 0), false}})[2], next_even(cas + data + t.wtr_l)) << "tWTR_L";
  EXPECT_EQ(clocks({{block(1, 0, 0), false}, {block(1, 0, 0), true}})[2],
            next_even(std::max<uint64_t>(cas + t.cl + 4 + t.turnaround - t.cwl, cas + t.ccd_l)))
      << "turnaround";
  EXPECT_EQ(clocks({{block(1, 0, 0), true}, {block(2, 0, 0), true}})[2], next_odd(cas + data + t.wr)) << "tWR";
  const List five = clocks({{block(1, 0, 0), false},
                            {block(1, 0, 1), false},
                            {block(1, 0, 2), false},
                            {block(1, 0, 3), false},
                            {block(1, 1, 0), false}});
  EXPECT_EQ(five[8], next_odd(act + t.faw)) << "tFAW";
}

}  // namespace
}  // namespace heatvit::testing

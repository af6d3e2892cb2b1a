// `run_sim mem` and the memory of a run, from outside: traces, ports, shared paths, priorities, host load, refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class MemoryCli : public ::testing::Test {
 protected:
  /// `run_sim mem` that must work.
  json mem(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "mem");
    arguments.emplace_back("--json");
    const Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(outcome.out, nullptr, false);
  }

  json ports(const std::string& list, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--ports", list, "--bytes", "2M", "--pl.clock_mhz", "300"});
    return mem(more);
  }

  json run(std::vector<std::string> arguments) {
    const std::string path = folder_.path("run.json");
    arguments.insert(arguments.end(), {"--json", path, "--quiet"});
    const Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(read_file(path));
  }

  /// Exit code 2, nothing on stdout, one line on stderr that holds `part`.
  void expect_refused(std::vector<std::string> arguments, const std::string& part) {
    arguments.insert(arguments.begin(), "mem");
    const Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 2) << part;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(outcome.out, "");
  }

  void expect_trace_refused(const std::string& content, const std::string& part) {
    expect_refused({"--trace", folder_.file("bad.trace", content)}, part);
  }

  TemporaryFolder folder_;
};

std::string line(uint64_t address, bool write, uint64_t cycle) {
  std::ostringstream text;
  text << "0x" << std::hex << address << (write ? " WRITE " : " READ ") << std::dec << cycle << "\n";
  return text.str();
}

// In every subcommand --json is a file, and "-" is stdout; alone it stands for that.
TEST_F(MemoryCli, JsonIsAFileBesideTheTextOrStdoutInItsPlace) {
  const std::string trace = folder_.file("t", "0x0 READ 0\n");
  const std::string to_stdout = run_sim({"mem", "--trace", trace, "--json"}).out;
  EXPECT_EQ(to_stdout, run_sim({"mem", "--trace", trace, "--json", "-"}).out);
  const Outcome both = run_sim({"mem", "--trace", trace, "--json", folder_.path("m.json")});
  EXPECT_EQ(both.code, 0);
  EXPECT_NE(both.out, "");
  EXPECT_EQ(nlohmann::json::parse(std::ifstream(folder_.path("m.json"))).size(),
            nlohmann::json::parse(to_stdout).size());
  EXPECT_EQ(run_sim({"list", "--json"}).out, run_sim({"list", "--json", "-"}).out);
  EXPECT_EQ(run_sim({"list", "--json", folder_.path("l.json")}).out, "");
}

TEST_F(MemoryCli, TraceReportsWhatTheControllerDid) {
  std::string trace = "# a comment\n\n";
  for (uint64_t i = 0; i < 1000; ++i) trace += line(i * 64, false, 0);
  const json r = mem({"--trace", folder_.file("a.trace", trace)});
  for (const char* key : {"bandwidth_gbs", "efficiency", "row_hits", "row_misses", "refreshes", "cycles", "bytes"})
    EXPECT_TRUE(r.at(key).is_number()) << key;
  EXPECT_EQ(r["bytes"], 64000);
  EXPECT_EQ(r["row_hits"].get<int>() + r["row_misses"].get<int>(), 1000);
  EXPECT_GE(r["cycles"], 4000);  // four clocks a block on the bus
  EXPECT_NEAR(r["bandwidth_gbs"], 64000 / (r["cycles"].get<double>() * 0.9375), 0.01);
  EXPECT_NEAR(r["efficiency"], r["bandwidth_gbs"].get<double>() / 17.0667, 1e-3);
  EXPECT_GE(r["read_latency_ns"]["p99"], r["read_latency_ns"]["mean"]);
}

TEST_F(MemoryCli, WritesHaveNoReadLatency) {
  EXPECT_TRUE(mem({"--trace", folder_.file("a.trace", line(0, true, 0))})["read_latency_ns"].is_null());
}

TEST_F(MemoryCli, TimedHonoursTheCycle) {
  const std::string trace =
      folder_.file("a.trace", line(0, false, 0) + line(64, false, 54000) + line(128, false, 90000));
  const json fast = mem({"--trace", trace}), timed = mem({"--trace", trace, "--timed"});
  EXPECT_LT(fast["cycles"], 200);
  EXPECT_GT(timed["cycles"], 90000);
  EXPECT_LT(timed["cycles"], 90200);
  EXPECT_LT(timed["read_latency_ns"]["mean"], 120);  // idle: the row, the access, the controller; no queue
  EXPECT_EQ(timed["refreshes"], 90000 / 8324);       // tREFI of 7.8 us at 0.937 ns
}

TEST_F(MemoryCli, RecordedTrafficReplays) {
  const std::string trace = folder_.path("t.trace");
  const json report = run({"--model", "deit-t", "--mem-trace", trace});
  const std::string text = read_file(trace);
  const auto lines = static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
  double bytes = 0;
  for (const auto& port : report["memory"]["bytes"])
    for (const auto& moved : port) bytes += moved.get<double>();
  const json timed = mem({"--trace", trace, "--timed"});
  EXPECT_GE(timed["bytes"], bytes);  // whole blocks of 64
  EXPECT_LE(timed["bytes"], 1.1 * bytes);
  EXPECT_GE(lines * 64, timed["bytes"].get<uint64_t>());
  const double image_clocks = report["summary"]["latency_ms"]["mean"].get<double>() * 1e6 / 0.9375;
  EXPECT_LE(timed["cycles"], image_clocks);
  EXPECT_GE(timed["cycles"], 0.95 * image_clocks);
  EXPECT_LT(mem({"--trace", trace})["cycles"], timed["cycles"]);
}

TEST_F(MemoryCli, PortsReadWriteAndCopy) {
  const json read = ports("0"), write = ports("0", {"--kind", "write"}), copy = ports("0", {"--kind", "copy"});
  for (const json* r : {&read, &write, &copy}) {
    EXPECT_EQ((*r)["bytes"], 2 << 20);
    EXPECT_NEAR((*r)["port_gbs"]["hp0"], (*r)["bandwidth_gbs"], 0.01);
  }
  EXPECT_NEAR(read["bandwidth_gbs"], 4.8, 0.1);  // 16 bytes a beat
  EXPECT_NEAR(write["bandwidth_gbs"], 4.8, 0.1);
  EXPECT_NEAR(copy["bandwidth_gbs"], 9.6, 0.2);
  EXPECT_LT(ports("0", {"--burst", "16"})["bandwidth_gbs"], 0.7 * read["bandwidth_gbs"].get<double>());
  const json slow = mem({"--ports", "0", "--bytes", "2M", "--pl.clock_mhz", "150"});
  EXPECT_NEAR(slow["bandwidth_gbs"], 2.4, 0.05);
}

/// Within a tenth of what was measured on the board (docs/memory.md), one set of parameters.
TEST_F(MemoryCli, BoardMeasurements) {
  struct Case {
    const char *ports, *burst, *mhz;
    double gbs;
  };
  for (const Case& c : {Case{"0,1,3", "192", "300", 13.7}, Case{"0,3", "128", "300", 11.6},
                        Case{"0", "256", "300", 9.6}, Case{"0,1,3", "384", "100", 8.8}}) {
    const json r = mem({"--ports", c.ports, "--burst", c.burst, "--kind", "copy", "--pl.clock_mhz", c.mhz});
    EXPECT_NEAR(r["bandwidth_gbs"], c.gbs, 0.1 * c.gbs) << c.ports;
  }
  const json small = mem({"--ports", "0,1,3", "--burst", "16", "--kind", "copy", "--pl.clock_mhz", "300"});
  EXPECT_GE(small["bandwidth_gbs"], 0.3 * 14.2);
  EXPECT_LE(small["bandwidth_gbs"], 0.5 * 14.2);
}

TEST_F(MemoryCli, Hp1AndHp2ShareAPath) {
  const double shared = ports("1,2")["bandwidth_gbs"], apart = ports("0,3")["bandwidth_gbs"];
  EXPECT_NEAR(apart, 9.6, 0.2);
  EXPECT_LE(shared, 8.53);  // 16 bytes a cycle of 533 MHz
  EXPECT_GE(shared, 8.0);
  EXPECT_LE(ports("1,2", {"--kind", "write"})["bandwidth_gbs"], 8.53);
}

TEST_F(MemoryCli, PriorityGetsMoreUnderContention) {
  // Four masters want 38 GB/s of a memory that gives 17.
  const std::vector<std::string> load = {"--kind", "copy", "--burst", "256"};
  const std::vector<std::string> qos = {"--kind", "copy",          "--burst", "256", "--ddr.arbitration",
                                        "qos",    "--ddr.qos_hp3", "9"};
  const json even = ports("0,1,2,3", load), favoured = ports("0,1,2,3", qos);
  EXPECT_GT(favoured["port_gbs"]["hp3"].get<double>(), 1.15 * even["port_gbs"]["hp3"].get<double>());
  EXPECT_GT(favoured["port_gbs"]["hp3"].get<double>(), 1.15 * favoured["port_gbs"]["hp0"].get<double>());
  EXPECT_EQ(ports("0,1,2,3", {"--kind", "copy", "--ddr.arbitration", "qos"})["cycles"],
            ports("0,1,2,3", {"--kind", "copy"})["cycles"]);  // all equal: in turn
}

TEST_F(MemoryCli, HostLoadTakesItsShare) {
  const json alone = run({"--model", "deit-t"}), loaded = run({"--model", "deit-t", "--traffic", "cpu:6"});
  const double before = alone["summary"]["latency_ms"]["mean"], ms = loaded["summary"]["latency_ms"]["mean"];
  EXPECT_FALSE(alone["memory"]["bytes"].contains("traffic"));
  EXPECT_NEAR(loaded["memory"]["bytes"]["traffic"]["cpu"], 6e6 * ms, 0.03 * 6e6 * ms);
  EXPECT_GT(ms, before);
  EXPECT_EQ(run({"--model", "deit-t", "--ddr.traffic_gbs", "6"})["images"][0]["cycles"], loaded["images"][0]["cycles"]);
}

TEST_F(MemoryCli, TracesOfOtherEditorsAndAddressesThatWrap) {
  const std::string lines = line(0x1A2B3C0, false, 0) + line(0x1A2B400, true, 3);
  std::string windows = "\xEF\xBB\xBF# a comment\n" + lines;
  for (size_t at = 0; (at = windows.find('\n', at)) != std::string::npos; at += 2) windows.insert(at, "\r");
  EXPECT_EQ(mem({"--trace", folder_.file("a", windows)}), mem({"--trace", folder_.file("b", lines)}));
  expect_trace_refused("0xffffffffffffffff READ 0\n", "bad.trace:1: address 0xffffffffffffffff is beyond");
}

// The same two requests in every form: a read of 0x1A2B3C0, then a write of the block behind it.
TEST_F(MemoryCli, FormsOfOtherSimulators) {
  const std::vector<std::pair<std::string, std::string>> forms = {
      {"ours.trace", "0x1A2B3C0 READ 0\n0x1A2B400 WRITE 4\n"},
      {"lower.trace", "0x1a2b3c0 read 0\n0x1a2b400 write 4\n"},
      {"bare.trace", "1A2B3C0 READ 0\n1A2B400 WRITE 4\n"},
      {"ramulator1.trace", "0x1A2B3C0 R\n0x1A2B400 W\n"},
      {"decimal.trace", "27440064 R\n27440128 W\n"},
      {"ramulator2.trace", "LD 0x1A2B3C0\nST 27440128\n"},
      {"k6.trc", "0x1A2B3C0 P_FETCH 0\n0x1A2B400 P_MEM_WR 4\n"},
      {"a.stl", "# generated\n0:\tread\t0x1A2B3C0\n4:\twrite\t0x1A2B400\t0xff\n"},
      {"a.rstl", "0: read 0x1A2B3C0\n4: (64) write 0x1A2B400\n"},
      {"gem5.csv", "r,27440064,64,0,1000\nw,27440128,64,0,4750\n"}};
  for (const auto& [name, text] : forms) {
    const json r = mem({"--trace", folder_.file(name, text), "--timed"});
    EXPECT_EQ(r["cycles"], 90) << name;
    EXPECT_EQ(r["bytes"], 128) << name;
    EXPECT_FALSE(r["read_latency_ns"].is_null()) << name;
  }
  const std::string either = folder_.file("either.trace", "27440064 READ 0\n");
  expect_refused({"--trace", either}, "either.trace:1: an address without 0x: hexadecimal or decimal?");
  EXPECT_EQ(mem({"--trace", either, "--trace-format", "dramsim3"})["bytes"], 64);
  expect_refused({"--trace", either, "--trace-format", "gem5"}, "either.trace:1: lines are r|w,ADDR");
  expect_refused({"--trace", either, "--trace-format", "valgrind"}, "allowed: dramsim3, ramulator1");
  EXPECT_EQ(mem({"--trace", folder_.file("long.csv", "r,96,128,0,5\n")})["bytes"], 192);  // three blocks are touched
}

TEST_F(MemoryCli, AddressesBeyondTheMemoryWrapOnRequest) {
  const std::string far = folder_.file("far.trace", "0x7ffde0689840 READ 0\n0xffffffffffffffff WRITE 0\n");
  expect_refused({"--trace", far}, "far.trace:1: address 0x7ffde0689840 is beyond");
  EXPECT_EQ(mem({"--trace", far, "--wrap"})["bytes"], 128);
  const std::string near = folder_.file("near.trace", "0xe0689840 READ 0\n0xffffffc0 WRITE 0\n");
  EXPECT_EQ(mem({"--trace", far, "--wrap"}), mem({"--trace", near}));
  expect_refused({"--ports", "0", "--wrap"}, "--wrap: no effect without --trace");
}

TEST_F(MemoryCli, RefusesMalformedTraces) {
  expect_trace_refused("", "holds no request");
  expect_trace_refused("0x0 READ 0\nhello\n", "bad.trace:2");
  expect_trace_refused("0x READ 0\n", "no address");
  expect_trace_refused("0x40 FETCH 0\n", "neither READ nor WRITE");
  expect_trace_refused("0x40 READ\n", "no cycle");
  expect_trace_refused("0x40 READ -1\n", "no cycle");
  expect_trace_refused("0x40 READ 5x\n", "is no cycle");
  expect_trace_refused("0x40 READ 99999999999999999999\n", "is no cycle");
  expect_trace_refused("0x123456789abcdef012 READ 0\n", "no address");
  expect_trace_refused("0x400000000000 READ 0\n", "beyond the memory");
  expect_trace_refused(std::string("0x40 READ 0\0\n", 13), "is no UTF-8 text");
  expect_refused({"--trace", folder_.path("none.trace")}, "cannot read this");
}

TEST_F(MemoryCli, RefusesWhatCannotBeDriven) {
  const std::string trace = folder_.file("a.trace", line(0, false, 0));
  expect_refused({}, "--trace or --ports is missing");
  expect_refused({"--trace", trace, "--ports", "0"}, "--ports");
  expect_refused({"--ports", "0", "--timed"}, "--timed");
  expect_refused({"--ports", "4"}, "--ports");
  expect_refused({"--ports", "0,0"}, "twice");
  expect_refused({"--ports", "0", "--burst", "0"}, "--burst");
  expect_refused({"--ports", "0", "--kind", "swap"}, "--kind");
  expect_refused({"--ports", "0", "--bytes", "64X"}, "--bytes");
  expect_refused({"--ports", "0", "--bytes", "100"}, "--bytes");
  expect_refused({"--ports", "0,1,3", "--kind", "copy", "--bytes", "2G", "--ddr.capacity", "1073741824"}, "capacity");
}

TEST_F(MemoryCli, RefusesImpossibleMemories) {
  const std::string trace = folder_.file("a.trace", line(0, false, 0));
  const auto refused = [&](const std::string& key, const std::string& value, const std::string& part) {
    expect_refused({"--trace", trace, "--ddr." + key, value}, part);
  };
  refused("t_ras_ns", "60", "t_ras_ns is larger than t_rc_ns");
  refused("banks", "0", "banks");
  refused("bank_groups", "3", "power of two");
  refused("map", "r14-0 b1-0 c9-3 g1", "bit g0 is not mapped");
  refused("map", "r14-0 b1-0 c9-3 g1-0 g0", "bit g0 is there twice");
  refused("map", "r15-0 b1-0 c9-3 g1-0", "bit r15 does not exist");
  refused("t_magic_ns", "4", "t_magic_ns");
  refused("t_rp_ns", "nan", "t_rp_ns");
  const std::string file = folder_.file("bad.ini", "[ddr]\nt_cl_ns = 14\nt_clock = 3\n");
  expect_refused({"--trace", trace, "--config", file}, "bad.ini");
}

}  // namespace
}  // namespace heatvit::tests

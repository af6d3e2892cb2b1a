// run_sim mem: the memory alone, under a recorded trace or under fabric masters.
#include <algorithm>
#include <limits>

#include "accel/isa/errors.h"
#include "accel/soc/ddr/scheduler.h"
#include "tb/config/numbers.h"
#include "tb/config/text_table.h"
#include "tb/report/run_report.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/mem_ports.h"
#include "tb/run_sim/memory_trace.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMemIntro =
    R"(run_sim mem: the DDR4 controller and its ports alone

Examples
  run_sim mem --trace traces/mem-sequential.trace                      as fast as the controller accepts
  run_sim mem --trace F --timed --config configs/ddr/ddr4-2400-x8.ini  CYCLE is the earliest arrival, memory clocks
  run_sim mem --ports 0,1,3 --burst 192 --kind copy --pl.clock_mhz 300 --bytes 64M

A trace has lines `0xADDR READ|WRITE CYCLE`, each 64 bytes; # starts a comment. Those of DRAMsim3, Ramulator 1 and 2,
DRAMSys, gem5 and k6 are told by their first line (docs/memory.md). Ports are HP0 to HP3.
)";

MemoryRun replay(soc::ddr::Scheduler& scheduler, const std::vector<TraceRequest>& lines, bool timed) {
  MemoryRun run;
  uint64_t arrival = 0, now = 0, end = 0;
  const auto serve = [&] {
    now = std::max(now, scheduler.decision_time());
    const soc::ddr::Served served = scheduler.serve();
    end = std::max(end, served.last_data);
    if (!served.write)
      run.read_latency_ns.push_back(
          static_cast<double>((served.last_data - served.arrival) * scheduler.timing().clock_fs) * 1e-6);
  };
  for (const TraceRequest& line : lines) {
    soc::ddr::Request request;
    request.address = line.address;
    request.bytes = request.pitch = kTraceRequestBytes;
    request.write = line.write;
    const uint32_t columns = scheduler.columns_of(request);
    if (timed) arrival = std::max(arrival, line.cycle);
    while (!scheduler.accepts(line.write, columns)) {
      serve();
      arrival = std::max(arrival, now);
    }
    while (arrival > now && scheduler.decision_time() < arrival) serve();
    request.arrival = arrival;
    scheduler.admit(request, columns);
  }
  while (!scheduler.empty()) serve();
  run.bytes = lines.size() * kTraceRequestBytes;
  run.cycles = end;
  run.row_hits = scheduler.device().row_hits();
  run.row_misses = scheduler.device().row_misses();
  run.refreshes = scheduler.device().refreshes();
  return run;
}

uint64_t parse_bytes(const std::string& text) {
  uint64_t unit = 1;
  std::string digits = text;
  if (!digits.empty()) {
    const size_t power = std::string("KMG").find(digits.back());
    if (power != std::string::npos) {
      unit <<= 10 * (power + 1);
      digits.pop_back();
    }
  }
  return unit * static_cast<uint64_t>(parse_integer("--bytes", digits, 1, int64_t{1} << 31));
}

PortPattern resolve_pattern(const CommandLine& line) {
  PortPattern pattern;
  for (const std::string& port : split_list(line.required("ports"))) {
    const auto index = static_cast<int>(parse_integer("--ports", port, 0, 3));
    if (std::find(pattern.ports.begin(), pattern.ports.end(), index) != pattern.ports.end())
      throw InputError("--ports: " + port + " is there twice");
    pattern.ports.push_back(index);
  }
  pattern.burst =
      line.has("burst") ? static_cast<uint32_t>(parse_integer("--burst", line.text("burst"), 1, 4096)) : 256;
  const std::string kind = line.has("kind") ? line.text("kind") : "read";
  if (kind != "read" && kind != "write" && kind != "copy")
    throw InputError("--kind: '" + kind + "' is not allowed; allowed: read, write or copy");
  pattern.reads = kind != "write";
  pattern.writes = kind != "read";
  pattern.bytes = line.has("bytes") ? parse_bytes(line.text("bytes")) : uint64_t{64} << 20;
  return pattern;
}

Json to_json(MemoryRun& run, double clock_fs, double peak_gbs) {
  const double seconds = static_cast<double>(run.cycles) * clock_fs * 1e-15;
  const double bandwidth = static_cast<double>(run.bytes) / seconds * 1e-9;
  std::sort(run.read_latency_ns.begin(), run.read_latency_ns.end());
  double sum = 0;
  for (const double ns : run.read_latency_ns) sum += ns;
  Json latency = nullptr;
  if (!run.read_latency_ns.empty())
    latency = {{"mean", sum / static_cast<double>(run.read_latency_ns.size())},
               {"p99", percentile(run.read_latency_ns, 99)}};
  Json ports = Json::object();
  for (const PortRun& port : run.ports)
    ports["hp" + std::to_string(port.port)] = static_cast<double>(port.bytes) / port.seconds * 1e-9;
  return {{"bandwidth_gbs", bandwidth}, {"efficiency", bandwidth / peak_gbs},
          {"row_hits", run.row_hits},   {"row_misses", run.row_misses},
          {"refreshes", run.refreshes}, {"read_latency_ns", latency},
          {"cycles", run.cycles},       {"bytes", run.bytes},
          {"port_gbs", ports}};
}

std::string to_text(const Json& j) {
  Table table({Table::Align::kLeft, Table::Align::kRight, Table::Align::kLeft});
  table.add({"bandwidth", fixed(j["bandwidth_gbs"], 3), "GB/s"});
  table.add({"efficiency", fixed(j["efficiency"].get<double>() * 100, 1), "% of the data bus"});
  table.add({"row hits", grouped(j["row_hits"]), ""});
  table.add({"row misses", grouped(j["row_misses"]), ""});
  table.add({"refreshes", grouped(j["refreshes"]), ""});
  if (!j["read_latency_ns"].is_null()) {
    table.add({"read latency, mean", fixed(j["read_latency_ns"]["mean"], 1), "ns"});
    table.add({"read latency, 99 %", fixed(j["read_latency_ns"]["p99"], 1), "ns"});
  }
  table.add({"cycles", grouped(j["cycles"]), "memory clocks"});
  for (const auto& [port, gbs] : j["port_gbs"].items()) table.add({port, fixed(gbs, 3), "GB/s, until it was done"});
  return table.text();
}

}  // namespace

int mem_command(const Arguments& arguments) {
  CommandLine line(
      kMemIntro,
      {{"Trace",
        {{"trace", "FILE", "replay 64-byte requests straight at the controller"},
         {"trace-format", "NAME", trace_format_names() + "; default: told by the first line"},
         {"wrap", "", "addresses beyond the memory start again from 0; else they are refused"},
         {"timed", "", "no request before its CYCLE"}}},
       {"Ports",
        {{"ports", "P1,P2", "HP ports that drive, 0 to 3"},
         {"burst", "BYTES", "of one request of a master, 1 to 4096; split into legal bursts; default 256"},
         {"kind", "NAME", "read, write or copy (as many bytes read as written); default read"},
         {"bytes", "N", "in total, K, M or G; default 64M"}}},
       hardware_group(),
       {"Output",
        {{"json", "FILE", "as JSON, beside the text; without a name or -: to stdout, in its place", false, true}}}},
      true);
  line.parse(arguments);
  if (answered(line)) return 0;
  const soc::SocConfig config = resolve_config("", line.list("config"), line.settings());
  const soc::ddr::Timing timing = soc::ddr::make_timing(config.ddr);
  MemoryRun run;
  if (line.has("trace")) {
    for (const char* name : {"ports", "burst", "kind", "bytes"})
      if (line.has(name)) throw InputError("--" + std::string(name) + ": no effect with --trace");
    soc::ddr::Scheduler scheduler(config.ddr);
    TraceOptions options;
    if (line.has("trace-format")) options.format = parse_trace_format(line.text("trace-format"));
    options.memory = scheduler.map().bytes();
    options.wrap = line.has("wrap");
    options.clock_fs = timing.clock_fs;
    run = replay(scheduler, read_memory_trace(line.text("trace"), options), line.has("timed"));
  } else {
    for (const char* name : {"timed", "trace-format", "wrap"})
      if (line.has(name)) throw InputError("--" + std::string(name) + ": no effect without --trace");
    if (!line.has("ports")) throw InputError("--trace or --ports is missing; --help shows examples");
    run = drive_ports(config, resolve_pattern(line));
  }
  const double peak = static_cast<double>(config.ddr.bus_bytes) * 2e6 / static_cast<double>(timing.clock_fs);
  const Json json = to_json(run, static_cast<double>(timing.clock_fs), peak);
  if (line.has("json")) write_file(line.text("json"), json.dump(1) + "\n");
  if (line.text("json") != "-") print(to_text(json));
  return 0;
}

}  // namespace heatvit::tb

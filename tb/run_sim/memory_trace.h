// Traces of memory requests, in the forms that memory simulators have.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace heatvit::tb {

constexpr uint32_t kTraceRequestBytes = 64;

struct TraceRequest {
  uint64_t address = 0;  // of a block of kTraceRequestBytes
  uint64_t cycle = 0;    // memory clocks; 0 where the form has no time
  bool write = false;
};

/// What a line looks like; R, W stand for reading and writing, in any case.
enum class TraceFormat {
  kDramsim3,    // 0xADDR READ|WRITE CYCLE; DRAMsim3's, DRAMSim2's mase and our own. Without 0x: hexadecimal
  kRamulator1,  // 0xADDR R|W; without 0x: decimal
  kRamulator2,  // LD|ST 0xADDR; without 0x: decimal
  kDramsys,     // CYCLE: [(BYTES)] read|write 0xADDR [DATA]; in a file *.rstl clocks since the line before
  kGem5,        // r|w,ADDR,BYTES,FLAGS,TICK: util/decode_packet_trace.py; ticks are ps, the first is time 0
  kK6           // 0xADDR P_MEM_RD|P_MEM_WR|P_FETCH|P_LOCK_RD|P_LOCK_WR|BOFF CYCLE; DRAMSim2's
};

struct TraceOptions {
  std::optional<TraceFormat> format;  // not given: told by the first line
  uint64_t memory = 0;                // bytes there are
  bool wrap = false;                  // addresses beyond them start again from 0; else they are refused
  uint64_t clock_fs = 0;              // of the memory, for forms that have seconds
};

/// "dramsim3, ramulator1, ..."
std::string trace_format_names();

/// Throws InputError: --trace-format: no such form.
TraceFormat parse_trace_format(const std::string& name);

/// Requests of more than 64 bytes become several. Throws InputError with file and line: unreadable, no form that is
/// known, another form than the first line's, an address without 0x that may be decimal or hexadecimal, an address
/// beyond the memory, no request at all.
std::vector<TraceRequest> read_memory_trace(const std::string& path, const TraceOptions& options);

}  // namespace heatvit::tb

// The smallest system of the simulator's own parts: a memory, one DMA engine, one buffer, one unit. It sums the rows of
// a matrix; README.md beside this file goes through it.
//
//   Memory --burst trains--> InputDma --slots--> SlotRing --slots--> RowSums
#include <tlm_utils/simple_target_socket.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>

#include "accel/kernels/cost.h"
#include "accel/modules/dma.h"

namespace {

using namespace heatvit::modules;
using heatvit::kernels::stream_cycles;

constexpr int kRows = 48, kColumns = 64, kChunk = 8;  // the matrix, int8; rows that go into a slot
constexpr int kLanes = 8;                             // elements that RowSums adds in a cycle
constexpr heatvit::kernels::Stages kStages = heatvit::kernels::stages_at(1e3 / 150);  // of a pipeline at 150 MHz

/// A train is one transaction: it returns when the last beat has arrived, and then the data have, too.
struct Memory : sc_core::sc_module {
  tlm_utils::simple_target_socket<Memory, 128, BulkProtocol> socket;
  std::vector<uint8_t> bytes;

  Memory(sc_core::sc_module_name name, const ClockDomain& clock)
      : sc_module(name), socket("socket"), bytes(size_t{kRows} * kColumns), clock_(clock) {
    std::iota(bytes.begin(), bytes.end(), uint8_t{0});
    socket.register_b_transport(this, &Memory::transport);
  }

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
    const BurstTrain& train = payload.get_extension<TrainExtension>()->train;
    clock_.wait_cycles(20 + train.bytes() / 16);  // to the first beat; then 16 bytes a cycle
    for (uint32_t row = 0; row < train.rows; ++row)
      std::memcpy(payload.get_data_ptr() + size_t{row} * train.row_bytes,
                  bytes.data() + train.address + size_t{row} * train.pitch, train.row_bytes);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }

  const ClockDomain& clock_;
};

/// A unit as all of ours are: it takes a job, walks its chunks, meets its neighbours at slots, and says what it does.
class RowSums : public sc_core::sc_module {
 public:
  struct Ports {
    const ClockDomain& clock;
    JobQueue& jobs;
    SlotRing& rows;
    UnitAccount& account;
    ProcessGuard& guard;
  };
  std::vector<int> sums;
  uint64_t end = 0;  // cycle

  SC_HAS_PROCESS(RowSums);
  RowSums(sc_core::sc_module_name name, const Ports& ports) : sc_module(name), ports_(ports) { SC_THREAD(run); }

  static uint64_t cycles(int rows, int columns) {
    return static_cast<uint64_t>(stream_cycles(rows, columns, kLanes, kStages.read));
  }

 private:
  void run() {
    ports_.guard.run([this] {
      const Job& job = ports_.jobs.front(ports_.account);
      ChunkWalk walk(job);  // the same walk as the engine's: nothing else tells them what is in a slot
      for (Chunk chunk; walk.next(chunk);) {
        const uint8_t* data = ports_.rows.front(ports_.account, Cause::kWaitInput, Consumer::kVector).data;
        ports_.account.enter(Cause::kBusy);
        ports_.clock.wait_cycles(cycles(chunk.rows, chunk.columns));
        for (int row = 0; row < chunk.rows; ++row, data += chunk.columns)
          sums.push_back(std::accumulate(data, data + chunk.columns, 0));
        ports_.rows.release();
      }
      ports_.account.attribute(job.index);
      ports_.jobs.pop();
      end = ports_.clock.now();
    });
  }

  const Ports ports_;
};

/// One of each, wired.
struct System : sc_core::sc_module {
  ClockDomain clock{150.0};
  SlotRing operands, rows;  // the engine has a buffer for the PE array, too; it stays empty here
  JobQueue to_dma{1}, to_sums{1};
  UnitAccount dma_account{clock}, sums_account{clock}, control_account{clock};
  std::vector<Slice> dma_slices, sums_slices;
  Scoreboard scoreboard{false};
  ChipMemory chip{0, 16, kStages.read, true};
  WorkTurn turn{Overlap::kAll};  // everyone may work at once
  ProcessGuard guard;
  Memory memory{"memory", clock};
  InputDma dma;
  RowSums unit{"unit", {clock, to_sums, rows, sums_account, guard}};
  Job job;

  SC_HAS_PROCESS(System);
  System(sc_core::sc_module_name name, int slots)
      : sc_module(name),
        operands("operands", 2, 0, true, true),
        rows("rows", slots, kChunk * kColumns, true, true),
        dma("dma", {}, {}, {{clock, scoreboard, chip, dma_account, turn, guard}, to_dma, operands, rows}) {
    dma.socket.bind(memory.socket);
    scoreboard.reset(1);
    dma_account.record(&dma_slices);
    sums_account.record(&sums_slices);
    for (UnitAccount* account : {&dma_account, &sums_account, &control_account}) account->reset(1);
    SC_THREAD(control);
  }

  void control() {  // a command as it lies in a command list, its extents resolved
    job.command.opcode = heatvit::isa::Opcode::kCopy;
    job.command.a = {0, kColumns, 0};
    job.command.tile_m = kChunk;
    job.m = kRows;
    job.n = kColumns;
    to_dma.push(job, control_account);
    to_sums.push(job, control_account);
  }
};

void print(const char* name, const UnitAccount& account, const std::vector<Slice>& slices, uint64_t end) {
  std::string line;
  for (uint64_t cycle = 4; cycle < end; cycle += 8) {
    const auto at = std::find_if(slices.begin(), slices.end(), [&](const Slice& slice) { return cycle < slice.end; });
    line += at == slices.end() ? ' ' : at->cause == Cause::kBusy ? '#' : '.';
  }
  std::printf("  %-6s %s\n        ", name, line.c_str());
  for (int cause = 0; cause < kCauses; ++cause)
    if (const uint64_t cycles = account.commands()[0][static_cast<size_t>(cause)]; cycles != 0)
      std::printf(" %s %llu", std::string(name_of(static_cast<Cause>(cause))).c_str(),
                  static_cast<unsigned long long>(cycles));
  std::printf("\n");
}

/// False where a sum is wrong.
bool report(System& system, int slots) {
  if (system.guard.error()) std::rethrow_exception(system.guard.error());
  const uint64_t end = system.unit.end;
  std::printf("%d slot%s: %llu cycles\n", slots, slots == 1 ? "" : "s", static_cast<unsigned long long>(end));
  system.dma_account.close(end, 0);
  system.sums_account.close(end, 0);
  print("dma", system.dma_account, system.dma_slices, end);
  print("sums", system.sums_account, system.sums_slices, end);
  for (size_t row = 0; row < kRows; ++row) {
    const auto from = system.memory.bytes.begin() + static_cast<std::ptrdiff_t>(row * kColumns);
    if (system.unit.sums.at(row) != std::accumulate(from, from + kColumns, 0)) return false;
  }
  return true;
}

}  // namespace

int sc_main(int, char**) {
  sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
  System single("single", 1), ping_pong("ping_pong", 2);
  sc_core::sc_start();
  const bool right = report(single, 1) && report(ping_pong, 2);
  std::printf("%s\n", right ? "all sums are right" : "A SUM IS WRONG");
  return right ? 0 : 1;
}

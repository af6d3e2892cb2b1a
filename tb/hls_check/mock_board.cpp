// mock_board REGISTERS MEMORY --physical ADDRESS: heatvit_top as a board has it, in C-simulation and in a process of
// its own. Both files are mapped; the register file has the places of accel/soc/driver/heatvit_hls.h. Whoever sets the
// start bit gets the block's answer, as often as it asks. Ends when --runs N are done, or --seconds N (60) have passed
// without one.
//
// Its buffers and its memory on chip are larger than any shipped configuration's: lists of all of them run.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "accel/hls/heatvit_top.h"
#include "accel/soc/driver/heatvit_hls.h"

namespace {

struct Mapping {
  uint8_t* bytes = nullptr;
  size_t size = 0;
};

bool map(const char* path, Mapping& mapping) {
  const int file = open(path, O_RDWR | O_CLOEXEC);
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0) return false;
  mapping.size = static_cast<size_t>(status.st_size);
  void* bytes = mmap(nullptr, mapping.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  mapping.bytes = static_cast<uint8_t*>(bytes);
  return bytes != MAP_FAILED;
}

class Block {
 public:
  Block(Mapping registers, Mapping memory, uint64_t physical)
      : words_(reinterpret_cast<volatile uint32_t*>(registers.bytes)), memory_(memory), physical_(physical) {}

  bool started() const { return (words_[0] & HEATVIT_HLS_START) != 0; }

  void run() {
    words_[0] = 0;  // busy
    uint32_t kept[8] = {}, stages = 0;
    const int status = points_at_memory() ? call(kept, stages) : 255;
    for (int i = 0; i < 8; ++i) at(HEATVIT_HLS_KEPT + 4 * i) = kept[i];
    at(HEATVIT_HLS_STAGES) = stages;
    at(HEATVIT_HLS_RETURN) = static_cast<uint32_t>(status);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    words_[0] = HEATVIT_HLS_DONE | HEATVIT_HLS_IDLE;
  }

 private:
  volatile uint32_t& at(int offset) { return words_[offset / 4]; }

  uint64_t pointer(int offset) { return at(offset) | uint64_t{at(offset + 4)} << 32; }

  bool points_at_memory() {
    for (const int offset :
         {HEATVIT_HLS_ACTIVATIONS, HEATVIT_HLS_WEIGHTS_0, HEATVIT_HLS_WEIGHTS_1, HEATVIT_HLS_WEIGHTS_2,
          HEATVIT_HLS_WEIGHTS_3, HEATVIT_HLS_PARAMETERS, HEATVIT_HLS_RESULTS, HEATVIT_HLS_NORMAL, HEATVIT_HLS_COMMANDS})
      if (pointer(offset) != physical_) return false;
    return true;
  }

  int call(uint32_t (&kept)[8], uint32_t& stages) {
    auto* words = reinterpret_cast<heatvit::hls::Word*>(memory_.bytes);
    return heatvit_top(words, words, words, words, words, words, words, words,
                       reinterpret_cast<uint32_t*>(memory_.bytes), at(HEATVIT_HLS_LIST_BASE),
                       at(HEATVIT_HLS_LIST_COUNT), at(HEATVIT_HLS_TOKENS), at(HEATVIT_HLS_SEED), kept, &stages);
  }

  volatile uint32_t* words_;
  Mapping memory_;
  uint64_t physical_;
};

}  // namespace

int main(int argc, char** argv) {
  uint64_t physical = 0;
  long runs = 1, seconds = 60;
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--physical") physical = std::strtoull(argv[i + 1], nullptr, 0);
    if (name == "--runs") runs = std::strtol(argv[i + 1], nullptr, 10);
    if (name == "--seconds") seconds = std::strtol(argv[i + 1], nullptr, 10);
  }
  Mapping registers, memory;
  if (argc < 3 || !map(argv[1], registers) || !map(argv[2], memory) || registers.size < HEATVIT_HLS_REGISTERS_BYTES) {
    std::fprintf(stderr, "usage: mock_board REGISTERS MEMORY --physical ADDRESS [--runs N] [--seconds N]\n");
    return 2;
  }
  Block block(registers, memory, physical);
  using Clock = std::chrono::steady_clock;
  for (auto last = Clock::now(); runs > 0 && Clock::now() - last < std::chrono::seconds(seconds);) {
    if (block.started()) {
      block.run();
      --runs;
      last = Clock::now();
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  return runs == 0 ? 0 : 1;
}

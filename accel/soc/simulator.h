// The simulator as the rest of the program sees it: a SoC is built once, then runs image after image, each from reset.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "accel/isa/program.h"
#include "accel/modules/accounting.h"
#include "accel/modules/unit_tap.h"
#include "accel/soc/config.h"
#include "accel/soc/counters.h"
#include "accel/soc/memory_statistics.h"

namespace heatvit::soc {

enum class Mode : uint8_t { kFunctional, kTiming };

struct ImageInput {
  const std::vector<int8_t>* pixels = nullptr;  // functional: size x size x 3, pixel - 128
  std::vector<int> kept;  // patch tokens after each selector, decided outside; empty: scores, or the program's counts
  std::vector<std::vector<int>> patches;  // functional, with `kept`: which they are, rising
  uint32_t seed = 1;                      // of the random scorer
};

/// What came out for one image.
struct ImageOutcome {
  std::vector<int32_t> logits;         // functional; Q16, or the features of a network without a classifier
  std::vector<int> tokens;             // entering each block
  std::vector<int> kept_counts;        // after each selector
  std::vector<std::vector<int>> kept;  // functional: patch indices after each selector
  uint64_t macs = 0;                   // this image's share of the products
};

/// What one command cost. Cycles sum to the image's total; each unit's causes do, too.
struct CommandRecord : Counters {
  uint8_t block = 0;
  isa::Op op = isa::Op::kEnd;
  uint64_t values = 0;   // results of the vector unit
  int tokens = 0;        // in the register when it was issued: of its image, or of the whole batch
  int tokens_after = 0;  // the same but for packing: of its image afterwards
};

/// Of an image, or of a batch: cycles, commands and counters are of all its images together, the outcome it inherits is
/// the first image's.
struct ImageResult : ImageOutcome {
  uint64_t cycles = 0;  // PL clock, host's start write to its interrupt
  double latency_ms = 0;
  std::vector<ImageOutcome> others;  // images 2 and on of a batch
  std::vector<CommandRecord> commands;
  MemoryStatistics memory;
  uint64_t tiles = 0, transactions = 0;  // transactions: TLM calls, bulk and register
  double began_s = 0, wall_s = 0;        // this simulation, by the machine's steady clock, and how long it took

  size_t images() const { return 1 + others.size(); }
  const ImageOutcome& image(size_t i) const { return i == 0 ? *this : others.at(i - 1); }
  ImageOutcome& image(size_t i) { return i == 0 ? *this : others.at(i - 1); }
};

/// Throws InputError where the units cannot do the program: lanes, what chains need and hold. Analytic mode asks, too.
void expect_units(const BufferConfig& buffers, const ControlConfig& control, const isa::Program& program);

/// One per process: SystemC cannot elaborate twice. Fork before construction for more.
class Simulator {
 public:
  /// Called at the completion of a command, before anything later can write: index, rows of all images, and a
  /// reader of simulated DDR (address, bytes, destination).
  using Reader = std::function<void(uint32_t address, void* data, size_t bytes)>;
  using Observer = std::function<void(int index, int tokens, const Reader&)>;

  /// Throws InputError for a configuration that cannot be built. Keeps a reference to the program.
  Simulator(const SocConfig& config, const isa::Program& program, Mode mode);
  ~Simulator();

  /// Another command list for the same hardware, of at most as many images: what runs from now on. Throws InputError
  /// where it does not fit. Keeps a reference to it.
  void use(const isa::Program& program);

  /// Simulates a batch from reset at time zero (relative to the batch): as many images as the program is for. Throws
  /// std::runtime_error with one line if
  /// the hardware reports an error (bad command) or stops without an interrupt (deadlock).
  ImageResult run_batch(const std::vector<ImageInput>& batch);

  /// The same image in every place of the batch.
  ImageResult run(const ImageInput& input);

  void set_observer(Observer observer);

  /// What somebody outside is asked at a selector of an image of the batch.
  struct Question {
    int image = 0;                 // of the batch
    int block = 0;                 // that the selector stands before
    std::vector<int> patches;      // candidates: patches that are left
    std::vector<uint32_t> scores;  // theirs, by the scorer whose commands run; 0 where there is none
    std::vector<int16_t> tokens;   // their rows of the residual stream, candidates x dim
  };
  using Decider = std::function<std::vector<int>(const Question&)>;  // the patches that stay

  /// Functional mode: who decides at the selectors from now on; null: the scores.
  void set_decider(Decider decider);

  /// 64-byte requests as the DDR controller takes them: address, write, clock of the memory.
  void set_memory_recorder(std::function<void(uint64_t address, bool write, uint64_t clock)> recorder);

  /// What every unit did when, of the images run after the call: filled by run(), by unit, in order of time. Null:
  /// none.
  using Slices = std::array<std::vector<modules::Slice>, modules::kUnits>;
  void record(Slices* slices);

  /// Functional mode: `tap` receives inputs and outputs of the units' arithmetic from now on; null: nobody (the
  /// default).
  void listen(modules::UnitTap* tap);

  /// The selector's score memory and the rows of each image as they are now, for checkpoints.
  std::vector<uint32_t> scores() const;
  std::vector<int> token_counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace heatvit::soc

#include "accel/soc/simulator.h"

#ifdef __SANITIZE_ADDRESS__
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#endif

#include <chrono>

#include "accel/soc/zcu102.h"
#include "models/errors.h"

// The kernel's library refers to it; run_sim has a main of its own.
__attribute__((weak)) int sc_main(int, char*[]) { return 0; }

namespace heatvit::soc {

using modules::Purpose;

struct Simulator::Impl {
  Impl(const SocConfig& c, const lower::Program& p, bool functional)
      : config(c), program(p), board("zcu102", c, p, functional) {}

  void load_memory(bool functional);
  void load_image(const std::vector<int8_t>* pixels);
  void complete(uint32_t index);
  void collect(ImageResult& result);
  std::string stuck() const;

  SocConfig config;
  const lower::Program& program;
  Zcu102 board;
  Observer observer;
  std::vector<uint64_t> completed;  // cycle, by command
};

namespace {

#ifdef __SANITIZE_ADDRESS__
/// AddressSanitizer does not know the stacks of SystemC's processes and, once they have run, no longer clears the marks
/// of the frames that an exception unwinds; frames that come to lie there later would be reported. Clears this stack's.
void clear_stack_marks() {
  pthread_attr_t attributes;
  void* bottom = nullptr;
  size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  pthread_attr_getstack(&attributes, &bottom, &size);
  pthread_attr_destroy(&attributes);
  __asan_unpoison_memory_region(bottom, size);
}
#else
void clear_stack_marks() {}
#endif

void prepare_kernel() {
  static const bool done = [] {
    sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
    sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
    return true;
  }();
  (void)done;
}

void check(const SocConfig& config, const lower::Program& program, Mode mode) {
  const isa::AcceleratorConfig &a = config.accel, &b = program.hw;
  if (a.tile_m != b.tile_m || a.tile_k != b.tile_k || a.tile_n != b.tile_n || a.th != b.th ||
      a.numerics_bits != b.numerics_bits || a.fuse_attention != b.fuse_attention ||
      a.residual_on_chip != b.residual_on_chip || a.chip_kib != b.chip_kib)
    throw InputError("the program was lowered for other hardware: tile sizes, numerics.bits or memory on chip differ");
  if (mode == Mode::kFunctional && !program.with_data) throw InputError("functional mode needs a model with weights");
  if (config.axi.outstanding < 1 || config.axi.outstanding > 64) throw InputError("axi.outstanding must be in 1..64");
  if (program.memory_bytes > config.ddr.capacity) throw InputError("the model does not fit into DDR");
}

}  // namespace

Simulator::Simulator(const SocConfig& config, const lower::Program& program, Mode mode) {
  check(config, program, mode);
  prepare_kernel();
  const bool functional = mode == Mode::kFunctional;
  impl_ = std::make_unique<Impl>(config, program, functional);
  impl_->load_memory(functional);
  impl_->board.fabric.scoreboard.set_listener([this](uint32_t index) { impl_->complete(index); });
}

Simulator::~Simulator() = default;

void Simulator::set_observer(Observer observer) { impl_->observer = std::move(observer); }

void Simulator::listen(modules::UnitTap* tap) { impl_->board.fabric.tap = tap; }

void Simulator::record(Slices* slices) {
  for (size_t u = 0; u < modules::kUnits; ++u)
    impl_->board.fabric.accounts[u].record(slices != nullptr ? &(*slices)[u] : nullptr);
}

void Simulator::set_memory_recorder(std::function<void(uint64_t, bool, uint64_t)> recorder) {
  impl_->board.ddr.set_recorder(std::move(recorder));
}

std::vector<uint32_t> Simulator::scores() const { return impl_->board.selector.scores(); }

void Simulator::Impl::load_memory(bool functional) {
  DdrController& ddr = board.ddr;
  if (!functional) {  // commands alone carry data
    ddr.load(program.command_list.address, program.constants.data() + program.command_list.address,
             program.command_list.bytes);
    return;
  }
  ddr.resize(program.memory_bytes);
  ddr.load(0, program.constants.data(), program.constants.size());
  if (config.debug.fault == Fault::kFlipWeightBit) {
    uint8_t byte = 0;
    if (config.debug.fault_at >= program.memory_bytes) throw InputError("debug.fault_at is beyond the model's memory");
    ddr.peek(config.debug.fault_at, &byte, 1);
    byte = static_cast<uint8_t>(byte ^ 0x40);
    ddr.load(config.debug.fault_at, &byte, 1);
  }
}

void Simulator::Impl::load_image(const std::vector<int8_t>* pixels) {
  const auto operand = static_cast<uint32_t>(program.hw.operand_bytes());
  const uint32_t values = program.image.bytes / operand;
  if (pixels == nullptr || pixels->size() != values)
    throw InputError("functional mode needs an image of " + std::to_string(values) + " bytes");
  if (operand == 1) return board.ddr.load(program.image.address, pixels->data(), values);
  const std::vector<int16_t> wide(pixels->begin(), pixels->end());
  board.ddr.load(program.image.address, wide.data(), program.image.bytes);
}

void Simulator::Impl::complete(uint32_t index) {
  completed[index] = board.fabric.clock.now();
  if (!observer) return;
  observer(static_cast<int>(index), board.selector.tokens().tokens, [this](uint32_t address, void* data, size_t bytes) {
    if (isa::on_chip(address)) return board.fabric.chip.peek(address, data, bytes);
    board.ddr.peek(address, data, bytes);
  });
}

std::string Simulator::Impl::stuck() const {
  for (size_t i = 0; i < completed.size(); ++i)
    if (completed[i] == UINT64_MAX)
      return "the accelerator stopped without an interrupt; first command not completed: " +
             isa::disassemble(program.commands[i], static_cast<int>(i));
  return "the accelerator stopped without an interrupt";
}

ImageResult Simulator::run(const ImageInput& input) {
  Impl& s = *impl_;
  const auto begin = std::chrono::steady_clock::now();
  if (s.board.fabric.functional()) {
    s.load_image(input.pixels);
  }
  s.completed.assign(s.program.commands.size(), UINT64_MAX);
  std::vector<uint32_t> keep(input.kept.begin(), input.kept.end());
  if (keep.size() > HEATVIT_KEEP_REGISTERS) throw InputError("at most 8 selectors");
  const uint64_t registers_before = s.board.control.register_accesses();
  s.board.host.schedule(input.seed, std::move(keep));
  sc_core::sc_start();
  if (s.board.fabric.error) {
    clear_stack_marks();
    std::rethrow_exception(s.board.fabric.error);
  }
  if (!s.board.host.finished()) throw std::runtime_error(s.stuck());
  s.board.fabric.expect_idle();

  ImageResult result;
  s.collect(result);
  result.memory = s.board.ddr.statistics();
  result.transactions = s.board.ddr.transactions() + s.board.control.register_accesses() - registers_before;
  result.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

void Simulator::Impl::collect(ImageResult& r) {
  modules::Fabric& fabric = board.fabric;
  const size_t count = program.commands.size();
  r.cycles = board.host.end_cycle();
  r.latency_ms = static_cast<double>(r.cycles) * 1e3 / fabric.clock.hertz();
  for (modules::UnitAccount& account : fabric.accounts) account.close(r.cycles, count - 1);
  completed[count - 1] = r.cycles;  // END includes the way of the interrupt
  r.commands.resize(count);
  uint64_t previous = 0;
  for (size_t i = 0; i < count; ++i) {
    CommandRecord& record = r.commands[i];
    const isa::Command& c = program.commands[i];
    record.block = c.block;
    record.op = isa::op_of(c);
    record.tokens = fabric.tokens_of_command[i];
    record.cycles = completed[i] - previous;
    previous = completed[i];
    for (size_t u = 0; u < modules::kUnits; ++u) record.units[u] = fabric.accounts[u].commands()[i];
    const PurposeBytes& bytes = board.ddr.bytes_by_command()[i];
    record.bytes_in = bytes[static_cast<size_t>(Purpose::kInput)];
    record.bytes_weights = bytes[static_cast<size_t>(Purpose::kWeights)];
    record.bytes_out = bytes[static_cast<size_t>(Purpose::kOutput)];
    record.bytes_cpu = bytes[static_cast<size_t>(Purpose::kCpu)];
    record.bytes_chip = fabric.chip.bytes_by_command()[i];
    record.tiles = fabric.tiles_of_command[i];
    record.macs = lower::macs(c, record.tokens);
    r.macs += record.macs;
    if (record.op == isa::Op::kNorm1) r.tokens.push_back(record.tokens);
  }
  r.tiles = fabric.tiles;
  r.kept_counts = board.selector.kept_counts();
  if (!fabric.functional()) return;
  r.kept = board.selector.kept();
  r.logits.resize(program.logits.bytes / sizeof(int32_t));
  board.ddr.peek(program.logits.address, r.logits.data(), program.logits.bytes);
}

}  // namespace heatvit::soc

#include "accel/soc/simulator.h"

#ifdef __SANITIZE_ADDRESS__
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#endif

#include <algorithm>
#include <chrono>

#include "accel/isa/errors.h"
#include "accel/modules/chain_walk.h"
#include "accel/modules/operation.h"
#include "accel/soc/zcu102.h"

// The kernel's library refers to it; run_sim has a main of its own. Seen where all of this is in a shared object, too.
__attribute__((weak, visibility("default"))) int sc_main(int, char*[]) { return 0; }

namespace heatvit::soc {

using modules::Purpose;

struct Simulator::Impl {
  Impl(const SocConfig& c, const isa::Program& p, bool functional)
      : config(c), program(&p), board("zcu102", c, functional) {}

  void load_memory();
  void load_image(size_t image, const std::vector<int8_t>* pixels);
  void complete(uint32_t index);
  void collect_images(ImageResult& result);
  template <class T>
  std::vector<int32_t> values_at(uint32_t address, uint32_t bytes);  // what lies in DDR
  void collect(ImageResult& result);
  void simulate();
  Question question(int image, const std::vector<int>& patches, const uint32_t* scores);
  uint64_t moved();
  bool works();
  uint64_t patience_fs() const;
  std::string stuck();

  SocConfig config;
  const isa::Program* program;
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
  static const bool kPrepared = [] {
    sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
    sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
    return true;
  }();
  (void)kPrepared;
}

/// The commands of a chain must go together, whatever the number of tokens.
void check_walks(const isa::Program& program) {
  std::vector<modules::Job> chain;
  for (size_t i = 0; i < program.commands.size(); ++i) {
    const isa::Command& c = program.commands[i];
    const int rows = (c.image == 0 ? program.hw.batch : 1) * program.tokens;
    if (c.chain || !chain.empty()) chain.push_back(modules::resolve(c, rows, rows));
    if (c.chain || chain.empty()) continue;
    for (size_t j = 0; j + 1 < chain.size(); ++j) chain[j].chained = &chain[j + 1];
    chain.front().index = static_cast<uint32_t>(i + 1 - chain.size());
    try {
      modules::expect_chain(chain.front());
    } catch (const std::runtime_error& error) {
      throw InputError(error.what());
    }
    chain.clear();
  }
}

/// What a chain holds from its beginning to its end must fit, or it waits for itself.
void check_chains(const BufferConfig& buffers, const isa::Program& program) {
  const auto expect = [](const char* buffer, int64_t needed, int64_t has) {
    if (needed > has)
      throw InputError("a chain of operations holds " + std::to_string(needed) + " slots of " + buffer +
                       ", which has " + std::to_string(has));
  };
  int records = 0, operands = 0, results = 1;
  int64_t bytes = 0;
  bool chained = false;
  for (const isa::Command& c : program.commands) {
    if (!chained) records = operands = 0, results = 1, bytes = 0;
    chained = chained || c.chain;
    if (!chained) continue;
    records += c.records != 0 ? 1 : 0;
    results = c.follows ? results + 1 : 1;  // the rows, and what follows makes of them
    if (modules::operation_of(c).walk == modules::Walk::kTiles) {
      const int64_t heads = c.layout_b == isa::LayoutB::kPacked ? 1 : c.head_group;
      ++operands;
      bytes += heads * c.tile_k * c.tile_n * program.hw.operand_bytes();
    }
    expect("buffer.record", records, buffers.record);
    expect("buffer.output", results, buffers.output);
    if (!buffers.shared_weights) expect("buffer.weight", operands, buffers.weight);
    if (buffers.shared_weights && bytes > buffers.weight * program.hw.weight_slot())
      throw InputError("a chain of operations holds " + std::to_string(bytes) +
                       " bytes of weights, more than the buffer: enlarge buffer.weight, tile.k or tile.n");
    chained = c.chain;
  }
}

}  // namespace

void expect_units(const BufferConfig& buffers, const ControlConfig& control, const isa::Program& program) {
  const isa::AcceleratorConfig& b = program.hw;
  if ((b.chain_attention || b.chain_layernorm || b.chain_mlp) &&
      (control.dependency != DependencyGrain::kTile || control.overlap != modules::Overlap::kAll))
    throw InputError(
        "accel.chain_attention, accel.chain_layernorm and accel.chain_mlp need accel.dependency = tile and "
        "accel.overlap = "
        "all");
  check_chains(buffers, program);
  check_walks(program);
}

namespace {

void check(const SocConfig& config, const isa::Program& program, Mode mode) {
  const isa::AcceleratorConfig &a = config.accel, &b = program.hw;
  if (a.tile_m != b.tile_m || a.tile_k != b.tile_k || a.tile_n != b.tile_n || a.th != b.th ||
      a.numerics_bits != b.numerics_bits || a.fuse_attention != b.fuse_attention ||
      a.residual_on_chip != b.residual_on_chip || a.selector_on_chip != b.selector_on_chip || a.chip_kib != b.chip_kib)
    throw InputError("the program was lowered for other hardware: tile sizes, numerics.bits or memory on chip differ");
  if (b.batch < 1 || b.batch > a.batch)
    throw InputError("the program is for a batch of " + std::to_string(b.batch) + ", accel.batch is " +
                     std::to_string(a.batch));
  expect_units(config.buffers, config.control, program);
  if (mode == Mode::kFunctional && !program.with_data) throw InputError("functional mode needs a model with weights");
  if (config.axi.outstanding < 1 || config.axi.outstanding > 64) throw InputError("axi.outstanding must be in 1..64");
  if (program.memory_bytes > config.ddr.capacity) throw InputError("the model does not fit into DDR");
}

}  // namespace

Simulator::Simulator(const SocConfig& config, const isa::Program& program, Mode mode) {
  check(config, program, mode);
  prepare_kernel();
  const bool functional = mode == Mode::kFunctional;
  impl_ = std::make_unique<Impl>(config, program, functional);
  impl_->load_memory();
  impl_->board.accelerator.set_listener([this](uint32_t index) { impl_->complete(index); });
}

Simulator::~Simulator() = default;

void Simulator::use(const isa::Program& program) {
  if (&program == impl_->program) return;
  check(impl_->config, program, impl_->board.accelerator.functional() ? Mode::kFunctional : Mode::kTiming);
  impl_->program = &program;
  impl_->load_memory();
}

void Simulator::set_observer(Observer observer) { impl_->observer = std::move(observer); }

void Simulator::set_decider(Decider decider) {
  modules::TokenSelector& selector = impl_->board.accelerator.token_selector();
  if (!decider) return selector.ask({});
  selector.ask([this, decider](int image, const std::vector<int>& patches, const uint32_t* scores) {
    return decider(impl_->question(image, patches, scores));
  });
}

void Simulator::listen(modules::UnitTap* tap) { impl_->board.accelerator.listen(tap); }

void Simulator::record(Slices* slices) {
  for (size_t u = 0; u < modules::kUnits; ++u)
    impl_->board.accelerator.account(static_cast<modules::Unit>(u)).record(slices != nullptr ? &(*slices)[u] : nullptr);
}

void Simulator::set_memory_recorder(std::function<void(uint64_t, bool, uint64_t)> recorder) {
  impl_->board.ddr.set_recorder(std::move(recorder));
}

std::vector<uint32_t> Simulator::scores() const { return impl_->board.accelerator.token_selector().scores(); }

std::vector<int> Simulator::token_counts() const {
  const modules::TokenFile& tokens = impl_->board.accelerator.token_selector().tokens();
  std::vector<int> counts;
  for (int i = 0; i < tokens.images(); ++i) counts.push_back(tokens.of(i).tokens);
  return counts;
}

void Simulator::Impl::load_memory() {
  DdrController& ddr = board.ddr;
  if (!board.accelerator.functional()) {  // commands alone carry data
    ddr.load(program->command_list.address, program->constants.data() + program->command_list.address,
             program->command_list.bytes);
    return;
  }
  ddr.resize(program->memory_bytes);
  ddr.load(0, program->constants.data(), program->constants.size());
  if (config.debug.fault == Fault::kFlipWeightBit) {
    uint8_t byte = 0;
    if (config.debug.fault_at >= program->memory_bytes) throw InputError("debug.fault_at is beyond the model's memory");
    ddr.peek(config.debug.fault_at, &byte, 1);
    byte = static_cast<uint8_t>(byte ^ 0x40);
    ddr.load(config.debug.fault_at, &byte, 1);
  }
}

void Simulator::Impl::load_image(size_t image, const std::vector<int8_t>* pixels) {
  const auto operand = static_cast<uint32_t>(program->hw.operand_bytes());
  const uint32_t bytes = program->image.bytes / static_cast<uint32_t>(program->hw.batch), values = bytes / operand;
  if (pixels == nullptr || pixels->size() != values)
    throw InputError("functional mode needs an image of " + std::to_string(values) + " bytes");
  const uint32_t address = program->image.address + static_cast<uint32_t>(image) * bytes;
  if (operand == 1) return board.ddr.load(address, pixels->data(), values);
  const std::vector<int16_t> wide(pixels->begin(), pixels->end());
  board.ddr.load(address, wide.data(), bytes);
}

void Simulator::Impl::complete(uint32_t index) {
  completed[index] = board.accelerator.clock().now();
  if (!observer) return;
  observer(static_cast<int>(index), board.accelerator.token_selector().tokens().rows(),
           [this](uint32_t address, void* data, size_t bytes) {
             if (isa::on_chip(address)) return board.accelerator.chip_memory().peek(address, data, bytes);
             board.ddr.peek(address, data, bytes);
           });
}

/// The command in front of the first packing that is not done yet is the selection that asks: its rows are those that
/// will be packed.
Simulator::Question Simulator::Impl::question(int image, const std::vector<int>& patches, const uint32_t* scores) {
  Question question{image, 0, patches, {scores, scores + patches.size()}, {}};
  for (size_t i = 0; i < completed.size(); ++i) {
    const isa::Command& c = program->commands[i];
    if (completed[i] != UINT64_MAX || c.opcode != isa::Opcode::kTokenPack || std::max(0, c.image - 1) != image)
      continue;
    question.block = c.block;
    // As in the score memory: images before this one may be selected already, but are not packed yet.
    const auto rows = scores - board.accelerator.token_selector().scores().data();
    const bool wide = c.a_type == isa::Element::kInt16;
    std::vector<uint8_t> row(static_cast<size_t>(c.n.fixed) * (wide ? 2 : 1));
    for (size_t p = 0; p < patches.size(); ++p) {
      const uint32_t address = c.a.address + (static_cast<uint32_t>(rows) + static_cast<uint32_t>(p)) * c.a.pitch;
      if (isa::on_chip(address))
        board.accelerator.chip_memory().peek(address, row.data(), row.size());
      else
        board.ddr.peek(address, row.data(), row.size());
      for (int n = 0; n < c.n.fixed; ++n)
        question.tokens.push_back(wide ? reinterpret_cast<const int16_t*>(row.data())[n]
                                       : reinterpret_cast<const int8_t*>(row.data())[n]);
    }
    break;
  }
  return question;
}

std::string Simulator::Impl::stuck() {
  std::string text =
      "the accelerator stopped without an interrupt, at cycle " + std::to_string(board.accelerator.clock().now());
  const auto first = std::find(completed.begin(), completed.end(), UINT64_MAX);
  if (first != completed.end()) {
    const auto index = static_cast<size_t>(first - completed.begin());
    text += "; first command not completed: " + isa::disassemble(program->commands[index], static_cast<int>(index));
  }
  text += "; ";
  for (size_t u = 0; u < modules::kUnits; ++u) {
    const modules::UnitAccount& account = board.accelerator.account(static_cast<modules::Unit>(u));
    text += (u == 0 ? "" : ", ") + std::string(name_of(static_cast<modules::Unit>(u))) + " " +
            std::string(name_of(account.cause())) + " since cycle " + std::to_string(account.since());
  }
  return text;
}

/// Differs from what it was where anything has moved: a byte of the accelerator's or the host's, a register, a unit
/// from one cause to another. The load beside them does not count: it always goes on.
uint64_t Simulator::Impl::moved() {
  uint64_t sum = board.ddr.transactions() - board.traffic.pages() + board.accelerator.register_accesses();
  const MemoryStatistics memory = board.ddr.statistics();
  for (size_t port = 0; port < memory.bytes.size(); ++port)
    if (static_cast<MemoryPort>(port) != MemoryPort::kTraffic)
      for (const uint64_t bytes : memory.bytes[port]) sum += bytes;
  for (size_t u = 0; u < modules::kUnits; ++u) sum += board.accelerator.account(static_cast<modules::Unit>(u)).since();
  return sum;
}

/// Does a unit compute? That ends after a number of cycles, however large.
bool Simulator::Impl::works() {
  for (const modules::Unit unit : {modules::Unit::kPeArray, modules::Unit::kVector, modules::Unit::kSelector})
    if (board.accelerator.account(unit).cause() == modules::Cause::kBusy) return true;
  for (size_t u = 0; u < modules::kUnits; ++u)
    if (board.accelerator.account(static_cast<modules::Unit>(u)).cause() == modules::Cause::kInjected) return true;
  return false;
}

/// Longer than anything takes in which nothing moves: an access with all its latencies, a slot of the memory on chip,
/// a chunk of rows on the host.
uint64_t Simulator::Impl::patience_fs() const {
  const isa::AcceleratorConfig& hw = config.accel;
  const auto slot = static_cast<double>(std::max({hw.input_slot(), hw.weight_slot(), hw.output_slot()}));
  const double cycles = 200e3 + slot / config.buffers.chip_width + config.axi.read_latency_cycles +
                        config.axi.write_latency_cycles + config.axi.setup_cycles + 2.0 * config.axi.crossing_cycles +
                        config.control.decode_cycles;
  const double rows = static_cast<double>(config.cpu.rows_per_chunk) * std::max<double>(program->dim, 1);
  const double host_ns = rows * (config.cpu.layernorm_cycles_per_element + config.cpu.cache_cycles_per_line) * 1000 /
                             config.cpu.clock_mhz +
                         config.cpu.interrupt_ns + 8 * config.cpu.register_ns + 64e3 * 1000 / config.cpu.bus_mhz;
  const DdrConfig& d = config.ddr;
  const double memory_ns = config.axi.coherent_ns + 64e3 * 1000 / config.axi.path_mhz + d.controller_ns + d.t_rfc_ns +
                           100 * (d.t_rc_ns + d.t_rcd_ns + d.t_rp_ns + d.t_cl_ns + d.t_cwl_ns + d.t_wr_ns) +
                           20 * d.age_limit_ns + d.idle_switch_ns + d.page_timeout_ns +
                           64e3 * 1000 / (d.mega_transfers * d.bus_bytes);
  return static_cast<uint64_t>(4e6 * (cycles * 1000 / config.pl_clock_mhz + host_ns + memory_ns));
}

/// Until the host pauses the simulation, nothing can happen any more, or time passes in which nothing moves.
void Simulator::Impl::simulate() {
  const sc_core::sc_time patience = sc_core::sc_time::from_value(patience_fs());
  uint64_t before = 0;
  do {
    before = moved();
    sc_core::sc_start(patience);
  } while (sc_core::sc_get_status() == sc_core::SC_PAUSED && !board.host.finished() && (moved() != before || works()));
}

ImageResult Simulator::run(const ImageInput& input) {
  return run_batch(std::vector<ImageInput>(static_cast<size_t>(impl_->program->hw.batch), input));
}

ImageResult Simulator::run_batch(const std::vector<ImageInput>& batch) {
  Impl& s = *impl_;
  const auto begin = std::chrono::steady_clock::now();
  if (batch.size() != static_cast<size_t>(s.program->hw.batch))
    throw InputError("the program is for a batch of " + std::to_string(s.program->hw.batch) + ", not of " +
                     std::to_string(batch.size()));
  std::vector<HostCpu::Image> images;
  std::vector<modules::Decision> decisions;
  for (const ImageInput& input : batch) {
    if (s.board.accelerator.functional()) s.load_image(images.size(), input.pixels);
    if (s.board.accelerator.functional() && input.patches.size() != input.kept.size())
      throw InputError("functional mode needs to know which patches stay, not only how many");
    const size_t in_registers = std::min<size_t>(input.kept.size(), HEATVIT_KEEP_REGISTERS);
    images.push_back(
        {input.seed, {input.kept.begin(), input.kept.begin() + static_cast<std::ptrdiff_t>(in_registers)}});
    decisions.push_back({input.kept, input.patches});
  }
  s.board.accelerator.token_selector().decide(std::move(decisions));
  s.completed.assign(s.program->commands.size(), UINT64_MAX);
  const uint64_t registers_before = s.board.accelerator.register_accesses();
  s.board.host.schedule(*s.program, std::move(images));
  s.simulate();
  for (const std::exception_ptr& error : {s.board.accelerator.error(), s.board.host.error()})
    if (error) {
      clear_stack_marks();
      std::rethrow_exception(error);
    }
  if (!s.board.host.finished()) throw std::runtime_error(s.stuck());
  s.board.accelerator.check();

  ImageResult result;
  s.collect(result);
  result.memory = s.board.ddr.statistics();
  result.transactions = s.board.ddr.transactions() + s.board.accelerator.register_accesses() - registers_before;
  result.began_s = std::chrono::duration<double>(begin.time_since_epoch()).count();
  result.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

void Simulator::Impl::collect(ImageResult& r) {
  modules::Accelerator& accelerator = board.accelerator;
  const modules::RunRecord& run = accelerator.record();
  const size_t count = program->commands.size();
  r.cycles = accelerator.clock().edge_at_or_after(board.host.end_time());
  r.latency_ms = static_cast<double>(r.cycles) * 1e3 / accelerator.clock().hertz();
  for (size_t u = 0; u < modules::kUnits; ++u)
    accelerator.account(static_cast<modules::Unit>(u)).close(r.cycles, count - 1);
  completed[count - 1] = r.cycles;  // END includes the way of the interrupt
  r.commands.resize(count);
  uint64_t previous = 0;
  for (size_t i = 0; i < count; ++i) {
    CommandRecord& record = r.commands[i];
    const isa::Command& c = program->commands[i];
    record.block = c.block;
    record.op = isa::op_of(c);
    record.tokens = run.tokens_of_command[i];
    record.tokens_after = run.tokens_after_command[i];
    record.cycles = completed[i] - previous;
    previous = completed[i];
    for (size_t u = 0; u < modules::kUnits; ++u)
      record.units[u] = accelerator.account(static_cast<modules::Unit>(u)).commands()[i];
    const PurposeBytes& bytes = board.ddr.bytes_by_command()[i];
    record.bytes_in = bytes[static_cast<size_t>(Purpose::kInput)];
    record.bytes_weights = bytes[static_cast<size_t>(Purpose::kWeights)];
    record.bytes_out = bytes[static_cast<size_t>(Purpose::kOutput)];
    record.bytes_cpu = bytes[static_cast<size_t>(Purpose::kCpu)];
    record.bytes_chip = accelerator.chip_memory().bytes_by_command()[i];
    record.tiles = run.tiles_of_command[i];
    record.saturated = run.saturated_of_command[i];
    record.values = run.values_of_command[i];
    record.macs = isa::macs(c, record.tokens);
  }
  r.tiles = run.tiles;
  collect_images(r);
}

template <class T>
std::vector<int32_t> Simulator::Impl::values_at(uint32_t address, uint32_t bytes) {
  std::vector<T> values(bytes / sizeof(T));
  board.ddr.peek(address, values.data(), bytes);
  return {values.begin(), values.end()};
}

void Simulator::Impl::collect_images(ImageResult& r) {
  const auto images = static_cast<size_t>(program->hw.batch);
  r.others.resize(images - 1);
  std::vector<int> tokens(images, program->tokens);
  for (size_t i = 0; i < r.commands.size(); ++i) {
    const isa::Command& c = program->commands[i];
    const size_t own = c.image == 0 ? 0 : c.image - 1U;
    if (modules::operation_of(c).tokens == modules::TokenEffect::kMoves) tokens[own] = r.commands[i].tokens_after;
    for (size_t b = 0; b < images; ++b) {
      if (r.commands[i].op == isa::Op::kNorm1) r.image(b).tokens.push_back(tokens[b]);
      if (c.image == 0)
        r.image(b).macs += c.m.dynamic() ? isa::macs(c, tokens[b]) : r.commands[i].macs / images;
      else if (b == own)
        r.image(b).macs += r.commands[i].macs;
    }
  }
  const uint32_t bytes = program->logits.bytes / static_cast<uint32_t>(images);
  for (size_t b = 0; b < images; ++b) {
    ImageOutcome& image = r.image(b);
    image.kept_counts = board.accelerator.token_selector().kept_counts(static_cast<int>(b));
    if (!board.accelerator.functional()) continue;
    image.kept = board.accelerator.token_selector().kept(static_cast<int>(b));
    const uint32_t from = program->logits.address + static_cast<uint32_t>(b) * bytes;
    switch (program->logits_type) {
      case isa::Element::kInt8: image.logits = values_at<int8_t>(from, bytes); break;
      case isa::Element::kInt16: image.logits = values_at<int16_t>(from, bytes); break;
      default: image.logits = values_at<int32_t>(from, bytes);
    }
  }
}

}  // namespace heatvit::soc

#include "accel/modules/control_unit.h"

#include <utility>

#include "accel/modules/chain_walk.h"
#include "accel/modules/operation.h"

namespace heatvit::modules {

using isa::Opcode;

ControlUnit::ControlUnit(sc_core::sc_module_name name, const ControlConfig& config, Ports ports)
    : sc_module(name),
      registers("registers"),
      fetch_port("fetch_port"),
      interrupt("interrupt"),
      config_(config),
      ports_(std::move(ports)) {
  registers.register_b_transport(this, &ControlUnit::access_register);
  SC_THREAD(run);
  SC_THREAD(serve_host_commands);
  SC_THREAD(watch_rows);
}

void ControlUnit::run() {
  ports_.guard.run([this] {
    for (;;) {
      sc_core::wait(start_);
      run_list();
    }
  });
}

void ControlUnit::run_list() {
  std::vector<ImageSettings> images(batch_);
  for (uint32_t i = 0; i < batch_; ++i) {
    images[i].seed = banks_[i].seed;
    for (uint32_t keep : banks_[i].keep) {
      if (keep == HEATVIT_KEEP_COMMAND) break;
      images[i].forced_keep.push_back(static_cast<int>(keep));
    }
  }
  ports_.selector.reset(static_cast<int>(initial_tokens_), std::move(images));
  jobs_.clear();
  fetched_.clear();
  fetched_first_ = 0;
  chain_last_ = nullptr;
  ahead_.clear();
  ahead_end_ = 0;
  before_select_ = ports_.selector.tokens();
  for (uint32_t index = 0; index < list_count_; ++index) {
    for (; fetched_first_ < index && !fetched_.empty(); ++fetched_first_) fetched_.pop_front();
    const isa::CommandWords& encoded = words(index);
    ports_.account.enter(Cause::kBusy);
    const isa::Command command = isa::decode(encoded);
    ports_.clock.wait_cycles(static_cast<uint64_t>(config_.decode_cycles));
    if (command.opcode == Opcode::kEnd) {
      if (chain_last_ != nullptr) throw std::runtime_error("the command list ends within a chain");
      ports_.scoreboard.wait_for(static_cast<isa::Dependency>(index), ports_.account);
      ports_.scoreboard.complete(index);
      ports_.account.attribute(index);
      ports_.account.enter(Cause::kWaitCpu);
      status_ |= HEATVIT_STATUS_DONE;
      interrupt->write(true);
      return;
    }
    issue(command, index);
    ports_.account.attribute(index);
  }
  throw std::runtime_error("command list has no END within " + std::to_string(list_count_) + " commands");
}

const isa::CommandWords& ControlUnit::words(uint32_t index) {
  while (index >= fetched_first_ + fetched_.size()) fetch();
  return fetched_[index - fetched_first_];
}

void ControlUnit::fetch() {
  ports_.account.enter(Cause::kBusy);
  const auto first = fetched_first_ + static_cast<uint32_t>(fetched_.size());
  const uint32_t count = std::min(static_cast<uint32_t>(config_.fetch_batch), list_count_ - first);
  std::vector<isa::CommandWords> batch(count);
  BurstTrain train;
  train.address = list_base_ + first * isa::kCommandBytes;
  train.row_bytes = count * isa::kCommandBytes;
  train.purpose = Purpose::kCommands;
  train.command = first;
  tlm::tlm_generic_payload& payload = transaction_.prepare(train, reinterpret_cast<uint8_t*>(batch.data()));
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  fetch_port->b_transport(payload, delay);
  if (payload.is_response_error()) throw std::runtime_error("command list is not in DDR");
  fetched_.insert(fetched_.end(), batch.begin(), batch.end());
}

Job ControlUnit::decode_extents(const isa::Command& c, uint32_t index) {
  if (c.image > batch_)
    throw std::runtime_error("command " + std::to_string(index) + " is for image " + std::to_string(c.image) +
                             " of a batch of " + std::to_string(batch_));
  // All selections of a stage see the rows as the first of them found them; packing moves the rows.
  const TokenEffect effect = operation_of(c).tokens;
  if (effect == TokenEffect::kSets && c.image <= 1) before_select_ = ports_.selector.tokens();
  const TokenFile &now = ports_.selector.tokens(), &before = before_select_;
  const TokenFile& found = effect == TokenEffect::kNone ? now : before;
  const int image = c.image == 0 ? 0 : c.image - 1;
  Job job = c.image == 0 ? resolve(c, now.rows(), before.rows())
                         : resolve(c, found.of(image).tokens, before.of(image).tokens);
  job.index = job.chain_first = index;
  job.package = found.of(image).package;
  job.package_after = now.of(image).package;
  if (c.image == 0) return job;
  job.tokens_after = now.of(image).tokens;
  job.first_row = found.first_row(image);
  const auto rows = static_cast<uint32_t>(job.first_row), rows_after = static_cast<uint32_t>(now.first_row(image));
  job.first_row_after = now.first_row(image);
  if (c.a_behind) job.command.a.address += rows * c.a.pitch;
  if (c.b_behind) job.command.b.address += rows * c.b.pitch;
  if (c.c_behind) job.command.c.address += rows_after * c.c.pitch;
  return job;
}

namespace {

JobQueue& queue_of(const ControlUnit::Ports& ports, Unit unit) {
  switch (unit) {
    case Unit::kDmaIn: return ports.to_dma_in;
    case Unit::kDmaWeights: return ports.to_dma_weights;
    case Unit::kPeArray: return ports.to_pe;
    case Unit::kVector: return ports.to_vector;
    case Unit::kSelector: return ports.to_selector;
    case Unit::kDmaOut: return ports.to_dma_out;
    case Unit::kCpu: return ports.to_cpu;
    case Unit::kControl: break;
  }
  throw std::logic_error("the control unit hands no commands to itself");
}

/// What a unit is handed of a command and those chained to it: from the first that concerns it on. A GEMM concerns all
/// units that any behind it does; a packing neither the weight engine nor the vector unit, which take the LayerNorm
/// behind it as if it came alone.
const Job* part_of(const Job& first, Unit unit) {
  const Job* job = &first;
  while (job != nullptr && !operation_of(job->command).units.has(unit)) job = job->chained;
  return job;
}

/// Nothing to walk although there is a walk.
bool is_empty(const Job& job, Walk walk) {
  return walk != Walk::kNone && (job.m < 1 || job.n < 1 || (walk == Walk::kTiles && job.k < 1));
}

}  // namespace

void ControlUnit::issue(const isa::Command& c, uint32_t index) {
  jobs_.push_back(decode_extents(c, index));
  Job& job = jobs_.back();
  const Operation& operation = operation_of(c);
  ports_.record.tokens_of_command[index] = job.tokens;
  ports_.record.tokens_after_command[index] = job.tokens_after;
  if (is_empty(job, operation.walk))
    throw std::runtime_error("command " + std::to_string(index) + " has an empty extent at " +
                             std::to_string(job.tokens) + " tokens");

  ports_.scoreboard.issued(job);
  if (config_.overlap != Overlap::kAll)
    ports_.scoreboard.wait_for(static_cast<isa::Dependency>(index), ports_.account);  // all before this one
  if (chain_last_ != nullptr)
    chain(*chain_last_, job);
  else
    chain_first_ = &job;
  chain_last_ = c.chain ? &job : nullptr;
  if (c.chain) return;
  hand_out(*chain_first_);
  // What follows the selections of all images depends on the counts that they write.
  if (operation.tokens != TokenEffect::kSets || (c.image != 0 && c.image != batch_)) return;
  if (config_.prefetch && c.image == 0) load_ahead(index + 1);
  ports_.scoreboard.wait_for(static_cast<isa::Dependency>(index + 1), ports_.account);
}

void ControlUnit::chain(Job& last, Job& next) const {
  last.chained = &next;
  next.chain_first = last.chain_first;
  next.lag = last.lag + (operation_of(next.command).walk == Walk::kTiles ? config_.lag_of(next.command) : 0);
}

void ControlUnit::load_ahead(uint32_t index) {
  while (index + 1 < list_count_ && !ports_.to_dma_weights.full()) {
    // A command with all that are chained to it.
    const size_t begin = ahead_.size();
    for (bool chained = true; chained;) {
      if (index == list_count_) return;
      ports_.account.enter(Cause::kBusy);
      const isa::Command c = isa::decode(words(index));
      ports_.clock.wait_cycles(static_cast<uint64_t>(config_.decode_cycles));
      const TokenEffect effect = operation_of(c).tokens;
      if (effect == TokenEffect::kSets) return;
      ahead_.push_back(effect == TokenEffect::kNone ? decode_extents(c, index) : Job{});
      ahead_.back().index = index;
      if (effect == TokenEffect::kNone && !loads_are_known(ahead_.back(), ports_.input_loads_kv)) return;
      chained = c.chain;
      ++index;
    }
    for (size_t i = begin; i + 1 < ahead_.size(); ++i) chain(ahead_[i], ahead_[i + 1]);
    ahead_end_ = index;
    if (const Job* job = part_of(ahead_[begin], Unit::kDmaWeights)) ports_.to_dma_weights.push(*job, ports_.account);
  }
}

void ControlUnit::hand_out(const Job& first) {
  if (first.chained != nullptr) {
    if (!ports_.scoreboard.by_tile())
      throw std::runtime_error("command " + std::to_string(first.index) +
                               " leads a chain, but loads wait for whole operations");
    expect_chain(first);
  }
  UnitList units;
  for (const Job* job = &first; job != nullptr; job = job->chained)
    units = units.with(operation_of(job->command).units);
  for (const Unit unit : units)
    if (unit != Unit::kDmaWeights || first.index >= ahead_end_)
      queue_of(ports_, unit).push(*part_of(first, unit), ports_.account);
}

namespace {

/// The first rows of a host command's input.
BurstTrain leading_rows(const Job& job, uint32_t rows) {
  BurstTrain block;
  block.address = job.command.a.address;
  block.row_bytes = static_cast<uint32_t>(job.n * isa::bytes_of(job.command.a_type));
  block.rows = rows;
  block.pitch = job.command.a.pitch;
  return block;
}

}  // namespace

void ControlUnit::serve_host_commands() {
  ports_.guard.run([this] {
    for (;;) {
      const Job& job = ports_.to_cpu.front(ports_.cpu_account);
      const uint32_t index = job.index;
      ports_.scoreboard.wait_for(job, job.command.wait_a, leading_rows(job, 1), ports_.cpu_account);
      cpu_job_ = &job;
      cpu_readable_ = 0;
      ports_.cpu_account.enter(Cause::kBusy);
      ports_.scoreboard.set_host_busy(true);
      cpu_command_ = index;
      status_ |= HEATVIT_STATUS_CPU;
      interrupt->write(true);
      sc_core::wait(cpu_done_);
      ports_.cpu_account.attribute(index);
      ports_.to_cpu.pop();
      ports_.scoreboard.set_host_busy(false);
      ports_.scoreboard.complete(index);
    }
  });
}

void ControlUnit::watch_rows() {
  ports_.guard.run([this] {
    for (;;) {
      sc_core::wait(rows_wanted_);
      ports_.scoreboard.set_host_busy(false);
      ports_.scoreboard.wait_for(*cpu_job_, cpu_job_->command.wait_a, leading_rows(*cpu_job_, cpu_wanted_),
                                 ports_.cpu_account);
      ports_.cpu_account.enter(Cause::kBusy);
      ports_.scoreboard.set_host_busy(true);
      status_ |= HEATVIT_STATUS_ROWS;
      interrupt->write(true);
    }
  });
}

uint32_t ControlUnit::readable_rows() {
  // Rows arrive in order; the largest count that is there, by bisection.
  uint32_t none = static_cast<uint32_t>(cpu_job_->m) + 1;
  while (cpu_readable_ + 1 < none) {
    const uint32_t middle = (cpu_readable_ + none) / 2;
    if (ports_.scoreboard.ready(cpu_job_->command.wait_a, leading_rows(*cpu_job_, middle)))
      cpu_readable_ = middle;
    else
      none = middle;
  }
  return cpu_readable_;
}

void ControlUnit::notify_at_edge(sc_core::sc_event& event) {
  const uint64_t edge = ports_.clock.time_of(ports_.clock.now());
  event.notify(sc_core::sc_time::from_value(edge - sc_core::sc_time_stamp().value()));
}

void ControlUnit::access_register(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
  ++register_accesses_;
  auto* word = reinterpret_cast<uint32_t*>(payload.get_data_ptr());
  const auto offset = static_cast<uint32_t>(payload.get_address());
  bool ok = payload.get_data_length() == 4 && offset % 4 == 0;
  if (ok && payload.is_read())
    *word = read_register(offset);
  else if (ok)
    ok = write_register(offset, *word);
  payload.set_response_status(ok ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

uint32_t ControlUnit::read_register(uint32_t offset) {
  switch (offset) {
    case HEATVIT_STATUS: {
      const uint32_t status = status_;
      status_ = 0;
      interrupt->write(false);
      return status;
    }
    case HEATVIT_TOKENS: return static_cast<uint32_t>(ports_.selector.tokens().rows());
    case HEATVIT_CPU_COMMAND: return cpu_command_;
    case HEATVIT_CPU_ROWS: return cpu_job_ != nullptr ? readable_rows() : 0;
    default: break;
  }
  if (static_cast<int>(image_) >= ports_.selector.tokens().images()) return 0;
  const std::vector<int>& kept = ports_.selector.kept_counts(static_cast<int>(image_));
  if (offset == HEATVIT_STAGES) return static_cast<uint32_t>(kept.size());
  const uint32_t stage = (offset - HEATVIT_KEEP) / 4;
  return offset >= HEATVIT_KEEP && stage < kept.size() ? static_cast<uint32_t>(kept[stage]) : 0;
}

bool ControlUnit::write_register(uint32_t offset, uint32_t value) {
  switch (offset) {
    case HEATVIT_CONTROL:
      ports_.starting(list_count_);
      notify_at_edge(start_);
      return true;
    case HEATVIT_LIST_BASE: list_base_ = value; return true;
    case HEATVIT_LIST_COUNT: list_count_ = value; return true;
    case HEATVIT_TOKENS: initial_tokens_ = value; return true;
    case HEATVIT_SEED: banks_[image_].seed = value; return true;
    case HEATVIT_BATCH:
      if (value < 1 || value > isa::kMaxBatch) return false;
      batch_ = value;
      return true;
    case HEATVIT_IMAGE:
      if (value >= isa::kMaxBatch) return false;
      image_ = value;
      return true;
    case HEATVIT_CPU_DONE: notify_at_edge(cpu_done_); return true;
    case HEATVIT_CPU_ROWS: ports_.scoreboard.rows_stored(cpu_command_, value); return true;
    case HEATVIT_CPU_WANT:
      if (cpu_job_ == nullptr || value < 1 || value > static_cast<uint32_t>(cpu_job_->m)) return false;
      cpu_wanted_ = value;
      notify_at_edge(rows_wanted_);
      return true;
    default: break;
  }
  if (offset < HEATVIT_KEEP || offset >= HEATVIT_KEEP + 4 * HEATVIT_KEEP_REGISTERS) return false;
  banks_[image_].keep[(offset - HEATVIT_KEEP) / 4] = value;
  return true;
}

}  // namespace heatvit::modules

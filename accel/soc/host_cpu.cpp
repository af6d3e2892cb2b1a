#include "accel/soc/host_cpu.h"

#include <algorithm>

#include "accel/kernels/layernorm.h"

namespace heatvit::soc {

using modules::BurstTrain;
using modules::ClockDomain;

HostCpu::HostCpu(sc_core::sc_module_name name, const CpuConfig& config, bool functional, bool by_tile)
    : sc_module(name),
      registers("registers"),
      memory("memory"),
      interrupt("interrupt"),
      config_(config),
      functional_(functional),
      by_tile_(by_tile) {
  device_.context = this;
  device_.read = [](void* self, uint32_t offset) { return static_cast<HostCpu*>(self)->read_register(offset); };
  device_.write = [](void* self, uint32_t offset, uint32_t value) {
    static_cast<HostCpu*>(self)->write_register(offset, value);
  };
  SC_THREAD(run);
}

void HostCpu::schedule(const isa::Program& program, std::vector<Image> images) {
  program_ = &program;
  images_ = std::move(images);
  finished_ = false;
  scheduled_ = true;
  go_.notify(sc_core::SC_ZERO_TIME);
}

void HostCpu::run() {
  guard_.run([this] {
    for (;;) {
      while (!scheduled_) sc_core::wait(go_);  // the first image is scheduled before the kernel runs
      scheduled_ = false;
      run_batch();
      finished_ = true;
      sc_core::sc_pause();
    }
  });
}

void HostCpu::run_batch() {
  heatvit_job job{};
  job.list_base = program_->command_list.address;
  job.list_count = static_cast<uint32_t>(program_->commands.size());
  job.tokens = static_cast<uint32_t>(program_->tokens);
  std::vector<heatvit_image> images;
  for (const Image& image : images_)
    images.push_back({image.seed, image.keep.data(), static_cast<uint32_t>(image.keep.size())});
  job.images = static_cast<uint32_t>(images.size());
  job.image = images.data();
  heatvit_configure(&device_, &job);
  // The batch's time zero is the start write: every module and the refresh counter start from here.
  if (on_start_) on_start_(program_->commands.size());
  heatvit_start(&device_);
  for (;;) {
    await_interrupt();
    const uint64_t arrival = sc_core::sc_time_stamp().value();
    uint32_t command = 0, tokens = 0;
    switch (heatvit_handle_interrupt(&device_, &command, &tokens)) {
      case HEATVIT_EVENT_DONE: end_time_ = arrival; return;
      case HEATVIT_EVENT_HOST_COMMAND:
        layernorm(command, tokens);
        heatvit_complete_host_command(&device_);
        break;
      case HEATVIT_EVENT_ROWS:
      case HEATVIT_EVENT_NONE: sc_core::wait(sc_core::SC_ZERO_TIME); break;
    }
  }
}

void HostCpu::await_interrupt() {
  while (!interrupt.read()) sc_core::wait(interrupt.posedge_event());
  ClockDomain::wait_until(sc_core::sc_time_stamp().value() + static_cast<uint64_t>(config_.interrupt_ns * 1e6));
}

uint32_t HostCpu::await_rows(uint32_t rows) {
  uint32_t readable = heatvit_readable_rows(&device_);
  while (readable < rows) {
    heatvit_want_rows(&device_, rows);
    await_interrupt();
    uint32_t command = 0, tokens = 0;
    if (heatvit_handle_interrupt(&device_, &command, &tokens) == HEATVIT_EVENT_ROWS)
      readable = heatvit_readable_rows(&device_);
  }
  return readable;
}

namespace {

/// One row, in the type that the command says.
template <class In>
void normalise(modules::HostPath path, const isa::Command& c, const In* row, const isa::NormRecord* records,
               uint8_t* out) {
  const int n = c.n.fixed;
  const auto* words = reinterpret_cast<const uint64_t*>(records);
  if (c.c_type == isa::Element::kInt16)
    modules::on_host(
        path, [&] { kernels::layernorm_row(row, n, words, c.shift2, c.epsilon, reinterpret_cast<int16_t*>(out)); });
  else
    modules::on_host(
        path, [&] { kernels::layernorm_row(row, n, words, c.shift2, c.epsilon, reinterpret_cast<int8_t*>(out)); });
}

}  // namespace

void HostCpu::layernorm(uint32_t index, uint32_t tokens) {
  const isa::Command& c = program_->commands.at(index);
  const auto n = static_cast<uint32_t>(c.n.fixed), rows = static_cast<uint32_t>(c.m.at(static_cast<int>(tokens)));
  const bool wide = c.a_type == isa::Element::kInt16;
  const uint32_t row_bytes = n * (wide ? 2 : 1), out_bytes = n * static_cast<uint32_t>(isa::bytes_of(c.c_type));
  const bool data = functional_;
  records_.resize(n * sizeof(isa::NormRecord));
  BurstTrain fetch;
  fetch.address = c.records;
  fetch.row_bytes = static_cast<uint32_t>(records_.size());
  fetch.command = index;
  transfer(fetch, data ? records_.data() : nullptr);

  // Rows of a token's heads lie end to end, so a chunk is one run of bytes when the pitch is the row.
  const uint32_t chunk = std::max(1U, static_cast<uint32_t>(config_.rows_per_chunk) *
                                          (program_->dim > 0 ? static_cast<uint32_t>(program_->dim) / n : 1U));
  rows_.resize(size_t{chunk} * row_bytes);
  normed_.resize(size_t{chunk} * out_bytes);
  uint32_t readable = by_tile_ ? 0 : rows;
  for (uint32_t first = 0; first < rows; first += chunk) {
    const uint32_t count = std::min(chunk, rows - first);
    if (readable < first + count) readable = await_rows(first + count);
    BurstTrain in;
    in.address = c.a.address + first * c.a.pitch;
    in.row_bytes = row_bytes;
    in.rows = count;
    in.pitch = c.a.pitch;
    in.command = index;
    transfer(in, data ? rows_.data() : nullptr);
    if (data) {
      const auto* norm = reinterpret_cast<const isa::NormRecord*>(records_.data());
      for (uint32_t r = 0; r < count; ++r) {
        const uint8_t* row = rows_.data() + size_t{r} * row_bytes;
        uint8_t* out = normed_.data() + size_t{r} * out_bytes;
        if (wide)
          normalise(path_, c, reinterpret_cast<const int16_t*>(row), norm, out);
        else
          normalise(path_, c, reinterpret_cast<const int8_t*>(row), norm, out);
      }
    }
    const double lines = (double{1} * count * row_bytes + count * out_bytes) / 64.0;
    spend_cycles(count * n * config_.layernorm_cycles_per_element + lines * config_.cache_cycles_per_line);
    BurstTrain out;
    out.address = c.c.address + first * c.c.pitch;
    out.row_bytes = out_bytes;
    out.rows = count;
    out.pitch = c.c.pitch;
    out.command = index;
    out.write = true;
    transfer(out, data ? normed_.data() : nullptr);
    if (by_tile_ && first + count < rows) heatvit_report_rows(&device_, first + count);
  }
}

void HostCpu::spend_cycles(double cycles) const {
  ClockDomain::wait_until(sc_core::sc_time_stamp().value() + static_cast<uint64_t>(cycles * 1e9 / config_.clock_mhz));
}

void HostCpu::transfer(BurstTrain train, uint8_t* data) {
  train.purpose = modules::Purpose::kCpu;
  tlm::tlm_generic_payload& payload = transaction_.prepare(train, data);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  memory->b_transport(payload, delay);
  if (payload.is_response_error())
    throw std::runtime_error("host: address " + std::to_string(train.address) + " is not in DDR");
}

uint32_t HostCpu::read_register(uint32_t offset) {
  uint32_t value = 0;
  access_register(tlm::TLM_READ_COMMAND, offset, &value);
  return value;
}

void HostCpu::write_register(uint32_t offset, uint32_t value) {
  access_register(tlm::TLM_WRITE_COMMAND, offset, &value);
}

void HostCpu::access_register(tlm::tlm_command command, uint32_t offset, uint32_t* value) {
  tlm::tlm_generic_payload payload;
  payload.set_command(command);
  payload.set_address(offset);
  payload.set_data_ptr(reinterpret_cast<uint8_t*>(value));
  payload.set_data_length(4);
  payload.set_streaming_width(4);
  payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  ClockDomain::wait_until(sc_core::sc_time_stamp().value() + static_cast<uint64_t>(config_.register_ns * 1e6));
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  registers->b_transport(payload, delay);
  if (payload.is_response_error()) throw std::runtime_error("host: no register at offset " + std::to_string(offset));
}

}  // namespace heatvit::soc

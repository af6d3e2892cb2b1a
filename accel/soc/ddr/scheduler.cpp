#include "accel/soc/ddr/scheduler.h"

#include <algorithm>

namespace heatvit::soc::ddr {
namespace {

uint64_t to_clocks(double ns, const Timing& t) {
  return static_cast<uint64_t>(ns * 1e6 / static_cast<double>(t.clock_fs));
}

}  // namespace

Scheduler::Scheduler(const DdrConfig& config)
    : timing_(make_timing(config)),
      map_(config),
      pages_(make_page_policy(config, timing_)),
      arbiter_(make_arbiter(config)),
      config_(config),
      direction_(make_direction_policy(config, timing_)),
      device_(timing_, map_, *pages_),
      read_queue_(static_cast<uint32_t>(config.read_queue)),
      write_queue_(static_cast<uint32_t>(config.write_queue)),
      pipeline_(static_cast<uint32_t>(to_clocks(config.controller_ns, timing_))),
      window_(static_cast<size_t>(config.window)),
      column_clocks_(map_.lanes() > 1 ? timing_.ccd_s : timing_.ccd_l),
      miss_clocks_(timing_.rtp + timing_.rp + timing_.rcd),
      closing_(pages_->closes_at_once()),
      age_limit_(to_clocks(config.age_limit_ns, timing_)) {
  reset();
}

void Scheduler::reset() {
  device_.reset();
  direction_ = make_direction_policy(config_, timing_);
  arbiter_ = make_arbiter(config_);
  for (uint32_t port = 0; port < kMemoryPorts; ++port) precedence_[port] = arbiter_->precedence(port);
  reads_.clear();
  writes_.clear();
  read_columns_ = write_columns_ = 0;
  cursor_ = last_read_ = direction_since_ = decided_at_ = 0;
  next_refresh_ = timing_.refi;
  last_write_ = decided_ = decided_write_ = mixed_ports_ = false;
  last_port_ = 0;
  decision_ = kNever;
  chosen_ = 0;
}

uint32_t Scheduler::columns_of(const Request& r) const {
  const uint32_t shift = map_.block_shift();
  const auto blocks = [shift](uint64_t address, uint64_t bytes) {
    return static_cast<uint32_t>(((address + bytes - 1) >> shift) - (address >> shift) + 1);
  };
  if (r.write && r.pitch == r.bytes) return blocks(r.address, uint64_t{r.bytes} * r.rows);
  return blocks(r.address, r.bytes) * r.rows;
}

void Scheduler::admit(const Request& request, uint32_t columns) {
  mixed_ports_ = mixed_ports_ || request.port != last_port_;
  last_port_ = request.port;
  (request.write ? write_columns_ : read_columns_) += columns;
  const uint64_t block = request.address >> map_.block_shift();
  (request.write ? writes_ : reads_).push_back({request, map_.locate(block), block, columns});
  decided_ = false;
}

bool Scheduler::serve_at_once(const Request& r, uint32_t columns, uint64_t horizon, Served& served) {
  uint64_t start = std::max(cursor_, r.arrival);
  if (!reads_.empty() || closing_ || start >= next_refresh_ || direction_.writes_next(columns, write_columns_))
    return false;
  const uint64_t block = r.address >> map_.block_shift();
  if (!device_.is_ready(map_.locate(block), block, start)) start += miss_clocks_;
  if (last_write_) start += timing_.write_data() + timing_.wtr_l;
  if (start >= horizon) return false;
  if (last_write_) direction_since_ = std::max(cursor_, r.arrival);
  last_write_ = false;
  uint64_t first_burst = 0;
  const Placed placed = place(r, columns, std::max(r.arrival, direction_since_), false, first_burst);
  served = finish(r, placed, first_burst, columns);
  return true;
}

void Scheduler::decide() {
  decided_ = true;
  decision_ = kNever;
  if (empty()) return;
  const bool write = direction_.writes_next(read_columns_, write_columns_);
  const std::vector<Entry>& queue = write ? writes_ : reads_;
  uint64_t now = std::max(cursor_, queue.front().request.arrival);
  if (write && reads_.empty() && !last_write_) now = std::max(now, last_read_ + direction_.idle(write_columns_));
  while (now >= next_refresh_) {
    device_.refresh(next_refresh_);
    next_refresh_ += timing_.refi;
  }
  choose(queue, write, now);
}

/// The oldest where it has waited too long; else, within the window, the earliest column command; then the port whose
/// turn it is; then the oldest.
void Scheduler::choose(const std::vector<Entry>& queue, bool write, uint64_t now) {
  decided_write_ = write;
  decided_at_ = now;
  const size_t window = std::min(window_, queue.size());
  const bool aged = queue.front().request.arrival + age_limit_ < now;
  const size_t count = aged ? 1 : window;
  if (count == 1) {
    const Entry& only = queue.front();
    chosen_ = 0;
    decision_ = std::max(now, device_.estimate(only.at, write, floor_of(only, write, now)));
    return;
  }
  uint64_t best_class = kNever, best = kNever;
  for (size_t i = 0; i < count; ++i) {
    const Entry& e = queue[i];
    const uint64_t clock = std::max(now, device_.estimate(e.at, write, floor_of(e, write, now)));
    const uint32_t port = e.request.port;
    const uint64_t precedence = precedence_[port], key = clock << 4 | arbiter_->turn(port);
    if (precedence > best_class || (precedence == best_class && key >= best)) continue;
    best_class = precedence;
    best = key;
    chosen_ = i;
    decision_ = clock;
    if (clock <= now + 1 && !mixed_ports_) return;  // an older one that can go at once: none is before it
  }
}

/// Closed pages: does nobody else in the window want the row?
bool Scheduler::closes(const std::vector<Entry>& queue) const {
  if (!closing_) return false;
  const Location mine = queue[chosen_].at;
  for (size_t i = 0; i < std::min(window_, queue.size()); ++i) {
    const Location other = queue[i].at;
    if (i != chosen_ && other.bank == mine.bank && other.row == mine.row) return false;
  }
  return true;
}

Served Scheduler::serve() {
  if (!decided_) decide();
  std::vector<Entry>& queue = decided_write_ ? writes_ : reads_;
  const Entry entry = queue[chosen_];
  const bool write = decided_write_;
  const uint64_t floor = floor_of(entry, write, decided_at_);
  if (write != last_write_) direction_since_ = decided_at_;
  last_write_ = write;
  uint64_t first_burst = 0;
  const Placed placed = place(entry.request, entry.columns, floor, closes(queue), first_burst);
  queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(chosen_));
  (write ? write_columns_ : read_columns_) -= entry.columns;
  return finish(entry.request, placed, first_burst, entry.columns);
}

inline Served Scheduler::finish(const Request& r, const Placed& placed, uint64_t first_burst_end, uint32_t columns) {
  direction_.served(r.write, columns);
  arbiter_->granted(r.port);
  cursor_ = placed.last_cas + timing_.ccd_s;
  if (!r.write) last_read_ = placed.last_cas;
  decided_ = false;
  const uint64_t data = (r.write ? timing_.cwl : timing_.cl) + kBurstClocks + pipeline_;
  return {r.tag, r.write, r.arrival, first_burst_end + data, placed.last_cas + data};
}

/// Splits where stripes end.
Placed Scheduler::place_blocks(uint64_t block, uint32_t columns, bool write, uint64_t floor, bool close) {
  const uint64_t stripe = uint64_t{1} << map_.stripe_bits();
  Placed placed;
  for (bool first = true; columns > 0; first = false) {
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(columns, stripe - (block & (stripe - 1))));
    const Placed part = device_.place({block, count, 1, 0, write}, floor, close);
    if (first) placed.first_cas = part.first_cas;
    placed.last_cas = part.last_cas;
    block += count;
    columns -= count;
  }
  return placed;
}

/// `first_burst_end`: the column command that completes the first burst.
Placed Scheduler::place(const Request& r, uint32_t total, uint64_t floor, bool close, uint64_t& first_burst_end) {
  const uint32_t shift = map_.block_shift();
  const uint64_t start = r.address >> shift;
  const uint32_t in_block = map_.block_bytes() - 1;
  Placed placed;
  if (r.rows == 1 || (r.write && r.pitch == r.bytes)) {
    placed = place_blocks(start, total, r.write, floor, close);
  } else if ((r.pitch & in_block) == 0) {
    placed = place_rows({start, total / r.rows, r.rows, r.pitch >> shift, r.write}, floor, close);
  } else {
    for (uint32_t i = 0; i < r.rows; ++i) {
      const uint64_t address = r.address + uint64_t{i} * r.pitch;
      const auto columns = static_cast<uint32_t>(((address + r.bytes - 1) >> shift) - (address >> shift) + 1);
      const Placed part = place_blocks(address >> shift, columns, r.write, floor, close);
      if (i == 0) placed.first_cas = part.first_cas;
      placed.last_cas = part.last_cas;
    }
  }
  const uint64_t further = uint64_t{further_columns(r.address, r.first_bytes)} * column_clocks_;
  first_burst_end = std::min(placed.first_cas + further, placed.last_cas);
  return placed;
}

/// Splits where stripes end.
Placed Scheduler::place_rows(Run run, uint64_t floor, bool close) {
  const uint64_t in_stripe = (uint64_t{1} << map_.stripe_bits()) - 1;
  const uint32_t rows = run.rows;
  Placed placed;
  for (uint32_t done = 0; done < rows; done += run.rows) {
    const uint64_t begin = run.block & in_stripe, left = in_stripe + 1 - begin;
    run.rows = rows - done;
    Placed part;
    if (run.columns > left) {  // a row across the end
      run.rows = 1;
      part = place_blocks(run.block, run.columns, run.write, floor, close);
    } else {
      if (uint64_t{run.rows - 1} * run.stride + run.columns > left)
        run.rows = static_cast<uint32_t>(left - run.columns) / run.stride + 1;
      part = device_.place(run, floor, close);
    }
    if (done == 0) placed.first_cas = part.first_cas;
    placed.last_cas = part.last_cas;
    run.block += uint64_t{run.rows} * run.stride;
  }
  return placed;
}

}  // namespace heatvit::soc::ddr

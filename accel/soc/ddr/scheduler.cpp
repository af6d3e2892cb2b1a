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
      miss_clocks_(timing_.rtp + timing_.rp + timing_.rcd),
      closing_(pages_->closes_at_once()),
      age_limit_(to_clocks(config.age_limit_ns, timing_)) {
  reset();
}

void Scheduler::reset() {
  device_.reset();
  direction_ = make_direction_policy(config_, timing_);
  arbiter_ = make_arbiter(config_);
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
  if (r.write && r.pitch == r.bytes) return blocks(r.address, uint64_t{r.bytes} * r.bursts);
  return blocks(r.address, r.bytes) * r.bursts;
}

void Scheduler::admit(const Request& request, uint32_t columns) {
  mixed_ports_ = mixed_ports_ || request.port != last_port_;
  last_port_ = request.port;
  (request.write ? write_columns_ : read_columns_) += columns;
  (request.write ? writes_ : reads_).push_back({request, request.address >> map_.block_shift(), columns});
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
  uint64_t best_class = kNever, best = kNever;
  for (size_t i = 0; i < count; ++i) {
    const Entry& e = queue[i];
    const uint64_t clock = std::max(now, device_.estimate(e.block, write, floor_of(e, write, now)));
    const uint32_t port = e.request.port;
    const uint64_t precedence = arbiter_->precedence(port), key = clock << 4 | arbiter_->turn(port);
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
  if (!pages_->closes_at_once()) return false;
  const Location mine = map_.locate(queue[chosen_].block);
  for (size_t i = 0; i < std::min(window_, queue.size()); ++i) {
    const Location other = map_.locate(queue[i].block);
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
  const uint64_t start = r.address >> map_.block_shift();
  const uint32_t in_block = map_.block_bytes() - 1;
  const bool whole_blocks = ((r.pitch | r.address) & in_block) == 0;
  if (r.bursts == 1 || (r.pitch == r.bytes && (r.write || whole_blocks))) {
    const Placed placed = place_blocks(start, total, r.write, floor, close);
    const uint64_t share = r.bursts == 1 ? placed.last_cas - placed.first_cas
                                         : static_cast<uint32_t>(placed.last_cas - placed.first_cas) / r.bursts;
    first_burst_end = placed.first_cas + share;
    return placed;
  }
  const uint32_t columns = total / r.bursts, stride = r.pitch >> map_.block_shift();
  const uint64_t last_block = start + uint64_t{r.bursts - 1} * stride + columns - 1;
  if (whole_blocks && (start ^ last_block) >> map_.stripe_bits() == 0) {
    const Placed placed = device_.place({start, columns, r.bursts, stride, r.write}, floor, close);
    first_burst_end = placed.first_cas + uint64_t{columns - 1} * timing_.ccd_s;
    return placed;
  }
  Placed all;
  for (uint32_t i = 0; i < r.bursts; ++i) {
    const uint64_t address = r.address + uint64_t{i} * r.pitch;
    const uint64_t block = address >> map_.block_shift();
    const auto count = static_cast<uint32_t>(((address + r.bytes - 1) >> map_.block_shift()) - block + 1);
    const Placed placed = place_blocks(block, count, r.write, floor, close);
    if (i == 0) {
      all.first_cas = placed.first_cas;
      first_burst_end = placed.last_cas;
    }
    all.last_cas = placed.last_cas;
  }
  return all;
}

}  // namespace heatvit::soc::ddr

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
  reads_.clear();
  writes_.clear();
  read_columns_ = write_columns_ = 0;
  cursor_ = last_read_ = direction_since_ = decided_at_ = not_before_ = 0;
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

void Scheduler::admit(const Prepared& prepared, uint64_t arrival) {
  const Request& r = prepared.request;
  mixed_ports_ = mixed_ports_ || r.port != last_port_;
  last_port_ = r.port;
  (r.write ? write_columns_ : read_columns_) += prepared.columns;
  std::vector<Prepared>& queue = r.write ? writes_ : reads_;
  queue.push_back(prepared);
  queue.back().request.arrival = arrival;
  reconsider();
}

bool Scheduler::serve_at_once(const Prepared& entry, uint64_t arrival, uint64_t horizon, Served& served) {
  uint64_t start = std::max(cursor_, arrival);
  if (!reads_.empty() || closing_ || start >= next_refresh_ || direction_.writes_next(entry.columns, write_columns_))
    return false;
  if (!device_.is_ready(entry.at, entry.request.address >> map_.block_shift(), start)) start += miss_clocks_;
  if (last_write_) start += timing_.write_data() + timing_.wtr_l;
  if (start >= horizon) return false;
  if (last_write_) direction_since_ = std::max(cursor_, arrival);
  last_write_ = false;
  served = finish(entry, arrival, place(entry, std::max(arrival, direction_since_), false));
  return true;
}

uint64_t Scheduler::decide(uint64_t horizon) {
  if (empty()) return not_before_ = kNever;
  const bool write = direction_.writes_next(read_columns_, write_columns_);
  const std::vector<Prepared>& queue = write ? writes_ : reads_;
  uint64_t now = std::max(cursor_, queue.front().request.arrival);
  if (write && reads_.empty() && !last_write_) now = std::max(now, last_read_ + direction_.idle(write_columns_));
  if (now >= next_refresh_) next_refresh_ = device_.refresh(next_refresh_, now);
  if (now >= horizon) return not_before_ = now;
  choose(queue, write, now);
  decided_ = true;
  return decision_;
}

/// The oldest where it has waited too long; else, within the window, the earliest column command; then the port whose
/// turn it is; then the oldest.
void Scheduler::choose(const std::vector<Prepared>& queue, bool write, uint64_t now) {
  decided_write_ = write;
  decided_at_ = now;
  const size_t window = std::min(window_, queue.size());
  const bool aged = queue.front().request.arrival + age_limit_ < now;
  const size_t count = aged ? 1 : window;
  if (count == 1) {
    const Prepared& only = queue.front();
    chosen_ = 0;
    decision_ = std::max(now, device_.estimate(only.at, write, floor_of(only, write, now)));
    return;
  }
  uint64_t best_class = kNever, best = kNever;
  for (size_t i = 0; i < count; ++i) {
    const Prepared& e = queue[i];
    const uint64_t clock = std::max(now, device_.estimate(e.at, write, floor_of(e, write, now)));
    const uint32_t port = e.request.port;
    const uint64_t precedence = arbiter_.precedence(port), key = clock << 4 | arbiter_.turn(port);
    if (precedence > best_class || (precedence == best_class && key >= best)) continue;
    best_class = precedence;
    best = key;
    chosen_ = i;
    decision_ = clock;
    if (clock <= now + 1 && !mixed_ports_) return;  // an older one that can go at once: none is before it
  }
}

/// Closed pages: does nobody else in the window want the row?
bool Scheduler::closes(const std::vector<Prepared>& queue) const {
  if (!closing_) return false;
  const Location mine = queue[chosen_].at;
  for (size_t i = 0; i < std::min(window_, queue.size()); ++i) {
    const Location other = queue[i].at;
    if (i != chosen_ && other.bank == mine.bank && other.row == mine.row) return false;
  }
  return true;
}

Served Scheduler::serve() {
  if (!decided_) decide(kNever);
  std::vector<Prepared>& queue = decided_write_ ? writes_ : reads_;
  const Prepared& entry = queue[chosen_];
  const bool write = decided_write_;
  const uint64_t floor = floor_of(entry, write, decided_at_);
  if (write != last_write_) direction_since_ = decided_at_;
  last_write_ = write;
  (write ? write_columns_ : read_columns_) -= entry.columns;
  const Served served = finish(entry, entry.request.arrival, place(entry, floor, closes(queue)));
  queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(chosen_));
  return served;
}

inline Served Scheduler::finish(const Prepared& entry, uint64_t arrival, const Placed& placed) {
  const Request& r = entry.request;
  direction_.served(r.write, entry.columns);
  arbiter_.granted(r.port);
  cursor_ = placed.last_cas + timing_.ccd_s;
  if (!r.write) last_read_ = placed.last_cas;
  reconsider();
  const uint64_t data = (r.write ? timing_.cwl : timing_.cl) + kBurstClocks + pipeline_;
  // The column command that completes the first burst.
  const uint64_t further = uint64_t{further_columns(r.address, r.first_bytes)} * column_clocks_;
  const uint64_t first_burst_end = std::min(placed.first_cas + further, placed.last_cas);
  return {r.tag, r.write, arrival, first_burst_end + data, placed.last_cas + data};
}

inline Placed Scheduler::place(const Prepared& entry, uint64_t floor, bool close) {
  const Request& r = entry.request;
  const uint32_t shift = map_.block_shift();
  const uint64_t block = r.address >> shift;
  if (r.rows == 1 || (r.write && r.pitch == r.bytes))
    return place_blocks({block, entry.columns, 1, 0, r.write}, entry.at, floor, close);
  if ((r.pitch & (map_.block_bytes() - 1)) == 0)
    return place_rows({block, further_columns(r.address, r.bytes) + 1, r.rows, r.pitch >> shift, r.write}, entry.at,
                      floor, close);
  return place_pieces(r, entry.at, floor, close);
}

/// Splits where stripes end.
inline Placed Scheduler::place_blocks(Run run, Location at, uint64_t floor, bool close) {
  const uint64_t in_stripe = (uint64_t{1} << map_.stripe_bits()) - 1;
  uint64_t left = in_stripe + 1 - (run.block & in_stripe);
  if (run.columns <= left) return device_.place(run, at, floor, close);
  Placed placed;
  uint32_t columns = run.columns;
  for (bool first = true; columns > 0; first = false, left = in_stripe + 1) {
    run.columns = static_cast<uint32_t>(std::min<uint64_t>(columns, left));
    const Placed part = device_.place(run, first ? at : map_.locate(run.block), floor, close);
    if (first) placed.first_cas = part.first_cas;
    placed.last_cas = part.last_cas;
    run.block += run.columns;
    columns -= run.columns;
  }
  return placed;
}

/// Rows that begin anywhere within blocks: most follow each other in one stripe.
[[gnu::noinline]] Placed Scheduler::place_pieces(const Request& r, const Location& at, uint64_t floor, bool close) {
  const uint32_t shift = map_.block_shift();
  Placed placed;
  for (uint32_t done = 0; done < r.rows;) {
    const uint64_t address = r.address + uint64_t{done} * r.pitch, block = address >> shift;
    const auto columns = static_cast<uint32_t>(((address + r.bytes - 1) >> shift) - block + 1);
    const Placed part =
        place_blocks({block, columns, 1, 0, r.write}, done == 0 ? at : map_.locate(block), floor, close);
    if (done == 0) placed.first_cas = part.first_cas;
    ++done;
    if (!close) done += device_.place_following({address + r.pitch, r.bytes, r.pitch, r.rows - done, r.write});
  }
  placed.last_cas = device_.last_cas();
  return placed;
}

/// Splits where stripes end.
[[gnu::noinline]] Placed Scheduler::place_rows(Run run, const Location& at, uint64_t floor, bool close) {
  const uint64_t in_stripe = (uint64_t{1} << map_.stripe_bits()) - 1;
  const uint32_t rows = run.rows;
  Placed placed;
  for (uint32_t done = 0; done < rows; done += run.rows) {
    const uint64_t begin = run.block & in_stripe, left = in_stripe + 1 - begin;
    const Location here = done == 0 ? at : map_.locate(run.block);
    run.rows = rows - done;
    Placed part;
    if (run.columns > left) {  // a row across the end
      run.rows = 1;
      part = place_blocks({run.block, run.columns, 1, 0, run.write}, here, floor, close);
    } else {
      if (uint64_t{run.rows - 1} * run.stride + run.columns > left)
        run.rows = static_cast<uint32_t>(left - run.columns) / run.stride + 1;
      part = device_.place(run, here, floor, close);
    }
    if (done == 0) placed.first_cas = part.first_cas;
    placed.last_cas = part.last_cas;
    run.block += uint64_t{run.rows} * run.stride;
  }
  return placed;
}

}  // namespace heatvit::soc::ddr

#include "tb/run_sim/workers.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "accel/isa/errors.h"
#include "tb/config/transfer.h"
#include "tb/explore/process_pool.h"

namespace heatvit::tb {
namespace {

/// One list of fields for both directions (transfer.h).
template <typename Stream, typename Result>
void transfer(Stream& stream, Result& r) {
  stream(r.cycles, r.latency_ms, r.commands, r.memory, r.tiles, r.transactions, r.began_s, r.wall_s);
  size_t images = r.images();
  stream(images);
  if (images < 1 || images > isa::kMaxBatch) throw std::runtime_error("a worker's result has a broken batch");
  if constexpr (!std::is_const_v<Result>) r.others.resize(images - 1);
  for (size_t i = 0; i < images; ++i) {
    auto& image = r.image(i);
    stream(image.logits, image.tokens, image.kept_counts, image.kept, image.macs);
  }
}

soc::ImageResult rest_of(ByteReader& reader) {
  soc::ImageResult result;
  transfer(reader, result);
  reader.expect_end();
  return result;
}

}  // namespace

double Elapsed::add(double begin, double end) {
  double fresh = end - begin, first = begin, last = end;
  auto other = covered_.upper_bound(begin);
  if (other != covered_.begin() && std::prev(other)->second >= begin) --other;
  while (other != covered_.end() && other->first <= end) {
    fresh -= std::min(end, other->second) - std::max(begin, other->first);
    first = std::min(first, other->first), last = std::max(last, other->second);
    other = covered_.erase(other);
  }
  covered_[first] = last;
  return std::max(fresh, 0.0);
}

std::string serialise(const soc::ImageResult& result) {
  ByteWriter writer;
  transfer(writer, result);
  return writer.take();
}

soc::ImageResult deserialise(const std::string& bytes) {
  ByteReader reader(bytes);
  return rest_of(reader);
}

void run_jobs(size_t count, int jobs, const MakeSimulate& make, const TakeResult& take, bool apart) {
  const size_t step = std::min(count, static_cast<size_t>(jobs));
  Elapsed elapsed;
  std::map<size_t, soc::ImageResult> early;  // those behind one that is still simulated
  size_t next = 0;
  const auto hand_on = [&](size_t index, soc::ImageResult&& result) {
    result.wall_s = elapsed.add(result.began_s, result.began_s + result.wall_s);
    early.emplace(index, std::move(result));
    for (auto first = early.begin(); first != early.end() && first->first == next; first = early.erase(first), ++next)
      take(next, std::move(first->second));
  };
  if (step <= 1 && !apart) {
    const Simulate simulate = make();
    for (size_t index = 0; index < count; ++index) hand_on(index, simulate(index));
    return;
  }
  explore::ChildWork work;
  work.run = [&](size_t first, const explore::Send& send) {
    const Simulate simulate = make();
    for (size_t index = first; index < count; index += step) {
      ByteWriter writer;
      writer(index);
      const soc::ImageResult result = simulate(index);
      transfer(writer, result);
      send(writer.take());
    }
  };
  work.on_message = [&](size_t, const std::string& bytes) {
    ByteReader reader(bytes);
    size_t index = 0;
    reader(index);
    hand_on(index, rest_of(reader));
  };
  work.on_end = [](size_t, const explore::ChildEnd& end) { explore::expect_done(end); };
  explore::run_in_children(step, jobs, work);
}

}  // namespace heatvit::tb

#include "tb/run_sim/workers.h"

#include <algorithm>
#include <stdexcept>

#include "accel/isa/errors.h"
#include "tb/config/transfer.h"
#include "tb/explore/process_pool.h"

namespace heatvit::tb {
namespace {

/// One list of fields for both directions (transfer.h).
template <typename Stream, typename Result>
void transfer(Stream& stream, Result& r) {
  stream(r.cycles, r.latency_ms, r.commands, r.memory, r.tiles, r.transactions, r.wall_s);
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
  if (step <= 1 && !apart) {
    const Simulate simulate = make();
    for (size_t index = 0; index < count; ++index) take(index, simulate(index));
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
    take(index, rest_of(reader));
  };
  work.on_end = [](size_t, const explore::ChildEnd& end) { explore::expect_done(end); };
  explore::run_in_children(step, jobs, work);
}

}  // namespace heatvit::tb

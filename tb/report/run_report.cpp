#include "tb/report/run_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/zoo/zoo.h"
#include "tb/config/transfer.h"

namespace heatvit::tb {

BreakdownRow& BreakdownRow::operator+=(const BreakdownRow& other) {
  soc::Counters::operator+=(other);
  values += other.values;
  bound += other.bound;
  return *this;
}

RunReport::RunReport(std::string model, std::string mode, int depth, nlohmann::ordered_json config, size_t images)
    : model_(std::move(model)), mode_(std::move(mode)), depth_(depth), config_(std::move(config)), images_(images) {}

namespace {

/// One list of fields for both directions (transfer.h).
template <typename Stream, typename Image>
void transfer_image(Stream& stream, Image& image) {
  stream(image.tokens, image.kept_counts, image.kept, image.macs, image.name, image.label, image.top, image.first,
         image.batch, image.cycles, image.latency_ms, image.counters, image.bound, image.class_logits);
}

template <typename Stream, typename Part>
void transfer_sums(Stream& stream, Part& part) {
  stream(part.rows, part.order, part.memory, part.wall_s, part.transactions, part.tiles);
}

}  // namespace

RunPart& RunPart::operator+=(RunPart&& other) {
  images.merge(other.images);
  for (const RowKey& key : other.order) {
    const auto [row, is_new] = rows.try_emplace(key, other.rows.at(key));
    if (is_new) {
      order.push_back(key);
    } else {
      row->second += other.rows.at(key);
    }
  }
  for (size_t port = 0; port < memory.bytes.size(); ++port)
    for (size_t purpose = 0; purpose < memory.bytes[port].size(); ++purpose)
      memory.bytes[port][purpose] += other.memory.bytes[port][purpose];
  memory.row_hits += other.memory.row_hits;
  memory.row_misses += other.memory.row_misses;
  memory.refreshes += other.memory.refreshes;
  if (other.memory.bin_ns > 0) {
    memory.bin_ns = other.memory.bin_ns;
    memory.bytes_in_bin = other.memory.bytes_in_bin;
  }
  wall_s += other.wall_s;
  transactions += other.transactions;
  tiles += other.tiles;
  return *this;
}

std::string RunPart::bytes() const {
  ByteWriter writer;
  transfer_sums(writer, *this);
  writer(images.size());
  for (const auto& [place, image] : images) {
    writer(place);
    transfer_image(writer, image);
  }
  return writer.take();
}

RunPart RunPart::from(const std::string& bytes) {
  RunPart part;
  ByteReader reader(bytes);
  transfer_sums(reader, part);
  size_t images = 0;
  reader(images);
  for (; images > 0; --images) {
    size_t place = 0;
    reader(place);
    transfer_image(reader, part.images[place]);
  }
  reader.expect_end();
  return part;
}

RunPart RunReport::part(size_t first, const std::vector<ImageName>& names, soc::ImageResult&& result,
                        const std::vector<estimate::LowerBound>& bounds) const {
  RunPart part;
  soc::Counters counters;
  for (size_t i = 0; i < result.commands.size(); ++i) {
    const soc::CommandRecord& command = result.commands[i];
    const RunPart::RowKey key{command.block, command.op};
    const auto [row, is_new] = part.rows.try_emplace(key);
    if (is_new) {
      part.order.push_back(key);
      row->second.block = command.block;
      row->second.op = command.op;
    }
    row->second.soc::Counters::operator+=(command);
    row->second.values += command.values;
    counters += command;
    if (i < bounds.size()) row->second.bound += bounds[i];
  }
  part.memory = result.memory;
  if (first != 0) {
    part.memory.bin_ns = 0;
    part.memory.bytes_in_bin = {};
  }
  part.wall_s = result.wall_s;
  part.transactions = result.transactions;
  part.tiles = result.tiles;
  for (size_t i = 0; i < names.size(); ++i) {
    ImageReport& image = part.images[first + i];
    static_cast<soc::ImageOutcome&>(image) = std::move(result.image(i));
    image.name = names[i].name;
    image.label = names[i].label;
    if (has_classes()) image.top = top_classes(image.logits);
    if (keep_logits_)
      for (const int32_t logit : image.logits)
        image.class_logits.push_back(feature_scale_ ? *feature_scale_ * logit : logit_value(logit));
    image.logits = {};
    image.first = first;
    image.batch = names.size();
    image.cycles = result.cycles;
    image.latency_ms = result.latency_ms;
    image.counters = counters;
    image.bound = estimate::total(bounds);
  }
  return part;
}

void RunReport::add(RunPart&& part) {
  for (auto& [place, image] : part.images) images_.at(place) = std::move(image);
  part.images.clear();
  sums_ += std::move(part);
}

std::string logits_npy(const RunReport& report) {
  std::vector<std::vector<float>> rows;
  for (const ImageReport& image : report.images()) {
    rows.emplace_back();
    for (const double logit : image.class_logits) rows.back().push_back(static_cast<float>(logit));
  }
  return logits_npy(rows);
}

std::string logits_npy(const std::vector<std::vector<float>>& rows) {
  const size_t classes = rows.empty() ? 0 : rows.front().size();
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows.size()) + ", " +
                       std::to_string(classes) + "), }";
  constexpr size_t kAlignment = 64, kMagic = 10;  // of the data; "\x93NUMPY", version, length
  header.resize((kMagic + header.size()) / kAlignment * kAlignment + kAlignment - kMagic - 1, ' ');
  header += '\n';
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size() & 0xFF);
  text += static_cast<char>(header.size() >> 8);
  text += header;
  for (const std::vector<float>& row : rows)
    text.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
  return text;
}

std::vector<BreakdownRow> RunReport::rows() const {
  std::vector<BreakdownRow> rows;
  for (const auto& key : sums_.order) rows.push_back(sums_.rows.at(key));
  return rows;
}

std::vector<BreakdownRow> RunReport::rows_by_op() const {
  std::vector<BreakdownRow> sums;
  for (const BreakdownRow& row : rows()) {
    auto sum = std::find_if(sums.begin(), sums.end(), [&](const BreakdownRow& s) { return s.op == row.op; });
    if (sum == sums.end()) {
      sums.push_back(row);
    } else {
      *sum += row;
    }
  }
  return sums;
}

BreakdownRow RunReport::total() const {
  BreakdownRow sum;
  for (const BreakdownRow& row : rows()) sum += row;
  return sum;
}

std::optional<soc::PowerReport> RunReport::power() const {
  if (!hardware_) return std::nullopt;
  const auto images = static_cast<double>(images_.size());
  const BreakdownRow sum = total();
  soc::Activity activity;
  activity.latency_ms = ms_per_image();
  for (size_t u = 0; u < sum.units.size(); ++u)
    activity.busy[u] = static_cast<double>(sum.units[u][static_cast<size_t>(modules::Cause::kBusy)]) / images;
  soc::add_bytes(activity, static_cast<double>(sum.bytes_in) / images, static_cast<double>(sum.bytes_weights) / images,
                 static_cast<double>(sum.bytes_out) / images, static_cast<double>(sum.bytes_cpu) / images);
  activity.chip_bytes = static_cast<double>(sum.bytes_chip) / images;
  if (mode_ == "analytic") {
    soc::estimate_memory(hardware_->config, activity);
  } else {
    activity.row_openings = static_cast<double>(memory().row_misses) / images;
    activity.refreshes = static_cast<double>(memory().refreshes) / images;
  }
  return soc::power_of(hardware_->config, activity);
}

estimate::LowerBound RunReport::bound() const {
  estimate::LowerBound sum;
  for (const ImageReport& image : images_) sum += image.bound;
  const uint64_t images = images_.size();
  return {sum.compute_ps / images, sum.memory_ps / images, sum.cpu_ps / images};
}

int RunReport::block_number(uint8_t block) const { return block == isa::kHeadBlock ? depth_ + 1 : block; }

bool RunReport::labelled() const {
  return std::all_of(images_.begin(), images_.end(),
                     [](const ImageReport& i) { return i.label >= 0 && !i.top.empty(); });
}

double RunReport::top(size_t n) const {
  const auto right = std::count_if(images_.begin(), images_.end(), [n](const ImageReport& image) {
    const auto end = image.top.begin() + static_cast<std::ptrdiff_t>(std::min(n, image.top.size()));
    return std::any_of(image.top.begin(), end, [&](const TopClass& c) { return c.index == image.label; });
  });
  return static_cast<double>(right) / static_cast<double>(images_.size());
}

LatencySummary RunReport::latency() const {
  std::vector<double> sorted;
  for (const ImageReport& image : images_) sorted.push_back(image.latency_ms);
  std::sort(sorted.begin(), sorted.end());
  const long double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0L);
  return {static_cast<double>(sum / static_cast<long double>(sorted.size())), percentile(sorted, 50),
          percentile(sorted, 95), percentile(sorted, 99), sorted.back()};
}

double RunReport::gmacs_mean() const {
  uint64_t macs = 0;
  for (const ImageReport& image : images_) macs += image.macs;
  return static_cast<double>(macs) / 1e9 / static_cast<double>(images_.size());
}

double RunReport::ms_per_image() const {
  long double sum = 0;  // as in latency(), which this is where batches have one image
  std::vector<double> sorted;
  for (const ImageReport& image : images_) sorted.push_back(image.own_ms());
  std::sort(sorted.begin(), sorted.end());
  for (const double ms : sorted) sum += ms;
  return static_cast<double>(sum / static_cast<long double>(images_.size()));
}

double RunReport::fps() const {
  const double mean = ms_per_image();
  return mean > 0 ? 1000.0 / mean : 0;
}

size_t RunReport::batches() const {
  size_t count = 0;
  for (size_t i = 0; i < images_.size(); ++i) count += images_[i].first == i ? 1 : 0;
  return count;
}

bool RunReport::batched() const {
  return std::any_of(images_.begin(), images_.end(), [](const ImageReport& image) { return image.batch > 1; });
}

std::vector<TopClass> top_classes(const std::vector<int32_t>& logits) {
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t count = std::min<size_t>(5, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(), [&](int a, int b) {
    const int32_t left = logits[static_cast<size_t>(a)];
    const int32_t right = logits[static_cast<size_t>(b)];
    return left != right ? left > right : a < b;
  });
  std::vector<TopClass> top;
  for (size_t i = 0; i < count; ++i) top.push_back({order[i], logits[static_cast<size_t>(order[i])] / 65536.0});
  return top;
}

double percentile(const std::vector<double>& sorted, double percent) {
  const double rank = std::ceil(percent / 100.0 * static_cast<double>(sorted.size()));
  return sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

}  // namespace heatvit::tb

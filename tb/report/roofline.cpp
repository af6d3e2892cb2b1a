#include "tb/report/roofline.h"

#include <algorithm>
#include <cmath>

#include "accel/isa/errors.h"
#include "tb/config/numbers.h"
#include "tb/config/text_table.h"

namespace heatvit::tb {
namespace {

constexpr double kWidth = 900, kHeight = 540, kLeft = 80, kRight = 30, kTop = 50, kBottom = 60;

/// A logarithmic axis over whole decades.
class Decades {
 public:
  Decades(double least, double most, double from, double to)
      : low_(std::floor(std::log10(least))),
        high_(std::max(low_ + 1, std::ceil(std::log10(most)))),
        from_(from),
        to_(to) {}
  double place(double value) const { return from_ + (std::log10(value) - low_) / (high_ - low_) * (to_ - from_); }
  double least() const { return std::pow(10, low_); }
  double most() const { return std::pow(10, high_); }

 private:
  double low_, high_, from_, to_;
};

std::string text(double x, double y, const char* anchor, const std::string& words) {
  return "<text x=\"" + fixed(x, 1) + "\" y=\"" + fixed(y, 1) + "\" text-anchor=\"" + anchor + "\">" + words +
         "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, const char* look) {
  return "<line x1=\"" + fixed(x1, 1) + "\" y1=\"" + fixed(y1, 1) + "\" x2=\"" + fixed(x2, 1) + "\" y2=\"" +
         fixed(y2, 1) + "\" " + look + "/>\n";
}

/// Cycles that an operation held the array: all of the array's own but those before it had anything to do.
double held_cycles(const BreakdownRow& row) {
  const modules::CauseCounts& pe = row.units[static_cast<size_t>(modules::Unit::kPeArray)];
  return static_cast<double>(modules::sum(pe) - pe[static_cast<size_t>(modules::Cause::kWaitCommand)]);
}

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  bool overlaps(const Box& o) const { return left < o.right && o.left < right && top < o.bottom && o.top < bottom; }
  bool within(const Box& o) const { return left >= o.left && right <= o.right && top >= o.top && bottom <= o.bottom; }
};

/// Places labels beside their points so that none covers another, a point or the edge.
class Labels {
 public:
  void keep_clear(double x, double y, double radius) {
    taken_.push_back({x - radius, y - radius, x + radius, y + radius});
  }

  /// The label of the point; with a line to it where it had to go far away.
  std::string place(double x, double y, const std::string& words) {
    const double width = kCharacter * static_cast<double>(words.size());
    for (const double distance : {10.0, 24.0, 40.0, 60.0, 85.0, 115.0, 150.0, 190.0}) {
      for (int step = 0; step < kDirections; ++step) {
        const double angle = 2 * M_PI * step / kDirections;  // to the right first
        const double cx = x + distance * std::cos(angle), cy = y + distance * std::sin(angle);
        const bool leftwards = std::cos(angle) < -0.3, centred = std::abs(std::cos(angle)) <= 0.3;
        const double from = centred ? cx - width / 2 : leftwards ? cx - width : cx;
        const Box box = {from, cy - 8, from + width, cy + 6};
        const auto hits = [&box](const Box& other) { return box.overlaps(other); };
        if (!box.within({kLeft + 2, kTop + 2, kWidth - kRight - 2, kHeight - kBottom - 2})) continue;
        if (std::any_of(taken_.begin(), taken_.end(), hits)) continue;
        taken_.push_back(box);
        const std::string lead = distance > 30 ? line(x, y, cx, cy, "stroke=\"#999\" stroke-width=\"0.7\"") : "";
        return lead + text(from, cy + 4, "start", words);
      }
    }
    return "";  // the point's title has it
  }

 private:
  static constexpr double kCharacter = 7.4;  // 13 pixels high
  static constexpr int kDirections = 16;
  std::vector<Box> taken_;
};

std::string grid(const Decades& x, const Decades& y) {
  std::string svg;
  for (double v = x.least(); v <= x.most() * 1.001; v *= 10) {
    svg += line(x.place(v), kTop, x.place(v), kHeight - kBottom, "stroke=\"#ddd\"");
    svg += text(x.place(v), kHeight - kBottom + 20, "middle", number_text(v));
  }
  for (double v = y.least(); v <= y.most() * 1.001; v *= 10) {
    svg += line(kLeft, y.place(v), kWidth - kRight, y.place(v), "stroke=\"#ddd\"");
    svg += text(kLeft - 8, y.place(v) + 4, "end", number_text(v));
  }
  svg += text((kLeft + kWidth - kRight) / 2, kHeight - 15, "middle", "MAC a byte moved between DDR and the board");
  return svg + "<g transform=\"rotate(-90 22 " + fixed(kHeight / 2, 0) + ")\">" +
         text(22, kHeight / 2, "middle", "GMAC/s") + "</g>\n";
}

}  // namespace

double Roofline::roof(double intensity) const { return std::min(array_gmacs, intensity * memory_gbs); }

Roofline roofline_of(const RunReport& report) {
  if (!report.hardware()) throw InputError("a roofline needs the hardware that ran");
  const soc::SocConfig& config = report.hardware()->config;
  const auto bytes_a_cycle = [&config](int count, modules::Purpose purpose) {
    return count * config.axi.bytes_of(purpose);
  };
  const double ports = 1e-3 * config.pl_clock_mhz *
                       (bytes_a_cycle(config.dma.input_ports, modules::Purpose::kInput) +
                        bytes_a_cycle(config.dma.weight_ports, modules::Purpose::kWeights) +
                        bytes_a_cycle(config.dma.output_ports, modules::Purpose::kOutput));
  const double bus = estimate::peak_bytes(config) * 1e-9;
  Roofline roofline;
  roofline.array_gmacs = estimate::peak_macs(config) * 1e-9;
  roofline.memory_gbs = std::min(ports, bus);
  roofline.memory_name = ports < bus ? "memory ports" : "DDR bus";
  const auto add = [&](const std::string& name, const BreakdownRow& row, double cycles) {
    if (row.macs == 0 || row.bytes() == 0) return;
    const auto macs = static_cast<double>(row.macs), bytes = static_cast<double>(row.bytes());
    const double ns =
        std::max({cycles * 1e3 / config.pl_clock_mhz, bytes / roofline.memory_gbs, macs / roofline.array_gmacs});
    roofline.points.push_back({name, macs / bytes, macs / ns});
  };
  for (const BreakdownRow& row : report.rows_by_op()) add(std::string(isa::name_of(row.op)), row, held_cycles(row));
  const BreakdownRow total = report.total();
  add(report.batched() ? "whole batch" : "whole image", total, static_cast<double>(total.cycles));
  return roofline;
}

nlohmann::ordered_json roofline_json(const RunReport& report) {
  const Roofline roofline = roofline_of(report);
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  for (const RooflinePoint& p : roofline.points)
    points.push_back({{"op", p.name}, {"macs_per_byte", p.intensity}, {"gmacs", p.gmacs}});
  return {{"array_gmacs", roofline.array_gmacs},
          {"memory_gbs", roofline.memory_gbs},
          {"memory", roofline.memory_name},
          {"points", std::move(points)}};
}

std::string roofline_svg(const RunReport& report) {
  const Roofline roofline = roofline_of(report);
  const double roof = roofline.array_gmacs, slope = roofline.memory_gbs, knee = roof / slope;
  double left = knee, right = knee, low = roof;
  for (const RooflinePoint& p : roofline.points) {
    left = std::min(left, p.intensity);
    right = std::max(right, p.intensity);
    low = std::min(low, p.gmacs);
  }
  const Decades x(left, right * 1.01, kLeft, kWidth - kRight), y(low, roof * 1.01, kHeight - kBottom, kTop);
  const double foot = std::max(x.least(), y.least() / slope);
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 540\" font-family=\"sans-serif\" "
      "font-size=\"13\">\n<rect width=\"900\" height=\"540\" fill=\"white\"/>\n";
  svg += grid(x, y);
  svg += text(kWidth / 2, 24, "middle",
              report.model() + ": array " + fixed(roof, 1) + " GMAC/s, " + roofline.memory_name + " " +
                  fixed(slope, 2) + " GB/s");
  const char* look = "stroke=\"#333\" stroke-width=\"2\" class=\"roof\"";
  svg += line(x.place(foot), y.place(foot * slope), x.place(knee), y.place(roof), look);
  svg += line(x.place(knee), y.place(roof), kWidth - kRight, y.place(roof), look);
  Labels labels;
  for (const RooflinePoint& p : roofline.points) labels.keep_clear(x.place(p.intensity), y.place(p.gmacs), 5);
  for (double at = x.place(foot); at < kWidth - kRight; at += 6) {
    const double share = (at - x.place(foot)) / (x.place(knee) - x.place(foot));
    const double height = y.place(foot * slope) + std::min(share, 1.0) * (y.place(roof) - y.place(foot * slope));
    labels.keep_clear(at, height, 2);
  }
  for (const RooflinePoint& p : roofline.points) {
    const bool whole = &p == &roofline.points.back();
    svg += "<circle cx=\"" + fixed(x.place(p.intensity), 1) + "\" cy=\"" + fixed(y.place(p.gmacs), 1) +
           "\" r=\"5\" fill=\"" + (whole ? "#c33" : "#36a") + "\"><title>" + p.name + ": " + fixed(p.gmacs, 1) +
           " GMAC/s at " + fixed(p.intensity, 1) + " MAC/byte, " +
           fixed(100 * p.gmacs / roofline.roof(p.intensity), 1) + " % of the roof</title></circle>\n";
    svg += labels.place(x.place(p.intensity), y.place(p.gmacs), p.name);
  }
  return svg + "</svg>\n";
}

}  // namespace heatvit::tb

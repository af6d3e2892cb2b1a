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

struct Point {
  std::string name;
  double intensity = 0, rate = 0;  // MAC a byte, GMAC/s
};

std::vector<Point> points_of(const RunReport& report) {
  std::vector<Point> points;
  const double mhz = report.hardware()->config.pl_clock_mhz;
  const auto add = [&](const std::string& name, const BreakdownRow& row) {
    if (row.macs == 0 || row.cycles == 0 || row.bytes() == 0) return;
    const auto macs = static_cast<double>(row.macs);
    points.push_back(
        {name, macs / static_cast<double>(row.bytes()), macs * mhz * 1e-3 / static_cast<double>(row.cycles)});
  };
  for (const BreakdownRow& row : report.rows_by_op()) add(std::string(isa::name_of(row.op)), row);
  add(report.batched() ? "whole batch" : "whole image", report.total());
  return points;
}

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

std::string roofline_svg(const RunReport& report) {
  if (!report.hardware()) throw InputError("a roofline needs the hardware that ran");
  const double roof = estimate::peak_macs(report.hardware()->config) * 1e-9;
  const double slope = estimate::peak_bytes(report.hardware()->config) * 1e-9;
  const std::vector<Point> points = points_of(report);
  double left = roof / slope, right = left, low = roof;
  for (const Point& p : points) {
    left = std::min(left, p.intensity);
    right = std::max(right, p.intensity);
    low = std::min(low, p.rate);
  }
  const Decades x(left, right * 1.01, kLeft, kWidth - kRight), y(low, roof * 1.01, kHeight - kBottom, kTop);
  const double foot = std::max(x.least(), y.least() / slope), knee = roof / slope;
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 540\" font-family=\"sans-serif\" "
      "font-size=\"13\">\n<rect width=\"900\" height=\"540\" fill=\"white\"/>\n";
  svg += grid(x, y);
  svg += text(kWidth / 2, 24, "middle",
              report.model() + ": array " + fixed(roof, 1) + " GMAC/s, memory " + fixed(slope, 2) + " GB/s");
  const char* look = "stroke=\"#333\" stroke-width=\"2\" class=\"roof\"";
  svg += line(x.place(foot), y.place(foot * slope), x.place(knee), y.place(roof), look);
  svg += line(x.place(knee), y.place(roof), kWidth - kRight, y.place(roof), look);
  for (const Point& p : points) {
    const bool whole = &p == &points.back();
    svg += "<circle cx=\"" + fixed(x.place(p.intensity), 1) + "\" cy=\"" + fixed(y.place(p.rate), 1) +
           "\" r=\"5\" fill=\"" + (whole ? "#c33" : "#36a") + "\"><title>" + p.name + ": " + fixed(p.rate, 1) +
           " GMAC/s at " + fixed(p.intensity, 1) + " MAC/byte</title></circle>\n";
    svg += text(x.place(p.intensity) + 8, y.place(p.rate) + 4, "start", p.name);
  }
  return svg + "</svg>\n";
}

}  // namespace heatvit::tb

#include "tb/explore/front_plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tb/config/numbers.h"

namespace heatvit::explore {
namespace {

constexpr double kWidth = 800, kHeight = 500, kLeft = 80, kRight = 20, kTop = 40, kBottom = 60;

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '<' ? "&lt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string(1, c);
  return result;
}

std::string coordinate(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string label(double x, double y, const std::string& anchor, const std::string& text) {
  return "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" text-anchor=\"" + anchor + "\">" +
         escaped(text) + "</text>\n";
}

/// One axis: round numbers as ticks (1, 2 or 5 times a power of ten apart) and the way from value to place.
class Scale {
 public:
  Scale(double least, double most, double from, double to) : from_(from), to_(to) {
    const double span = most > least ? most - least : std::max(1.0, std::abs(most));
    const double rough = span / 6, power = std::pow(10, std::floor(std::log10(rough)));
    step_ = power * (rough / power > 5 ? 10 : rough / power > 2 ? 5 : rough / power > 1 ? 2 : 1);
    low_ = std::floor(least / step_) * step_;
    high_ = std::ceil((least + span) / step_) * step_;
  }

  double place(double value) const { return from_ + (value - low_) / (high_ - low_) * (to_ - from_); }

  std::vector<double> ticks() const {
    std::vector<double> values;
    for (int i = 0; low_ + i * step_ <= high_ + step_ / 2; ++i)
      values.push_back(std::round((low_ + i * step_) * 1e9) / 1e9);
    return values;
  }

 private:
  double from_, to_, step_, low_, high_;
};

Scale scale_of(const std::vector<Objectives>& points, size_t objective, double from, double to) {
  const auto [least, most] = std::minmax_element(
      points.begin(), points.end(), [objective](const auto& a, const auto& b) { return a[objective] < b[objective]; });
  return {(*least)[objective], (*most)[objective], from, to};
}

std::string axes(const FrontPlot& plot, const Scale& x, const Scale& y) {
  const double bottom = kHeight - kBottom, right = kWidth - kRight;
  std::string svg;
  const auto line = [&svg](double x1, double y1, double x2, double y2) {
    svg += "<line x1=\"" + coordinate(x1) + "\" y1=\"" + coordinate(y1) + "\" x2=\"" + coordinate(x2) + "\" y2=\"" +
           coordinate(y2) + "\" stroke=\"#ddd\"/>\n";
  };
  for (const double value : x.ticks()) {
    line(x.place(value), kTop, x.place(value), bottom);
    svg += label(x.place(value), bottom + 20, "middle", tb::number_text(value));
  }
  for (const double value : y.ticks()) {
    line(kLeft, y.place(value), right, y.place(value));
    svg += label(kLeft - 8, y.place(value) + 4, "end", tb::number_text(value));
  }
  svg += label((kLeft + right) / 2, kHeight - 15, "middle", plot.x_name);
  svg += "<g transform=\"rotate(-90 20 " + coordinate(kHeight / 2) + ")\">" +
         label(20, kHeight / 2, "middle", plot.y_name) + "</g>\n";
  return svg + label(kWidth / 2, 22, "middle", plot.title);
}

std::string dot(const FrontPlot& plot, size_t index, const Scale& x, const Scale& y, const char* look) {
  const Objectives& point = plot.points[index];
  return "<circle cx=\"" + coordinate(x.place(point[0])) + "\" cy=\"" + coordinate(y.place(point[1])) + "\" " + look +
         "><title>" + escaped(plot.labels[index]) + "</title></circle>\n";
}

}  // namespace

std::string to_svg(const FrontPlot& plot) {
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 500\" font-family=\"sans-serif\" "
      "font-size=\"13\">\n<rect width=\"800\" height=\"500\" fill=\"white\"/>\n";
  if (plot.points.empty()) return svg + label(kWidth / 2, kHeight / 2, "middle", "no feasible point") + "</svg>\n";
  const Scale x = scale_of(plot.points, 0, kLeft, kWidth - kRight);
  const Scale y = scale_of(plot.points, 1, kHeight - kBottom, kTop);
  svg += axes(plot, x, y);
  for (size_t i = 0; i < plot.points.size(); ++i) svg += dot(plot, i, x, y, "r=\"2.5\" fill=\"#9bb\"");
  for (const size_t i : plot.front) svg += dot(plot, i, x, y, "r=\"4\" fill=\"#c33\" class=\"front\"");
  return svg + "</svg>\n";
}

}  // namespace heatvit::explore

// The HTML report: what the page shows, as Chromium renders it, against the JSON it was made from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "accel/isa/errors.h"
#include "models/preprocess/decode.h"
#include "models/preprocess/image.h"
#include "models/zoo/zoo.h"
#include "tb/report/html.h"
#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// HEATVIT_BROWSER, a Chromium or a script that starts one, else Debian's.
std::string browser() {
  const char* given = std::getenv("HEATVIT_BROWSER");
  return given != nullptr ? given : "/usr/bin/chromium";
}

bool has_browser() { return std::ifstream(browser()).good(); }

/// The document as it stands once the page's scripts have run.
std::string rendered(const std::string& page, const std::string& profile, int width = 1200) {
  const std::string command =
      browser() + " --window-size=" + std::to_string(width) +
      ",900 --headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
      "--allow-file-access-from-files --disable-background-networking --disable-component-update --disable-sync "
      "--virtual-time-budget=2000 --user-data-dir=" +
      profile + " --dump-dom file://" + page + " 2>/dev/null";
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[65536];
  for (size_t got; pipe != nullptr && (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, got);
  if (pipe != nullptr) pclose(pipe);
  return text;
}

/// data-key -> data-value of the rendered elements (in either order of the attributes).
std::multimap<std::string, double> values_of(const std::string& dom) {
  std::multimap<std::string, double> values;
  const std::regex element("<[a-z]+ [^>]*data-key=[^>]*>"), key("data-key=\"([^\"]*)\""),
      value("data-value=\"([^\"]*)\"");
  for (std::sregex_iterator it(dom.begin(), dom.end(), element), end; it != end; ++it) {
    const std::string text = it->str();
    std::smatch k, v;
    if (std::regex_search(text, k, key) && std::regex_search(text, v, value)) values.emplace(k[1], std::stod(v[1]));
  }
  return values;
}

double only(const std::multimap<std::string, double>& values, const std::string& key) {
  EXPECT_EQ(values.count(key), 1U) << key;
  const auto found = values.find(key);
  return found == values.end() ? std::nan("") : found->second;
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

class Html : public ::testing::Test {
 protected:
  /// Runs, reports, renders.
  std::string dom_of_run(std::vector<std::string> arguments) {
    const std::string json = folder_.path("out.json");
    for (const char* more : {"--quiet", "--json"}) arguments.emplace_back(more);
    arguments.push_back(json);
    const tests::Outcome run = tests::run_sim(arguments);
    EXPECT_EQ(run.code, 0) << run.err;
    std::ifstream(json) >> run_;
    const tests::Outcome report = tests::run_sim({"report", json, "--html", folder_.path("page.html")});
    EXPECT_EQ(report.code, 0) << report.err;
    std::stringstream page;
    page << std::ifstream(folder_.path("page.html")).rdbuf();
    page_ = page.str();
    return rendered(folder_.path("page.html"), folder_.path("profile"));
  }

  void expect_breakdown(const std::multimap<std::string, double>& values) {
    std::map<std::string, double> cycles, bytes, units;
    double total = 0;
    for (const Json& row : run_.at("breakdown")) {
      const std::string op = row.at("op");
      total += row.at("cycles").get<double>();
      cycles[op] += row.at("cycles").get<double>();
      bytes[op] += row.at("bytes").get<double>();
      for (const auto& [unit, causes] : row.at("units").items())
        for (const auto& [cause, n] : causes.items()) units["unit." + unit + "." + cause] += n.get<double>();
    }
    EXPECT_NEAR(only(values, "total.cycles"), total, 1e-6 * total);
    for (const auto& [op, n] : cycles) EXPECT_NEAR(only(values, "op." + op + ".cycles"), n, 1e-6 * n) << op;
    for (const auto& [op, n] : bytes) EXPECT_NEAR(only(values, "op." + op + ".bytes"), n, 1e-6 * n) << op;
    for (const auto& [key, n] : units) EXPECT_NEAR(only(values, key), n, 1e-6 * n) << key;
  }

  tests::TemporaryFolder folder_;
  Json run_;
  std::string page_;
};

std::vector<uint8_t> bytes_of_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<uint8_t> bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(digits.find(c)), count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<uint8_t>(bits >> count));
  }
  return bytes;
}

TEST(Thumbnail, IsThePictureThatTheNetworkSees) {
  const std::string prefix = "data:image/jpeg;base64,";
  const char* home = std::getenv("HEATVIT_HOME");
  ASSERT_NE(home, nullptr);
  const std::string picture = std::string(home) + "/models/zoo/micro/images/000_circle_filled.jpg";
  for (const char* name : {"deit-micro", "deit-t"}) {  // as it is, and means of 2 x 2 pixels
    const zoo::ModelSpec& spec = zoo::find(name);
    const std::string text = thumbnail(picture, spec);
    ASSERT_EQ(text.rfind(prefix, 0), 0U);
    EXPECT_EQ((text.size() - prefix.size()) % 4, 0U);
    preprocess::Picture small;
    std::string error;
    const auto any = [](int64_t, int64_t) { return true; };
    ASSERT_TRUE(preprocess::decode_jpeg(bytes_of_base64(text.substr(prefix.size())), any, small, error)) << error;
    const preprocess::Image whole = preprocess::load_image(picture, spec);
    const int factor = spec.image_size == 224 ? 2 : 1, side = spec.image_size / factor;
    ASSERT_EQ(small.width, side);
    ASSERT_EQ(small.height, side);
    double off = 0;  // JPEG loses some levels
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x)
        for (int c = 0; c < 3; ++c) {
          int sum = 0;
          for (int i = 0; i < factor * factor; ++i)
            sum += whole.pixels[static_cast<size_t>(
                ((y * factor + i / factor) * spec.image_size + x * factor + i % factor) * 3 + c)];
          off += std::abs(small.rgb[static_cast<size_t>((y * side + x) * 3 + c)] - double(sum) / factor / factor);
        }
    EXPECT_LT(off / (3 * side * side), 4) << name;
  }
}

TEST_F(Html, ShowsTheNumbersAndPicturesOfASetOfImages) {
  if (!has_browser()) GTEST_SKIP() << "no chromium";
  for (uint32_t i = 0; i < 3; ++i) folder_.file("a" + std::to_string(i) + ".bmp", tests::bmp(260, 240, i));
  const std::string dom = dom_of_run(
      {"--model", "deit-t", "--weights", "synthetic:4", "--images", folder_.path("."), "--prune-rates", "0.3,0.5,0.7"});
  EXPECT_THAT(dom, HasSubstr("data-ready=\"yes\""));
  const auto values = values_of(dom);
  const Json& summary = run_.at("summary");
  EXPECT_DOUBLE_EQ(only(values, "summary.latency_ms.mean"), summary.at("latency_ms").at("mean").get<double>());
  EXPECT_DOUBLE_EQ(only(values, "summary.fps"), summary.at("fps").get<double>());
  EXPECT_DOUBLE_EQ(only(values, "summary.images"), 3);
  expect_breakdown(values);
  EXPECT_EQ(count(dom, "<figure class=\"picture\">"), 3U);
  EXPECT_EQ(count(dom, "selector 3: 58"), 3U * 2);  // caption and description
  EXPECT_EQ(count(dom, "<image href=\"data:image/jpeg;base64,"), 3U * 4);
  // The patches covered are those that are not kept: one square each.
  const std::regex cover("fill-opacity=\"0.88\"|<path d=\"([^\"]*)\"");
  std::vector<size_t> squares;
  for (std::sregex_iterator it(dom.begin(), dom.end(), cover), end; it != end; ++it)
    if (const size_t covered = count((*it)[1], "h1v1h-1z"); covered > 0) squares.push_back(covered);  // else a wire
  EXPECT_EQ(squares, (std::vector<size_t>{59, 98, 138, 59, 98, 138, 59, 98, 138}));
}

/// Looks at what is drawn: texts that begin in a box of the board's diagram end in it, no two texts of it cover each
/// other, no share is above 1, and the page is not wider than the window.
constexpr const char* kLook = R"(<script>
  const faults = [], box = e => { const b = e.getBBox(); return {l: b.x, r: b.x + b.width, t: b.y, b: b.y + b.height}; };
  const svg = document.getElementById('board-picture'), frames = [...svg.querySelectorAll('rect.unit')].map(box);
  const texts = [...svg.querySelectorAll('text')].map(e => ({words: e.textContent, ...box(e)}));
  for (const t of texts) {
    for (const f of frames)
      if (t.l >= f.l && t.l <= f.r && t.t >= f.t && t.t <= f.b && (t.r > f.r || t.b > f.b)) faults.push('outside: ' + t.words);
    if (t.l < 0 || t.r > 1000 || t.b > 470) faults.push('beyond: ' + t.words);
    for (const o of texts)
      if (o !== t && t.l < o.r && o.l < t.r && t.t + 2 < o.b && o.t + 2 < t.b) faults.push(t.words + ' on ' + o.words);
  }
  for (const e of document.querySelectorAll('[data-key^="board."]'))
    if (!(e.dataset.value >= 0 && e.dataset.value <= 1)) faults.push(e.dataset.key + ' ' + e.dataset.value);
  for (const e of document.querySelectorAll('[data-key$=".pe_share"]'))
    if (!(e.dataset.value >= 0 && e.dataset.value <= 1)) faults.push(e.dataset.key + ' ' + e.dataset.value);
  for (const canvas of document.querySelectorAll('canvas')) {  // names of bars: all there, none cut
    const chart = Chart.getChart(canvas), y = chart.scales.y;
    if (!y || y.type !== 'category') continue;
    if (y.ticks.length !== chart.data.labels.length) faults.push(canvas.getAttribute('aria-label') + ': names are left out');
    const ctx = canvas.getContext('2d');
    ctx.font = y.ticks.length && y.options.ticks.font ? y.options.ticks.font.size + 'px ' + Chart.defaults.font.family : ctx.font;
    for (const tick of y.ticks)
      for (const line of [].concat(tick.label))
        if (ctx.measureText(line).width > y.width) faults.push('cut: ' + line);
    const lines = y.ticks.reduce((n, t) => n + [].concat(t.label).length, 0);
    if (lines * 10 > y.height) faults.push(canvas.getAttribute('aria-label') + ': names cover each other');
  }
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) faults.push('page too wide by ' + wide);
  document.body.dataset.faults = frames.length + ' boxes; ' + faults.join('; ');
</script>)";

/// A window has a least width; a frame in it has none.
std::string framed(const std::string& page, int width) {
  return "<body><iframe id=\"frame\" src=\"" + page + "\" style=\"width:" + std::to_string(width) +
         "px;height:900px;border:0\"></iframe><script>window.onload = () => { const b = "
         "document.getElementById('frame').contentDocument.body; document.body.dataset.faults = b.dataset.faults; "
         "document.body.dataset.width = b.ownerDocument.defaultView.innerWidth; };</script></body>";
}

TEST_F(Html, BoardAndChartsAreWholeAtEveryWidth) {
  if (!has_browser()) GTEST_SKIP() << "no chromium";
  const std::vector<std::vector<std::string>> runs = {
      {"--model", "deit-t", "--prune-rates", "0.3,0.5,0.7"},
      {"--model", "deit-b"},
      {"--model", "deit-micro", "--mode", "analytic"},
      {"--model", "deit-micro", "--accel.layernorm", "pl", "--ddr.mega_transfers", "800", "--device", "none"}};
  for (std::vector<std::string> words : runs) {
    const std::string json = folder_.path("look.json"), page = folder_.path("look.html");
    words.insert(words.end(), {"--quiet", "--json", json});
    ASSERT_EQ(tests::run_sim(words).code, 0);
    ASSERT_EQ(tests::run_sim({"report", json, "--html", page}).code, 0);
    std::string text = tests::read_file(page);
    text.insert(text.rfind("</body>"), kLook);
    std::ofstream(page) << text;
    for (const int width : {390, 800, 1400}) {
      const std::string dom =
          rendered(folder_.file("frame.html", framed("look.html", width)), folder_.path("profile"), 1500);
      EXPECT_THAT(dom, HasSubstr("data-width=\"" + std::to_string(width)));
      std::smatch found;
      ASSERT_TRUE(std::regex_search(dom, found, std::regex("data-faults=\"([^\"]*)\""))) << words[1];
      EXPECT_THAT(found[1].str(), testing::MatchesRegex("[0-9]+ boxes; ")) << words[1] << ", " << width;
    }
  }
}

TEST_F(Html, NeedsNoNetworkAndStaysSmall) {
  if (!has_browser()) GTEST_SKIP() << "no chromium";
  const std::string dom = dom_of_run({"--model", "deit-s"});
  EXPECT_THAT(dom, HasSubstr("data-ready=\"yes\""));
  expect_breakdown(values_of(dom));
  EXPECT_EQ(count(page_, "src=\"http"), 0U);
  EXPECT_EQ(count(page_, "href=\"http"), 0U);
  EXPECT_EQ(count(page_, "@import"), 0U);
  EXPECT_LT(page_.size(), size_t{5} << 20);
}

TEST_F(Html, SaysThatAnalyticModeIsAnEstimate) {
  if (!has_browser()) GTEST_SKIP() << "no chromium";
  const std::string dom = dom_of_run({"--model", "deit-s", "--mode", "analytic"});
  EXPECT_THAT(dom, HasSubstr("Estimated by closed forms, not simulated"));
  EXPECT_DOUBLE_EQ(only(values_of(dom), "summary.latency_ms.mean"),
                   run_.at("summary").at("latency_ms").at("mean").get<double>());
}

TEST_F(Html, ASweepShowsItsFront) {
  if (!has_browser()) GTEST_SKIP() << "no chromium";
  const auto point = [](uint64_t number, double latency, double dsp) {
    SweepPoint p;
    p.number = number;
    p.settings = {{"pe.to", "8"}, {"note", "</script><b>"}};
    p.metrics = {{"latency_ms", latency}, {"dsp", dsp}};
    return p;
  };
  std::vector<SweepPoint> points = {point(0, 4, 100), point(1, 3, 200), point(2, 3.5, 300), point(3, 1, 500),
                                    point(4, 4, 90)};
  points.push_back({5, false, "too many DSP", {{"pe.to", "64"}}, Json::object()});
  std::ofstream(folder_.path("sweep.html")) << sweep_page("R.sqlite", {"latency_ms", "dsp"}, points);
  const std::string dom = rendered(folder_.path("sweep.html"), folder_.path("profile"));
  EXPECT_THAT(dom, HasSubstr("data-ready=\"yes\""));
  const auto values = values_of(dom);
  std::vector<double> front;
  for (auto [it, end] = values.equal_range("front"); it != end; ++it) front.push_back(it->second);
  EXPECT_EQ(front, (std::vector<double>{3, 1, 4}));
  EXPECT_EQ(only(values, "feasible"), 5);
  EXPECT_EQ(only(values, "infeasible"), 1);
  EXPECT_THAT(dom, HasSubstr("too many DSP"));
}

TEST_F(Html, PicturesThatAreGoneAreNamed) {
  Json run = {
      {"schema", "heatvit-sim/run/1"},
      {"model", "deit-t"},
      {"mode", "functional"},
      {"config", {{"images", "gone"}, {"image", Json::array()}}},
      {"images",
       Json::array(
           {{{"file", "x.jpg"}, {"label", nullptr}, {"kept", Json::array()}, {"latency_ms", 1.5}, {"tokens", {197}}}})},
      {"summary", Json::object()},
      {"breakdown", Json::array()}};
  const std::string page = run_page(run, folder_.path("."), {});
  EXPECT_THAT(page, HasSubstr("\"missing_pictures\":[\"x.jpg\"]"));
  EXPECT_THAT(page, Not(HasSubstr("data:image/jpeg;base64,/")));
}

TEST_F(Html, RefusesWhatIsNoResult) {
  const auto refused = [&](const std::string& content) {
    const tests::Outcome o = tests::run_sim({"report", folder_.file("in", content), "--html", folder_.path("no.html")});
    EXPECT_EQ(o.code, 2) << content;
    EXPECT_FALSE(std::ifstream(folder_.path("no.html")).good());
    return o.err;
  };
  EXPECT_THAT(refused("hello"), HasSubstr("neither JSON nor a result store"));
  EXPECT_THAT(refused("{}"), HasSubstr("is no result of run_sim"));
  EXPECT_THAT(refused("[1]"), HasSubstr("is no result of run_sim"));
  EXPECT_THAT(refused("{\"schema\": \"heatvit-sim/run/1\", \"model\": \"deit-t\"}"), HasSubstr("has no \"mode\""));
  EXPECT_THAT(refused("{\"schema\": \"heatvit-sim/run/1\", \"model\": 1, \"mode\": 1, \"config\": 1, \"images\": [1], "
                      "\"summary\": 1, \"breakdown\": 1}"),
              HasSubstr("is not as run_sim writes it"));
  const auto with = [](const std::string& size, const std::string& tokens) {
    return R"({"schema": "heatvit-sim/run/1", "model": "deit-t", "mode": "timing", "summary": {}, "breakdown": [],)"
           R"("config": {"image_size": )" +
           size + R"(}, "images": [{"file": "-", "latency_ms": 1, "tokens": [197, )" + tokens + "]}]}";
  };
  for (const char* tokens : {"4.5e+27", "1e999", "196.5", "-1", "18446744073709551615", "4294967296", "null", "\"5\""})
    EXPECT_THAT(refused(with("224", tokens)), AnyOf(HasSubstr("for tokens of a block"), HasSubstr("neither JSON")))
        << tokens;
  for (const char* size : {"8", "4294967520", "224.5", "\"224\"", "1e30"})
    EXPECT_THAT(refused(with(size, "100")), HasSubstr("has an image size of '")) << size;
  const std::string sound = folder_.file("sound", with("256", "100")), page = folder_.path("sound.html");
  ASSERT_EQ(tests::run_sim({"report", sound, "--html", page}).code, 0);
  EXPECT_THAT(tests::read_file(page), HasSubstr("\"patch_grid\":16"));
  EXPECT_THAT(tests::run_sim({"report", "none.json", "--html", "x"}).err, HasSubstr("cannot read 'none.json'"));
  EXPECT_EQ(tests::run_sim({"report"}).code, 2);
}

}  // namespace
}  // namespace heatvit::tb

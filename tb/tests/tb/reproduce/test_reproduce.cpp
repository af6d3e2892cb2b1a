// run_sim reproduce and run_sim compare, through the built program; and the arithmetic of both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tb/config/home.h"
#include "tb/config/ini.h"
#include "tb/reproduce/published.h"
#include "tb/reproduce/reproduction.h"
#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using tests::Outcome;
using tests::run_sim;

TEST(Reproduction, RatiosBecomeCounts) {
  EXPECT_THAT(reproduce::kept_of({0.7, 0.49, 0.343}, 1, 196), ElementsAre(137, 96, 67));
  EXPECT_THAT(reproduce::kept_of({0.7, 0.49, 0.343}, 2, 196), ElementsAre(196, 192, 134));
  EXPECT_THAT(reproduce::kept_of({0.7, 0.49, 0.343}, 0, 196), ElementsAre(1, 1, 1));
}

TEST(Reproduction, ErrorsAreFromTheNearerEnd) {
  reproduce::Figure figure;
  figure.low = 2, figure.high = 4;
  const auto error = [&](double simulated) {
    figure.simulated = simulated;
    return figure.error_percent();
  };
  EXPECT_EQ(error(2), 0);
  EXPECT_EQ(error(3), 0);
  EXPECT_DOUBLE_EQ(error(1), -50);
  EXPECT_DOUBLE_EQ(error(5), 25);
}

TEST(Reproduction, BaselinesDifferInWhatABitstreamMayDifferIn) {
  for (const auto& model : reproduce::published::kModels) {
    const soc::SocConfig ours = reproduce::heatvit_config(model.model), base = reproduce::baseline_config(model.model);
    EXPECT_EQ(ours.accel.numerics_bits, 8);
    EXPECT_EQ(base.accel.numerics_bits, 16);
    EXPECT_EQ(ours.pl_clock_mhz, base.pl_clock_mhz);
    EXPECT_EQ(ours.cpu.layernorm_cycles_per_element, base.cpu.layernorm_cycles_per_element);
    EXPECT_EQ(ours.axi.read_latency_cycles, base.axi.read_latency_cycles);
    EXPECT_LE(soc::resources_of(base).total().dsp, 2520);
    EXPECT_LE(soc::resources_of(ours).total().dsp, 2520);
  }
}

TEST(Reproduction, PrintsEveryFigureAndRenewsThePage) {
  const tests::TemporaryFolder folder;
  const std::string out = folder.path("r.json"), page = folder.file("page.md",
                                                                    "before\n<!-- run_sim reproduce: begin -->\nold\n"
                                                                    "<!-- run_sim reproduce: end -->\nbehind\n");
  setenv("HEATVIT_PROGRESS_S", "0", 1);  // nothing of how long it takes
  const Outcome run = run_sim({"reproduce", "--json", out, "--markdown", page, "--jobs", "2"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  const json result = json::parse(tests::read_file(out));
  EXPECT_EQ(result["schema"], "heatvit-sim/reproduce/1");
  std::set<std::string> names;
  for (const json& figure : result["figures"]) {
    names.insert(figure["figure"]);
    EXPECT_GT(figure["simulated"].get<double>(), 0) << figure;
    EXPECT_GT(figure["reconstructed"].get<double>(), 0) << figure;
    EXPECT_FALSE(figure["source"].get<std::string>().empty());
  }
  EXPECT_THAT(names,
              testing::IsSupersetOf({"latency", "latency of 6 images", "power", "8 bit alone", "pruning alone",
                                     "8 bit and pruning", "compute reduction", "selector, DSP", "selector, LUT"}));
  // No latency lies below its bound; columns come in pairs.
  for (const json& table : result["tables"]) {
    if (table["title"].get<std::string>().rfind("Latency and lower bound", 0) != 0) continue;
    EXPECT_EQ(table["rows"].size(), 5U);
    for (const json& row : table["rows"])
      for (size_t c = 1; c + 1 < row.size(); c += 2) EXPECT_LT(row[c + 1].get<double>(), row[c].get<double>()) << row;
  }
  const std::string text = tests::read_file(page);
  EXPECT_THAT(text,
              testing::StartsWith("before\n<!-- run_sim reproduce: begin -->\n### Published, reconstructed, ours"));
  EXPECT_THAT(text, testing::EndsWith("<!-- run_sim reproduce: end -->\nbehind\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("\nold\n")));
  EXPECT_THAT(run.out, HasSubstr("Inferred"));
  // Runs by hand give the same latencies; an image's is never held against a batch's.
  const auto figure = [&](const std::string& name, const std::string& condition) -> const json& {
    for (const json& f : result["figures"])
      if (f["figure"] == name && f["condition"] == condition) return f;
    throw std::runtime_error(name + " " + condition);
  };
  const auto by_hand = [&](std::vector<std::string> options) {
    const std::string single = folder.path("single.json");
    options.insert(options.end(), {"--json", single, "--quiet"});
    EXPECT_EQ(run_sim(options).code, 0);
    return json::parse(tests::read_file(single))["summary"]["latency_ms"]["mean"].get<double>();
  };
  const json &six = figure("latency of 6 images", "keep 0.617/0.369/0.137"), &one = figure("latency", "unpruned");
  EXPECT_EQ(six["published"], json({32.72, 32.72}));
  EXPECT_EQ(six["model"], "deit-t");
  const std::vector<std::string> batch = {"--model", "deit-t", "--prune-rates", "0.383,0.631,0.863", "--batch", "6"};
  EXPECT_DOUBLE_EQ(by_hand(batch), six["simulated"].get<double>());
  std::vector<std::string> theirs = batch;
  theirs.insert(theirs.end(), {"--config", (tb::project_home() / "configs/reconstructed-deit-t.ini").string()});
  EXPECT_DOUBLE_EQ(by_hand(theirs), six["reconstructed"].get<double>());
  EXPECT_DOUBLE_EQ(by_hand({"--model", "deit-s"}), one["simulated"].get<double>());
  // What the reconstruction is held to.
  EXPECT_NEAR(six["reconstructed"].get<double>(), 32.72, 3.272);
  EXPECT_NEAR(figure("latency", "keep 0.5/0.25/0.125")["reconstructed"].get<double>(), 9.15, 0.915);
  for (const json& f : result["figures"]) {
    if (f["figure"] == "8 bit alone") {
      EXPECT_NEAR(f["reconstructed"].get<double>(), 1.90, 0.095) << f;
    }
    const bool deit = f["model"].get<std::string>().rfind("deit", 0) == 0;
    if (f["figure"] == "8 bit and pruning" && f["condition"] == "keep 0.5/0.25/0.125" && deit) {
      EXPECT_EQ(f["reconstructed_error_percent"], 0) << f;
    }
  }
}

TEST(Reconstruction, IsCompleteAndDiffersWhereABitstreamMay) {
  const std::string folder = (tb::project_home() / "configs").string() + "/";
  for (const auto& model : reproduce::published::kModels)
    for (const std::string bits : {"", "16-"}) {
      std::set<std::string> own;
      for (const tb::IniEntry& entry : tb::read_ini(folder + "reconstructed-" + bits + model.model + ".ini"))
        own.insert(entry.name());
      for (const tb::IniEntry& entry : tb::read_ini(folder + "heatvit-" + model.model + ".ini"))
        EXPECT_EQ(own.count(entry.name()), 1U) << entry.name() << " of our machine shows through in " << model.model;
      const soc::SocConfig c = reproduce::reconstructed_config(model.model, bits.empty() ? 8 : 16);
      EXPECT_EQ(c.accel.numerics_bits, bits.empty() ? 8 : 16);
      EXPECT_EQ(c.control.overlap, soc::Overlap::kLayer);
      EXPECT_TRUE(c.accel.restream);
      EXPECT_EQ(c.accel.ti * c.accel.numerics_bits, 64) << "a lane multiplies what its port brings";
      EXPECT_EQ(c.accel.to, 56);
      EXPECT_EQ(c.pl_clock_mhz, 150);
      const soc::ResourceCount r = soc::resources_of(c).total();
      EXPECT_LE(r.dsp, 2520);
      EXPECT_LE(r.bram18k, 1824);
      EXPECT_LE(r.lut, 274080);
    }
}

TEST(Reconstruction, AnotherPublishedMachineLiesBetweenAllAndNone) {
  // Auto-ViT-Acc, 8 bit, DeiT-S: 78 images a second with about 1,937 DSPs.
  const auto ms = [](const std::string& overlap) {
    const Outcome run = run_sim({"--model", "deit-s", "--pe.to", "40", "--accel.layernorm", "pl", "--device", "none",
                                 "--accel.overlap", overlap, "--json", "-", "--quiet"});
    EXPECT_EQ(run.code, 0) << run.err;
    return json::parse(run.out)["summary"]["latency_ms"]["mean"].get<double>();
  };
  const double published = 1000.0 / 78;
  EXPECT_LT(ms("all"), published);
  EXPECT_GT(ms("none"), published);
  EXPECT_NEAR(ms("layer"), published, 0.1 * published);
}

class Compare : public testing::Test {
 protected:
  std::string run(const std::string& name, std::vector<std::string> more) {
    const std::string path = folder_.path(name);
    more.insert(more.end(), {"--model", "deit-t", "--quiet", "--json", path});
    EXPECT_EQ(run_sim(more).code, 0);
    return path;
  }
  tests::TemporaryFolder folder_;
};

TEST_F(Compare, ShowsWhatDiffersAndSaysSoByItsCode) {
  const std::string a = run("a.json", {}), b = run("b.json", {"--pl.clock_mhz", "140"});
  const Outcome both = run_sim({"compare", a, b});
  EXPECT_EQ(both.code, 0) << both.err;
  for (const char* part : {"pl.clock_mhz", "latency, ms", "qkv", "pe busy", "dsp", "processing system"})
    EXPECT_THAT(both.out, HasSubstr(part));
  EXPECT_EQ(run_sim({"compare", a, b, "--tolerance", "1"}).code, 3);
  EXPECT_EQ(run_sim({"compare", a, b, "--tolerance", "20"}).code, 0);
  EXPECT_EQ(run_sim({"compare", a, a, "--tolerance", "0"}).code, 0);
}

TEST_F(Compare, ShowsWhatABatchBrings) {
  const Outcome both = run_sim({"compare", run("a.json", {}), run("b.json", {"--batch", "4"})});
  EXPECT_EQ(both.code, 0) << both.err;
  EXPECT_THAT(both.out, HasSubstr("ms an image"));
  EXPECT_THAT(both.out, HasSubstr("accel.batch"));
}

TEST_F(Compare, RefusesInOneLine) {
  const std::string a = run("a.json", {});
  const auto refused = [&](const std::vector<std::string>& words, const std::string& part) {
    const Outcome outcome = run_sim(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(outcome.out, "");
  };
  refused({"compare", a}, "two files");
  refused({"compare", a, folder_.path("none.json")}, "none.json");
  refused({"compare", a, folder_.file("cut.json", "{\"schema\":")}, "cut.json");
  refused({"compare", a, folder_.file("list.json", "[1, 2]")}, "list.json");
  refused({"compare", a, folder_.file("half.json", R"({"schema": "heatvit-sim/run/1", "config": {}})")}, "half.json");
  refused({"compare", a, folder_.file("text.json", R"({"schema": "heatvit-sim/run/1", "config": {}, "summary": "x"})")},
          "text.json");
  refused({"compare", a, a, "--tolerance", "-1"}, "tolerance");
}

TEST_F(Compare, DrawsARoofline) {
  const std::string svg = folder_.path("r.svg");
  run("a.json", {"--roofline", svg});
  const std::string text = tests::read_file(svg);
  for (const char* part : {"<svg", "class=\"roof\"", "whole image", "fc1", "</svg>"})
    EXPECT_THAT(text, HasSubstr(part));
}

}  // namespace
}  // namespace heatvit

// run_sim's options: parameters, configuration files, pruning, images, labels, traces.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "accel/isa/errors.h"
#include "tb/config/config_files.h"
#include "tb/config/csv.h"
#include "tb/config/home.h"
#include "tb/config/numbers.h"
#include "tb/config/parameters.h"
#include "tb/config/pruning_options.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/image_set.h"
#include "tb/run_sim/run_options.h"
#include "tb/run_sim/token_trace.h"
#include "tb/tests/support/message_of.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::tb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::TemporaryFolder;

using tests::message_of;

TEST(Numbers, TakesWholeTokensOnly) {
  EXPECT_EQ(parse_number("0.25"), 0.25);
  EXPECT_EQ(parse_number("-3e2"), -300.0);
  for (const char* text : {"", " ", "1 ", " 1", "1x", "x", "nan", "inf", "-inf", "1e999", "0x10", "1,5", "--1", "+1"}) {
    EXPECT_FALSE(parse_number(text)) << "'" << text << "'";
  }
  EXPECT_EQ(parse_integer("n", "17", 0, 17), 17);
  for (const char* text : {"18", "-1", "1.0", "", "99999999999999999999"}) {
    EXPECT_THROW(parse_integer("n", text, 0, 17), InputError) << text;
  }
}

TEST(Numbers, TextReadsBackAsTheSameValue) {
  EXPECT_EQ(number_text(2147483648.0), "2147483648");
  for (const double value : {14.06, 0.1, 1.0 / 3.0, -2.5e-7, 1e300}) EXPECT_EQ(parse_number(number_text(value)), value);
}

TEST(Parameters, EveryKeyIsUniqueAndItsDefaultIsAllowed) {
  std::set<std::string> keys;
  for (const Parameter& p : parameters()) {
    EXPECT_TRUE(keys.insert(p.key).second) << p.key;
    EXPECT_EQ(p.key.find('.') == std::string::npos, false) << p.key;
    EXPECT_FALSE(p.help.empty()) << p.key;
    soc::SocConfig config;
    const std::string text = value_text(p, config);
    set_parameter(config, p, text, "default");  // throws if it is not
    EXPECT_EQ(value_text(p, config), text) << p.key;
  }
}

/// A value of the parameter that is not its default.
std::string other_value(const Parameter& p) {
  const std::string now = value_text(p, soc::SocConfig{});
  for (const Choice& choice : p.choices) {
    if (choice.name != now) return choice.name;
  }
  return now != number_text(p.maximum) ? number_text(p.maximum) : number_text(p.minimum);
}

TEST(Parameters, EachKeySetsItsOwnFieldAndNoOther) {
  for (const Parameter& changed : parameters()) {
    if (changed.choices.size() == 1) continue;
    soc::SocConfig config;
    set_parameter(config, changed, other_value(changed), "test");
    for (const Parameter& p : parameters()) {
      const bool differs = value_text(p, config) != value_text(p, soc::SocConfig{});
      EXPECT_EQ(differs, p.key == changed.key) << changed.key << " against " << p.key;
    }
  }
}

TEST(Parameters, BoundsAreInclusiveAndEnforced) {
  for (const Parameter& p : parameters()) {
    if (!p.choices.empty() || p.set_text) continue;
    soc::SocConfig config;
    EXPECT_NO_THROW(set_parameter(config, p, number_text(p.minimum), "test")) << p.key;
    EXPECT_NO_THROW(set_parameter(config, p, number_text(p.maximum), "test")) << p.key;
    EXPECT_THROW(set_parameter(config, p, number_text(p.minimum - 1), "test"), InputError) << p.key;
    EXPECT_THROW(set_parameter(config, p, number_text(p.maximum + 1), "test"), InputError) << p.key;
    if (!p.integral) continue;
    EXPECT_THROW(set_parameter(config, p, number_text(p.minimum + 0.5), "test"), InputError) << p.key;
  }
}

TEST(Parameters, MessageNamesKeyValueOriginAndWhatIsAllowed) {
  soc::SocConfig config;
  EXPECT_EQ(message_of([&] { set_parameter(config, *find_parameter("pe.to"), "0", "a.ini:3"); }),
            "a.ini:3: pe.to = '0' is not allowed; allowed: 1 to 256 outputs");
  EXPECT_EQ(message_of([&] { set_parameter(config, *find_parameter("tile.order"), "kn", "command line"); }),
            "command line: tile.order = 'kn' is not allowed; allowed: mn or nm");
}

TEST(Parameters, DocumentationHoldsTheTableAsItIs) {
  const std::string page = tests::read_file((project_home() / "docs" / "parameters.md").string());
  EXPECT_THAT(page, HasSubstr(parameters_markdown())) << "paste the output of `run_sim list --markdown`";
}

TEST(ConfigFiles, PrecedenceIsCommandLineThenLaterFileThenEarlierThenModel) {
  const TemporaryFolder folder;
  const std::string first = folder.file("1.ini", "[pe]\nth = 1\nti = 1\nto = 1\n");
  const std::string second = folder.file("2.ini", "[pe]\nti = 2 # a comment\nto = 2\n");
  const soc::SocConfig config = resolve_config("deit-t", {first, second}, {{"pe.to", "3", "command line"}});
  EXPECT_EQ(config.accel.th, 1);
  EXPECT_EQ(config.accel.ti, 2);
  EXPECT_EQ(config.accel.to, 3);
  EXPECT_EQ(config.accel.tile_k, 1024);  // of configs/heatvit-deit-t.ini
  EXPECT_EQ(config.ddr.banks, 4);
}

TEST(ConfigFiles, ShippedOnesAreLegalForEveryModel) {
  for (const zoo::ModelSpec& spec : zoo::models()) {
    const std::string name(spec.name);
    ASSERT_TRUE(std::filesystem::exists(project_home() / "configs" / ("heatvit-" + name + ".ini")));
    const soc::SocConfig config = resolve_config(name, {}, {});
    EXPECT_EQ(config.accel.th * config.accel.ti * config.accel.to, name == "deit-micro" ? 384 : 3072) << name;
    EXPECT_EQ(spec.heads % config.accel.th, 0) << name;
  }
}

TEST(ConfigFiles, ErrorsNameFileAndLine) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& text) {
    const std::string path = folder.file("bad.ini", text);
    return message_of([&] { resolve_config("deit-t", {path}, {}); }).substr(path.size());
  };
  EXPECT_EQ(error("[pe]\nto = 32\n[pe2]\nx = 3\n"), ":4: there is no parameter 'pe2.x'; `run_sim list` shows all");
  EXPECT_EQ(error("[pe]\n\nto = 3x\n"), ":3: pe.to = '3x' is not allowed; allowed: 1 to 256 outputs");
  EXPECT_EQ(error("[pe]\nto 3\n"), ":2: 'to 3' is neither [section] nor name = value");
  EXPECT_THAT(error("[pe]\nto = 3\nto = 4\n"), HasSubstr("'pe.to' is set twice"));
  EXPECT_THAT(error("[pe]\nto =\n"), HasSubstr("pe.to = '' is not allowed"));
  EXPECT_THAT(message_of([&] { read_config_file(folder.path("none")); }), HasSubstr("cannot read"));
  EXPECT_THAT(message_of([&] { read_config_file(folder.path("")); }), HasSubstr("a folder"));
}

PruningOptions timing(std::optional<std::string> rates) {
  PruningOptions options;
  options.rates = std::move(rates);
  return options;
}

TEST(Pruning, RatesAreCumulativeSharesOf196) {
  const network::Pruning pruning = make_pruning(zoo::find("deit-s"), timing("0.3, 0.51,0.657"));
  EXPECT_THAT(pruning.keep, ElementsAre(137, 96, 67));
  EXPECT_THAT(pruning.positions, ElementsAre(4, 7, 10));
  EXPECT_EQ(pruning.scorer, network::Scorer::kHeatvit);
  EXPECT_FALSE(make_pruning(zoo::find("deit-s"), timing(std::nullopt)).enabled());
}

TEST(Pruning, BadRatesAreToldExactly) {
  const std::map<std::string, std::string> cases = {
      {"0.3,0.5", "--prune-rates: 2 rates for 3 selectors; one rate a selector is needed"},
      {"0.3,0.5,0.6,0.7", "--prune-rates: 4 rates for 3 selectors; one rate a selector is needed"},
      {"0.3,0.5,1", "--prune-rates: '1' is not allowed; allowed: a number in [0, 1)"},
      {"-0.1,0.5,0.6", "--prune-rates: '-0.1' is not allowed; allowed: a number in [0, 1)"},
      {"0.3,nan,0.6", "--prune-rates: 'nan' is not allowed; allowed: a number in [0, 1)"},
      {"0.3,,0.6", "--prune-rates: '' is not allowed; allowed: a number in [0, 1)"},
      {"0.3,0.2,0.6", "--prune-rates: 0.2 is below 0.3; rates are cumulative and must not fall"}};
  for (const auto& [rates, message] : cases) {
    EXPECT_EQ(message_of([&, r = rates] { make_pruning(zoo::find("deit-t"), timing(r)); }), message);
  }
}

TEST(Pruning, ScorerFollowsFromWhatIsGiven) {
  PruningOptions options = timing("0.1,0.2,0.3");
  options.functional = true;
  EXPECT_EQ(make_pruning(zoo::find("deit-t"), options).scorer, network::Scorer::kClsAttention);
  options.selector_weights = "random:1";
  EXPECT_EQ(make_pruning(zoo::find("deit-t"), options).scorer, network::Scorer::kHeatvit);
  options.rates.reset();
  const network::Pruning threshold = make_pruning(zoo::find("deit-t"), options);
  EXPECT_TRUE(threshold.enabled());
  EXPECT_TRUE(threshold.keep.empty());
}

TEST(Pruning, ContradictionsAreRefused) {
  const auto error = [](bool functional, std::optional<std::string> rates, std::optional<std::string> scorer,
                        std::optional<std::string> selectors, std::optional<std::string> weights, bool trace = false) {
    const PruningOptions options = {std::move(rates),   std::move(scorer), std::move(selectors),
                                    std::move(weights), functional,        trace};
    return message_of([&] { make_pruning(zoo::find("deit-t"), options); });
  };
  const auto none = std::nullopt;
  EXPECT_THAT(error(true, "0,0,0", "heatvit", none, none), HasSubstr("needs --selector-weights"));
  EXPECT_THAT(error(true, none, "cls-attention", none, none), HasSubstr("no threshold"));
  EXPECT_THAT(error(true, none, "evit", none, none), HasSubstr("--scorer evit: needs --prune-rates"));
  EXPECT_THAT(error(true, "0,0,0", "random", none, "random:1"), HasSubstr("no effect with --scorer random"));
  EXPECT_THAT(error(true, "0,0,0", "best", none, none),
              HasSubstr("allowed: heatvit, cls-attention, evit, dynamicvit, tome, random or none"));
  EXPECT_THAT(error(false, none, "heatvit", none, none), HasSubstr("--prune-rates or --token-trace"));
  EXPECT_THAT(error(false, "0,0,0", none, none, none, true), HasSubstr("contradicts --prune-rates"));
  EXPECT_THAT(error(false, "0,0,0", none, none, "random:1"), HasSubstr("no effect in timing mode"));
  EXPECT_THAT(error(false, none, none, "4,7,10", none), HasSubstr("--selectors: no effect"));
  EXPECT_THAT(error(false, "0,0,0", none, "4,4,10", none), HasSubstr("positions must rise"));
  EXPECT_THAT(error(false, "0,0,0", none, "4,7,13", none), HasSubstr("whole number from 1 to 12"));
}

TEST(Pruning, APackageTokenOrNone) {
  const auto made = [](const char* scorer, std::optional<std::string> package, const char* model = "deit-t") {
    PruningOptions options;
    options.rates = "0.3,0.5,0.7", options.scorer = scorer, options.package = std::move(package);
    return make_pruning(zoo::find(model), options);
  };
  EXPECT_TRUE(made("heatvit", std::nullopt).package);
  EXPECT_FALSE(made("heatvit", "off").package);
  EXPECT_FALSE(made("dynamicvit", std::nullopt).package);
  EXPECT_TRUE(made("dynamicvit", "on").package);
  EXPECT_THAT(message_of([&] { made("random", "no"); }), HasSubstr("--package: 'no' is not allowed; allowed: on, off"));
  EXPECT_THAT(message_of([&] { made("evit", "off"); }), HasSubstr("no effect with --scorer evit"));
  PruningOptions nothing;
  nothing.package = "off";
  EXPECT_THAT(message_of([&] { make_pruning(zoo::find("deit-t"), nothing); }), HasSubstr("where nothing is pruned"));
  nothing.scorer = "none";
  EXPECT_THAT(message_of([&] { make_pruning(zoo::find("deit-t"), nothing); }), HasSubstr("prunes nothing"));
  zoo::ModelSpec bare = zoo::find("deit-t");
  bare.class_token = false, bare.pooling = zoo::Pooling::kMean;
  PruningOptions options;
  options.rates = "0.3,0.5,0.7", options.package = "off";
  EXPECT_THAT(message_of([&] { make_pruning(bare, options); }), HasSubstr("--package off: needs a token in front"));
}

TEST(Pruning, MergingIsOfEveryBlockOrAtRates) {
  const auto merged = [](std::optional<std::string> merge, std::optional<std::string> selectors = std::nullopt) {
    PruningOptions options = timing(std::nullopt);
    options.merge = std::move(merge);
    options.selectors = std::move(selectors);
    return options;
  };
  const network::Pruning every = make_pruning(zoo::find("deit-t"), merged("40"));
  EXPECT_EQ(every.scorer, network::Scorer::kTome);
  EXPECT_THAT(every.positions, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
  EXPECT_THAT(every.keep, ElementsAre(156, 116, 76, 38, 19, 10, 5, 3, 2, 1, 1, 1));  // half where that is fewer
  EXPECT_THAT(make_pruning(zoo::find("deit-t"), merged("13", "2,5")).keep, ElementsAre(183, 170));
  PruningOptions rates = timing("0.3,0.5,0.6");
  rates.scorer = "tome";
  EXPECT_THAT(make_pruning(zoo::find("deit-t"), rates).keep, ElementsAre(137, 98, 78));

  const auto refused = [](const PruningOptions& options, const char* model = "deit-t") {
    return message_of([&] { make_pruning(zoo::find(model), options); });
  };
  EXPECT_THAT(refused(merged("0")), HasSubstr("--merge"));
  EXPECT_THAT(refused(merged("197")), HasSubstr("--merge"));
  PruningOptions options = merged("13");
  options.rates = "0.1";
  EXPECT_THAT(refused(options), HasSubstr("--merge: contradicts --prune-rates"));
  options = merged("13");
  options.scorer = "evit";
  EXPECT_THAT(refused(options), HasSubstr("--merge: merges tokens, --scorer evit does not"));
  options.scorer = "none";
  EXPECT_THAT(refused(options), HasSubstr("--scorer none: prunes nothing"));
  options = merged("13");
  options.has_trace = true;
  EXPECT_THAT(refused(options), HasSubstr("--token-trace: no effect with --scorer tome"));
  rates.rates = "0.6,0.7,0.8";
  EXPECT_THAT(refused(rates), HasSubstr("from 196 to 78 patch tokens at selector 1; at most half of them, 98"));
  rates.rates = std::nullopt;
  rates.functional = true;
  EXPECT_THAT(refused(rates), HasSubstr("--scorer tome: needs --prune-rates or --merge"));
}

TEST(Csv, QuotesAndCommas) {
  EXPECT_THAT(split_csv_line(R"(1,"tench, Tinca","say ""hi""",)"), ElementsAre("1", "tench, Tinca", "say \"hi\"", ""));
  for (const char* text : {"plain", "a,b", "a \"quoted\" b", ""}) {
    EXPECT_THAT(split_csv_line(csv_field(text) + ",x"), ElementsAre(text, "x"));
  }
}

TEST(TokenTrace, WritesWhatItReads) {
  const TemporaryFolder folder;
  const std::vector<TraceRow> rows = {{"a,b.jpg", {196, 100, 0}}, {"c.jpg", {50, 50, 50}}};
  const std::string path = folder.file("t.csv", "# a comment\n" + token_trace_text(rows));
  const std::vector<TraceRow> read = read_token_trace(path, 3, 196);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].image, "a,b.jpg");
  EXPECT_THAT(read[0].kept, ElementsAre(196, 100, 0));
  EXPECT_THAT(read[1].kept, ElementsAre(50, 50, 50));
}

TEST(TokenTrace, ErrorsNameTheLine) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& text) {
    const std::string path = folder.file("t.csv", text);
    return message_of([&] { read_token_trace(path, 3, 196); }).substr(path.size());
  };
  EXPECT_THAT(error("file,kept1,kept2,kept3\n"), HasSubstr(":1: the first line must be 'image,kept1,kept2,kept3'"));
  EXPECT_THAT(error("image,kept1,kept2,kept3\n"), HasSubstr("no rows"));
  EXPECT_THAT(error(""), HasSubstr("empty"));
  EXPECT_THAT(error("image,kept1,kept2,kept3\n#\na,1,2\n"), HasSubstr(":3: 3 fields"));
  EXPECT_THAT(error("image,kept1,kept2,kept3\na,1,1,1,1\n"), HasSubstr(":2: 4 token counts"));
  EXPECT_THAT(error("image,kept1,kept2,kept3\na,197,1,1\n"), HasSubstr("from 0 to 196"));
  EXPECT_THAT(error("image,kept1,kept2,kept3\na,9,10,1\n"),
              HasSubstr("kept2: '10' is not allowed; allowed: a whole number from 0 to 9"));
  EXPECT_THAT(error("image,kept1,kept2,kept3\na,9,x,1\n"), HasSubstr("'x' is not allowed"));
}

TEST(TokenTrace, ShippedSampleVaries) {
  const auto rows = read_token_trace((project_home() / "traces" / "deit-t-sample.csv").string(), 3, 196);
  EXPECT_EQ(rows.size(), 20U);
  std::set<std::vector<int>> distinct;
  for (const TraceRow& row : rows) distinct.insert(row.kept);
  EXPECT_EQ(distinct.size(), 20U);
}

TEST(Images, AreSortedByNameWhateverTheirOrder) {
  const TemporaryFolder folder;
  for (const char* name : {"b.jpg", "a.PNG", "c.jpeg", "notes.txt"}) folder.file(name, "x");
  const auto names = [](const std::vector<RunItem>& items) {
    std::vector<std::string> list;
    for (const RunItem& item : items) list.push_back(item.name);
    return list;
  };
  EXPECT_THAT(names(collect_images({}, folder.path(""), 100)), ElementsAre("a.PNG", "b.jpg", "c.jpeg"));
  EXPECT_THAT(names(collect_images({}, folder.path(""), 2)), ElementsAre("a.PNG", "b.jpg"));
  EXPECT_THAT(names(collect_images({folder.path("c.jpeg"), folder.path("a.PNG")}, "", 100)),
              ElementsAre("a.PNG", "c.jpeg"));
  EXPECT_THAT(message_of([&] { collect_images({folder.path("none.jpg")}, "", 1); }), HasSubstr("there is no file"));
  EXPECT_THAT(message_of([&] { collect_images({}, folder.path("none"), 1); }), HasSubstr("is not a folder"));
  EXPECT_THAT(message_of([&] { collect_images({folder.path("")}, "", 1); }), HasSubstr("use --images"));
}

TEST(Images, LabelsMustCoverThem) {
  const TemporaryFolder folder;
  std::vector<RunItem> items = {{"a.jpg", "", kNoLabel, {}}, {"b.jpg", "", kNoLabel, {}}};
  attach_labels(items, folder.file("l.csv", "file,class,name\nb.jpg,999,\"x, y\"\na.jpg,0,z\nother.jpg,5,u\n"),
                zoo::find("deit-t"));
  EXPECT_EQ(items[0].label, 0);
  EXPECT_EQ(items[1].label, 999);
  const auto error = [&](const std::string& text) {
    const std::string path = folder.file("l.csv", text);
    return message_of([&] { attach_labels(items, path, zoo::find("deit-t")); });
  };
  EXPECT_THAT(error("file,class\na.jpg,1\n"), HasSubstr("no line for 'b.jpg'"));
  EXPECT_THAT(error("file,class\na.jpg,1000\n"), HasSubstr(":2: class: '1000' is not allowed"));
  EXPECT_THAT(error("file,class\na.jpg,1\na.jpg,2\n"), HasSubstr("another class"));
  EXPECT_THAT(error("name,class\na.jpg,1\n"), HasSubstr("must be 'file,class'"));
}

TEST(Images, ClassNamesAreComplete) {
  for (const zoo::ModelSpec& spec : zoo::models()) {
    const std::vector<std::string> names = class_names(spec);
    ASSERT_EQ(names.size(), static_cast<size_t>(spec.classes)) << spec.name;
    for (const std::string& name : names) EXPECT_FALSE(name.empty()) << spec.name;
  }
  EXPECT_EQ(class_names(zoo::find("deit-t")).front(), "tench, Tinca tinca");
}

TEST(Images, SeedDependsOnPixelsAndSeed) {
  // FNV-1a (32 bit) of "foobar" is 0xbf9cf968 (the published test vector).
  EXPECT_EQ(image_seed({'f', 'o', 'o', 'b', 'a', 'r'}, 0), 0xbf9cf968U);
  EXPECT_EQ(image_seed({'f', 'o', 'o', 'b', 'a', 'r'}, 5), 0xbf9cf968U ^ 5U);
}

std::string run_error(std::vector<std::string> arguments) {
  return message_of([&] {
    CommandLine line = run_command_line();
    line.parse(arguments);
    resolve_run(line);
  });
}

TEST(RunOptions, ModesAndTheirInputs) {
  EXPECT_EQ(run_error({}), "--model is missing; --help shows examples");
  EXPECT_THAT(run_error({"--model", "deit-t", "--mode", "analytic", "--image", "a"}),
              HasSubstr("no effect in analytic mode"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--mode", "analytic", "--timeline", "t"}),
              HasSubstr("simulates nothing"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--mode", "fast"}), HasSubstr("functional, timing, analytic or float"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--image", "a.jpg"}), HasSubstr("--weights is missing"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--mode", "functional"}), HasSubstr("needs --image"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--mode", "timing", "--image", "a"}),
              HasSubstr("no effect in timing mode"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--weights", "w"}), HasSubstr("no effect in timing mode"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--scorer", "random"}), HasSubstr("give --prune-rates or --token-trace"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--scorer", "tome"}), HasSubstr("give --prune-rates or --merge"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--class-list", "absent.txt", "--quiet"}), HasSubstr("absent.txt"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--limit", "3"}), HasSubstr("--limit: no effect"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--jobs", "0"}), HasSubstr("--jobs: '0' is not allowed"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--token-trace-out", "t"}), HasSubstr("nothing is pruned"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--json", "x", "--csv", "x"}), HasSubstr("two outputs go to 'x'"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--batch", "2", "--accel.batch", "3"}),
              HasSubstr("--batch: is short for --accel.batch, which is given as well"));
  EXPECT_THAT(run_error({"--model", "deit-t", "--traffic", "cpu:1", "--ddr.traffic_gbs", "2"}),
              HasSubstr("--traffic: is short for --ddr.traffic_gbs"));
}

TEST(RunOptions, UnknownAndHalfOptions) {
  EXPECT_THAT(run_error({"--modell", "deit-t"}), HasSubstr("did you mean --model?"));
  EXPECT_THAT(run_error({"--pe.tot", "3"}), HasSubstr("did you mean --pe.to?"));
  EXPECT_THAT(run_error({"--imag", "a.jpg"}), HasSubstr("unknown option '--imag'"));  // no guessing
  EXPECT_THAT(run_error({"--model"}), HasSubstr("'--model' is missing"));
  EXPECT_THAT(run_error({"--model", "a", "--model", "b"}), HasSubstr("more than once"));
  EXPECT_THAT(run_error({"a.jpg"}), HasSubstr("unexpected word 'a.jpg'"));
}

TEST(RunOptions, ConfigOfTheReportHasEveryParameter) {
  CommandLine line = run_command_line();
  line.parse({"--model", "deit-s", "--prune-rates", "0.3,0.51,0.657", "--pe.to", "16", "--ddr.t_rp_ns", "13.5"});
  const RunOptions options = resolve_run(line);
  for (const Parameter& p : parameters()) EXPECT_TRUE(options.resolved.contains(p.key)) << p.key;
  EXPECT_EQ(options.resolved["pe.to"], 16);
  EXPECT_EQ(options.resolved["device"], "zcu102");
  EXPECT_EQ(options.resolved["ddr.t_rp_ns"], 13.5);
  EXPECT_EQ(options.resolved["tile.order"], "nm");
  EXPECT_EQ(options.resolved["scorer"], "heatvit");
  EXPECT_EQ(options.resolved["keep"], (std::vector<int>{137, 96, 67}));
}

}  // namespace
}  // namespace heatvit::tb

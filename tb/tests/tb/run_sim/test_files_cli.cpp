// Files that the program reads and writes, from outside: outputs over inputs, standard output, names in other
// encodings, JSON and result stores that are not as run_sim writes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class FilesCli : public ::testing::Test {
 protected:
  std::string small_run(const std::string& name) {
    EXPECT_EQ(run_sim({"--model", "deit-micro", "--quiet", "--json", folder_.path(name)}).code, 0);
    return folder_.path(name);
  }

  std::string small_sweep() {
    const std::string out = folder_.path("r.sqlite");
    const std::string spec = folder_.file("s.ini", "[sweep]\nmodel = deit-micro\n[axis]\npl.clock_mhz = 100; 150\n");
    EXPECT_EQ(run_sim({"sweep", "--config", spec, "--out", out, "--quiet"}).code, 0);
    return out;
  }

  static void alter(const std::string& database, const char* sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(database.c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    sqlite3_close(handle);
  }

  TemporaryFolder folder_;
};

TEST_F(FilesCli, OutputsMustNotHitInputs) {
  const std::string config = folder_.file("c.ini", "[pl]\nclock_mhz = 100\n");
  std::filesystem::create_hard_link(config, folder_.path("hard"));
  std::filesystem::create_symlink(config, folder_.path("soft"));
  for (const std::string& path : {config, folder_.path("hard"), folder_.path("soft"), folder_.path("./c.ini")})
    expect_refused({"--model", "deit-micro", "--config", config, "--json", path}, "is an input as well");
  const std::string image = folder_.file("a.bmp", bmp(64, 64, 1));
  expect_refused({"--model", "deit-micro", "--images", folder_.path(""), "--json", image}, "is an input as well");
  const std::string run = small_run("x.json"), content = read_file(run);
  expect_refused({"report", run, "--html", run}, "is an input as well");
  EXPECT_EQ(read_file(run), content);
  EXPECT_EQ(read_file(config), "[pl]\nclock_mhz = 100\n");
}

TEST_F(FilesCli, OutputsMustNotHitEachOther) {
  const std::string a = folder_.path("a");
  expect_refused({"--model", "deit-micro", "--json", a, "--csv", folder_.path("./a")}, "two outputs go to");
  expect_refused({"--model", "deit-micro", "--json", "-", "--csv", "-"}, "two outputs go to");
  EXPECT_EQ(folder_.entries(), 0U);
  EXPECT_EQ(run_sim({"--model", "deit-micro", "--json", "/dev/null", "--csv", "/dev/null", "--quiet"}).code, 0);
}

TEST_F(FilesCli, AFolderInPlaceOfAFileIsNamed) {
  const std::string folder = folder_.path("net.json");
  std::filesystem::create_directory(folder);
  expect_refused({"--model", folder}, "it is a folder");
  expect_refused({"--model", "deit-micro", "--config", folder}, "it is a folder");
  expect_refused({"--model", "deit-micro", "--token-trace", folder}, "it is a folder");
  expect_refused({"--model", "deit-micro", "--program", folder}, "it is a folder");
}

TEST_F(FilesCli, DashIsStandardOutput) {
  const Outcome outcome = run_sim({"--model", "deit-micro", "--json", "-"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(json::parse(outcome.out).at("schema"), "heatvit-sim/run/1");
}

TEST_F(FilesCli, NamesInAnyEncodingMakeValidJson) {
  std::filesystem::create_directory(folder_.path("b\xFF"));
  folder_.file("b\xFF/caf\xE9.bmp", bmp(64, 64, 1));
  const Outcome outcome = run_sim({"--model", "deit-micro", "--images", folder_.path("b\xFF"), "--quiet", "--json",
                                   folder_.path("r.json"), "--csv", folder_.path("r.csv")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json report = json::parse(read_file(folder_.path("r.json")));
  EXPECT_EQ(report.at("images").at(0).at("file"), "caf\xEF\xBF\xBD.bmp");
}

TEST_F(FilesCli, JsonThatIsNotOurs) {
  const std::string deep = folder_.file("deep.json", std::string(58000, '[') + std::string(58000, ']'));
  expect_refused({"compare", deep, deep}, "deep.json' is nested deeper");
  expect_refused({"report", deep, "--html", folder_.path("page")}, "deep.json' is nested deeper");
  const std::string text = folder_.file("text.json", "no JSON");
  expect_refused({"compare", text, text}, "text.json' is not JSON");
  expect_refused({"report", text, "--html", folder_.path("page")}, "text.json' is");
}

TEST_F(FilesCli, ResultStoresThatAreDamaged) {
  const std::string good = small_sweep();
  const auto damaged = [&](const char* sql) {
    const std::string path = folder_.path("bad.sqlite");
    std::filesystem::copy_file(good, path, std::filesystem::copy_options::overwrite_existing);
    alter(path, sql);
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"pareto", path}, {"report", path, "--html", folder_.path("page")}})
      expect_refused(command, "bad.sqlite");
  };
  damaged("UPDATE point SET settings = 'x'");
  damaged("UPDATE point SET settings = '{\"pl.clock_mhz\":1}'");
  damaged("UPDATE point SET latency_ms = NULL");
  damaged("UPDATE point SET latency_ms = 1.01336e+267");  // no measurement; beyond every whole number
  damaged("UPDATE point SET lut = -1");
  damaged("DROP TABLE point");
  const std::string whole = read_file(good);
  const std::string cut = folder_.file("cut.sqlite", whole.substr(0, whole.size() / 2));
  expect_refused({"pareto", cut}, "cut.sqlite");
  const std::string spec = folder_.path("s.ini");
  expect_refused({"sweep", "--config", spec, "--out", ""}, "no name of a file");
  expect_refused({"sweep", "--config", spec, "--out", ":memory:"}, "no name of a file");
  expect_refused({"sweep", "--config", spec, "--out", spec}, "is an input as well");
}

/// Everything that writes: the words before the path of its output.
std::vector<std::vector<std::string>> writers() {
  return {{"--model", "deit-micro", "--quiet", "--json"},
          {"--model", "deit-micro", "--quiet", "--roofline"},
          {"quantize", "--model", "deit-micro", "--out"},
          {"hls-config", "--output"}};
}

TEST_F(FilesCli, LinksAreFollowedAndKept) {
  for (std::vector<std::string> words : writers()) {
    std::filesystem::create_symlink("target", folder_.path("link"));
    words.push_back(folder_.path("link"));
    EXPECT_EQ(run_sim(words).code, 0) << words.front();
    EXPECT_TRUE(std::filesystem::is_symlink(folder_.path("link"))) << words.front();
    EXPECT_TRUE(std::filesystem::is_regular_file(folder_.path("target"))) << words.front();
    std::filesystem::remove(folder_.path("link"));
    std::filesystem::remove(folder_.path("target"));
    std::filesystem::create_symlink("b", folder_.path("a"));
    std::filesystem::create_symlink("a", folder_.path("b"));
    words.back() = folder_.path("a");
    EXPECT_EQ(run_sim(words).code, 2) << words.front();
    EXPECT_TRUE(std::filesystem::is_symlink(folder_.path("a")));
    std::filesystem::remove(folder_.path("a"));
    std::filesystem::remove(folder_.path("b"));
  }
}

// Devices of its own: the machine's must not depend on whether this works.
TEST_F(FilesCli, DevicesAreWrittenIntoNotReplaced) {
  const std::string device = folder_.path("null");
  if (mknod(device.c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0) GTEST_SKIP() << "only root makes devices";
  for (std::vector<std::string> words : writers()) {
    words.push_back(device);
    EXPECT_EQ(run_sim(words).code, 0) << words.front();
    EXPECT_TRUE(std::filesystem::is_character_file(device)) << words.front();
  }
  const std::string spec = folder_.file("s.ini", "[sweep]\nmodel = deit-micro\n[axis]\npl.clock_mhz = 100; 150\n");
  expect_refused({"sweep", "--config", spec, "--out", device}, "is no regular file");
  EXPECT_EQ(folder_.entries(), 2U);  // no journal beside it
}

TEST_F(FilesCli, VectorsOfARunThatFailsLeaveNoFolder) {
  folder_.file("a.bmp", bmp(64, 64, 1));
  folder_.file("b.bmp", "BM, but nothing else");
  expect_refused(
      {"--model", "deit-micro", "--images", folder_.path(""), "--quiet", "--dump-vectors", folder_.path("v")}, "b.bmp");
  EXPECT_EQ(folder_.entries(), 2U);
  std::filesystem::remove(folder_.path("b.bmp"));
  for (const char* jobs : {"1", "2"}) {
    folder_.file("c.bmp", bmp(64, 64, 2));
    const std::string to = folder_.path("v" + std::string(jobs));
    EXPECT_EQ(run_sim({"--model", "deit-micro", "--images", folder_.path(""), "--quiet", "--jobs", jobs,
                       "--dump-vectors", to, "--vectors", "1"})
                  .code,
              0);
    EXPECT_GT(std::distance(std::filesystem::directory_iterator(to), {}), 8) << jobs;
  }
  EXPECT_EQ(read_file(folder_.path("v1/softmax-000.vec")), read_file(folder_.path("v2/softmax-000.vec")));
}

TEST_F(FilesCli, NamesThatAreTooLong) {
  expect_refused({"--model", "deit-micro", "--image", std::string(5000, 'x')}, "too long");
}

}  // namespace
}  // namespace heatvit::tests

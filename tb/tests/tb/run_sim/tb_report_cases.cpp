// run_sim's results: reports, output files, worker processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/config/csv.h"
#include "tb/config/signals.h"
#include "tb/config/text_table.h"
#include "tb/report/run_report.h"
#include "tb/report/text_report.h"
#include "tb/run_sim/workers.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::tb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::read_file;
using tests::TemporaryFolder;

// NumPy reads it by its own rules; data begin at the first multiple of 64 bytes.
TEST(Logits, NumpysHeaderIsAsShortAsItCanBe) {
  const std::string npy = logits_npy(std::vector<std::vector<float>>{{1, 2, 3}, {4, 5, 6}});
  ASSERT_EQ(npy.size(), 128U + 24);
  EXPECT_EQ(npy.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_EQ(npy[127], '\n');
  EXPECT_THAT(npy, HasSubstr("'shape': (2, 3)"));
}

soc::ImageResult sample(uint64_t n) {
  soc::ImageResult result;
  result.cycles = 1000 * n;
  result.latency_ms = static_cast<double>(n);
  result.logits.assign(1000, 0);
  result.logits[n] = 65536;
  result.logits[n + 1] = 32768;
  result.tokens = {197, 139};
  result.kept_counts = {137};
  result.kept = {{0, 5, 195}};
  result.macs = 2'000'000'000;
  result.tiles = 7;
  result.transactions = 11;
  result.wall_s = 0.5;
  for (const isa::Op op : {isa::Op::kQkv, isa::Op::kFc1, isa::Op::kFc1}) {
    soc::CommandRecord command;
    command.block = op == isa::Op::kQkv ? uint8_t{1} : isa::kHeadBlock;
    command.op = op;
    command.cycles = n;
    command.bytes_in = 10;
    command.bytes_cpu = 3;
    command.units[3][0] = n;
    command.units[3][2] = 5;
    result.commands.push_back(command);
  }
  return result;
}

RunReport report_of(const std::vector<uint64_t>& order) {
  RunReport report("deit-t", "functional", 12, {{"pe.th", 3}}, order.size());
  for (const uint64_t n : order) report.add(n - 1, {{"image" + std::to_string(n), static_cast<int>(n)}}, sample(n));
  return report;
}

TEST(Report, BreakdownIsTheMeanOverImagesPerBlockAndOperation) {
  const auto json = to_json(report_of({1, 2, 3, 4}));
  for (const auto& [key, sum] : {std::pair{"wall_s", 2.0}, {"transactions", 44.0}, {"tiles", 28.0}})
    EXPECT_EQ(json["simulation"][key], sum) << key;
  EXPECT_EQ(json["schema"], "heatvit-sim/run/1");
  ASSERT_EQ(json["breakdown"].size(), 2U);
  EXPECT_EQ(json["breakdown"][0]["block"], 1);
  EXPECT_EQ(json["breakdown"][0]["op"], "qkv");
  EXPECT_EQ(json["breakdown"][0]["cycles"], 2.5);
  EXPECT_EQ(json["breakdown"][0]["bytes"], 13);
  EXPECT_EQ(json["breakdown"][1]["block"], 13);  // behind the twelfth
  EXPECT_EQ(json["breakdown"][1]["cycles"], 5);  // two commands an image
  EXPECT_EQ(json["breakdown"][1]["units"]["pe"]["busy"], 5);
  EXPECT_EQ(json["breakdown"][1]["units"]["pe"]["wait_input"], 10);
  EXPECT_FALSE(json["breakdown"][1]["units"]["pe"].contains("wait_weights"));
}

TEST(Report, SummaryAndImages) {
  RunReport report = report_of({1, 2, 3, 4});
  report.add(3, {{"image4", 5}}, sample(4));  // right only in second place
  const auto json = to_json(report);
  EXPECT_EQ(json["summary"]["images"], 4);
  EXPECT_EQ(json["summary"]["top1"], 0.75);
  EXPECT_EQ(json["summary"]["top5"], 1.0);
  EXPECT_EQ(json["summary"]["gmacs_mean"], 2.0);
  EXPECT_EQ(json["summary"]["fps"], 400.0);
  EXPECT_EQ(json["summary"]["latency_ms"]["p50"], 2.0);
  EXPECT_EQ(json["summary"]["latency_ms"]["max"], 4.0);
  EXPECT_EQ(json["images"][0]["top5"][0]["class"], 1);
  EXPECT_EQ(json["images"][0]["top5"][0]["score"], 1.0);
  EXPECT_EQ(json["images"][0]["kept"][0][2], 195);
}

TEST(Report, DoesNotDependOnTheOrderOfResults) {
  auto forward = to_json(report_of({1, 2, 3, 4}));
  auto backward = to_json(report_of({3, 4, 2, 1}));
  EXPECT_EQ(forward.dump(), backward.dump());
  EXPECT_EQ(to_csv(report_of({1, 2})), to_csv(report_of({2, 1})));
}

TEST(Report, TopClassesBreakTiesToTheLowerClass) {
  const std::vector<TopClass> top = top_classes({5, 9, 9, -1, 5, 0, 7});
  std::vector<int> order;
  for (const TopClass& c : top) order.push_back(c.index);
  EXPECT_THAT(order, ElementsAre(1, 2, 6, 0, 4));
  EXPECT_TRUE(top_classes({}).empty());
}

TEST(Report, PercentilesAreNearestRank) {
  std::vector<double> values;
  for (int i = 1; i <= 20; ++i) values.push_back(i);
  EXPECT_EQ(percentile(values, 50), 10);
  EXPECT_EQ(percentile(values, 95), 19);
  EXPECT_EQ(percentile(values, 99), 20);
  EXPECT_EQ(percentile({4.0}, 50), 4.0);
}

TEST(Report, CsvHasOneLineAnImage) {
  const std::string csv = to_csv(report_of({1, 2}));
  EXPECT_EQ(csv,
            "file,label,top1,top2,top3,top4,top5,cycles,latency_ms,gmacs,kept,tokens,bound_ms,batch,"
            "bytes_in,bytes_weights,bytes_out,bytes_cpu,bytes_on_chip,tiles,macs,saturated\n"
            "image1,1,1,2,0,3,4,1000,1,2,137,197 139,0,1,30,0,0,9,0,0,0,0\n"
            "image2,2,2,3,0,1,4,2000,2,2,137,197 139,0,1,30,0,0,9,0,0,0,0\n");
}

TEST(Report, EveryCounterReachesTextJsonAndCsv) {
  soc::ImageResult result = sample(1);
  result.commands.resize(1);
  uint64_t value = 1'000'001;  // each its own
  result.cycles = value;       // the column of the image's, which are the sum of its commands'
  for (const soc::CounterField& field : soc::kCounterFields) result.commands[0].*field.value = value++;
  RunReport report("deit-t", "timing", 12, {}, 1);
  report.add(0, {{"-", -1}}, std::move(result));
  const auto row = to_json(report)["breakdown"][0];
  const std::string text = to_text(report, {}, {}), csv = to_csv(report);
  value = 1'000'001;
  for (const soc::CounterField& field : soc::kCounterFields) {
    const std::string digits = std::to_string(value);
    EXPECT_EQ(row.at(nlohmann::ordered_json::json_pointer(field.pointer)), value) << field.name;
    EXPECT_THAT(text, HasSubstr(grouped(value))) << field.name;
    EXPECT_THAT(text, HasSubstr(field.name));
    EXPECT_THAT(csv, HasSubstr(field.name));
    EXPECT_THAT(csv, HasSubstr("," + digits)) << field.name;
    ++value;
  }
}

TEST(Report, TextExplainsItself) {
  const std::vector<std::string> names(1000, "a thing");
  const std::string text = to_text(report_of({1, 2}), names, {});
  for (const char* part :
       {"top-1", "100.0 %", "p95", "By operation", "By unit", "busy: working", "197 139", "a thing"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(to_text(report_of({1}), names, {true, 5}), HasSubstr("head fc1"));
}

TEST(Report, MemoryAsJsonAndText) {
  RunReport report("deit-t", "timing", 12, {}, 1);
  soc::ImageResult result = sample(1);
  result.memory.bytes[static_cast<size_t>(soc::MemoryPort::kHp1)][static_cast<size_t>(modules::Purpose::kWeights)] =
      3 * 1024;
  result.memory.bytes[static_cast<size_t>(soc::MemoryPort::kCpu)][static_cast<size_t>(modules::Purpose::kCpu)] = 1024;
  result.memory.row_hits = 60;
  result.memory.row_misses = 4;
  result.memory.refreshes = 2;
  result.memory.bytes_in_bin[0] = 1024;
  result.memory.bytes_in_bin[1] = 3 * 1024;
  result.memory.bin_ns = 1024;
  report.add(0, {{"-", -1}}, std::move(result));
  const auto memory = to_json(report)["memory"];
  EXPECT_EQ(memory["bytes"]["hp1"]["weights"], 3072);
  EXPECT_EQ(memory["bytes"].size(), 2U);
  EXPECT_EQ(memory["row_hit_rate"], 60.0 / 64);
  EXPECT_EQ(memory["pe_wait_cycles"], 15);  // five a command, of 1000
  EXPECT_THAT(memory["bandwidth"]["gbs"], ElementsAre(1, 3));
  const std::string text = memory_text(report);
  for (const char* part :
       {"hp1   weights    3  75.0 %", "93.8 % of the column accesses hit one, 4 did not; 2 refreshes",
        "1.5 % of all cycles", "▃█", "at most 3.00; a bar is 1.0 us"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(Text, HistogramAndTable) {
  EXPECT_EQ(histogram({1, 1, 1}, 8), "");
  EXPECT_EQ(histogram({0, 0, 0, 0, 10}, 3), "█ ▂");
  Table table({Table::Align::kLeft, Table::Align::kRight});
  table.add({"a", "10"});
  table.add({"é", "5"});
  EXPECT_EQ(table.text(), "  a  10\n  é   5\n");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(123), "123");
}

TEST(AtomicFile, LeavesNothingBehindOnInterrupt) {
  for (const int signal : weights::kEndingSignals) {
    const TemporaryFolder folder;
    const pid_t child = fork();
    if (child == 0) {
      install_signal_handlers();
      AtomicFile file(folder.path("out"));
      file.write("half");
      raise(signal);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 128 + signal);
    EXPECT_EQ(folder.entries(), 0U);
  }
}

TEST(Workers, ResultsSurviveTheWay) {
  const soc::ImageResult result = sample(3);
  const std::string bytes = serialise(result);
  const soc::ImageResult back = deserialise(bytes);
  EXPECT_EQ(serialise(back), bytes);
  EXPECT_EQ(back.kept, result.kept);
  EXPECT_EQ(back.commands.size(), 3U);
  EXPECT_EQ(back.commands[2].units, result.commands[2].units);
  EXPECT_THROW(deserialise(bytes.substr(0, bytes.size() - 1)), std::runtime_error);
  EXPECT_THROW(deserialise(bytes + "x"), std::runtime_error);
}

TEST(Workers, EveryItemOnceForAnyNumberOfJobs) {
  for (const int jobs : {1, 2, 3, 8}) {
    std::vector<uint64_t> cycles(5);
    run_jobs(
        5, jobs, [] { return [](size_t index) { return sample(index + 1); }; },
        [&](size_t index, soc::ImageResult&& result) { cycles[index] += result.cycles; });
    EXPECT_THAT(cycles, ElementsAre(1000, 2000, 3000, 4000, 5000)) << jobs;
  }
}

TEST(Workers, TimeOfSeveralAtOncePassesOnce) {
  Elapsed elapsed;
  EXPECT_EQ(elapsed.add(10, 12), 2);
  EXPECT_EQ(elapsed.add(11, 13), 1);  // begins within
  EXPECT_EQ(elapsed.add(10, 13), 0);  // is within
  EXPECT_EQ(elapsed.add(20, 21), 1);  // apart
  EXPECT_EQ(elapsed.add(23, 24), 1);
  EXPECT_EQ(elapsed.add(9, 22), 9);   // around all but the last
  EXPECT_EQ(elapsed.add(22, 25), 2);  // behind one, around another
  EXPECT_EQ(elapsed.add(0, 9), 9);    // up to the first
  EXPECT_EQ(elapsed.add(0, 25), 0);
}

TEST(Workers, TimeIsTheUnionOfWhatRan) {
  double sum = 0;
  run_jobs(
      4, 2,
      [] {
        return [](size_t index) {
          soc::ImageResult result = sample(index + 1);
          result.began_s = 100 + static_cast<double>(index / 2);  // two at a time
          result.wall_s = 1;
          return result;
        };
      },
      [&](size_t, soc::ImageResult&& result) { sum += result.wall_s; });
  EXPECT_EQ(sum, 2);
}

template <typename Error>
std::string failure(const std::function<void()>& misfortune) {
  try {
    run_jobs(
        4, 2,
        [&] {
          return [&](size_t index) {
            if (index == 2) misfortune();
            return sample(index + 1);
          };
        },
        [](size_t, soc::ImageResult&&) {});
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Workers, ErrorsArriveAsWhatTheyWere) {
  EXPECT_EQ(failure<InputError>([] { throw InputError("a.jpg: no image"); }), "a.jpg: no image");
  EXPECT_EQ(failure<std::runtime_error>([] { throw std::runtime_error("deadlock"); }), "deadlock");
  EXPECT_EQ(failure<std::runtime_error>([] { raise(SIGKILL); }), "the worker process was killed by signal 9");
  EXPECT_EQ(failure<std::runtime_error>([] { _exit(3); }), "the worker process ended with code 3");
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a worker is left over";
}

}  // namespace
}  // namespace heatvit::tb

// Command lists as files: disassembled, assembled, run, refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class CommandListCli : public ::testing::Test {
 protected:
  static std::string disassembled(const std::string& model) { return run_sim({"disasm", "--model", model}).out; }

  static std::string project_file(const std::string& path) {
    return std::string(std::getenv("HEATVIT_HOME")) + "/" + path;
  }

  static void expect_refused(const std::vector<std::string>& arguments, const std::string& message) {
    const Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(message));
  }

  /// Images of a run's report: cycles, logits and all.
  json images(std::vector<std::string> arguments) {
    const std::string path = folder_.path("run.json");
    arguments.insert(arguments.end(), {"--quiet", "--json", path});
    const Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.code == 0 ? json::parse(read_file(path)).at("images") : json();
  }

  /// The list of deit-micro with a part of its text in another form, as a file.
  std::string changed(const std::string& from, const std::string& to, const std::vector<std::string>& more = {}) {
    std::vector<std::string> disasm = {"disasm", "--model", "deit-micro"};
    disasm.insert(disasm.end(), more.begin(), more.end());
    std::string text = run_sim(disasm).out;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return folder_.file("changed.asm", text.replace(at, from.size(), to));
  }

  TemporaryFolder folder_;
};

TEST_F(CommandListCli, TextAndWordsAreEachOther) {
  for (const char* model : {"deit-micro", "deit-t", "lv-vit-s"}) {
    const std::string text = disassembled(model), list = folder_.file("list.asm", text),
                      words = folder_.path("list.bin"), again = folder_.path("again.bin");
    ASSERT_EQ(run_sim({"asm", list, "--out", words}).code, 0);
    EXPECT_EQ(read_file(words).size() % 128, 0U);
    const Outcome back = run_sim({"disasm", words});
    EXPECT_EQ(back.code, 0) << back.err;
    EXPECT_EQ(back.out, text.substr(text.find('\n') + 1, text.find("\n\n#") - text.find('\n')));
    ASSERT_EQ(run_sim({"asm", folder_.file("back.asm", back.out), "--out", again}).code, 0);
    EXPECT_EQ(read_file(again), read_file(words));
  }
}

TEST_F(CommandListCli, TheListOfANetworkRunsAsTheNetwork) {
  const std::string weights = project_file("models/zoo/micro/weights.safetensors");
  const struct {
    std::vector<std::string> both, run;
  } runs[] = {{{"--model", "deit-micro"}, {}},
              {{"--model", "deit-t", "--prune-rates", "0.3,0.51,0.657"}, {}},
              {{"--model", "deit-micro", "--accel.batch", "2"}, {}},
              {{"--model", "deit-micro", "--weights", weights, "--selector-weights", weights, "--accel.batch", "2"},
               {"--images", project_file("models/zoo/micro/images"), "--limit", "4", "--logits"}}};
  for (const auto& [both, more] : runs) {
    std::vector<std::string> disasm = both, run = both;
    disasm.insert(disasm.begin(), "disasm");
    run.insert(run.end(), more.begin(), more.end());
    const Outcome listed = run_sim(disasm);
    EXPECT_EQ(listed.code, 0) << listed.err;
    const std::string text = folder_.file("list.asm", listed.out), words = folder_.path("list.bin");
    ASSERT_EQ(run_sim({"asm", text, "--out", words}).code, 0);
    const json before = images(run);
    for (const std::string& list : {text, words}) {
      std::vector<std::string> own = run;
      own.insert(own.end(), {"--program", list});
      EXPECT_EQ(images(own), before) << list;
    }
  }
}

TEST_F(CommandListCli, AnotherScheduleIsAnotherTimeAndTheSameNumbers) {
  const std::string weights = project_file("models/zoo/micro/weights.safetensors");
  const std::vector<std::string> run = {
      "--model",  "deit-micro", "--weights",
      weights,    "--scorer",   "none",
      "--logits", "--image",    project_file("models/zoo/micro/images/000_circle_filled.jpg")};
  std::vector<std::string> own = run;
  own.insert(own.end(), {"--program", changed("k=96 n=288 tile=22x", "k=96 n=288 tile=7x", {"--weights", weights})});
  const json before = images(run), after = images(own);
  EXPECT_EQ(after[0].at("logits"), before[0].at("logits"));
  EXPECT_NE(after[0].at("cycles"), before[0].at("cycles"));
}

TEST_F(CommandListCli, WhatCouldHangOrLeaveTheMemoryIsRefusedInALine) {
  const auto refused = [this](const std::string& from, const std::string& to, const std::string& message) {
    expect_refused({"--model", "deit-micro", "--program", changed(from, to)}, message);
  };
  refused("wait_a=b0.cls", "wait_a=b1.qkv", "comes later: it would wait for ever");
  refused("b1.norm1:", "b1.norm1: END\n", "END ends the list, but there are commands behind it");
  refused("END ", "COPY m=1 n=1 c=0x100000/1 ", "must end with END");
  refused("block=1 op=qkv", "block=9 op=qkv", "block=9: deit-micro has blocks 0..6 and head");
  refused("block=1 op=qkv m=T", "block=1 op=qkv m=30000", "memory");
  const Outcome early = run_sim({"--model", "deit-micro", "--program", changed(" wait_a=b1.norm1", "")});
  EXPECT_EQ(early.code, 0) << early.err;
  EXPECT_THAT(early.err, HasSubstr("changed.asm:5: operand a is what command 2 writes, which is not waited for"));
  const Outcome unscaled = run_sim({"--model", "deit-micro", "--scorer", "none", "--program", changed("END", "END"),
                                    "--image", project_file("models/zoo/micro/images/000_circle_filled.jpg")});
  EXPECT_EQ(unscaled.code, 0) << unscaled.err;
  EXPECT_THAT(unscaled.err, HasSubstr("changed.asm:6: scale is 0, so every result is: functional mode wants"));
  expect_refused({"--model", "deit-micro", "--program", folder_.path("none.asm")}, "none.asm");
  const std::string list = folder_.file("list.asm", disassembled("deit-micro"));
  expect_refused({"--model", "deit-micro", "--program", list, "--mode", "analytic"},
                 "--program: only functional and timing");
  expect_refused({"--model", "deit-micro", "--program", list, "--what-if"}, "--program: --what-if");
  expect_refused({"--model", "deit-micro", "--program", list, "--prune-rates", "0.3,0.5,0.6"},
                 "list.asm: has 0 selections of tokens, the options ask for 3");
  expect_refused({"--model", "deit-micro", "--program", list, "--json", list}, "list.asm");
}

TEST_F(CommandListCli, WhatIsNoListIsRefusedInALine) {
  const std::string list = folder_.file("list.asm", "one: COPY m=1\r\nEND wait_a=on\r\n");
  expect_refused({"asm", list}, "list.asm:2: no command has the label 'on'; did you mean one?");
  expect_refused({"asm"}, "asm needs a file");
  expect_refused({"asm", folder_.path("none.asm")}, "cannot read");
  expect_refused({"asm", folder_.file("nothing.asm", "")}, "has no command");
  expect_refused({"asm", folder_.file("same.asm", "END"), "--out", folder_.path("same.asm")}, "same.asm");
  expect_refused({"disasm", folder_.file("odd.bin", std::string(100, '\0'))}, "is no command list: 100 bytes");
  expect_refused({"disasm", folder_.file("zero.bin", std::string(128, '\0'))}, "command 0: bad command: checksum");
  expect_refused({"disasm", folder_.file("end.asm", "END"), "--model", "deit-t"}, "leave out --model");
}

}  // namespace
}  // namespace heatvit::tests

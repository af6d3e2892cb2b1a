// Command lists as files: disassembled, assembled, refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using ::testing::HasSubstr;

class CommandListCli : public ::testing::Test {
 protected:
  std::string disassembled(const std::string& model) { return run_sim({"disasm", "--model", model}).out; }

  void expect_refused(const std::vector<std::string>& arguments, const std::string& message) {
    const Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(message));
  }

  const TemporaryFolder folder_;
};

TEST_F(CommandListCli, TextAndWordsAreEachOther) {
  for (const char* model : {"deit-micro", "deit-t", "lv-vit-s"}) {
    const std::string text = disassembled(model), list = folder_.file("list.asm", text),
                      words = folder_.path("list.bin"), again = folder_.path("again.bin");
    ASSERT_EQ(run_sim({"asm", list, "--out", words}).code, 0);
    EXPECT_EQ(read_file(words).size() % 128, 0U);
    const Outcome back = run_sim({"disasm", words});
    EXPECT_EQ(back.code, 0) << back.err;
    EXPECT_EQ(back.out, text.substr(0, text.find("\n\n#") + 1));
    ASSERT_EQ(run_sim({"asm", folder_.file("back.asm", back.out), "--out", again}).code, 0);
    EXPECT_EQ(read_file(again), read_file(words));
  }
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

// Output files: whole or not there, whatever their names lead to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>

#include "accel/isa/errors.h"
#include "models/weights/atomic_file.h"
#include "tb/tests/support/message_of.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::weights {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using tests::message_of;
using tests::read_file;
using tests::TemporaryFolder;

mode_t mode_of(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

void write(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string refusal(const std::string& path) {
  return message_of([&] { AtomicFile file(path); });
}

TEST(AtomicFile, AppearsOnlyWhenComplete) {
  const TemporaryFolder folder;
  const std::string path = folder.file("out", "old");
  {
    AtomicFile file(path);
    file.write("new");
    EXPECT_EQ(read_file(path), "old");
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(folder.entries(), 1U);
  AtomicFile file(path);
  file.write("ne");
  file.write("w");
  file.commit();
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(AtomicFile, FollowsSymbolicLinks) {
  const TemporaryFolder folder;
  fs::create_symlink("target", folder.path("link"));
  folder.file("target", "old");
  write(folder.path("link"), "new");
  EXPECT_TRUE(fs::is_symlink(folder.path("link")));
  EXPECT_EQ(read_file(folder.path("target")), "new");
  fs::create_symlink("not-yet", folder.path("dangling"));
  fs::create_symlink("dangling", folder.path("twice"));
  write(folder.path("twice"), "new");
  EXPECT_TRUE(fs::is_symlink(folder.path("dangling")));
  EXPECT_EQ(read_file(folder.path("not-yet")), "new");
}

TEST(AtomicFile, FollowsAsManyLinksAsTheSystem) {
  const TemporaryFolder folder;
  std::string last = "target";
  for (int i = 1; i <= 40; ++i) {
    const std::string link = "link" + std::to_string(i);
    fs::create_symlink(last, folder.path(link));
    last = link;
  }
  EXPECT_EQ(followed(folder.path("link40")), fs::canonical(folder.path("")).string() + "/target");
  write(folder.path("link40"), "through forty");
  EXPECT_EQ(read_file(folder.path("target")), "through forty");
  fs::create_symlink("link40", folder.path("one-more"));
  fs::remove(folder.path("target"));
  EXPECT_THAT(refusal(folder.path("one-more")), EndsWith("': Too many levels of symbolic links"));
}

TEST(AtomicFile, ANewFileHasTheModeOfTheUmaskAndAnOldOneKeepsItsOwn) {
  const TemporaryFolder folder;
  const mode_t before = umask(027);
  write(folder.path("new"), "a");
  EXPECT_EQ(umask(before), 027U) << "the umask was changed";
  EXPECT_EQ(mode_of(folder.path("new")), 0640U);
  ASSERT_EQ(chmod(folder.path("new").c_str(), 0600), 0);
  write(folder.path("new"), "b");
  EXPECT_EQ(mode_of(folder.path("new")), 0600U);
  EXPECT_EQ(read_file(folder.path("new")), "b");
}

TEST(AtomicFile, SaysWhyItCannotWrite) {
  const TemporaryFolder folder;
  EXPECT_EQ(refusal(""), "cannot write '': the name is empty");
  EXPECT_EQ(refusal(folder.path("")), "cannot write '" + folder.path("") + "': it is a folder");
  EXPECT_THAT(refusal(folder.path("none/out")), EndsWith("none/out': No such file or directory"));
  EXPECT_THAT(refusal(folder.path(std::string(300, 'x'))), EndsWith("': File name too long"));
  EXPECT_THAT(refusal(folder.file("file", "") + "/out"), EndsWith("file/out': Not a directory"));
  fs::create_symlink("b", folder.path("a"));
  fs::create_symlink("a", folder.path("b"));
  EXPECT_THAT(refusal(folder.path("a")), EndsWith("a': Too many levels of symbolic links"));
  EXPECT_TRUE(fs::is_symlink(folder.path("a")));
  EXPECT_EQ(folder.entries(), 3U);
}

// What is no regular file is written in place, and stays what it was where that fails.
TEST(AtomicFile, SpecialFilesAreWrittenInPlace) {
  const TemporaryFolder folder;
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = folder.path("s");
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(refusal(path), "cannot write '" + path + "': No such device or address");
  EXPECT_TRUE(fs::is_socket(path));
  close(listener);
  AtomicFile full("/dev/full");
  EXPECT_THROW(full.write("text"), WriteError);
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  write("/dev/null", "text");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(AtomicFile, AFullDiskIsSaidAndLeavesTheOldFile) {
  AtomicFile full("/dev/full");
  try {
    full.write("text");
    FAIL() << "written";
  } catch (const WriteError& error) {
    EXPECT_STREQ(error.what(), "writing '/dev/full' failed: No space left on device");
  }
  // The folder vanishes before the end.
  const TemporaryFolder folder;
  fs::create_directory(folder.path("gone"));
  AtomicFile file(folder.path("gone/out"));
  file.write("text");
  fs::remove_all(folder.path("gone"));
  EXPECT_THROW(file.commit(), WriteError);
}

TEST(AtomicFile, AReaderThatHasGoneIsNoError) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  AtomicFile file("/dev/fd/" + std::to_string(ends[1]));
  EXPECT_THROW(file.write("text"), ClosedPipe);
  std::signal(SIGPIPE, before);
  close(ends[1]);
}

// What a handler does: all files that are being written go, those that are done or given up stay as they are.
TEST(AtomicFile, UnfinishedOnesAreRemovedAndNoOthers) {
  const TemporaryFolder folder;
  write(folder.path("done"), "1");
  { const AtomicFile given_up(folder.path("given-up")); }
  AtomicFile first(folder.path("first")), second(folder.path("second"));
  EXPECT_EQ(folder.entries(), 3U);
  remove_unfinished_files();
  EXPECT_EQ(folder.entries(), 1U);
  EXPECT_EQ(read_file(folder.path("done")), "1");
  AtomicFile child(folder.path("child"));
  forget_unfinished_files();
  remove_unfinished_files();
  EXPECT_EQ(folder.entries(), 2U);
}

TEST(AtomicFile, SignalsAreHeldBackForAsLongAsIsAsked) {
  for (const int signal : kEndingSignals) {
    const pid_t child = fork();
    if (child == 0) {
      static volatile sig_atomic_t held = 1;
      struct sigaction action = {};
      action.sa_handler = [](int) { _exit(held != 0 ? 8 : 7); };
      sigaction(signal, &action, nullptr);
      {
        const SignalHold hold;
        raise(signal);
        held = 0;
      }
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 7) << signal;
  }
}

}  // namespace
}  // namespace heatvit::weights

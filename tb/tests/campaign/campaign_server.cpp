// run_sim for campaigns. As a program it is run_sim; called with the one word --serve it answers requests on stdin: a
// line of JSON each, {"command": [words], "folder": where to run, "seconds": of the processor}. Each command runs in a
// process forked from this one, which has done nothing but load and make its tables: what a fresh run_sim is, without
// the time that loading takes. The answer is a line of JSON:
//   code    the exit code; absent where a signal ended it
//   signal  the signal; SIGXCPU: it used up its seconds; SIGKILL: it took kClockPerCpu times as long by the clock
//   stderr  what it said, kLongest bytes at most
//   left    true where processes of the command were still there kGrace seconds after it
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/zoo/zoo.h"
#include "tb/config/parameters.h"
#include "tb/run_sim/commands.h"

namespace {

using Json = nlohmann::ordered_json;

constexpr int kClockPerCpu = 20;  // a busy machine ends nothing
constexpr int kGrace = 5;
constexpr size_t kLongest = 1 << 20;  // sanitizers warn at length before an error is said
constexpr int kNoStart = 127;

void limit(int what, rlim_t value) {
  const rlimit both = {value, value};
  setrlimit(what, &both);
}

/// In the child: the command as if it had been started by a shell.
[[noreturn]] void carry_out(const Json& request, int said) {
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  limit(RLIMIT_CPU, request.at("seconds").get<rlim_t>());
  limit(RLIMIT_CORE, 0);
  const int nothing = open("/dev/null", O_RDWR);
  if (nothing < 0 || chdir(request.at("folder").get<std::string>().c_str()) != 0) _exit(kNoStart);
  dup2(nothing, STDIN_FILENO);
  dup2(nothing, STDOUT_FILENO);
  dup2(said, STDERR_FILENO);
  auto words = request.at("command").get<std::vector<std::string>>();
  words.insert(words.begin(), "run_sim");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  std::exit(heatvit::tb::run_program(static_cast<int>(argv.size()), argv.data()));
}

/// Its status as waitpid() gives it. SIGCHLD is blocked here, so it cannot come between looking and waiting.
int wait_for(pid_t child, int seconds) {
  sigset_t ended;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  const std::time_t end = std::time(nullptr) + seconds;
  int status = 0;
  for (bool over = false; waitpid(child, &status, over ? 0 : WNOHANG) != child;) {
    const std::time_t left = end - std::time(nullptr);
    over = left <= 0;
    if (over) {
      kill(child, SIGKILL);
      continue;
    }
    const timespec patience = {left, 0};
    sigtimedwait(&ended, nullptr, &patience);
  }
  return status;
}

/// Whether processes of the group outlive the one that began it. They are children of this one now (prctl in serve()).
bool left_behind(pid_t group) {
  constexpr timespec kMoment = {0, 10'000'000};
  const std::time_t end = std::time(nullptr) + kGrace;
  while (kill(-group, 0) == 0) {
    while (waitpid(-group, nullptr, WNOHANG) > 0) {
    }
    if (std::time(nullptr) >= end) return kill(-group, SIGKILL) == 0;
    nanosleep(&kMoment, nullptr);
  }
  return false;
}

std::string text_of(int file) {
  struct stat said;
  if (fstat(file, &said) != 0) return {};
  std::string text(std::min(kLongest, static_cast<size_t>(said.st_size)), '\0');
  const ssize_t size = pread(file, text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return text;
}

Json answer(const Json& request) {
  const int said = memfd_create("stderr", MFD_CLOEXEC);
  const pid_t child = said < 0 ? -1 : fork();
  if (child == 0) carry_out(request, said);
  if (child < 0) {
    std::perror("campaign_server");
    std::exit(1);
  }
  setpgid(child, child);  // whoever comes first
  const int status = wait_for(child, kClockPerCpu * request.at("seconds").get<int>());
  Json reply;
  if (WIFEXITED(status)) {
    reply["code"] = WEXITSTATUS(status);
  } else {
    reply["signal"] = WTERMSIG(status);
  }
  reply["stderr"] = text_of(said);
  reply["left"] = left_behind(child);
  close(said);
  return reply;
}

int serve() {
  sigset_t ended;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ended, nullptr);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  heatvit::tb::parameters();  // tables that nearly every command makes
  heatvit::zoo::models();
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer(Json::parse(line)).dump(-1, ' ', true, Json::error_handler_t::replace) << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--serve") return serve();
  return heatvit::tb::run_program(argc, argv);
}

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "accel/isa/errors.h"
#include "models/weights/atomic_file.h"
#include "tb/config/signals.h"
#include "tb/run_sim/commands.h"

namespace heatvit::tb {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitInput = 2;
constexpr int kExitClosedPipe = 128 + SIGPIPE;

int complain(const std::string& message, int code) {
  std::string line = message;
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::fprintf(stderr, "run_sim: error: %s\n", line.c_str());
  return code;
}

int guarded(const Arguments& arguments) {
  try {
    return dispatch(arguments);
  } catch (const InputError& error) {
    return complain(error.what(), kExitInput);
  } catch (const weights::ClosedPipe&) {
    return kExitClosedPipe;
  } catch (const WriteError& error) {
    return complain(error.what(), kExitFailure);
  } catch (const std::filesystem::filesystem_error& error) {  // names too long, loops of links
    return complain(error.what(), kExitInput);
  } catch (const std::bad_alloc&) {
    return complain("out of memory", kExitFailure);
  } catch (const std::runtime_error& error) {  // worded for the reader: a hardware error, a worker that died
    return complain(error.what(), kExitFailure);
  } catch (const std::exception& error) {
    return complain(std::string("internal: ") + error.what(), kExitFailure);
  }
}

}  // namespace

int run_program(int argc, char** argv) {
#ifdef M_MMAP_THRESHOLD
  // glibc would raise it with the first large block that is freed, and keep the next ones' memory: a float network's,
  // when its integers are all that is left.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);  // smaller ones come and go: a page that is new costs more than what it holds
#endif
  install_signal_handlers();
  auto logger = spdlog::stderr_logger_st("run_sim");
  logger->set_pattern("run_sim: %l: %v");
  spdlog::set_default_logger(logger);
  return guarded({argv + 1, argv + argc});
}

}  // namespace heatvit::tb

// heatvit._native: processes that simulate, as Python objects. Nothing of the simulator runs in Python's own process:
// a worker is forked, resolves, simulates and answers, and the interpreter may be interrupted at any moment.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>

#include "accel/isa/errors.h"
#include "models/preprocess/image_folder.h"
#include "tb/config/parameters.h"
#include "tb/config/signals.h"
#include "tb/config/transfer.h"
#include "tb/python/design_server.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/model_option.h"
#include "tb/run_sim/run_options.h"
#include "tb/run_sim/simulation.h"

namespace py = pybind11;

namespace heatvit::tb {
namespace {

using Words = std::vector<std::string>;

/// Ctrl-C and other handlers of Python's, while a worker works; the GIL is not held.
void check_signals() {
  const py::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

/// In a child: where configs/ and models/ are.
void use_home(const std::string& home) {
  if (!home.empty()) setenv("HEATVIT_HOME", home.c_str(), 1);
}

/// What the command prints; stdout is the worker's own from here on.
class CapturedOutput {
 public:
  CapturedOutput() : file_(memfd_create("stdout", 0)) {
    std::fflush(stdout);
    if (file_ < 0 || dup2(file_, STDOUT_FILENO) < 0) throw std::runtime_error("cannot take the output");
  }
  std::string text() const {
    std::fflush(stdout);
    std::string text(static_cast<size_t>(lseek(file_, 0, SEEK_END)), '\0');
    for (size_t done = 0; done < text.size();) {
      const ssize_t size = pread(file_, text.data() + done, text.size() - done, static_cast<off_t>(done));
      if (size <= 0) throw std::runtime_error("cannot read the output");
      done += static_cast<size_t>(size);
    }
    return text;
  }

 private:
  int file_;
};

/// Tables that are made when they are first read: once here, not in each worker.
void make_tables() {
  static const bool kMade = [] {
    parameters();
    zoo::models();
    return true;
  }();
  (void)kMade;
}

/// A worker that answers once.
std::string asked_once(const explore::Answer& answer) {
  const py::gil_scoped_release free;
  make_tables();
  explore::Server server([&] { return answer; });
  server.ask("");
  return server.answer(check_signals);
}

py::tuple call(const Words& arguments, const std::string& home) {
  const std::string bytes = asked_once([&](const std::string&) {
    use_home(home);
    install_signal_handlers();  // unfinished files are removed, workers of the command are ended
    Warnings warnings;
    const CapturedOutput output;
    const int code = dispatch(arguments);
    return bytes_of(output.text(), code, warnings.take());
  });
  std::string text;
  int code = 0;
  Words warnings;
  read_from(bytes, text, code, warnings);
  return py::make_tuple(text, code, warnings);
}

std::string describe(const Words& arguments, const std::string& home) {
  return asked_once([&](const std::string&) {
    use_home(home);
    Warnings warnings;
    CommandLine line = run_command_line();
    line.parse(arguments);
    return zoo::describe(resolve_model(line));
  });
}

/// One run without images: its mean latency in ms.
double latency_of(const Words& arguments) {
  spdlog::set_level(spdlog::level::err);  // nobody would see a warning
  CommandLine line = run_command_line();
  line.parse(arguments);
  const RunOptions options = resolve_run(line);
  Programs programs(options);
  const Batches batches(options, programs);
  if (options.analytic) return estimate_all(options, batches).latency().mean;
  soc::Simulator simulator(options.config, batches.program(0), options.mode);
  double sum = 0;
  for (size_t b = 0; b < batches.count(); ++b)
    sum += simulate(simulator, options, batches, b).latency_ms * static_cast<double>(batches.images(b));
  return sum / static_cast<double>(options.items.size());
}

/// Of many designs, each in a process of the pool: a list of latencies, or the error's line and whether it is the
/// user's.
py::list latencies(const std::vector<Words>& runs, int jobs, const std::string& home) {
  struct Outcome {
    double ms = 0;
    std::string error;
    bool input = false;
  };
  const std::string bytes = asked_once([&](const std::string&) {
    use_home(home);
    Warnings warnings;
    std::vector<Outcome> outcomes(runs.size());
    explore::ChildWork work;
    work.run = [&](size_t item, const explore::Send& send) { send(bytes_of(latency_of(runs[item]))); };
    work.on_message = [&](size_t item, const std::string& message) { read_from(message, outcomes[item].ms); };
    work.on_end = [&](size_t item, const explore::ChildEnd& end) {
      outcomes[item].input = end.kind == explore::ChildEnd::Kind::kInputError;
      if (end.kind != explore::ChildEnd::Kind::kDone) outcomes[item].error = end.message;
    };
    try {
      CommandLine line = run_command_line();
      line.parse(runs.at(0));
      resolve_run(line);               // what it looks up, its children need not
    } catch (const std::exception&) {  // said where its turn comes
    }
    explore::run_in_children(runs.size(), jobs, work);
    ByteWriter writer;
    for (const Outcome& outcome : outcomes) writer(outcome.ms, outcome.error, outcome.input);
    return writer.take();
  });
  py::list list;
  ByteReader reader(bytes);
  for (size_t i = 0; i < runs.size(); ++i) {
    Outcome outcome;
    reader(outcome.ms, outcome.error, outcome.input);
    if (outcome.error.empty())
      list.append(outcome.ms);
    else
      list.append(py::make_tuple(outcome.error, outcome.input));
  }
  return list;
}

using Pixels = py::array_t<uint8_t, py::array::c_style | py::array::forcecast>;

RunItem item_of(const py::tuple& image) {
  RunItem item;
  item.name = image[0].cast<std::string>();
  item.label = image[2].cast<int>();
  item.kept = image[3].cast<std::vector<int>>();
  item.patches = image[4].cast<std::vector<std::vector<int>>>();
  if (image[1].is_none()) return item;
  if (py::isinstance<py::str>(image[1])) {
    item.path = image[1].cast<std::string>();
    return item;
  }
  const auto pixels = image[1].cast<Pixels>();
  if (pixels.ndim() != 3 || pixels.shape(2) != 3 || pixels.size() == 0)
    throw InputError(item.name + ": an image is an array (height, width, 3)");
  auto picture = std::make_shared<preprocess::Picture>();
  picture->height = static_cast<int>(pixels.shape(0));
  picture->width = static_cast<int>(pixels.shape(1));
  picture->rgb.assign(pixels.data(), pixels.data() + pixels.size());
  item.picture = std::move(picture);
  return item;
}

/// A design's process, as long as this object lives; another one where the last has ended.
class Design {
 public:
  Design(Words arguments, bool images_later, bool trace_later, std::string home)
      : arguments_(std::move(arguments)), later_{images_later, trace_later}, home_(std::move(home)) {}

  py::tuple run(const py::list& images, int jobs, const std::optional<bool>& transform, const py::object& decide) {
    DesignRequest request;
    request.jobs = jobs;
    request.transform = !transform ? Transform::kWhereNeeded : *transform ? Transform::kAlways : Transform::kNever;
    for (const py::handle image : images) request.items.push_back(item_of(image.cast<py::tuple>()));
    request.asks = !decide.is_none();
    const explore::Reply reply = [&decide](const std::string& bytes) { return decided(decide, question_from(bytes)); };
    DesignAnswer answer;
    {
      const py::gil_scoped_release free;
      const std::lock_guard lock(mutex_);
      answer = answer_from(ask(to_bytes(request), reply));
    }
    py::object logits = py::none();
    const auto classes = static_cast<py::ssize_t>(answer.classes);
    if (!answer.logits.empty()) {
      const auto rows = static_cast<py::ssize_t>(answer.logits.size()) / classes;
      logits = py::array_t<int32_t>({rows, classes}, answer.logits.data());
    } else if (!answer.floats.empty()) {
      const auto rows = static_cast<py::ssize_t>(answer.floats.size()) / classes;
      logits = py::array_t<float>({rows, classes}, answer.floats.data());
    }
    return py::make_tuple(answer.report, logits, answer.unit, answer.warnings);
  }

  py::tuple latency() {
    DesignRequest request;
    request.latency_only = true;
    double ms = 0;
    Words warnings;
    {
      const py::gil_scoped_release free;
      const std::lock_guard lock(mutex_);
      read_from(ask(to_bytes(request), {}), ms, warnings);
    }
    return py::make_tuple(ms, warnings);
  }

  void close() {
    const py::gil_scoped_release free;
    const std::lock_guard lock(mutex_);
    server_.reset();
  }

  bool warm() { return server_ && server_->alive(); }

 private:
  /// What Python says to a question; the GIL is not held.
  static std::string decided(const py::object& decide, const DesignQuestion& q) {
    const py::gil_scoped_acquire gil;
    const auto rows = static_cast<py::ssize_t>(q.patches.size());
    const auto width = rows == 0 ? 0 : static_cast<py::ssize_t>(q.tokens.size()) / rows;
    const py::object stay =
        decide(q.image, q.block, py::array_t<int>(rows, q.patches.data()), py::array_t<uint32_t>(rows, q.scores.data()),
               py::array_t<int16_t>({rows, width}, q.tokens.data()), q.unit);
    return bytes_of(stay.cast<std::vector<int>>());
  }

  std::string ask(const std::string& request, const explore::Reply& reply) {
    if (!warm()) {
      make_tables();
      server_ = std::make_unique<explore::Server>([this] {
        use_home(home_);
        return make_design(arguments_, later_);
      });
    }
    try {
      server_->ask(request);
      return server_->answer(check_signals, reply);
    } catch (const InputError&) {
      throw;  // it goes on
    } catch (...) {
      server_.reset();  // interrupted: what it works on nobody will take
      throw;
    }
  }

  Words arguments_;
  Later later_;
  std::string home_;
  std::mutex mutex_;
  std::unique_ptr<explore::Server> server_;
};

}  // namespace
}  // namespace heatvit::tb

PYBIND11_MODULE(_native, m) {
  using namespace heatvit::tb;
  m.doc() = "Processes that simulate. Use the package's functions instead.";
  const py::object errors = py::module_::import("heatvit.errors");
  static PyObject* input_error = py::object(errors.attr("InputError")).release().ptr();
  static PyObject* simulation_error = py::object(errors.attr("SimulationError")).release().ptr();
  py::register_exception_translator([](std::exception_ptr failure) {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const heatvit::InputError& error) {
      PyErr_SetString(input_error, error.what());
    } catch (const py::builtin_exception&) {
      throw;
    } catch (const std::runtime_error& error) {
      PyErr_SetString(simulation_error, error.what());
    }
  });
  m.attr("version") = HEATVIT_VERSION;
  m.def("call", &call, py::arg("arguments"), py::arg("home"),
        "A command of run_sim in a process of its own: what it prints, its exit code, its warnings.");
  m.def("describe", &describe, py::arg("arguments"), py::arg("home"), "A network's description, JSON.");
  m.def(
      "folder_images",
      [](const std::string& folder) {
        std::vector<py::bytes> paths;  // a path is bytes; the other side decodes it as Python's os does
        for (const std::string& path : heatvit::preprocess::images_in_folder("--images", folder))
          paths.emplace_back(path);
        return paths;
      },
      py::arg("folder"), "Paths of a folder's images, as --images takes them.");
  m.def("latencies", &latencies, py::arg("runs"), py::arg("jobs"), py::arg("home"),
        "Mean latency in ms of each run without images; of one that fails (message, is it the input's fault).");
  py::class_<Design>(m, "Design", "A design's process: elaborated at the first run, warm afterwards.")
      .def(py::init<Words, bool, bool, std::string>(), py::arg("arguments"), py::arg("images_later"),
           py::arg("trace_later"), py::arg("home"))
      .def("run", &Design::run, py::arg("images"), py::arg("jobs"), py::arg("transform") = py::none(),
           py::arg("decide") = py::none(),
           "(report, logits or None, what a step of them is, warnings). An image: (name, path, array or None, "
           "label, counts kept, patches kept).")
      .def("latency", &Design::latency, "(mean ms of a run without images, warnings); timing mode.")
      .def("close", &Design::close, "Ends the process; the next run starts another one.")
      .def_property_readonly("warm", &Design::warm);
}

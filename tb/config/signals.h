// What becomes of files and workers when a signal ends the program.
#pragma once

namespace heatvit::tb {

/// Installs handlers of the signals that end a program (weights::kEndingSignals): they remove unfinished files, end
/// worker processes and exit with 128 + signal. SIGPIPE and SIGXFSZ are ignored: a closed pipe and a file beyond its
/// limit are failed writes. SIGHUP stays ignored where it is (nohup).
void install_signal_handlers();

/// Processes that end with this one; at most 256. Not for use from several threads.
void register_worker(int process_id);
void forget_worker(int process_id);

/// In a freshly forked worker: the parent's unfinished files and other workers are none of its business.
void detach_from_parent();

}  // namespace heatvit::tb

// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Measure/Measure.h"

#include "Protocol.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace tegula::tuner;

/// A running child and our end of its socket.
struct Measurer::Runner {
  pid_t process;
  int socket;
  LineReader reader;

  Runner(pid_t process, int socket) : process(process), socket(socket), reader(socket) {}
  /// The child has served its purpose or has gone wrong: in both cases it is not asked to end.
  ~Runner() { kill(); }

  /// Returns how it ended, in words.
  std::string kill() {
    if (process < 0)
      return "";
    // It leads its own process group, so that whatever it started goes with it.
    ::kill(-process, SIGKILL);
    return wait();
  }

  std::string wait() {
    int status = 0;
    while (waitpid(process, &status, 0) < 0 && errno == EINTR)
      ;
    ::kill(-process, SIGKILL);
    process = -1;
    close(socket);
    if (WIFSIGNALED(status))
      return "signal " + std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ")";
    return "exit code " + std::to_string(WEXITSTATUS(status));
  }
};

Measurer::Measurer(MeasureOptions options) : options(std::move(options)) {}
Measurer::~Measurer() = default;

llvm::Error Measurer::start() {
  int sockets[2];
  if (options.runner.empty())
    return llvm::createStringError("expected the command of a runner, but got none");
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
    return llvm::createStringError(llvm::Twine("expected a socket for the runner, but got: ") + strerror(errno));
  // All memory is allocated before the fork: afterwards another thread may hold the allocator's lock for ever.
  std::vector<std::string> arguments = options.runner;
  arguments.push_back(std::to_string(sockets[1]));
  std::vector<char *> pointers;
  for (std::string &argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_t parent = getpid();
  pid_t process = fork();
  if (process == 0) {
    // Its own process group: Ctrl-C is for the tuner alone. Its life ends with the tuner's.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
      _exit(127);
    int null = open("/dev/null", O_RDWR);
    for (int standard : {0, 1, 2})
      dup2(null, standard);
    fcntl(sockets[1], F_SETFD, 0);
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  close(sockets[1]);
  if (process < 0) {
    close(sockets[0]);
    return llvm::createStringError(llvm::Twine("expected a new process for the runner, but got: ") + strerror(errno));
  }
  setpgid(process, process);
  runner = std::make_unique<Runner>(process, sockets[0]);
  ++started;
  return llvm::Error::success();
}

llvm::Expected<std::optional<Measurement>> Measurer::measure(const MeasureRequest &request) {
  using Clock = std::chrono::steady_clock;
  TimingPlan plan{options.timingSeconds, options.sampleSeconds};
  llvm::json::Object message = toJSON(request, plan);
  // A runner that died while idle is no news about this candidate.
  if (!runner || !sendLine(runner->socket, message)) {
    runner.reset();
    if (llvm::Error error = start())
      return std::move(error);
    sendLine(runner->socket, message);
  }
  enum { Starting, Reference, Candidate } stage = Starting;
  auto limit = [&] { return stage == Reference ? options.referenceLimitSeconds : options.candidateLimitSeconds; };
  Clock::time_point entered = Clock::now();
  auto lost = [&](TrialStatus status, std::string how) -> llvm::Expected<std::optional<Measurement>> {
    runner.reset();
    if (stage == Candidate)
      return Measurement{status, {}, std::move(how)};
    if (stage == Reference)
      return llvm::createStringError(request.reference + ": expected the reference to be computed, but got " + how);
    return llvm::createStringError("expected the runner '" + options.runner.front() + "' to answer, but got " + how);
  };
  while (true) {
    if (options.stop && *options.stop) {
      runner.reset();
      return std::nullopt;
    }
    bool ended = false;
    std::optional<std::string> line = runner->reader.poll(std::chrono::milliseconds(50), ended);
    if (ended)
      return lost(TrialStatus::Crash, runner->wait());
    if (!line) {
      if (std::chrono::duration<double>(Clock::now() - entered).count() > limit())
        return lost(TrialStatus::Hang, "no answer within " + std::to_string(static_cast<int>(limit())) + " s");
      continue;
    }
    llvm::Expected<llvm::json::Value> value = llvm::json::parse(*line);
    if (!value)
      llvm::consumeError(value.takeError());
    const llvm::json::Object *object = value ? value->getAsObject() : nullptr;
    if (!object)
      return lost(TrialStatus::Crash, "an answer that is not JSON");
    if (std::optional<llvm::StringRef> error = object->getString("error"))
      return llvm::createStringError(*error);
    if (std::optional<llvm::StringRef> entering = object->getString("stage")) {
      stage = *entering == "reference" ? Reference : Candidate;
      entered = Clock::now();
      continue;
    }
    if (std::optional<Measurement> measurement = parseMeasurement(*object)) {
      // What was written outside of the buffers may come to light later, as another candidate's crash.
      if (measurement->status == TrialStatus::OutOfBounds)
        runner.reset();
      return measurement;
    }
    return lost(TrialStatus::Crash, "an answer that is no measurement");
  }
}

// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Build/Build.h"

#include "llvm/Support/FileSystem.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace tegula::tuner;

/// The child's side: "+HASH PATH" or "-MESSAGE" into the pipe, then the end.
[[noreturn]] static void compileInChild(const CompileFunction &compile, const Workload &workload,
                                        llvm::StringRef schedule, int answers) {
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTERM, SIGINT})
    std::signal(signal, SIG_DFL);
  struct rlimit noCore = {0, 0};
  setrlimit(RLIMIT_CORE, &noCore);
  // The compiler's diagnostics come back in its error; what it prints would tear the progress bar.
  int null = open("/dev/null", O_RDWR);
  for (int standard : {0, 1, 2})
    dup2(null, standard);
  llvm::Expected<CompiledKernel> compiled = compile(workload, schedule);
  std::string answer =
      compiled ? "+" + compiled->codeHash + " " + compiled->path : "-" + llvm::toString(compiled.takeError());
  for (size_t sent = 0; sent < answer.size();) {
    ssize_t count = write(answers, answer.data() + sent, answer.size() - sent);
    if (count < 0 && errno != EINTR)
      break;
    sent += std::max<ssize_t>(count, 0);
  }
  // No destructors: they belong to the parent's objects.
  _exit(0);
}

static std::string wait(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR)
    ;
  if (WIFSIGNALED(status))
    return "signal " + std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ")";
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

llvm::Expected<std::optional<BuildResult>> tegula::tuner::build(const CompileFunction &compile,
                                                                const Workload &workload, llvm::StringRef schedule,
                                                                llvm::StringRef artifact, const BuildOptions &options) {
  using Clock = std::chrono::steady_clock;
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC) != 0)
    return llvm::createStringError(llvm::Twine("expected a pipe for the compiler, but got: ") + strerror(errno));
  pid_t parent = getpid();
  pid_t process = fork();
  if (process == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(pipes[0]);
    if (getppid() == parent)
      compileInChild(compile, workload, schedule, pipes[1]);
    _exit(1);
  }
  close(pipes[1]);
  if (process < 0) {
    close(pipes[0]);
    return llvm::createStringError(llvm::Twine("expected a new process for the compiler, but got: ") + strerror(errno));
  }
  setpgid(process, process);

  std::string answer;
  std::string failure;
  bool stopped = false;
  Clock::time_point begin = Clock::now();
  while (true) {
    if ((stopped = options.stop && *options.stop))
      break;
    if (std::chrono::duration<double>(Clock::now() - begin).count() > options.limitSeconds) {
      failure = "the compiler did not finish within " + std::to_string(static_cast<int>(options.limitSeconds)) + " s";
      break;
    }
    struct pollfd descriptor = {pipes[0], POLLIN, 0};
    if (poll(&descriptor, 1, 50) <= 0)
      continue;
    char bytes[4096];
    ssize_t count = read(pipes[0], bytes, sizeof(bytes));
    if (count > 0)
      answer.append(bytes, count);
    else if (count == 0 || errno != EINTR)
      break;
  }
  close(pipes[0]);
  if (stopped || !failure.empty())
    kill(-process, SIGKILL);
  std::string end = wait(process);
  kill(-process, SIGKILL);
  if (stopped)
    return std::nullopt;

  auto move = [&](llvm::StringRef from) {
    std::error_code error = llvm::sys::fs::rename(from, artifact);
    if (error == std::errc::cross_device_link && !(error = llvm::sys::fs::copy_file(from, artifact)))
      error = llvm::sys::fs::remove(from);
    return error;
  };
  BuildResult result;
  auto [hash, path] = llvm::StringRef(answer).drop_front(answer.empty() ? 0 : 1).split(' ');
  if (!failure.empty())
    result.detail = failure;
  else if (end != "exit code 0")
    result.detail = "the compiler ended with " + end;
  else if (answer.empty() || answer.front() != '+')
    result.detail = answer.empty() ? "the compiler gave no answer" : answer.substr(1);
  else if (std::error_code error = move(path))
    result.detail = ("expected an artifact in " + path + ", but got: ").str() + error.message();
  else {
    result.built = true;
    result.artifact = artifact.str();
    result.codeHash = hash.str();
  }
  return std::optional<BuildResult>(std::move(result));
}

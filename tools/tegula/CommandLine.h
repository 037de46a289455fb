// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Command lines of the subcommands: options from a table, the same help, errors and exit codes everywhere.
#ifndef TEGULA_TOOLS_TEGULA_COMMANDLINE_H
#define TEGULA_TOOLS_TEGULA_COMMANDLINE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tegula::tool {

/// Exit codes of every command.
enum ExitCode {
  ExitOk = 0,
  ExitFault = 1,        // the model or the data is at fault
  ExitUsage = 2,        // the command line is
  ExitInternal = 3,     // Tegula is
  ExitInterrupted = 130 // Ctrl-C; what shells say of a program that SIGINT ended
};

/// One option: `--name` when `value` is null, else `--name=value` or `--name value`.
struct OptionSpec {
  const char *name;
  const char *value; // what stands for the value in the help: "FILE", "N", ...
  const char *help;
};

/// One subcommand.
struct CommandSpec {
  const char *name;      // "run"
  const char *arguments; // "MODEL.onnx|MODEL.so"
  const char *summary;   // one line
  const char *example;   // complete command lines, one per line
  llvm::ArrayRef<OptionSpec> options;
  unsigned minPositional = 1;
  unsigned maxPositional = 1;
};

/// A parsed command line. The typed getters report a malformed value on stderr and set `failed`.
class Arguments {
public:
  explicit Arguments(const CommandSpec &spec) : spec(spec) {}

  std::vector<std::string> positional;

  bool has(llvm::StringRef name) const;
  /// The last value given, or `fallback`.
  std::string get(llvm::StringRef name, llvm::StringRef fallback = "") const;
  /// All values of an option that may be repeated.
  std::vector<std::string> getAll(llvm::StringRef name) const;
  int64_t getInteger(llvm::StringRef name, int64_t fallback, int64_t minimum, int64_t maximum = INT64_MAX);
  /// A finite number of at least `minimum`.
  double getReal(llvm::StringRef name, double fallback, double minimum);
  /// Seconds: "60s", "2m", "1h", "500ms" or a bare number of seconds.
  double getDuration(llvm::StringRef name, double fallback);
  /// All `name=N` pairs of an option such as `--dim batch=4`.
  std::vector<std::pair<std::string, int64_t>> getDimensions(llvm::StringRef name);

  /// A value was malformed; the command returns ExitUsage.
  bool failed = false;

private:
  friend std::optional<int> parseCommandLine(const CommandSpec &, llvm::ArrayRef<const char *>, Arguments &);
  void report(llvm::StringRef name, llvm::StringRef expected, llvm::StringRef got);

  const CommandSpec &spec;
  std::vector<std::pair<std::string, std::string>> values;
};

/// Parses what follows the subcommand's name. A result is the exit code to return at once: ExitOk after `--help`,
/// ExitUsage after a message on stderr.
std::optional<int> parseCommandLine(const CommandSpec &spec, llvm::ArrayRef<const char *> words, Arguments &arguments);

/// "tegula: error: MESSAGE" on stderr; returns ExitFault.
int reportFault(const llvm::Twine &message);
/// The same for a wrong combination of options; returns ExitUsage.
int reportUsage(const CommandSpec &spec, const llvm::Twine &message);

} // namespace tegula::tool

#endif

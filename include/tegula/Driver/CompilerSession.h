// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From a model to an artifact: what `tegula compile`, the C API, the tuner and Python call.
#ifndef TEGULA_DRIVER_COMPILERSESSION_H
#define TEGULA_DRIVER_COMPILERSESSION_H

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Export/Artifact.h"
#include "tegula/Export/LoadedArtifact.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tegula {

struct LevelCode;

/// The numbers are the exit codes of every command.
enum class CompileStatus { Ok = 0, InvalidModel = 1, Usage = 2, Internal = 3 };

/// Sets the schedule (and provenance) of kernels for which it knows one; called once, after stage `kernels`. An error
/// ends the compilation.
using ScheduleSource = std::function<llvm::Error(mlir::ModuleOp)>;

struct CompileOptions {
  std::string modelPath;       ///< an ONNX file, or, when `modelBytes` is set, only a name for messages
  std::string_view modelBytes; ///< a serialized ModelProto
  std::string outputPath;      ///< "-" (text only): standard output
  /// As `--target=`. Of compile() also the names of several CPUs with commas between: levels of one artifact.
  std::string target = "host";
  std::string precision = "f32"; ///< as tegula/Dialect/Graph/IR/Precision.h lists them
  /// Kernels are plain loops, as with the target `reference`, but cut and laid out for `target`.
  bool plainKernels = false;
  std::string emit = "lib"; ///< lib, obj, header, asm, llvm-ir, ptx or the name of a stage
  std::vector<std::pair<std::string, int64_t>> dimensions;
  std::string externalDataRoot;
  bool freezeDefaults = false; ///< initializers that are inputs too are constants, whatever the IR version
  int64_t maxLoop = 0;         ///< a Loop or Scan that starts another round after so many fails its run; 0: no limit
  ScheduleSource schedules;
  /// A regular expression: optimization remarks of the categories that match are messages too ("fusion": what kernels
  /// pass each other through memory, and why).
  std::string remarks;
  /// Where a failing compilation leaves its IR and command; empty: no replay files.
  std::string replayDirectory = "tegula-replay";
  bool verifyEach = true;
  /// Of load(): kernels count their arithmetic.
  bool countOperations = false;
};

/// The memory interface of one kernel: what its buffers are.
struct KernelInterface {
  struct Buffer {
    mlir::Type element;                  ///< storage element type
    llvm::SmallVector<int64_t, 4> shape; ///< kDynamic extents are read from the kernel's dims, in order
  };
  std::string name;
  std::vector<Buffer> buffers; ///< operands, then results
  size_t resultCount = 0;
};

/// One compilation: owns the MLIR context and collects diagnostics.
class CompilerSession {
public:
  explicit CompilerSession(CompileOptions options);
  ~CompilerSession();

  /// Makes the module of the model.
  CompileStatus import();
  /// Runs all stages on the imported module up to and including `last` ("import" for none).
  CompileStatus runStages(llvm::StringRef last);
  /// Both.
  CompileStatus runTo(llvm::StringRef stage);
  /// Everything: writes the output (under a temporary name first).
  CompileStatus compile();
  /// The same into this process instead of a file: `outputPath` and `emit` mean nothing here.
  CompileStatus load(std::unique_ptr<LoadedArtifact> &artifact);
  /// As compile(), from `given`, a module of this session's context that has left stage `stage`: runs the later stages
  /// and writes the library `outputPath`. It takes the place of the session's own module.
  CompileStatus compileFrom(mlir::OwningOpRef<mlir::ModuleOp> given, llvm::StringRef stage, llvm::StringRef outputPath);

  /// Of the code that was written last, equal for equal code (tegula/Export/CodeHash.h); "" before.
  const std::string &getCodeHash() const { return codeHash; }

  mlir::MLIRContext &getContext() { return context; }
  mlir::ModuleOp getModule() { return *module; }
  /// The kernels in the order of the artifact's table; known after stage `kernels`.
  llvm::ArrayRef<KernelInterface> getKernels() const { return kernels; }
  /// Errors, warnings and remarks so far, one a line, each with its place.
  const std::string &getMessages() const { return messages; }
  /// What users read for a location: "model.onnx: node 'conv_17' (Conv, opset 13)", else "file:line:column"; "" when
  /// nothing is known.
  static std::string placeOf(mlir::Location location);
  /// An error of a pass or of the importer.
  struct Error {
    std::string place; ///< placeOf its location
    std::string message;
  };
  llvm::ArrayRef<Error> getErrors() const { return errors; }

private:
  /// A name of options.target and what it means.
  struct NamedTarget {
    std::string name;
    mlir::Attribute attribute;
  };

  CompileStatus fail(CompileStatus status, const llvm::Twine &message);
  /// Reads options.target into `targets`, the best first.
  CompileStatus findTargets();
  CompileStatus importModel();
  CompileStatus runStages(llvm::StringRef after, llvm::StringRef last);
  /// Brings the imported module to stage `llvm` for each target.
  CompileStatus runLevels();
  CompileStatus runStage(llvm::StringRef name);
  CompileStatus writeText(llvm::StringRef text);
  CompileStatus emitCode();
  /// Of all levels: modules at stage `llvm`, and what the artifact says of them.
  llvm::Expected<std::vector<LevelCode>> describeLevels();
  void recordKernels();
  std::string writeReplay(llvm::StringRef stage, llvm::StringRef ir);

  CompileOptions options;
  std::string codeHash;
  mlir::MLIRContext context;
  llvm::SmallVector<NamedTarget> targets;
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< of several levels the last, which knows the constants of all
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> betterLevels;
  std::vector<KernelInterface> kernels;
  std::string messages;
  std::vector<Error> errors;
};

/// A C identifier from a file name: the stem with everything else replaced by '_'.
std::string makeSymbol(llvm::StringRef path);

} // namespace tegula

#endif

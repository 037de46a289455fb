// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The C API of the compiler over CompilerSession.
#include "tegula-c/compiler.h"
#include "tegula/Driver/CompilerSession.h"
#include "tegula/Tuner/Measure/Measure.h"
#include "tegula/Tuner/Select/ScheduleSources.h"

#include "llvm/ADT/StringExtras.h"

#include <cstring>

using namespace tegula;

struct tegula_message {
  std::string text;
};

namespace {

std::string textOr(const char *text, const char *otherwise) { return text ? text : otherwise; }

CompileStatus usage(std::string &messages, const llvm::Twine &message) {
  messages = ("error: " + message + "\n").str();
  return CompileStatus::Usage;
}

/// "name=extent" to its parts.
bool parseDimension(llvm::StringRef text, std::pair<std::string, int64_t> &dimension) {
  auto [name, extent] = text.rsplit('=');
  dimension.first = name.str();
  return !name.empty() && !extent.getAsInteger(10, dimension.second) && dimension.second >= 0;
}

CompileStatus compile(const tegula_compile_options &given, std::string &messages) {
  if (!given.output_path)
    return usage(messages, "expected an output path, but got none");
  if ((given.model_path != nullptr) == (given.model_data != nullptr))
    return usage(messages, "expected either the path or the bytes of a model");
  if (given.threads < 0)
    return usage(messages, "expected 0 or more threads, but got " + llvm::Twine(given.threads));
  CompileOptions options;
  options.modelPath = textOr(given.model_path, "<memory>");
  if (given.model_data)
    options.modelBytes = {static_cast<const char *>(given.model_data), given.model_size};
  options.outputPath = given.output_path;
  options.target = textOr(given.target, "host");
  options.precision = textOr(given.precision, "f32");
  options.emit = textOr(given.emit, "lib");
  options.externalDataRoot = textOr(given.external_data_root, "");
  options.freezeDefaults = given.freeze_defaults != 0;
  for (size_t k = 0; k < given.dimension_count; ++k) {
    std::pair<std::string, int64_t> dimension;
    if (!parseDimension(given.dimensions[k], dimension))
      return usage(messages, "expected a dimension as name=extent, but got '" + llvm::Twine(given.dimensions[k]) + "'");
    options.dimensions.push_back(std::move(dimension));
  }
  auto sources = tuner::ScheduleSources::open(textOr(given.lock_file, ""), textOr(given.database, ""));
  if (!sources) {
    messages = "error: " + llvm::toString(sources.takeError()) + "\n";
    return CompileStatus::InvalidModel;
  }
  unsigned threads = given.threads > 0 ? given.threads : 1;
  if (!sources->empty())
    options.schedules = [&sources, threads](mlir::ModuleOp module) {
      return sources->apply(module, tuner::lookupHere(threads));
    };
  CompilerSession session(std::move(options));
  CompileStatus status = session.compile();
  messages = session.getMessages();
  return status;
}

} // namespace

extern "C" {

tegula_compile_status tegula_compile(const tegula_compile_options *options, tegula_message **message) {
  std::string messages;
  CompileStatus status;
  if (!options || options->struct_size < sizeof(uint32_t)) {
    status = usage(messages, "tegula_compile: expected options with their size");
  } else {
    // A caller compiled against an older header has a shorter struct; what it lacks is zero.
    tegula_compile_options known = {};
    std::memcpy(&known, options, std::min<size_t>(sizeof(known), options->struct_size));
    status = compile(known, messages);
  }
  if (message)
    *message = messages.empty() ? nullptr : new tegula_message{llvm::StringRef(messages).rtrim().str()};
  return static_cast<tegula_compile_status>(status);
}

const char *tegula_message_text(const tegula_message *message) { return message ? message->text.c_str() : ""; }

void tegula_message_release(tegula_message *message) { delete message; }

const char *tegula_compiler_version(void) { return TEGULA_VERSION; }

} // extern "C"

// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Diagnostics.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tegula::tool;

std::string tegula::tool::locationText(Location location) {
  std::string text;
  location->walk([&](Location part) {
    if (!text.empty())
      return WalkResult::interrupt();
    if (auto name = dyn_cast<NameLoc>(part))
      text = name.getName().str();
    else if (auto file = dyn_cast<FileLineColLoc>(part))
      text = file.getFilename().str() + ":" + std::to_string(file.getLine()) + ":" + std::to_string(file.getColumn());
    return WalkResult::advance();
  });
  return text;
}

DiagnosticPrinter::DiagnosticPrinter(MLIRContext &context)
    : handler(&context, [this](Diagnostic &diagnostic) {
        auto print = [](Location location, llvm::StringRef kind, llvm::StringRef message) {
          std::string place = locationText(location);
          llvm::errs() << place << (place.empty() ? "" : ": ") << kind << ": " << message << "\n";
        };
        if (diagnostic.getSeverity() == DiagnosticSeverity::Remark)
          return success();
        bool isError = diagnostic.getSeverity() == DiagnosticSeverity::Error;
        Error error{locationText(diagnostic.getLocation()), diagnostic.str()};
        if (isError) {
          for (const Error &earlier : seen)
            if (earlier.location == error.location && earlier.message == error.message)
              return success();
          seen.push_back(error);
        }
        print(diagnostic.getLocation(), isError ? "error" : "warning", error.message);
        for (Diagnostic &note : diagnostic.getNotes())
          print(note.getLocation(), "note", note.str());
        return success();
      }) {}

// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A prepared SQLite statement with typed binding and reading, and SQLite's errors as located messages.
//
#ifndef TEGULA_TUNER_DATABASE_STATEMENT_H
#define TEGULA_TUNER_DATABASE_STATEMENT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tegula::tuner {

/// `PATH: <what SQLite's result code means to a user>`.
llvm::Error sqliteError(llvm::StringRef path, sqlite3 *connection, int code);

/// Binding errors are kept and reported by the next step(), so that calls can be chained.
class Statement {
public:
  Statement(llvm::StringRef path, sqlite3 *connection, llvm::StringRef sql);
  ~Statement() { sqlite3_finalize(handle); }
  Statement(const Statement &) = delete;
  Statement &operator=(const Statement &) = delete;

  /// Binds the next parameter.
  Statement &bind(llvm::StringRef text);
  Statement &bind(int64_t number);
  Statement &bind(std::optional<double> number);
  /// As a blob of little-endian doubles.
  Statement &bind(llvm::ArrayRef<double> numbers);

  /// True when there is a row, false at the end.
  llvm::Expected<bool> step();
  /// Steps a statement without rows to its end.
  llvm::Error run();
  /// Calls `read` at each row that is left, until there is none or it fails.
  llvm::Error forEachRow(llvm::function_ref<llvm::Error()> read);
  /// Ready to be bound and stepped again.
  Statement &reset();

  /// Column `index` of the current row; "", 0 and nullopt stand for NULL.
  std::string text(int index) const;
  /// All columns from `first` on, numbers as text.
  std::vector<std::string> texts(int first) const;
  int64_t integer(int index) const;
  std::optional<double> real(int index) const;
  std::vector<double> doubles(int index) const;

private:
  std::string path;
  sqlite3 *connection;
  sqlite3_stmt *handle = nullptr;
  int next = 1;
  int code;
};

/// Runs statements without parameters or rows.
llvm::Error execute(llvm::StringRef path, sqlite3 *connection, const char *sql);

/// Brings the schema up to date in one transaction when `write`, else checks that it could be. Returns whether it is.
llvm::Expected<bool> prepareSchema(llvm::StringRef path, sqlite3 *connection, bool write);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_DATABASE_STATEMENT_H

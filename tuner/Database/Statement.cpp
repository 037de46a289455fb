// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Statement.h"

#include "llvm/Support/Endian.h"

using namespace tegula::tuner;

llvm::Error tegula::tuner::sqliteError(llvm::StringRef path, sqlite3 *connection, int code) {
  switch (code & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return llvm::createStringError(path + ": expected to lock the database, but another process holds its lock");
  case SQLITE_NOTADB:
    return llvm::createStringError(path + ": expected an SQLite database, but got another kind of file");
  case SQLITE_CORRUPT:
    return llvm::createStringError(path + ": expected an intact database, but it is corrupt (" +
                                   sqlite3_errmsg(connection) + ")");
  case SQLITE_READONLY:
    return llvm::createStringError(path + ": expected a writable database, but the file or its folder is read-only");
  case SQLITE_FULL:
    return llvm::createStringError(path + ": expected room for the database, but the disk is full");
  case SQLITE_CANTOPEN:
    return llvm::createStringError(path + ": expected a database that can be opened, but the file or its folder cannot "
                                          "be read or written");
  default:
    return llvm::createStringError(path + ": " + (connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code)));
  }
}

Statement::Statement(llvm::StringRef path, sqlite3 *connection, llvm::StringRef sql)
    : path(path.str()), connection(connection) {
  code = sqlite3_prepare_v2(connection, sql.data(), sql.size(), &handle, nullptr);
}

Statement &Statement::bind(llvm::StringRef text) {
  if (code == SQLITE_OK)
    code =
        sqlite3_bind_text64(handle, next++, text.data() ? text.data() : "", text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement &Statement::bind(int64_t number) {
  if (code == SQLITE_OK)
    code = sqlite3_bind_int64(handle, next++, number);
  return *this;
}

Statement &Statement::bind(std::optional<double> number) {
  if (code == SQLITE_OK)
    code = number ? sqlite3_bind_double(handle, next++, *number) : sqlite3_bind_null(handle, next++);
  return *this;
}

Statement &Statement::bind(llvm::ArrayRef<double> numbers) {
  std::string bytes(numbers.size() * sizeof(double), '\0');
  for (size_t index = 0; index < numbers.size(); ++index) {
    uint64_t bits;
    memcpy(&bits, &numbers[index], sizeof(bits));
    llvm::support::endian::write64le(bytes.data() + index * sizeof(bits), bits);
  }
  if (code == SQLITE_OK)
    code = numbers.empty() ? sqlite3_bind_null(handle, next++)
                           : sqlite3_bind_blob64(handle, next++, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  return *this;
}

llvm::Expected<bool> Statement::step() {
  if (code == SQLITE_OK || code == SQLITE_ROW)
    code = sqlite3_step(handle);
  if (code == SQLITE_ROW)
    return true;
  if (code == SQLITE_DONE)
    return false;
  return sqliteError(path, connection, code);
}

llvm::Error Statement::run() {
  llvm::Expected<bool> row = step();
  return row ? llvm::Error::success() : row.takeError();
}

llvm::Error Statement::forEachRow(llvm::function_ref<llvm::Error()> read) {
  while (true) {
    llvm::Expected<bool> row = step();
    if (!row)
      return row.takeError();
    if (!*row)
      return llvm::Error::success();
    if (llvm::Error error = read())
      return error;
  }
}

Statement &Statement::reset() {
  // The result repeats the error of the last step, which was reported there.
  sqlite3_reset(handle);
  next = 1;
  code = handle ? SQLITE_OK : code;
  return *this;
}

std::string Statement::text(int index) const {
  const unsigned char *bytes = sqlite3_column_text(handle, index);
  return bytes ? std::string(reinterpret_cast<const char *>(bytes), sqlite3_column_bytes(handle, index)) : "";
}

std::vector<std::string> Statement::texts(int first) const {
  std::vector<std::string> all;
  for (int column = first; column < sqlite3_column_count(handle); ++column)
    all.push_back(text(column));
  return all;
}

int64_t Statement::integer(int index) const { return sqlite3_column_int64(handle, index); }

std::optional<double> Statement::real(int index) const {
  if (sqlite3_column_type(handle, index) == SQLITE_NULL)
    return std::nullopt;
  return sqlite3_column_double(handle, index);
}

std::vector<double> Statement::doubles(int index) const {
  const char *bytes = static_cast<const char *>(sqlite3_column_blob(handle, index));
  std::vector<double> numbers(sqlite3_column_bytes(handle, index) / sizeof(double));
  for (size_t position = 0; position < numbers.size(); ++position) {
    uint64_t bits = llvm::support::endian::read64le(bytes + position * sizeof(bits));
    memcpy(&numbers[position], &bits, sizeof(bits));
  }
  return numbers;
}

llvm::Error tegula::tuner::execute(llvm::StringRef path, sqlite3 *connection, const char *sql) {
  int code = sqlite3_exec(connection, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? llvm::Error::success() : sqliteError(path, connection, code);
}

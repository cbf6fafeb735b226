#include "collect/database.hpp"

#include <sqlite3.h>

namespace bulkhead::collect {

namespace {

constexpr int kBusyMillis = 5000;

Fault fault_of(sqlite3* database, int code) {
  const Cause cause = code == SQLITE_FULL        ? Cause::exhausted
                      : code == SQLITE_INTERRUPT ? Cause::timeout
                      : code == SQLITE_BUSY      ? Cause::conflict
                      : code == SQLITE_CANTOPEN  ? Cause::not_found
                                                 : Cause::io;
  return {cause, fmt::format("the store: {}", database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database))};
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

void Statement::bind(int parameter, std::int64_t value) { sqlite3_bind_int64(statement_.get(), parameter, value); }

void Statement::bind(int parameter, std::string_view text) {
  if (text.empty()) return bind_null(parameter);
  sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), nullptr, SQLITE_UTF8);
}

void Statement::bind(int parameter, std::span<const std::uint8_t> blob) {
  sqlite3_bind_blob64(statement_.get(), parameter, blob.data(), blob.size(), nullptr);
}

void Statement::bind_null(int parameter) { sqlite3_bind_null(statement_.get(), parameter); }

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail(fault_of(sqlite3_db_handle(statement_.get()), code & 0xff));
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

Result<> Statement::run() {
  const auto stepped = step();
  reset();
  if (!stepped) return fail(stepped.error());
  return {};
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string_view Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return text == nullptr ? std::string_view() : std::string_view(text, static_cast<std::size_t>(size));
}

std::span<const std::uint8_t> Statement::blob(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {data, data == nullptr ? 0 : static_cast<std::size_t>(size)};
}

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

Result<Database> Database::open(const std::string& path, Mode mode) {
  sqlite3* raw = nullptr;
  // A database that is only read is opened for writing too, as a reader of a WAL takes part in its shared memory.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (mode == Mode::write ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Database database;
  database.database_.reset(raw);
  if (code != SQLITE_OK) return fail(within(path, fault_of(raw, code & 0xff)));
  sqlite3_busy_timeout(raw, kBusyMillis);
  sqlite3_extended_result_codes(raw, 0);
  // What a file says can't make this program run functions of its schema.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  const auto set = database.run(mode == Mode::write
                                    ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16384; "
                                      "PRAGMA wal_autocheckpoint=4000"
                                    : "PRAGMA query_only=1; PRAGMA cache_size=-1024");
  if (!set) return fail(within(path, set.error()));
  return database;
}

Result<> Database::run(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(fault_of(database_.get(), code & 0xff));
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  Statement statement;
  statement.statement_.reset(raw);
  if (code != SQLITE_OK) return fail(fault_of(database_.get(), code & 0xff));
  return statement;
}

Result<std::int64_t> Database::ask(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return fail(std::move(statement.error()));
  const auto row = statement->step();
  if (!row) return fail(row.error());
  return *row ? statement->integer(0) : 0;
}

void Database::interrupt() { sqlite3_interrupt(database_.get()); }

}  // namespace bulkhead::collect

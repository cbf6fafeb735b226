#include "control/audit.hpp"

#include <array>
#include <chrono>
#include <cstdio>

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "compartments/log_file.hpp"

namespace bulkhead::control {

using nlohmann::json;

namespace {

constexpr std::int64_t kRepeatSeconds = 60;
constexpr std::size_t kMostRepeats = 1000;

// A writer that was killed inside a line leaves its beginning: what follows begins on a line of its own.
bool ends_inside_a_line(int fd, off_t size) {
  char last = '\n';
  return size > 0 && ::pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

std::string sha256(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, text.data(), text.size(), digest.data(), &size) != 1) return {};
  std::string hex = "sha256:";
  for (std::size_t i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string file_name(const std::string& path, unsigned age) {
  return age == 0 ? path : fmt::format("{}.{}", path, age);
}

bool matches(const json& entry, const AuditFilter& filter) {
  if (!entry.is_object()) return false;
  if (!filter.since.empty() && entry.value("time", "") < filter.since) return false;
  return filter.service.empty() || entry.value("service", "") == filter.service;
}

}  // namespace

Result<> AuditLog::append(const json& entry) {
  const std::string text = entry.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
  const auto open_it = [&] {
    return Fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  };
  Fd file = open_it();
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0) return os_fail("open " + path_);
  if (info.st_size > 0 && static_cast<std::uint64_t>(info.st_size) + text.size() > bounds_.bytes) {
    rotate();
    file = open_it();
    if (!file || ::fstat(file.get(), &info) != 0) return os_fail("open " + path_);
  }
  const std::string whole = ends_inside_a_line(file.get(), info.st_size) ? '\n' + text : text;
  const ssize_t written = ::write(file.get(), whole.data(), whole.size());
  if (written == static_cast<ssize_t>(whole.size())) return {};
  const int error = written < 0 ? errno : ENOSPC;
  [[maybe_unused]] const int cut = ::ftruncate(file.get(), info.st_size);
  return os_fail("write " + path_, error);
}

void AuditLog::rotate() const {
  for (unsigned age = bounds_.files - 1; age >= 1; --age)
    std::rename(file_name(path_, age - 1).c_str(), file_name(path_, age).c_str());
}

std::vector<json> read_audit(const std::string& path, const AuditFilter& filter) {
  std::vector<json> entries;
  for (unsigned age = AuditBounds{}.files; age-- > 0;) {
    const auto content = read_file(file_name(path, age));
    if (!content) continue;
    std::string_view rest = *content;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      json entry = json::parse(rest.substr(0, end), nullptr, false);
      if (matches(entry, filter)) entries.push_back(std::move(entry));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return entries;
}

json audit_entry(const Peer& who, std::string_view verb, std::string_view service, std::string_view owner, json details,
                 std::string_view outcome) {
  return {{"time", compartments::format_time(std::chrono::system_clock::now())},
          {"uid", who.uid},
          {"user", who.user},
          {"pid", who.pid},
          {"role", to_string(who.role)},
          {"verb", verb},
          {"service", service},
          {"owner", owner},
          {"details", std::move(details)},
          {"outcome", outcome}};
}

json audit_details(const json& request) {
  json details = json::object();
  for (const char* key : {"count", "argv", "port", "beside", "instance", "to", "names"})
    if (const auto value = request.find(key); value != request.end()) details[key] = *value;
  const auto desired = request.find("desired");
  if (desired == request.end() || !desired->is_object()) return details;
  details["manifest"] = desired->value("file", "");
  std::string text = desired->value("text", "");
  for (const char* more : {"overrides", "included"})
    if (const auto files = desired->find(more); files != desired->end() && !files->empty()) text += files->dump();
  details["text"] = sha256(text);
  return details;
}

bool Repeats::is_news(const Peer& who, std::string_view verb, std::string_view service, std::int64_t unix_now,
                      int& count) {
  if (seen_.size() >= kMostRepeats) seen_.clear();
  Seen& seen = seen_[fmt::format("{} {} {}", who.uid, verb, service)];
  if (unix_now < seen.until) {
    ++seen.unwritten;
    return false;
  }
  count = std::exchange(seen.unwritten, 0);
  seen.until = unix_now + kRepeatSeconds;
  return true;
}

}  // namespace bulkhead::control

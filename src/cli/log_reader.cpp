#include "cli/log_reader.hpp"

#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "cli/context.hpp"

namespace bulkhead::cli {

LogReader::LogReader(std::string directory, std::string service, int lines)
    : directory_(std::move(directory)), service_(std::move(service)), lines_(lines) {}

// "catalog-2" is of "catalog"; so is "catalog-2" itself, asked for by name.
bool LogReader::concerns(const std::string& instance) const {
  if (service_.empty()) return instance != "platform";
  if (instance == service_) return true;
  const std::size_t dash = instance.rfind('-');
  return dash != std::string::npos && instance.substr(0, dash) == service_;
}

int LogReader::print_new() {
  int printed = 0;
  std::error_code error;
  std::vector<std::string> instances;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    if (entry.path().extension() != ".log") continue;
    std::string instance = entry.path().stem().string();
    if (concerns(instance)) instances.push_back(std::move(instance));
  }
  std::ranges::sort(instances);
  for (const std::string& instance : instances) printed += print_file(instance, directory_ + "/" + instance + ".log");
  std::fflush(stdout);
  return printed;
}

void LogReader::skip_to_last_lines(const std::string& path, Place& place) const {
  const auto content = read_file(path);
  if (!content) return;
  std::size_t at = content->size();
  for (int line = 0; line < lines_ && at > 0; ++line) {
    const std::size_t newline = at < 2 ? std::string::npos : content->rfind('\n', at - 2);
    at = newline == std::string::npos ? 0 : newline + 1;
  }
  place.offset = at;
}

int LogReader::print_file(const std::string& instance, const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) return 0;
  const bool first = !files_.contains(instance);
  Place& place = files_[instance];
  if (first) skip_to_last_lines(path, place);
  if (!first && place.inode != info.st_ino) place.offset = 0;  // rotated: a new file
  place.inode = info.st_ino;
  int printed = 0;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::pread(fd.get(), buffer, sizeof buffer, static_cast<off_t>(place.offset));
    if (got <= 0) return printed;
    place.offset += static_cast<std::uint64_t>(got);
    place.partial.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end = place.partial.find('\n'); end != std::string::npos; end = place.partial.find('\n')) {
      print_line(instance, place.partial.substr(0, end));
      place.partial.erase(0, end + 1);
      ++printed;
    }
  }
}

void LogReader::print_line(const std::string& instance, const std::string& line) const {
  const auto value = nlohmann::json::parse(line, nullptr, false);
  if (!value.is_object()) return;
  if (json_) {
    nlohmann::json whole = value;
    whole["instance"] = instance;
    fmt::print("{}\n", whole.dump());
    return;
  }
  const bool error = value.value("stream", "") == "stderr";
  fmt::print("{} {} {}\n", tinted(fmt::format("{:<16}", instance), Tone::dim), error ? tinted("!", Tone::red) : "|",
             value.value("line", ""));
}

}  // namespace bulkhead::cli

#include "control/log_reader.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace bulkhead::control {
namespace {

// Where the last `lines` lines begin, from the end backwards: a file may be much larger than they are.
std::uint64_t last_lines(const Fd& file, std::uint64_t size, int lines) {
  std::array<char, 65536> piece{};
  std::uint64_t begin = size;
  int ends = 0;  // the file's own end is one
  while (begin > 0) {
    const std::uint64_t at = begin > piece.size() ? begin - piece.size() : 0;
    const ssize_t got = ::pread(file.get(), piece.data(), begin - at, static_cast<off_t>(at));
    if (got <= 0) return size;
    for (std::uint64_t i = static_cast<std::uint64_t>(got); i > 0; --i)
      if (piece[i - 1] == '\n' && ++ends > lines) return at + i;
    begin = at;
  }
  return 0;
}

}  // namespace

LogReader::LogReader(std::string directory, std::string service, int lines)
    : directory_(std::move(directory)), service_(std::move(service)), lines_(lines) {}

// "catalog-2" is of "catalog"; so is "catalog-2" itself, asked for by name.
bool LogReader::concerns(const std::string& instance) const {
  if (service_.empty()) return instance != "platform";
  if (instance == service_) return true;
  const std::size_t dash = instance.rfind('-');
  return dash != std::string::npos && instance.substr(0, dash) == service_;
}

bool LogReader::read_new(const Sink& sink, std::size_t most) {
  std::error_code error;
  std::vector<std::string> instances;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    if (entry.path().extension() != ".log") continue;
    std::string instance = entry.path().stem().string();
    if (concerns(instance)) instances.push_back(std::move(instance));
  }
  std::ranges::sort(instances);
  for (const std::string& instance : instances) read_file(instance, directory_ + "/" + instance + ".log", sink, most);
  return most > 0;
}

void LogReader::read_file(const std::string& instance, const std::string& path, const Sink& sink, std::size_t& left) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) return;
  const bool first = !files_.contains(instance);
  Place& place = files_[instance];
  if (first) place.offset = last_lines(fd, static_cast<std::uint64_t>(info.st_size), lines_);
  if (!first && place.inode != info.st_ino) place.offset = 0;  // rotated: a new file
  place.inode = info.st_ino;
  std::array<char, 16384> buffer{};
  while (left > 0) {
    const ssize_t got =
        ::pread(fd.get(), buffer.data(), std::min(buffer.size(), left), static_cast<off_t>(place.offset));
    if (got <= 0) return;
    left -= static_cast<std::size_t>(got);
    place.offset += static_cast<std::uint64_t>(got);
    place.partial.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = place.partial.find('\n', begin)) != std::string::npos; begin = end + 1) {
      auto line = nlohmann::json::parse(place.partial.begin() + static_cast<std::ptrdiff_t>(begin),
                                        place.partial.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
      if (line.is_object()) sink(instance, std::move(line));
    }
    place.partial.erase(0, begin);
  }
}

}  // namespace bulkhead::control

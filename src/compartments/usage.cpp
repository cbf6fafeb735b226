#include "compartments/usage.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace bulkhead::compartments {

namespace {

constexpr std::size_t kMostProcesses = 4096;  // that are looked at

using Number = std::optional<std::uint64_t>;

Number number_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? Number(value) : std::nullopt;
}

Number number_of(const std::string& path) {
  const auto text = read_file(path);
  return text ? number_in(*text) : std::nullopt;
}

// Of a file of lines "name value".
Number named_in(const std::string& path, std::string_view name) {
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ' ')
      return number_in(line.substr(name.size() + 1));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return std::nullopt;
}

void take(Number& into, Number value) {
  if (!into) into = value;
}

Usage of_groups(const std::vector<CgroupDirectory>& groups) {
  Usage usage;
  for (const CgroupDirectory& group : groups) {
    const auto file = [&](std::string_view name) { return fmt::format("{}/{}", group.path, name); };
    const bool v2 = group.version == 2;
    Number memory = number_of(file(v2 ? "memory.current" : "memory.usage_in_bytes"));
    if (memory) {
      const Number droppable = named_in(file("memory.stat"), v2 ? "inactive_file" : "total_inactive_file");
      *memory -= std::min(*memory, droppable.value_or(0));
    }
    take(usage.memory_bytes, memory);
    take(usage.pids, number_of(file("pids.current")));
    if (v2) {
      take(usage.cpu_us, named_in(file("cpu.stat"), "usage_usec"));
    } else if (const Number nanos = number_of(file("cpuacct.usage"))) {
      take(usage.cpu_us, *nanos / 1000);
    }
  }
  return usage;
}

struct Process {
  std::uint64_t ticks = 0;  // its own and those of children that it waited for
  std::uint64_t pages = 0;
};

// /proc/PID/stat (proc(5)): the name in parentheses may hold anything.
std::optional<Process> read_process(const std::string& proc, pid_t pid) {
  const auto text = read_file(fmt::format("{}/{}/stat", proc, pid));
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  const std::size_t name_end = rest.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(name_end + 1);
  Process process;
  for (int field = 3; !rest.empty() && field <= 24; ++field) {
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
    const std::string_view word = rest.substr(0, rest.find_first_of(" \n"));
    if (field >= 14 && field <= 17) process.ticks += number_in(word).value_or(0);  // utime, stime, cutime, cstime
    if (field == 24) process.pages = number_in(word).value_or(0);                  // rss
    rest.remove_prefix(word.size());
  }
  return process;
}

Usage of_processes(pid_t first, const std::string& proc) {
  Usage usage;
  std::uint64_t ticks = 0, pages = 0, count = 0;
  std::vector<pid_t> open{first};
  while (!open.empty() && count < kMostProcesses) {
    const pid_t pid = open.back();
    open.pop_back();
    const auto process = read_process(proc, pid);
    if (!process) continue;
    ++count;
    ticks += process->ticks;
    pages += process->pages;
    const auto children = read_file(fmt::format("{0}/{1}/task/{1}/children", proc, pid));
    if (!children) continue;
    for (std::string_view rest = *children; !rest.empty();) {
      const std::string_view word = rest.substr(0, rest.find(' '));
      if (const auto child = number_in(word)) open.push_back(static_cast<pid_t>(*child));
      rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    }
  }
  if (count == 0) return usage;
  usage.cpu_us = ticks * 1'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  usage.memory_bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  usage.pids = count;
  return usage;
}

}  // namespace

Usage usage_of(const std::vector<CgroupDirectory>& groups, pid_t first, const std::string& proc) {
  Usage usage = of_groups(groups);
  if (first <= 0 || (usage.cpu_us && usage.memory_bytes && usage.pids)) return usage;
  const Usage seen = of_processes(first, proc);
  take(usage.cpu_us, seen.cpu_us);
  take(usage.memory_bytes, seen.memory_bytes);
  take(usage.pids, seen.pids);
  return usage;
}

}  // namespace bulkhead::compartments

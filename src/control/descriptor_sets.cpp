// Contracts of gRPC as text: descriptor sets as they are, .proto files by way of protoc.

#include <algorithm>
#include <array>
#include <filesystem>

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/fd.hpp"
#include "contracts/protobuf.hpp"
#include "control/documents.hpp"
#include "jose/base64url.hpp"
#include "net/process.hpp"

namespace bulkhead::control {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestSet = 16U << 20U;  // as it is written; most of it may be comments
constexpr int kLongestCompile = 60'000;          // ms
constexpr std::string_view kByHand = "protoc --include_imports --descriptor_set_out=catalog.binpb catalog.proto";

Result<std::string> text_of_set(std::string_view set) {
  const std::string kept = contracts::without_source_info(set);
  if (kept.size() > kLargestDocument)
    return fail(Cause::exhausted, "its descriptors are larger than {} KiB", kLargestDocument / 1024);
  return jose::encode_base64url(kept);
}

Result<Fd> scratch(const char* name) {
  Fd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) return os_fail("make a place for protoc's output");
  return fd;
}

std::string written_to(const Fd& file) {
  std::string content;
  std::array<char, 16'384> part{};
  ssize_t got = 0;
  while (content.size() <= kLargestSet &&
         (got = ::pread(file.get(), part.data(), part.size(), static_cast<off_t>(content.size()))) > 0)
    content.append(part.data(), static_cast<std::size_t>(got));
  return content;
}

// The file's directory and those above it, up to the manifest's: wherever the root of its imports is.
std::vector<std::string> command_of(const std::string& path, const std::string& directory) {
  std::vector<std::string> command{"protoc"};
  const fs::path root = fs::path(directory).lexically_normal();
  fs::path each = fs::path(path).lexically_normal().parent_path();
  command.push_back("-I" + each.string());
  const auto [end, rest] = std::ranges::mismatch(root, each);
  const bool below = end == root.end();
  while (below && each != root && each.has_relative_path()) {
    each = each.parent_path();
    command.push_back("-I" + each.string());
  }
  command.insert(command.end(),
                 {"--include_imports", "--descriptor_set_out=/dev/stdout", fs::path(path).lexically_normal().string()});
  return command;
}

// Whether it ended by itself and well.
bool ended_well(const net::Process& process) {
  pollfd end{.fd = process.pidfd.get(), .events = POLLIN, .revents = 0};
  if (::poll(&end, 1, kLongestCompile) != 1) static_cast<void>(net::send_signal(process.pidfd, SIGKILL));
  int status = 0;
  return ::waitpid(process.pid, &status, 0) == process.pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Of what protoc said, one line: what it only warns of stands before it.
std::string first_error(std::string_view said) {
  while (!said.empty()) {
    const std::string_view line = said.substr(0, said.find('\n'));
    if (!line.starts_with('[') && !line.contains(": warning: ")) return std::string(line);
    said.remove_prefix(std::min(line.size() + 1, said.size()));
  }
  return "protoc failed and did not say why";
}

Result<std::string> compile_proto(const std::string& path, const std::string& directory) {
  auto output = scratch("descriptors");
  auto said = scratch("messages");
  if (!output || !said) return fail(output ? said.error() : output.error());
  net::ProcessSpec spec{.argv = command_of(path, directory), .environment = net::own_environment()};
  spec.fds = {{output->get(), 1}, {said->get(), 2}};
  const auto process = net::start_process(spec);
  if (!process)
    return fail(Cause::unsupported,
                "protoc, which .proto files are read with, can not be started: install protobuf-compiler, or name a "
                "descriptor set ({})",
                kByHand);
  if (ended_well(*process)) return written_to(*output);
  return fail(Cause::invalid, "{}", first_error(written_to(*said)));
}

}  // namespace

Result<std::string> read_document(const std::string& path, const std::string& directory) {
  if (manifest::contract_kind(path) == manifest::ContractKind::openapi) return read_file(path, kLargestDocument);
  auto content = read_file(path, kLargestSet);
  if (!content) return content;
  if (path.ends_with(".proto")) content = compile_proto(path, directory);
  if (!content) return content;
  return text_of_set(*content);
}

}  // namespace bulkhead::control

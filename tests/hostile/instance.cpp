#include "instance.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compartments/rights.hpp"
#include "compartments/uids.hpp"

namespace bulkhead::hostile {
namespace {

namespace fs = std::filesystem;
using compartments::IdMapping;

constexpr int kPatienceMs = 30'000;

std::string make_directory() {
  std::string path = "/tmp/bulkhead-hostile-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) std::abort();
  chmod(path.c_str(), 0755);
  return path;
}

Fd listen_at(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::abort();
  listen(socket.get(), 8);
  chmod(path.c_str(), 0777);
  return socket;
}

Fd in_memory(const std::string& text) {
  Fd file(memfd_create("spec", MFD_CLOEXEC));
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

compartments::Ids ids_for(const Launcher& launcher) {
  if (launcher.mapping == IdMapping::direct) return {IdMapping::direct, 1'900'000'077, 1'900'000'077};
  const uid_t uid = launcher.user ? launcher.user->first : geteuid();
  if (launcher.mapping == IdMapping::single) return {IdMapping::single, uid, uid};
  const auto first = [&](const char* path) -> std::uint32_t {
    const auto text = read_file(path);
    const char* name = launcher.user ? "bulkhead-test" : std::getenv("USER");
    const auto ranges = compartments::parse_subordinate(text ? *text : "", name == nullptr ? "" : name, uid);
    return ranges && !ranges->empty() ? ranges->front().first + 77 : 0;
  };
  return {IdMapping::helper, first("/etc/subuid"), first("/etc/subgid")};
}

}  // namespace

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    poll(nullptr, 0, 5);
  }
  return true;
}

Instance::Instance(Launcher launcher) : directory_(make_directory()), launcher_(std::move(launcher)) {
  fs::create_directory(directory_ + "/app");
  fs::copy_file(PROBE, directory_ + "/app/probe");
  fs::copy_file("/proc/self/exe", directory_ + "/platform");
  fs::create_directory(directory_ + "/state");
  if (launcher_.user) {
    if (chown((directory_ + "/state").c_str(), launcher_.user->first, launcher_.user->second) != 0) std::abort();
  }
  listener_ = listen_at(directory_ + "/keepers.sock");
  spec_.instance = "hostile/probe/" + fs::path(directory_).filename().string();
  spec_.controller_socket = directory_ + "/keepers.sock";
  spec_.log.path = directory_ + "/state/log";
  spec_.sidecar.argv = {directory_ + "/platform", "sidecar"};
  spec_.sidecar.environment = {{"MARK", directory_}, {"ASAN_OPTIONS", "detect_leaks=0"}};
  spec_.sidecar.hello = "{}";
  spec_.compartment.emplace();
  compartment().ids = ids_for(launcher_);
  compartment().command = {"./probe"};
  compartment().environment = {{"MARK", directory_}};
  compartment().directory = directory_ + "/app";
  compartment().data = directory_ + "/state/data";
  compartment().hostname = "probe";
  compartment().hosts = {{"198.18.1.1", {"peer"}}};
  compartment().doors = {{"198.18.1.1", 8080}, {"127.0.0.1", 4001}, {"::1", 4001}};
}

Instance::~Instance() {
  if (keeper_ > 0 && !keeper_exit_) {
    kill(keeper_, SIGKILL);
    waitpid(keeper_, nullptr, 0);
  }
  // What an ordinary user's service owns is removed by whoever runs the test where that is root, and stays empty else.
  eventually([&] { return processes_marked(directory_).empty(); });
  std::error_code none;
  fs::remove_all(directory_, none);
}

void Instance::become_launcher() const {
  if (!launcher_.user) return;
  const auto [uid, gid] = *launcher_.user;
  if (setgroups(0, nullptr) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) _exit(99);
  // A change of user makes a process non-dumpable, and its /proc files root's; exec mends that, here nothing follows.
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int Instance::as_launcher(const std::function<int()>& action) const {
  const pid_t child = fork();
  if (child == 0) {
    become_launcher();
    _exit(action());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void Instance::start() {
  const Fd text = in_memory(compartments::to_json(spec_));
  const std::string program = directory_ + "/platform";
  const std::string mark = "MARK=" + directory_;
  keeper_ = fork();
  if (keeper_ != 0) return;
  become_launcher();
  fcntl(text.get(), F_SETFD, 0);
  const std::string number = std::to_string(text.get());
  const char* argv[] = {program.c_str(), "keeper", number.c_str(), nullptr};
  // Leak checking traces the process, which a keeper forbids.
  const char* environment[] = {mark.c_str(), "ASAN_OPTIONS=detect_leaks=0", nullptr};
  execve(program.c_str(), const_cast<char**>(argv), const_cast<char**>(environment));
  _exit(98);
}

// Another frame into messages_; false at the end or when nothing comes.
bool Instance::read_frame() {
  while (true) {
    if (incoming_.size() >= 4) {
      std::size_t size = 0;
      for (int i = 0; i < 4; ++i)
        size = size << 8U | static_cast<unsigned char>(incoming_[static_cast<std::size_t>(i)]);
      if (incoming_.size() >= 4 + size) {
        messages_.push_back(Json::parse(incoming_.substr(4, size)));
        incoming_.erase(0, 4 + size);
        return true;
      }
    }
    pollfd ready{connection_ ? connection_.get() : listener_.get(), POLLIN, 0};
    if (poll(&ready, 1, kPatienceMs) != 1) return false;
    if (!connection_) {
      connection_ = Fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      continue;
    }
    std::array<std::byte, 4096> bytes{};
    auto got = compartments::receive_with_rights(connection_.get(), bytes);
    if (!got || got->size == 0) return false;
    for (auto& right : got->rights) rights_.push_back(std::move(right));
    incoming_.append(reinterpret_cast<const char*>(bytes.data()), got->size);
  }
}

Json Instance::wait_for(const std::function<bool(const Json&)>& wanted) {
  std::size_t seen = 0;
  while (true) {
    for (; seen < messages_.size(); ++seen) {
      if (wanted(messages_[seen])) return messages_[seen];
    }
    if (!read_frame()) return {};
  }
}

Json Instance::wait_for_state(const std::string& state) {
  return wait_for([&](const Json& message) { return message.value("state", "") == state; });
}
Json Instance::wait_for_exit() {
  return wait_for([](const Json& message) { return message["type"] == "exited"; });
}
Json Instance::wait_for_hello() {
  return wait_for([](const Json& message) { return message["type"] == "hello"; });
}

Json Instance::wait_for_hello_again() {
  while (read_frame()) {
  }
  connection_.reset();
  incoming_.clear();
  messages_.clear();
  return wait_for_hello();
}

void Instance::send(const Json& message) {
  const std::string text = message.dump();
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(text.size() >> shift);
  bytes += text;
  while (!bytes.empty()) {
    const ssize_t sent = ::send(connection_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.erase(0, static_cast<std::size_t>(sent));
  }
}

std::vector<std::string> Instance::log(const std::string& stream) const {
  std::vector<std::string> lines;
  std::ifstream file(spec_.log.path);
  for (std::string line; std::getline(file, line);) {
    const Json entry = Json::parse(line, nullptr, false);
    if (entry.is_object() && entry["stream"] == stream) lines.push_back(entry["line"]);
  }
  return lines;
}

std::string Instance::wait_for_log(const std::string& stream, const std::string& text) const {
  std::string found;
  eventually([&] {
    for (const auto& line : log(stream)) {
      if (line.find(text) != std::string::npos) found = line;
    }
    return !found.empty();
  });
  return found;
}

std::optional<int> Instance::wait_for_keeper() {
  eventually([&] {
    int status = 0;
    if (keeper_exit_ || waitpid(keeper_, &status, WNOHANG) != keeper_) return keeper_exit_.has_value();
    keeper_exit_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    return true;
  });
  return keeper_exit_;
}

std::vector<pid_t> processes_marked(const std::string& text) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto environment = read_file(entry.path().string() + "/environ");
    if (!environment || environment->find("MARK=" + text) == std::string::npos) continue;
    // A zombie of another parent's has nothing any more.
    const auto status = read_file(entry.path().string() + "/stat");
    if (status && status->find(") Z ") == std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

}  // namespace bulkhead::hostile

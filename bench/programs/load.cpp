// The client.   load port=8080 path=/bytes/128 body=128 connections=64 seconds=5     runs once and prints JSON
//               load serve=8080                                                      does so for each GET /run?port=…&…

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.hpp"
#include "socket.hpp"

namespace bench {

namespace {

std::vector<std::string> words_of(std::string_view query) {
  std::vector<std::string> words;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    words.emplace_back(query.substr(0, end));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return words;
}

std::string answer_to(std::string_view head) {
  static constexpr std::string_view kRun = "GET /run?";
  if (!head.starts_with(kRun)) return "{}\n";
  head.remove_prefix(kRun.size());
  try {
    return run(read_plan(words_of(head.substr(0, head.find(' ')))));
  } catch (const std::exception& error) {
    return fmt::format("{{\"errors\": 1, \"done\": 0, \"first_error\": \"{}\"}}\n", error.what());
  }
}

// One connection, in a process of its own: who asks whether we are well must not wait for a run.
void serve_one(int fd) {
  std::string head;
  while (head.find("\r\n\r\n") == head.npos) {
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    char buffer[4096];
    if (::poll(&waiting, 1, 10'000) != 1) return;
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) return;
    head.append(buffer, static_cast<std::size_t>(got));
  }
  const std::string body = answer_to(head);
  const std::string answer = fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
      body.size(), body);
  if (::write(fd, answer.data(), answer.size()) < 0) return;
}

void serve(const std::string& port) {
  const int listener = listen_at(resolve("0.0.0.0", port));
  std::signal(SIGCHLD, SIG_IGN);
  while (true) {
    pollfd waiting{.fd = listener, .events = POLLIN, .revents = 0};
    ::poll(&waiting, 1, -1);
    const int fd = accept_from(listener);
    if (fd < 0) continue;
    if (::fork() == 0) {
      serve_one(fd);
      ::_exit(0);
    }
    ::close(fd);
  }
}

}  // namespace

}  // namespace bench

int main(int argc, char** argv) try {
  static constexpr std::string_view kServe = "serve=";
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && words[0].starts_with(kServe)) bench::serve(words[0].substr(kServe.size()));
  std::fputs(bench::run(bench::read_plan(words)).c_str(), stdout);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "load: %s\n", error.what());
  return 1;
}

#pragma once

// Names of the outside world, by the C library's resolver in a thread of its own, so that the host's configuration
// (files, search order, stub resolvers) means what it means to every other program. Answers are kept for a while.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/address.hpp"
#include "net/event.hpp"

namespace bulkhead::proxy {

class Resolver {
 public:
  // Blocking; called on the resolver's thread. Tests give their own.
  using Lookup = std::function<Result<std::vector<net::Address>>(const std::string& host)>;
  static Result<std::vector<net::Address>> system_lookup(const std::string& host);

  explicit Resolver(net::Loop& loop, Lookup lookup = system_lookup);
  ~Resolver();  // waits for a lookup that is under way
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The addresses of `host` (port 0), at least one; a literal is its own answer. Loop's thread.
  net::Task<Result<std::vector<net::Address>>> resolve(std::string host, net::Deadline deadline);

 private:
  struct Entry {
    explicit Entry(net::Loop& loop) : answered(loop) {}
    net::Event answered;
    net::SteadyTime fresh_until;
    Result<std::vector<net::Address>> answer;
  };
  void ask(const std::string& host);
  void take(const std::string& host, Result<std::vector<net::Address>> answer);
  void work();

  net::Loop& loop_;
  const Lookup lookup_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  std::shared_ptr<Resolver*> self_;  // what is posted to the loop finds out by it that this is gone

  std::mutex mutex_;  // guards what follows
  std::condition_variable wanted_;
  std::deque<std::string> questions_;
  bool ending_ = false;
  std::thread thread_;  // started with the first question
};

}  // namespace bulkhead::proxy

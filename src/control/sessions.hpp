#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "net/event.hpp"

// What somebody does inside of a compartment, between the connection of their command line and the instance's keeper.
namespace bulkhead::control {

// One of them. What happens to it comes out of `news` in order: the keeper's messages, and {"gone": "client"} or
// {"gone": "instance"}.
struct Session {
  struct News {
    nlohmann::json message;
    std::vector<Fd> fds;
  };
  Session(net::Loop& loop, std::string of, std::uint64_t its_epoch)
      : instance(std::move(of)), epoch(its_epoch), news(loop, 64) {}
  std::string instance;
  std::uint64_t epoch;
  net::Channel<News> news;
};

// Those that are open, by number. A number is never used twice, not by a later controller either.
class Sessions {
 public:
  Sessions();
  // Open for as long as it lives.
  class Entry {
   public:
    Entry(Sessions& sessions, Session& session);
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() { sessions_.open_.erase(number_); }
    std::uint32_t number() const { return number_; }

   private:
    Sessions& sessions_;
    std::uint32_t number_;
  };

  // News of a keeper for one of its own instance's sessions. What nobody waits for is dropped, descriptors too.
  void tell(const std::string& instance, nlohmann::json message, std::vector<Fd> fds);
  // The instance's keeper is gone, or does not hear us any more.
  void end_all_of(const std::string& instance, std::uint64_t epoch);

 private:
  std::uint32_t next_;
  std::map<std::uint32_t, Session*> open_;
};

}  // namespace bulkhead::control

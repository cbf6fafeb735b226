#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "control/fleet.hpp"
#include "net/event.hpp"
#include "net/frames.hpp"

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

// Tells the session when its client goes or breaks the protocol: it has nothing more to say.
net::Task<> tell_when_gone(net::FrameChannel& channel, Session& session);

// Whether a request names a command that a keeper takes: its words, and the terminal if it has one.
Result<> check_guest(const nlohmann::json& request);
// What a keeper is told to run, as the client asked for it.
nlohmann::json guest_message(std::uint32_t session, const nlohmann::json& request);
// How a command ended, of its last news: as the audit log has it, and as its client is told.
std::string ending_of(const nlohmann::json& news);
nlohmann::json ending_reply(const nlohmann::json& news);
std::string seconds_since(Time began, Time now);  // "1.5 s"

// A command in the place of a service's instances, or beside them, in an instance of its own.
struct Run {
  std::string service;
  std::string by;  // who typed it
  bool beside = false;
  bool ending = false;
};

// Those that are open, by number. Numbers grow from the seconds since the epoch, so that a later controller's differ.
class Sessions {
 public:
  Sessions();
  // Open for as long as it lives.
  class Entry {
   public:
    Entry(Sessions& sessions, Session& session, std::uint32_t number) : sessions_(sessions), number_(number) {
      sessions_.open_[number_] = &session;
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() { sessions_.open_.erase(number_); }
    std::uint32_t number() const { return number_; }

   private:
    Sessions& sessions_;
    std::uint32_t number_;
  };

  std::uint32_t next_number() { return next_++; }
  // News of a keeper for one of its own instance's sessions. What nobody waits for is dropped, descriptors too.
  void tell(const std::string& instance, nlohmann::json message, std::vector<Fd> fds);
  // The instance's keeper is gone, or does not hear us any more.
  void end_all_of(const std::string& instance, std::uint64_t epoch);

 private:
  std::uint32_t next_;
  std::map<std::uint32_t, Session*> open_;
};

}  // namespace bulkhead::control

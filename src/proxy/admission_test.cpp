#include "proxy/admission.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace bulkhead::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Ticket = Admission::Ticket;
using Tickets = std::vector<Ticket>;

const Admission::Time kStart{seconds(1000)};

// A door, its clock, and the words of what happens. Tickets are numbered from 1 in the order of arrival.
struct Door {
  Admission admission;
  Admission::Time now = kStart;
  Ticket last = 0;

  explicit Door(AdmissionLimits limits) : admission(limits) {}
  std::string_view arrive(std::string_view caller) { return to_string(admission.arrive(caller, ++last, now)); }
  void arrive(std::string_view caller, int count) {
    while (count-- > 0) arrive(caller);
  }
  Ticket leave(std::string_view caller) { return admission.leave(caller).value_or(0); }
  Tickets pass(milliseconds time) { return admission.expire(now += time); }
  milliseconds until_expiry() {
    const auto next = admission.next_expiry();
    return next ? std::chrono::duration_cast<milliseconds>(*next - now) : milliseconds(-1);
  }
};

TEST(Admission, AdmitsThenQueuesThenRefuses) {
  Door door({.max = 2, .per_caller = 2, .queue = 2, .queue_per_caller = 2});
  EXPECT_EQ(door.arrive("shop"), "admitted");
  EXPECT_EQ(door.arrive("shop"), "admitted");
  EXPECT_EQ(door.arrive("shop"), "wait");
  EXPECT_EQ(door.arrive("shop"), "wait");
  EXPECT_EQ(door.arrive("shop"), "full");
  EXPECT_EQ(door.leave("shop"), 3U);  // the oldest first
  EXPECT_EQ(door.leave("shop"), 4U);
  EXPECT_EQ(door.leave("shop"), 0U);
  EXPECT_EQ(door.admission.running(), 1U);
  EXPECT_EQ(door.arrive("shop"), "admitted");
}

TEST(Admission, WithoutAQueueNobodyWaits) {
  Door door({.max = 1, .per_caller = 1, .queue = 0, .queue_per_caller = 0});
  EXPECT_EQ(door.arrive("shop"), "admitted");
  EXPECT_EQ(door.arrive("shop"), "full");
  EXPECT_EQ(door.leave("shop"), 0U);
  EXPECT_EQ(door.arrive("shop"), "admitted");
}

TEST(Admission, AFloodingCallerLeavesPlacesToTheOthers) {
  Door door({.max = 4, .per_caller = 3, .queue = 8, .queue_per_caller = 6});
  door.arrive("flood", 3);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(door.arrive("flood"), "wait");
  EXPECT_EQ(door.arrive("flood"), "caller full");
  EXPECT_EQ(door.arrive("calm"), "admitted");
  EXPECT_EQ(door.leave("calm"), 0U);  // the place stays free
  EXPECT_EQ(door.arrive("calm"), "admitted");
  EXPECT_EQ(door.leave("flood"), 4U);
}

TEST(Admission, PlacesGoRoundTheCallersThatWait) {
  Door door({.max = 2, .per_caller = 2, .queue = 20, .queue_per_caller = 20});
  door.arrive("shop", 2);
  door.arrive("flood", 4);  // 3 4 5 6
  door.arrive("calm", 1);   // 7
  door.arrive("third", 2);  // 8 9
  EXPECT_EQ(door.leave("shop"), 3U);
  EXPECT_EQ(door.leave("shop"), 7U);
  EXPECT_EQ(door.leave("flood"), 8U);
  EXPECT_EQ(door.leave("calm"), 4U);
  EXPECT_EQ(door.leave("third"), 9U);
  EXPECT_EQ(door.leave("third"), 5U);
  EXPECT_EQ(door.leave("flood"), 6U);
  EXPECT_EQ(door.leave("flood"), 0U);
}

TEST(Admission, ACallerAtItsOwnLimitIsPassedOver) {
  Door door({.max = 3, .per_caller = 2, .queue = 20, .queue_per_caller = 20});
  door.arrive("flood", 3);  // 3 waits
  door.arrive("calm", 2);   // 5 waits
  EXPECT_EQ(door.leave("calm"), 5U);
  EXPECT_EQ(door.leave("calm"), 0U);
  EXPECT_EQ(door.leave("flood"), 3U);
}

TEST(Admission, WhoGivesUpIsForgotten) {
  Door door({.max = 1, .per_caller = 1, .queue = 2, .queue_per_caller = 2});
  door.arrive("shop", 3);
  EXPECT_TRUE(door.admission.give_up(2));
  EXPECT_FALSE(door.admission.give_up(2));
  EXPECT_FALSE(door.admission.give_up(1));  // it was admitted, and owes its leave
  EXPECT_EQ(door.arrive("shop"), "wait");
  EXPECT_EQ(door.leave("shop"), 3U);
  EXPECT_TRUE(door.admission.give_up(4));
  EXPECT_EQ(door.leave("shop"), 0U);
  EXPECT_EQ(door.until_expiry(), milliseconds(-1));
}

TEST(Admission, ABurstMayWaitFiveSeconds) {
  Door door({.max = 1, .per_caller = 1, .queue = 10, .queue_per_caller = 10});
  door.arrive("shop", 2);
  EXPECT_EQ(door.pass(milliseconds(200)), Tickets{});
  door.arrive("shop", 1);
  EXPECT_EQ(door.until_expiry(), milliseconds(4'800));
  EXPECT_EQ(door.pass(milliseconds(4'799)), Tickets{});
  EXPECT_EQ(door.pass(milliseconds(1)), Tickets{2});
  EXPECT_EQ(door.pass(milliseconds(200)), Tickets{3});
  EXPECT_EQ(door.leave("shop"), 0U);
}

TEST(Admission, AStandingQueueIsWaitedInForFiftyMilliseconds) {
  Door door({.max = 1, .per_caller = 1, .queue = 10, .queue_per_caller = 10});
  door.arrive("shop", 2);
  EXPECT_EQ(door.pass(milliseconds(999)), Tickets{});
  door.arrive("shop", 1);
  EXPECT_EQ(door.until_expiry(), milliseconds(4'001));
  EXPECT_EQ(door.pass(milliseconds(1)), Tickets{});
  door.arrive("shop", 2);
  EXPECT_EQ(door.until_expiry(), milliseconds(50));
  EXPECT_EQ(door.pass(milliseconds(50)), (Tickets{4, 5}));
  EXPECT_EQ(door.until_expiry(), milliseconds(3'950));
  EXPECT_EQ(door.leave("shop"), 2U);
  EXPECT_EQ(door.leave("shop"), 3U);  // empty now
  door.arrive("shop", 1);
  EXPECT_EQ(door.until_expiry(), milliseconds(5'000));
}

TEST(Admission, TheStandingQueueOfOneDoesNotHurryAnother) {
  Door door({.max = 2, .per_caller = 1, .queue = 10, .queue_per_caller = 10});
  door.arrive("flood", 2);
  EXPECT_EQ(door.pass(milliseconds(1'500)), Tickets{});
  door.arrive("calm", 2);
  EXPECT_EQ(door.until_expiry(), milliseconds(3'500));
  door.arrive("flood", 1);
  EXPECT_EQ(door.until_expiry(), milliseconds(50));
  EXPECT_EQ(door.pass(milliseconds(50)), Tickets{5});
  EXPECT_EQ(door.leave("calm"), 4U);
}

TEST(Admission, HigherLimitsAdmitWhoWaits) {
  Door door({.max = 1, .per_caller = 1, .queue = 10, .queue_per_caller = 10});
  door.arrive("shop", 3);
  door.arrive("calm", 1);
  EXPECT_EQ(door.admission.configure({.max = 3, .per_caller = 2, .queue = 10, .queue_per_caller = 10}),
            (Tickets{4, 2}));
  EXPECT_EQ(door.leave("calm"), 0U);
  EXPECT_EQ(door.leave("shop"), 3U);
}

TEST(Admission, LowerLimitsEndNothing) {
  Door door({.max = 3, .per_caller = 3, .queue = 10, .queue_per_caller = 10});
  door.arrive("shop", 5);
  EXPECT_EQ(door.admission.configure({.max = 1, .per_caller = 1, .queue = 1, .queue_per_caller = 1}), Tickets{});
  EXPECT_EQ(door.admission.running(), 3U);
  EXPECT_EQ(door.admission.waiting(), 2U);
  EXPECT_EQ(door.arrive("shop"), "full");
  EXPECT_EQ(door.leave("shop"), 0U);
  EXPECT_EQ(door.leave("shop"), 0U);
  EXPECT_EQ(door.leave("shop"), 4U);
}

TEST(Admission, WhatTheSettingsComeTo) {
  struct Case {
    const char* name;
    manifest::Concurrency settings;
    bool grpc;
    std::size_t callers;
    AdmissionLimits limits;
  };
  for (const Case& each : {
           Case{"nothing said", {}, false, 1, {256, 256, 1024, 1024}},
           Case{"nothing said, gRPC", {}, true, 1, {1024, 1024, 1024, 1024}},
           Case{"several callers", {}, false, 2, {256, 192, 1024, 768}},
           Case{"rounded up", {.max = 2, .queue = 1}, false, 3, {2, 2, 1, 1}},
           Case{"one place", {.max = 1, .queue = 0}, false, 3, {1, 1, 0, 0}},
           Case{"as declared", {.max = 10, .per_caller = 4, .queue = 8}, true, 2, {10, 4, 8, 6}},
           Case{"nobody calls yet", {.max = 10}, false, 0, {10, 10, 1024, 1024}},
           Case{"the most", {.max = 4'294'967'295}, false, 2, {4'294'967'295, 3'221'225'472, 1024, 768}},
       })
    EXPECT_EQ(admission_limits(each.settings, each.grpc, each.callers), each.limits) << each.name;
}

// Whatever happens in whichever order: nobody exceeds a limit, every ticket ends once, and no place is free while one
// waits who may have it.
class AnyOrder {
 public:
  explicit AnyOrder(unsigned seed) : random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      check();
    }
  }

 private:
  static constexpr AdmissionLimits kLimits{.max = 5, .per_caller = 3, .queue = 9, .queue_per_caller = 7};

  unsigned draw(unsigned bound) { return random_() % bound; }

  void step() {
    now_ += milliseconds(draw(40));
    switch (draw(8)) {
      case 0: return leave();
      case 1: return leave();
      case 2: return give_up();
      case 3: return expire();
      case 4: return admit(admission_.configure(kLimits));
      default: return arrive();
    }
  }

  void arrive() {
    const std::string caller(1, static_cast<char>('a' + draw(4)));
    const Ticket ticket = ++last_;
    switch (admission_.arrive(caller, ticket, now_)) {
      case Admission::Answer::admitted: ++running_[caller]; break;
      case Admission::Answer::wait: waiting_[ticket] = caller; break;
      case Admission::Answer::full: EXPECT_EQ(waiting_.size(), 9U); break;
      case Admission::Answer::caller_full: EXPECT_EQ(queue_of(caller), 7U); break;
    }
  }

  void leave() {
    const std::string caller(1, static_cast<char>('a' + draw(4)));
    if (running_[caller] == 0) return;
    --running_[caller];
    if (const auto ticket = admission_.leave(caller)) admit({*ticket});
  }

  void give_up() {
    const Ticket ticket = last_ - std::min<Ticket>(last_, draw(10));
    EXPECT_EQ(admission_.give_up(ticket), waiting_.erase(ticket) == 1);
  }

  void expire() {
    const auto next = admission_.next_expiry();
    const Tickets expired = admission_.expire(now_);
    EXPECT_EQ(next && *next <= now_, !expired.empty());
    for (const Ticket ticket : expired) EXPECT_EQ(waiting_.erase(ticket), 1U);
  }

  void admit(const Tickets& tickets) {
    for (const Ticket ticket : tickets) {
      const auto found = waiting_.extract(ticket);
      ASSERT_FALSE(found.empty());
      ++running_[found.mapped()];
    }
  }

  std::size_t queue_of(const std::string& caller) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(waiting_, [&](const auto& each) { return each.second == caller; }));
  }

  void check() {
    std::uint32_t all = 0;
    for (const auto& [caller, count] : running_) {
      ASSERT_LE(count, kLimits.per_caller);
      all += count;
    }
    ASSERT_LE(all, kLimits.max);
    ASSERT_EQ(admission_.running(), all);
    ASSERT_EQ(admission_.waiting(), waiting_.size());
    if (all == kLimits.max) return;
    for (const auto& [ticket, caller] : waiting_) ASSERT_EQ(running_[caller], kLimits.per_caller) << ticket;
  }

  std::mt19937 random_;
  Admission admission_{kLimits};
  Admission::Time now_ = kStart;
  Ticket last_ = 0;
  std::map<std::string, std::uint32_t> running_;
  std::map<Ticket, std::string> waiting_;
};

TEST(Admission, KeepsItsWordInAnyOrder) {
  for (unsigned seed = 0; seed < 20; ++seed) AnyOrder(seed).run(2000);
}

}  // namespace
}  // namespace bulkhead::proxy

#include "proxy/outliers.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace bulkhead::proxy {
namespace {

using manifest::Share;
using std::chrono::seconds;

const manifest::Outliers kSettings{.failures = 3, .eject = seconds(10), .most = Share{5000}};
constexpr Crowd kOneOfFour{.ready = 4, .ejected = 0};

struct Instance {
  OutlierRecord record;
  OutlierRecord::Time now{seconds(1000)};

  void pass(seconds time) { now += time; }
  bool fail(Crowd crowd = kOneOfFour) { return failed(record, kSettings, crowd, now); }
  bool fail_thrice() { return !fail() && !fail() && fail(); }
  void succeed() { succeeded(record, now); }
  seconds ejected_for() const {
    return is_ejected(record, now) ? std::chrono::duration_cast<seconds>(record.ejected_until - now) : seconds(0);
  }
};

TEST(Outliers, GoesAndReturns) {
  Instance instance;
  EXPECT_FALSE(instance.fail());
  EXPECT_FALSE(instance.fail());
  EXPECT_EQ(instance.ejected_for(), seconds(0));
  EXPECT_TRUE(instance.fail());
  EXPECT_EQ(instance.ejected_for(), seconds(10));
  instance.pass(seconds(9));
  EXPECT_EQ(instance.ejected_for(), seconds(1));
  instance.pass(seconds(1));
  EXPECT_EQ(instance.ejected_for(), seconds(0));
  EXPECT_FALSE(instance.fail());  // it is given as many tries as before
  EXPECT_FALSE(instance.fail());
  EXPECT_TRUE(instance.fail());
}

TEST(Outliers, OneSuccessBetweenStartsTheCountAnew) {
  Instance instance;
  instance.fail();
  instance.fail();
  instance.succeed();
  EXPECT_TRUE(instance.fail_thrice());
}

TEST(Outliers, WhatComesWhileItIsAwayDoesNotCount) {
  Instance instance;
  ASSERT_TRUE(instance.fail_thrice());
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(instance.fail());
  instance.succeed();
  EXPECT_EQ(instance.ejected_for(), seconds(10));
  instance.pass(seconds(10));
  EXPECT_TRUE(instance.fail_thrice());
}

TEST(Outliers, EachEjectionIsLongerToThirtyTimes) {
  Instance instance;
  for (int i = 1; i <= 40; ++i) {
    ASSERT_TRUE(instance.fail_thrice()) << i;
    EXPECT_EQ(instance.ejected_for(), seconds(10) * std::min(i, 30)) << i;
    instance.pass(instance.ejected_for());
  }
}

TEST(Outliers, CalmTakesThemOffOneByOne) {
  struct Case {
    seconds calm;  // after the return from the third ejection
    seconds next;  // ejection
  };
  for (const auto& [calm, next] :
       {Case{seconds(0), seconds(40)}, Case{seconds(9), seconds(40)}, Case{seconds(10), seconds(30)},
        Case{seconds(25), seconds(20)}, Case{seconds(30), seconds(10)}, Case{seconds(3000), seconds(10)}}) {
    Instance instance;
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(instance.fail_thrice());
      instance.pass(instance.ejected_for());
    }
    instance.pass(calm);
    ASSERT_TRUE(instance.fail_thrice());
    EXPECT_EQ(instance.ejected_for(), next) << calm.count();
  }
}

TEST(Outliers, AFailureNowAndThenIsNoCalm) {
  Instance instance;
  ASSERT_TRUE(instance.fail_thrice());
  instance.pass(instance.ejected_for());
  for (int i = 0; i < 10; ++i) {
    instance.pass(seconds(9));
    EXPECT_FALSE(instance.fail());
    instance.succeed();
  }
  ASSERT_TRUE(instance.fail_thrice());
  EXPECT_EQ(instance.ejected_for(), seconds(20));
}

TEST(Outliers, WhatTheCapForbidsIsAskedAgainAtTheNextFailure) {
  Instance instance;
  constexpr Crowd half_gone{.ready = 4, .ejected = 2};
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(instance.fail(half_gone));
  EXPECT_EQ(instance.record.ejections, 0U);
  EXPECT_TRUE(instance.fail());
}

TEST(Outliers, NoneOfThemIsWhatZeroFailuresMean) {
  OutlierRecord record;
  manifest::Outliers never = kSettings;
  never.failures = 0;
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(failed(record, never, kOneOfFour, OutlierRecord::Time(seconds(1000))));
  EXPECT_EQ(record, OutlierRecord());
}

TEST(Outliers, TheCap) {
  struct Case {
    std::size_t ready, ejected;
    std::uint32_t most;
    bool may;
  };
  for (const Case& each : {
           Case{0, 0, 10'000, false},  // nobody is there
           Case{1, 0, 10'000, false},  // the only one stays
           Case{2, 0, 10'000, true},
           Case{2, 1, 10'000, false},  // one always stays
           Case{2, 0, 5'000, true},
           Case{2, 0, 4'999, false},
           Case{3, 0, 5'000, true},
           Case{3, 1, 5'000, false},  // two of three are more than half
           Case{10, 4, 5'000, true},
           Case{10, 5, 5'000, false},
           Case{100, 98, 10'000, true},
           Case{100, 99, 10'000, false},
           Case{100, 0, 0, false},
       })
    EXPECT_EQ(may_eject({each.ready, each.ejected}, Share{each.most}), each.may)
        << each.ejected << " of " << each.ready << ", at most " << each.most;
}

}  // namespace
}  // namespace bulkhead::proxy

#include "jose/key_source.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace bulkhead::jose {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

// What the machine says, as a transcript has it.
std::string said(KeySource::Next next) {
  return next.fetch ? "fetch" : fmt::format("wait {} s", std::chrono::duration<double>(next.pause).count());
}

TEST(KeySource, FetchesAtStartAndAtTheEndOfFreshness) {
  KeySource source;
  EXPECT_FALSE(source.usable(0s));
  EXPECT_EQ(said(source.next(0s)), "fetch");
  EXPECT_EQ(said(source.next(0s)), "wait 1 s");  // one at a time
  source.fetched(1s, 600s);
  EXPECT_TRUE(source.usable(1s));
  EXPECT_EQ(said(source.next(1s)), "wait 600 s");
  EXPECT_EQ(said(source.next(600s)), "wait 1 s");
  EXPECT_EQ(said(source.next(601s)), "fetch");
}

TEST(KeySource, FreshnessHasBounds) {
  const auto pause = [](std::optional<seconds> fresh) {
    KeySource source;
    source.next(0s);
    source.fetched(0s, fresh);
    return said(source.next(0s));
  };
  EXPECT_EQ(pause(std::nullopt), "wait 3600 s");
  EXPECT_EQ(pause(0s), "wait 300 s");
  EXPECT_EQ(pause(299s), "wait 300 s");
  EXPECT_EQ(pause(86401s), "wait 86400 s");
  EXPECT_EQ(pause(seconds::max()), "wait 86400 s");
  EXPECT_EQ(pause(seconds::min()), "wait 300 s");
}

TEST(KeySource, AfterAFailureItTriesAgainWithGrowingPauses) {
  KeySource source;
  std::string transcript;
  seconds now = 0s;
  for (int i = 0; i < 11; ++i) {
    EXPECT_TRUE(source.next(now).fetch);
    source.failed(now, 0.999999);
    const auto next = source.next(now);
    const auto pause = std::chrono::ceil<seconds>(next.pause);
    transcript += fmt::format("{} ", pause.count());
    now += pause;
  }
  EXPECT_EQ(transcript, "1 2 4 8 16 32 64 128 256 300 300 ");
  source.failed(now, 0);
  EXPECT_EQ(said(source.next(now)), "wait 150 s");
}

TEST(KeySource, KeysStayInUseForSoLongWhenFetchingFails) {
  KeySource source({.kept = 2h});
  source.next(0s);
  source.fetched(0s, 3600s);
  EXPECT_TRUE(source.next(1h).fetch);
  source.failed(1h, 0);
  EXPECT_TRUE(source.usable(1h));
  EXPECT_TRUE(source.usable(3h - 1ms));
  EXPECT_FALSE(source.usable(3h));
  EXPECT_TRUE(source.next(3h).fetch);
  source.fetched(3h, std::nullopt);
  EXPECT_TRUE(source.usable(3h));
}

TEST(KeySource, AnUnknownKeyCausesAFetchAtMostOnceInThirtySeconds) {
  KeySource source;
  source.next(0s);
  source.fetched(0s, 3600s);
  EXPECT_EQ(said(source.next(10s)), "wait 3590 s");
  EXPECT_TRUE(source.unknown_key(10s));
  EXPECT_EQ(said(source.next(10s)), "fetch");
  EXPECT_TRUE(source.unknown_key(10s));  // that fetch may bring it
  source.fetched(11s, 3600s);
  EXPECT_FALSE(source.unknown_key(11s));
  EXPECT_FALSE(source.unknown_key(39s));
  EXPECT_EQ(said(source.next(39s)), "wait 3572 s");
  EXPECT_TRUE(source.unknown_key(40s));
  EXPECT_EQ(said(source.next(40s)), "fetch");
}

TEST(KeySource, AnUnknownKeyDoesNotDefeatThePausesAfterFailures) {
  KeySource source;
  source.next(0s);
  source.fetched(0s, 3600s);
  EXPECT_TRUE(source.unknown_key(1s));
  source.next(1s);
  source.failed(2s, 0.999999);
  EXPECT_FALSE(source.unknown_key(2s));
  EXPECT_EQ(said(source.next(2s)), "wait 0.999 s");
  EXPECT_TRUE(source.usable(2s));
}

TEST(MaxAge, IsReadFromCacheControl) {
  EXPECT_EQ(max_age("max-age=300"), 300s);
  EXPECT_EQ(max_age("public, max-age=19800, must-revalidate, no-transform"), 19800s);
  EXPECT_EQ(max_age(" Max-Age=\"60\" "), 60s);
  EXPECT_EQ(max_age("max-age=99999999999999999999"), seconds(UINT32_MAX));
  EXPECT_EQ(max_age("max-age=60, no-store"), 0s);
  EXPECT_EQ(max_age("no-cache"), 0s);
  for (const char* text : {"", ",", "public", "s-maxage=5", "max-age", "max-age=", "max-age=-1", "max-age=1.5",
                           "max-age=5 5", "max-age=1, max-age=2", "xmax-age=1", "max-age=\"", "max-age=\"\""}) {
    EXPECT_EQ(max_age(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace bulkhead::jose

#include "jose/cache.hpp"

#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "jose/fixture.hpp"

// The thread sanitizer has operators of its own, which can not be replaced.
#if !__has_feature(thread_sanitizer)
#define COUNTS_ALLOCATIONS
namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace bulkhead::jose {
namespace {

using std::chrono::seconds;
using test::kNow;

std::shared_ptr<const Token> token(std::string subject, seconds left = seconds(300)) {
  return std::make_shared<const Token>(Token{.subject = std::move(subject), .expires = kNow + left});
}

constexpr Digest kKeys{1};
constexpr Digest kNewKeys{2};

TEST(Cache, GivesWhatWasVerified) {
  Cache<Token> cache;
  EXPECT_EQ(cache.find(sha256("t1"), kKeys, kNow), nullptr);
  cache.put(sha256("t1"), kKeys, token("ann"));
  ASSERT_NE(cache.find(sha256("t1"), kKeys, kNow), nullptr);
  EXPECT_EQ(cache.find(sha256("t1"), kKeys, kNow)->subject, "ann");
  EXPECT_EQ(cache.find(sha256("t1 "), kKeys, kNow), nullptr);
  EXPECT_EQ(cache.find(sha256(""), kKeys, kNow), nullptr);
}

TEST(Cache, ATokenEndsAtItsExp) {
  Cache<Token> cache;
  cache.put(sha256("t"), kKeys, token("ann", seconds(10)));
  EXPECT_NE(cache.find(sha256("t"), kKeys, kNow + seconds(9)), nullptr);
  EXPECT_EQ(cache.find(sha256("t"), kKeys, kNow + seconds(10)), nullptr);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(Cache, NewKeysEndWhatOldOnesVerified) {
  Cache<Token> cache;
  cache.put(sha256("t"), kKeys, token("ann"));
  EXPECT_EQ(cache.find(sha256("t"), kNewKeys, kNow), nullptr);
  EXPECT_EQ(cache.find(sha256("t"), kKeys, kNow), nullptr);
}

TEST(Cache, TheTokenNotAskedForTheLongestGoesFirst) {
  Cache<Token> cache(2);
  cache.put(sha256("a"), kKeys, token("a"));
  cache.put(sha256("b"), kKeys, token("b"));
  EXPECT_NE(cache.find(sha256("a"), kKeys, kNow), nullptr);
  cache.put(sha256("c"), kKeys, token("c"));
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_NE(cache.find(sha256("a"), kKeys, kNow), nullptr);
  EXPECT_EQ(cache.find(sha256("b"), kKeys, kNow), nullptr);
  EXPECT_NE(cache.find(sha256("c"), kKeys, kNow), nullptr);
}

TEST(Cache, ATokenPutAgainIsThereOnce) {
  Cache<Token> cache(2);
  cache.put(sha256("a"), kKeys, token("old"));
  cache.put(sha256("a"), kNewKeys, token("new"));
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.find(sha256("a"), kNewKeys, kNow)->subject, "new");
}

TEST(Cache, WhoHoldsATokenKeepsIt) {
  Cache<Token> cache(1);
  cache.put(sha256("a"), kKeys, token("ann"));
  const auto held = cache.find(sha256("a"), kKeys, kNow);
  cache.put(sha256("b"), kKeys, token("bob"));
  EXPECT_EQ(held->subject, "ann");
}

#ifdef COUNTS_ALLOCATIONS
TEST(Cache, ALookUpAllocatesNothing) {
  Cache<Token> cache;
  cache.put(sha256("a"), kKeys, token("ann"));
  const std::size_t before = allocations;
  const bool found = cache.find(sha256("a"), kKeys, kNow) != nullptr;
  const bool not_there = cache.find(sha256("b"), kKeys, kNow) == nullptr;
  EXPECT_EQ(allocations, before);
  EXPECT_TRUE(found && not_there);
}
#endif

}  // namespace
}  // namespace bulkhead::jose

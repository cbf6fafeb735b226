#include "compartments/door_sets.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace bulkhead::compartments {
namespace {

TEST(DoorSets, TravelAsTheyAre) {
  const std::vector<Door> doors{{"198.18.1.1", 8080}, {"127.0.0.1", 4001}, {"::1", 65535}};
  const auto packed = pack_doors(doors);
  ASSERT_TRUE(packed) << packed.error().message;
  EXPECT_EQ(*read_doors(*packed), doors);
  EXPECT_LT(write(packed->get(), "x", 1), 0) << "nobody changes them on their way";
  EXPECT_TRUE(read_doors(*pack_doors({}))->empty());
}

TEST(DoorSets, RefuseWhatIsNoAddress) {
  for (const char* address : {"", "localhost", "198.18.1", "1.1.1.1/8"}) {
    const auto packed = pack_doors({{address, 80}});
    ASSERT_FALSE(packed);
    EXPECT_EQ(packed.error().cause, Cause::invalid);
  }
}

TEST(DoorSets, RefuseWhatIsCut) {
  const Fd file(memfd_create("cut", MFD_CLOEXEC));
  ASSERT_EQ(write(file.get(), "short", 5), 5);
  EXPECT_EQ(read_doors(file).error().cause, Cause::protocol);
}

}  // namespace
}  // namespace bulkhead::compartments

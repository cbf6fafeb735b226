#include "sealed.hpp"

namespace bulkhead::hostile {
namespace {

using testing::Contains;

class Doors : public Sealed {};

TEST_P(Doors, ADoorSaysWhichAddressWasDialled) {
  instance->start();
  ASSERT_FALSE(instance->wait_for_log("stdout", "matrix complete").empty());
  const auto lines = instance->log("sidecar");
  EXPECT_THAT(lines, Contains("door 198.18.1.1:8080 from 198.18.0.1"));
  EXPECT_THAT(lines, Contains("door 127.0.0.1:4001 from 127.0.0.1"));
  EXPECT_THAT(lines, Contains("door ::1:4001 from ::1"));
  EXPECT_THAT(lines, Contains("dns"));
}

// The service listens on the port of its own peer, and on its door's port.
TEST_P(Doors, TheMeshReachesTheServiceFromAnAddressThatIsNotLoopback) {
  instance->compartment().command = {"./probe", "serve", "8080", "0.0.0.0"};
  instance->spec().sidecar.hello = R"({"dial":8080})";
  instance->start();
  EXPECT_EQ(instance->wait_for_log("sidecar", "dialled"), "dialled 0 caller 198.18.0.2");
}

TEST_P(Doors, AServiceThatListensOnItsOwnAddressIsReached) {
  instance->compartment().command = {"./probe", "serve", "80", "198.18.0.1"};
  instance->spec().sidecar.hello = R"({"dial":80})";
  instance->start();
  EXPECT_EQ(instance->wait_for_log("sidecar", "dialled"), "dialled 0 caller 198.18.0.2");
}

TEST_P(Doors, AServiceThatListensOnIpv6LoopbackOnlyIsReached) {
  instance->compartment().command = {"./probe", "serve", "443", "::1"};
  instance->spec().sidecar.hello = R"({"dial":443})";
  instance->start();
  EXPECT_EQ(instance->wait_for_log("sidecar", "dialled"), "dialled 0 caller fdb8:b8::2");
}

TEST_P(Doors, EveryRequestForASocketIsAnsweredHoweverManyThereAre) {
  instance->compartment().command = {"./probe", "stay"};
  instance->spec().sidecar.hello = R"({"flood":80})";
  instance->start();
  EXPECT_EQ(instance->wait_for_log("sidecar", "answered"), "answered 600");
}

FOR_EVERY_LAUNCHER(Doors);

}  // namespace
}  // namespace bulkhead::hostile

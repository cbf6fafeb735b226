// A service against its own secrets: it reads them, and whatever it tries they stay what its keeper says.

#include <csignal>

#include "sealed.hpp"

namespace bulkhead::hostile {
namespace {

using compartments::SecretFile;

class Secrets : public Sealed {
 protected:
  void run(const std::string& script) {
    instance->compartment().command = {"/bin/sh", "-c", script};
    instance->start();
  }
  void tell(const std::vector<SecretFile>& secrets) {
    instance->send({{"type", "secrets"}, {"secrets", compartments::to_json(secrets)}});
  }
  // What the keeper says of the last ones.
  std::string problem() {
    return instance->wait_for([](const Json& message) { return message["type"] == "secrets"; })
        .value("problem", "none");
  }
};

TEST_P(Secrets, CanBeReadAndNotChangedByTheServiceThatHasThem) {
  instance->compartment().secrets = {{"db", "db", "short", 0400, 0}, {"certs", "certs/key", "a longer one", 0440, 0}};
  run(R"(stat -L -c '%u %a' /run/secrets/db /run/secrets/certs/key
    cat /run/secrets/db; echo; cat /run/secrets/certs/key; echo
    for deed in 'echo x >/run/secrets/db' 'chmod 600 /run/secrets/db' 'touch /run/secrets/new' 'rm -f /run/secrets/db' \
        'ln -sf /etc /run/secrets/..data' 'rm -rf /run/secrets/..1' 'mv /run/secrets /run/other' 'umount /run/secrets' \
        'mount -o remount,rw /run/secrets' 'ls /proc/1/fd/' 'cp /bin/true /run/secrets/x'; do
      sh -c "$deed" >/dev/null 2>&1 && echo "it did: $deed"
    done
    cat /run/secrets/db; echo; echo through)");
  instance->wait_for_exit();
  EXPECT_THAT(instance->log("stdout"),
              testing::ElementsAre("1000 400", "1000 440", "short", "[secret certs]", "short", "through"));
}

TEST_P(Secrets, AreReplacedWhileTheServiceRunsAndItIsTold) {
  instance->compartment().secrets = {{"db", "db", "one", 0400, SIGHUP}};
  run("trap 'echo told $(cat /run/secrets/db)' HUP; echo ready $(cat /run/secrets/db); while :; do sleep 0.05; done");
  instance->wait_for_state("running");
  EXPECT_NE(instance->wait_for_log("stdout", "ready one"), "");
  tell({{"db", "db", "two", 0400, SIGHUP}});
  EXPECT_EQ(problem(), "");
  EXPECT_NE(instance->wait_for_log("stdout", "told two"), "");
  tell({{"db", "db", "two", 0400, SIGHUP}});  // as a controller that returned would: no change
  tell({{"db", "db", "three", 0400, SIGHUP}});
  EXPECT_EQ(problem(), "");
  EXPECT_NE(instance->wait_for_log("stdout", "told three"), "");
  EXPECT_EQ(instance->log("stdout").size(), 3U);
}

// Of a sanitizer's build a part: there the whole takes longer than anybody waits.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::size_t kLarge = compartments::kMostSecretOctets / 16;
#else
constexpr std::size_t kLarge = compartments::kMostSecretOctets;
#endif

TEST_P(Secrets, AreAsLargeAsTheyMayBe) {
  instance->compartment().secrets = {{"db", "db", "one", 0400, SIGHUP}};
  run("trap 'wc -c </run/secrets/db' HUP; echo ready; while :; do sleep 0.05; done");
  instance->wait_for_state("running");
  EXPECT_NE(instance->wait_for_log("stdout", "ready"), "");
  tell({{"db", "db", std::string(kLarge, '\1'), 0400, SIGHUP}});
  EXPECT_EQ(problem(), "");
  EXPECT_NE(instance->wait_for_log("stdout", std::to_string(kLarge)), "");
}

TEST_P(Secrets, OfNoFormStayWhatTheyWere) {
  instance->compartment().secrets = {{"db", "db", "one", 0400, 0}};
  run("echo ready; sleep 1000");
  instance->wait_for_state("running");
  EXPECT_NE(instance->wait_for_log("stdout", "ready"), "");
  tell({{"db", "../db", "two", 0400, 0}});
  EXPECT_THAT(problem(), testing::HasSubstr("secrets[0].path"));
}

FOR_EVERY_LAUNCHER(Secrets);

}  // namespace
}  // namespace bulkhead::hostile

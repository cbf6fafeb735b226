#include "manifest/secret_form.hpp"

#include <gtest/gtest.h>

#include "manifest/parse.hpp"
#include "manifest/secret_options.hpp"

namespace bulkhead::manifest {
namespace {

std::string why(std::string_view text) {
  const auto forms = secret_forms(text);
  return forms.empty() ? "" : std::string(forms.front().why);
}

std::string masked(std::string_view text) { return without(text, secret_forms(text)); }

// None of these was ever given to anybody; they are put together so that no scanner takes this file for a leak.
const std::string kDigits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const std::string kHex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kJwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

TEST(SecretForm, KnowsTokensByTheirBeginningAndLength) {
  const std::string x = kDigits.substr(0, 40);
  EXPECT_EQ(why("gh" + ("p_" + x)), "it is a GitHub token");
  EXPECT_EQ(why("gh" + ("p_" + x.substr(0, 20))), "");
  EXPECT_EQ(why("github" + ("_pat_" + kDigits)), "it is a GitHub token");
  EXPECT_EQ(why("glp" + ("at-" + x.substr(0, 20))), "it is a GitLab token");
  EXPECT_EQ(why("xox" + ("b-123456789012-" + x)), "it is a Slack token");
  EXPECT_EQ(why("sk" + ("_live_" + x.substr(0, 24))), "it is a Stripe key");
  EXPECT_EQ(why("AKIA"
                "IOSFODNN7EXAMPLE"),
            "it is an AWS access key");
  EXPECT_EQ(why("AKIA"
                "IOSFODNN7EXAMPLES"),
            "");
  EXPECT_EQ(why("AI" + ("za" + x.substr(0, 35))), "it is a Google key");
  EXPECT_EQ(why("np" + ("m_" + x.substr(0, 36))), "it is a token of a package registry");
  EXPECT_EQ(why("S" + ("G." + x.substr(0, 22) + "." + kDigits.substr(0, 43))), "it is a SendGrid key");
  EXPECT_EQ(why("dop" + ("_v1_" + kHex)), "it is a DigitalOcean token");
  EXPECT_EQ(why("sk" + ("-" + kDigits)), "it is a key of a service");
}

TEST(SecretForm, IsNoWordThatOnlyBeginsLikeAToken) {
  for (std::string_view text :
       {"sk-production-database-cluster-of-the-west-1", "sk_test_xxxxxxxxxxxxxxxxxxxxxxxx", "npm_config_loglevel",
        "desk_live_0123456789abcdefgh", "AKIALLY", "eyJ.a.b", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0",
        "Bearer authentication is asked for", "Basic realm=shop", "-----BEGIN CERTIFICATE-----\nMIIB",
        "-----BEGIN PUBLIC KEY-----", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"})
    EXPECT_EQ(why(text), "") << text;
}

TEST(SecretForm, KnowsPrivateKeysJsonWebTokensAndCredentials) {
  EXPECT_EQ(why("a: -----BEGIN OPENSSH PRIVATE KEY-----"), "it is a private key");
  EXPECT_EQ(why("-----BEGIN PGP PRIVATE KEY BLOCK-----"), "it is a private key");
  EXPECT_EQ(why("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t"), "it is a private key");
  EXPECT_EQ(why("token=" + kJwt), "it is a JSON Web Token");
  EXPECT_EQ(why("Authorization: Basic bWU6aHVudGVyMg=="), "it is a name with its password");
  EXPECT_EQ(why("Bearer 0123456789abcdef"), "it is a bearer token");
}

TEST(SecretForm, KnowsAUrlWithAPasswordThatIsNoPlaceholder) {
  EXPECT_EQ(masked("see postgres://me:hunter2@db/x, or redis://:pw@h"),
            "see postgres://me:***@db/x, or redis://:***@h");
  EXPECT_EQ(masked("mongodb://me:hunt@er2@a:1,b:2/x"), "mongodb://me:***@a:1,b:2/x");
  for (std::string_view text :
       {"http://h:80/~me@x", "https://git@git.example/x:y@z", "postgres://me:${PW}@db", "postgres://me:$PW@db",
        "postgres://me:$(cat pw)@db", "postgres://me:<password>@db", "postgres://me:{password}@db", "postgres://me:@db",
        "postgres://me:***@db", "://me:hunter2@db"})
    EXPECT_EQ(why(text), "") << text;
}

TEST(SecretForm, IsTakenOutAsAWhole) {
  EXPECT_EQ(masked("a Bearer " + kJwt + ", b " + kJwt), "a Bearer ***, b ***");
  EXPECT_EQ(masked("x\n-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\ny"), "x\n***\ny");
}

TEST(SecretForm, OfALongTextIsFoundInTimeThatGrowsWithIt) {
  for (std::string_view piece :
       {"eyJaaaaaaaaa.", "-----BEGIN ", "://a:", "sk-", "Bearer ", "LS0tLS1CRUdJTi", "SG.", "${"}) {
    std::string text;
    while (text.size() < 1U << 20U) text += piece;
    secret_forms(text);
  }
}

std::string secret_options(const std::vector<std::string>& command) {
  std::string found;
  for (const CommandOption& option : options_of(command)) {
    const std::string value = command[option.item].substr(option.begin, option.end - option.begin);
    if (is_secret_option(option.name, value)) found += option.name + " " + value + ";";
  }
  return found;
}

TEST(SecretOptions, AreKnownByTheirNamesInEveryWayOfWritingThem) {
  EXPECT_EQ(secret_options({"./web", "--password=hunter2"}), "--password hunter2;");
  EXPECT_EQ(secret_options({"./web", "--db-password", "hunter 2"}), "--db-password hunter 2;");
  EXPECT_EQ(secret_options({"java", "-Dspring.datasource.password=hunter2"}), "-Dspring.datasource.password hunter2;");
  EXPECT_EQ(secret_options({"./web", "--apiToken=hunter2"}), "--apiToken hunter2;");
  EXPECT_EQ(secret_options({"redis-server", "--requirepass", "hunter2"}), "--requirepass hunter2;");
  EXPECT_EQ(secret_options({"./web --token 'hunter2' -v"}), "--token hunter2;");
  EXPECT_EQ(secret_options({"sh -c 'PGPASSWORD=hunter2 psql --token \"hunter3\"'"}),
            "PGPASSWORD hunter2;--token hunter3;");
  EXPECT_EQ(secret_options({"sh", "-c", "PGPASSWORD=\"hunter2\" psql; true"}), "PGPASSWORD hunter2;");
}

TEST(SecretOptions, AreNoSwitchesPathsOrPlaceholders) {
  EXPECT_EQ(secret_options({"./web", "--password", "--verbose"}), "");
  EXPECT_EQ(secret_options({"./web", "--no-password", "shop", "--allow-empty-password=true"}), "");
  EXPECT_EQ(secret_options({"./web", "--token-file", "token", "--token=/run/secrets/token", "--token", "./token"}), "");
  EXPECT_EQ(secret_options({"./web", "--password", "${PASSWORD}", "--token=$TOKEN", "--secret-key=key.pem"}), "");
  EXPECT_EQ(secret_options({"./web", "--password"}), "");
}

constexpr std::string_view kLeaky =
    "app: leaky\n"
    "services:\n"
    "  web:\n"
    "    command: [./web, --password=hunter2hunter2]\n"
    "    environment: {URL: \"postgres://me:hunter2hunter2@db.example\", PASSWORD: hunter2hunter2}\n";

TEST(WrittenSecrets, AreTakenWhereAnEarlierBuildRunsThem) {
  EXPECT_EQ(parse(kLeaky).mistakes.size(), 3U);
  EXPECT_TRUE(parse(kLeaky, {.takes_written_secrets = true}).application);
}

TEST(WrittenSecrets, OfWhichThereAreManyInOneTextAreRefusedAsOne) {
  std::string command;
  for (int i = 0; i < 20'000; ++i) command += fmt::format("--password hunter2hunter2{} ", i);
  const Parsed parsed = parse(fmt::format("app: a\nservices: {{w: {{command: [\"{}\"]}}}}\n", command));
  EXPECT_EQ(parsed.mistakes.size(), 1U);
  EXPECT_EQ(render(parsed.mistakes).find("hunter2"), std::string::npos);
}

TEST(WrittenSecrets, AreNotShownWhereTheYamlIsBroken) {
  for (std::string_view line : {"a: [https://me:hunter2hunter2@a.example", "a: b: https://me:hunter2hunter2@a.example"})
    EXPECT_EQ(render(parse(line).mistakes).find("hunter2"), std::string::npos) << render(parse(line).mistakes);
  for (std::string_view within : {"hunter2hunter2", "\thunter2"}) {
    const auto text = fmt::format("a: |\n  -----BEGIN PRIVATE KEY-----\n{}\n  -----END PRIVATE KEY-----\n", within);
    const Parsed parsed = parse(text);
    EXPECT_FALSE(parsed.mistakes.empty());
    EXPECT_EQ(render(parsed.mistakes).find("hunter2"), std::string::npos) << render(parsed.mistakes);
  }
}

TEST(WrittenSecrets, AreInNoMessageAndInNothingThatIsReadOn) {
  for (std::string_view key : {"app", "owner", "mode", "trust_domain", "secrets", "include", "hunter2"}) {
    for (std::string_view value : {"https://me:hunter2hunter2@a.example", "[\"https://me:hunter2hunter2@a.example\"]",
                                   "{\"https://me:hunter2hunter2@a.example\": {\"x://y:hunter2hunter2@z\": 1}}",
                                   "\"$${0 https://a:hunter2hunter2\\\n  @b\"",
                                   "\"-----BEGIN PRIVATE KEY-----\n  hunter2hunter2\n  -----END PRIVATE KEY-----\""}) {
      const Parsed parsed = parse(fmt::format("{}: {}\nservices: {{web: {{command: [x]}}}}\n", key, value));
      EXPECT_FALSE(parsed.application);
      EXPECT_EQ(render(parsed.mistakes).find("hunter2hunter2"), std::string::npos) << render(parsed.mistakes);
    }
  }
}

}  // namespace
}  // namespace bulkhead::manifest

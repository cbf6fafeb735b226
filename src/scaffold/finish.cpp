#include "scaffold/finish.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>

#include "manifest/parse.hpp"
#include "scaffold/secrets.hpp"
#include "scaffold/words.hpp"
#include "scaffold/write.hpp"

namespace bulkhead::scaffold {

namespace {

// What a package is there for: a program of that name may have come another way.
struct Provides {
  std::string_view package;
  std::string_view path;
};
constexpr auto kProvides = std::to_array<Provides>({{"nginx-light", "/usr/sbin/nginx"},
                                                    {"nodejs", "/usr/bin/node"},
                                                    {"npm", "/usr/bin/npm"},
                                                    {"python3", "/usr/bin/python3"},
                                                    {"python3-pip", "/usr/bin/pip3"},
                                                    {"default-jre-headless", "/usr/bin/java"},
                                                    {"php-cli", "/usr/bin/php"}});

bool is_installed(const std::string& package, const Host& host) {
  auto known = std::ranges::find(kProvides, package, &Provides::package);
  if (known != kProvides.end() && host.exists(known->path)) return true;
  std::string list = "/var/lib/dpkg/info/" + package;
  return host.exists(list + ".list") || host.exists(list + ":amd64.list") || host.exists(list + ":arm64.list");
}

// The manifest's parser has the last word: what it refuses is said as something to mend.
void ask_to_mend(Plan& plan) {
  manifest::ParseOptions options;
  options.profiles = {"*"};
  std::string text = write(plan);
  for (const manifest::Mistake& mistake : manifest::parse(text, options).mistakes)
    plan.edits.push_back({"", "",
                          fmt::format("line {} of the manifest: {}{}", mistake.position.line, mistake.message,
                                      mistake.help.empty() ? "" : "; " + mistake.help.front()),
                          "", ""});
}

}  // namespace

void finish(Plan& plan, const Host& host) {
  std::vector<std::string> lacking;
  for (const std::string& package : plan.packages)
    if (!is_installed(package, host)) lacking.push_back(package);
  if (!lacking.empty()) {
    plan.edits.insert(plan.edits.begin(), {"", "",
                                           fmt::format("{} of Debian {} not installed", joined(lacking, ", "),
                                                       lacking.size() == 1 ? "is" : "are"),
                                           "apt-get install -y --no-install-recommends " + joined(lacking, " "), ""});
  }
  std::ranges::sort(plan.left_out, {},
                    [](const LeftOut& each) { return std::tie(each.service, each.line, each.key, each.why); });
  take_out_secrets(plan);
  ask_to_mend(plan);
  write(plan);
}

}  // namespace bulkhead::scaffold

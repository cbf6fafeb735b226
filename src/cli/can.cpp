// can: may this user send that request, by what the manifest says, without anything running.

#include "policy/can.hpp"

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"

namespace bulkhead::cli {

namespace {

// "get" would be another method than GET; a person who types it means GET.
std::string in_capitals(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

}  // namespace

int can(const Context& context, const CanOptions& options) {
  const auto opened = open_manifest(context);
  if (!opened) return opened.error();
  const manifest::Application& application = opened->loaded.application;
  auto asking = policy::read_url(options.url);
  if (!asking) return complain(asking.error()), kUsage;
  auto user = policy::read_asker(application, options.user);
  if (!user) return complain(user.error()), kUsage;
  for (const std::string& claim : options.claims)
    if (auto added = policy::add_claim(claim, user->claims); !added) return complain(added.error()), kUsage;
  asking->user = std::move(*user);
  asking->method = in_capitals(options.method);
  const auto permit = policy::can(application, opened->loaded.model, *asking);
  if (!permit) return complain(permit.error()), kUsage;
  fmt::print("{}", context.json ? policy::to_json(*permit, *asking).dump(2) + "\n" : policy::to_text(*permit, *asking));
  return permit->verdict == policy::Verdict::allowed ? kDone : kFailed;
}

}  // namespace bulkhead::cli

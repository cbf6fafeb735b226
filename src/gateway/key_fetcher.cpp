#include "gateway/key_fetcher.hpp"

#include <algorithm>
#include <ctime>

#include "jose/provider.hpp"
#include "proxy/defaults.hpp"
#include "proxy/provider.hpp"
#include "proxy/whole_answer.hpp"

namespace bulkhead::gateway {

namespace {

constexpr std::string_view kOutwards = "egress";
constexpr std::size_t kMostJwks = 256U << 10U;
constexpr auto kAnswerWithin = std::chrono::seconds(10);

jose::Uptime uptime() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::duration_cast<jose::Uptime>(std::chrono::nanoseconds(time.tv_nsec));
}

std::string host_and_port(const proxy::Egress& egress) {
  const bool bracketed = egress.host.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(bracketed ? "[{}]:{}" : "{}:{}"), egress.host, egress.port);
}

// "https" of "https://id.example/keys", and what stands behind.
struct Url {
  bool tls = true;
  std::string authority;  // with its port
  std::string target;
};
Result<Url> read_url(std::string_view text) {
  Url url;
  constexpr std::string_view kHttps = "https://";
  constexpr std::string_view kHttp = "http://";
  url.tls = text.starts_with(kHttps);
  if (!url.tls && !text.starts_with(kHttp)) return fail(Cause::invalid, "{} is no URL of http or https", text);
  text.remove_prefix(url.tls ? kHttps.size() : kHttp.size());
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  url.authority = proxy::host_of(text.substr(0, end));
  const std::string_view port = text.substr(url.authority.size(), end - url.authority.size());
  url.authority += port.empty() ? (url.tls ? ":443" : ":80") : std::string(port);
  url.target = text.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

}  // namespace

KeyFetcher::KeyFetcher(proxy::Core& core, proxy::Outside& outside, proxy::Provider provider,
                       const std::vector<proxy::Egress>& egress, Take take)
    : core_(core),
      outside_(outside),
      provider_(std::move(provider)),
      take_(std::move(take)),
      wake_(core.loop),
      done_(core.loop) {
  std::ranges::copy_if(egress, std::back_inserter(egress_), [&](const proxy::Egress& each) {
    return std::ranges::find(provider_.hosts, host_and_port(each)) != provider_.hosts.end();
  });
}

void KeyFetcher::stop() {
  stopped_ = true;
  wake_.notify_all();
}

net::Task<> KeyFetcher::run(std::shared_ptr<KeyFetcher> self) {
  while (!stopped_) {
    const auto next = source_.next(uptime());
    if (next.fetch) {
      co_await fetch_once();
    } else {
      const auto woken = co_await wake_.wait(core_.loop.in(next.pause));
      if (!woken && woken.error().cause == Cause::closed) co_return;
    }
  }
  self.reset();
}

net::Task<> KeyFetcher::fetch_once() {
  auto answer = co_await fetch();
  auto keys = answer ? proxy::read_key_set(provider_, answer->body) : fail(std::move(answer.error()));
  if (keys) {
    for (const jose::LeftOut& each : keys->left_out())
      core_.journal.note(fmt::format("{} of {} is not used: {}", each.key, provider_.name, each.why));
    source_.fetched(uptime(), answer->fresh);
    ++fetched_;
    if (!stopped_) take_(std::move(*keys));
  } else {
    constexpr std::size_t kSteps = 1U << 16U;
    source_.failed(uptime(), static_cast<double>(core_.journal.draw(kSteps)) / kSteps);
    if (!stopped_ && !source_.usable(uptime())) take_(std::nullopt);
    core_.journal.note(fmt::format("the keys of {} could not be fetched: {}", provider_.name, keys.error().message));
  }
  done_.notify_all();
}

net::Task<bool> KeyFetcher::refresh(net::Deadline deadline) {
  if (stopped_ || !source_.unknown_key(uptime())) co_return false;
  const std::uint64_t before = fetched_;
  wake_.notify_all();
  const auto ended = co_await done_.wait(deadline);
  co_return ended&& fetched_ != before;
}

net::Task<Result<KeyFetcher::Answer>> KeyFetcher::fetch() {
  if (!provider_.jwks_url.empty()) co_return co_await get(provider_.jwks_url, kMostJwks);
  const auto where = jose::metadata_url(provider_.issuer);
  if (!where) co_return fail(where.error());
  const auto text = co_await get(*where, jose::kMaxMetadata);
  if (!text) co_return fail(text.error());
  const auto metadata = jose::read_metadata(text->body, provider_.issuer, provider_.hosts);
  if (!metadata) co_return fail(metadata.error());
  co_return co_await get(metadata->jwks_uri, kMostJwks);
}

Result<KeyFetcher::Place> KeyFetcher::place_of(const std::string& url) const {
  auto read = read_url(url);
  if (!read) return fail(std::move(read.error()));
  const auto scheme = read->tls ? proxy::Scheme::https : proxy::Scheme::http;
  const auto egress = std::ranges::find_if(egress_, [&](const proxy::Egress& each) {
    return each.scheme == scheme && host_and_port(each) == read->authority;
  });
  if (egress == egress_.end()) return fail(Cause::denied, "{} is at a host that is not declared", url);
  const bool usual = egress->port == (read->tls ? 443 : 80);
  Place place{&*egress, read->authority, std::move(read->target)};
  if (usual) place.authority.erase(place.authority.rfind(':'));
  return place;
}

net::Task<Result<KeyFetcher::Answer>> KeyFetcher::get(std::string url, std::size_t most) {
  const auto place = place_of(url);
  if (!place) co_return fail(place.error());
  proxy::Visit visit;
  visit.hop = kOutwards;
  visit.caller = core_.service();
  visit.callee = place->egress->name;
  visit.port = place->egress->port;
  visit.method = "GET";
  visit.path = place->target;
  visit.trace.context = telemetry::start_span(std::nullopt, core_.journal.random());
  core_.journal.begin(visit);
  auto answer = co_await ask(visit, *place, most);
  visit.broke_off = !answer;
  core_.journal.finish(visit);
  if (!answer) co_return fail(within(url, std::move(answer.error())));
  co_return answer;
}

net::Task<Result<KeyFetcher::Answer>> KeyFetcher::ask(proxy::Visit& visit, const Place& place, std::size_t most) {
  const net::Deadline deadline = core_.loop.in(kAnswerWithin);
  proxy::OutsideDestination destination(outside_, *place.egress);
  auto exchange = co_await destination.next(visit, deadline);
  if (!exchange) {
    visit.cause = proxy::facts(exchange.error().cause).name;
    co_return fail(Cause::unreachable, "{}", exchange.error().detail);
  }
  http::Request request;
  request.method = visit.method;
  request.authority = place.authority;
  request.target = place.target;
  request.fields.add("accept", "application/json");
  if (auto sent = co_await (*exchange)->send_head(request, true, deadline); !sent)
    co_return fail(std::move(sent.error()));
  const auto head = co_await proxy::read_final_head(**exchange, deadline);
  if (!head) co_return fail(head.error());
  visit.status = head->status;
  visit.answer_began();
  if (head->status != 200) co_return fail(Cause::protocol, "it answered {}", head->status);
  Answer answer;
  if (head->fields.has("cache-control")) answer.fresh = jose::max_age(head->fields.joined("cache-control", ","));
  auto body = co_await proxy::read_whole_body(**exchange, *head, most, deadline);
  if (!body) co_return fail(std::move(body.error()));
  answer.body = std::move(*body);
  visit.bytes_received = answer.body.size();
  co_return answer;
}

}  // namespace bulkhead::gateway

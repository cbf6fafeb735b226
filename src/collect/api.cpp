#include "collect/api.hpp"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "collect/attempts.hpp"
#include "collect/calls.hpp"
#include "collect/clock.hpp"
#include "collect/events.hpp"
#include "collect/evidence.hpp"
#include "collect/flows.hpp"
#include "collect/gateway_name.hpp"
#include "collect/question.hpp"
#include "collect/reach.hpp"
#include "collect/traces.hpp"
#include "net/timer.hpp"
#include "policy/model.hpp"

namespace bulkhead::collect {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr std::string_view kApi = "/api/v1/";
constexpr std::string_view kCookie = "bulkhead_console";
constexpr auto kKeepAlive = 15s;
constexpr std::size_t kMostAsset = 8U << 20U;

std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string_view type_of(std::string_view path) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {{".html", "text/html; charset=utf-8"},
                                                                      {".js", "text/javascript; charset=utf-8"},
                                                                      {".css", "text/css; charset=utf-8"},
                                                                      {".svg", "image/svg+xml"},
                                                                      {".png", "image/png"},
                                                                      {".json", "application/json"},
                                                                      {".ico", "image/x-icon"},
                                                                      {".woff2", "font/woff2"},
                                                                      {".txt", "text/plain; charset=utf-8"}};
  for (const auto& [end, type] : kTypes)
    if (path.ends_with(end)) return type;
  return "application/octet-stream";
}

std::uint16_t status_of(const Fault& fault) {
  if (fault.cause == Cause::invalid) return 400;
  if (fault.cause == Cause::not_found) return 404;
  return fault.cause == Cause::timeout ? 504 : 500;
}

std::string value_of(const http::Request& request, std::string_view name) {
  for (const http::Field field : request.fields)
    if (http::equal_ignoring_case(field.name, name)) return std::string(field.value);
  return "";
}

}  // namespace

Assets read_assets(const std::string& directory) {
  Assets assets;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, error)) {
    if (!entry.is_regular_file(error)) continue;
    auto content = read_file(entry.path().string(), kMostAsset);
    if (!content) continue;
    const std::string path = "/" + std::filesystem::relative(entry.path(), directory, error).string();
    assets[path] = {std::string(type_of(path)), std::move(*content)};
  }
  return assets;
}

Api::Api(net::Loop& loop, Intake& intake, Live& live, const Exporter& exporter, const ProgramMetrics& programs,
         Visitors& visitors, Assets assets, std::string origin)
    : loop_(loop),
      intake_(intake),
      live_(live),
      exporter_(exporter),
      programs_(programs),
      visitors_(visitors),
      assets_(std::move(assets)),
      origin_(std::move(origin)),
      application_(std::make_shared<const json>()),
      worker_(loop) {}

Api::~Api() = default;

std::vector<Family> Api::families() const {
  std::vector<Family> all = own_families();
  programs_.add_families(all);
  return all;
}

std::vector<Family> Api::own_families() const {
  std::vector<Family> all = live_.families(*application_, unix_millis() / 1000, intake_.lines());
  exporter_.add_families(all);
  return all;
}

void Api::set_application(json application) {
  application["version"] = ++version_;
  gateway_name_ = gateway_name(application);
  live_.set_gateway_name(gateway_name_);
  application_ = std::make_shared<const json>(std::move(application));
  live_.application_changed(version_);
}

void Api::set_controller_away() {
  if (!application_->is_object() || application_->value("controller", json()).is_null()) return;
  json away = *application_;
  away["controller"] = nullptr;
  set_application(std::move(away));
}

void Api::close() {
  closing_ = true;
  live_.events().wake_all();
}

namespace {

json problem(std::uint16_t status, std::string_view detail) {
  return {{"type", "about:blank"}, {"title", http::reason_phrase(status)}, {"status", status}, {"detail", detail}};
}

}  // namespace

net::Task<> Api::handle(proxy::ServerExchange& exchange, bool trusted) {
  const http::Request request = std::move(exchange.request());
  const bool events = request.method == "GET" && request.target.starts_with("/api/v1/events");
  if (events && (trusted || (is_own_origin(request) && may_ask(request)))) co_return co_await stream_events(exchange);
  Answer answer = co_await this->answer(request, trusted);
  co_await send(exchange, std::move(answer), loop_.in(60s));
}

net::Task<> Api::send(proxy::ServerExchange& exchange, Answer answer, net::Deadline deadline) {
  http::Response response;
  response.status = answer.status;
  response.fields.add("content-type", answer.type);
  for (const auto& [name, value] : answer.fields) response.fields.add(name, value);
  const std::pair<std::string_view, std::string_view> always[] = {
      {"x-content-type-options", "nosniff"},
      {"referrer-policy", "no-referrer"},
      {"cross-origin-opener-policy", "same-origin"},
      {"cross-origin-resource-policy", "same-origin"},
      {"content-security-policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
       "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
  };
  for (const auto& [name, value] : always) response.fields.add(name, value);
  response.content_length = answer.body.size();
  response.body = !answer.body.empty();
  const bool end = answer.body.empty();
  const auto sent = co_await exchange.send_head(std::move(response), end);
  if (!sent || end) co_return;
  const auto body = co_await exchange.send_body(answer.body, true, deadline);
  static_cast<void>(body);  // who asked has gone
}

// What a page of another site can make a browser ask is not answered, nor what a name that was bound to this address
// asks.
bool Api::is_own_origin(const http::Request& request) const {
  const std::size_t colon = origin_.rfind(':');
  const std::string port = origin_.substr(std::min(colon, origin_.size()));
  const auto is_own = [&](std::string_view authority) {
    return authority == "localhost" + port || authority == "127.0.0.1" + port || authority == "[::1]" + port;
  };
  if (!is_own(request.authority)) return false;
  const std::string origin = value_of(request, "origin");
  if (!origin.empty() && origin != "http://" + request.authority) return false;
  const std::string site = value_of(request, "sec-fetch-site");
  return site.empty() || site == "same-origin" || site == "none";
}

bool Api::may_ask(const http::Request& request) const {
  const std::int64_t now = unix_millis() / 1000;
  for (const http::Field field : request.fields) {
    if (http::equal_ignoring_case(field.name, "cookie") && visitors_.accepts(cookie_in(field.value, kCookie), now))
      return true;
    constexpr std::string_view kBearer = "Bearer ";
    if (http::equal_ignoring_case(field.name, "authorization") && field.value.starts_with(kBearer) &&
        visitors_.accepts(field.value.substr(kBearer.size()), now))
      return true;
  }
  return false;
}

namespace {

// The place where the query begins, or the end.
std::size_t query_at(std::string_view target) { return std::min(target.find('?'), target.size()); }

}  // namespace

net::Task<Api::Answer> Api::answer(const http::Request& request, bool trusted) {
  const auto refuse = [](std::uint16_t status, std::string_view detail) {
    Answer answer;
    answer.status = status;
    answer.type = "application/problem+json";
    answer.body = text_of(problem(status, detail));
    return answer;
  };
  if (ended_) co_return refuse(503, "the collector is ending, and another one comes: ask again in a moment");
  const std::size_t question = query_at(request.target);
  std::string path = request.target.substr(0, question);
  std::string query = request.target.substr(std::min(question + 1, request.target.size()));
  if (!trusted && !is_own_origin(request))
    co_return refuse(403,
                     "this address answers pages of its own, under the name localhost: open the address that `bulkhead "
                     "console` prints");
  if (path == "/api/v1/login" && request.method == "POST") {
    if (!trusted) co_return refuse(403, "a login is made over the Unix socket: bulkhead console");
    if (origin_.empty()) co_return refuse(503, "the console has no address, as no port of its range was free");
    Answer answer;
    answer.body = text_of(
        json{{"url", fmt::format("http://{}/login?code={}", origin_, visitors_.make_code(unix_millis() / 1000))},
             {"address", "http://" + origin_},
             {"seconds", Visitors::kCodeSeconds}});
    co_return answer;
  }
  if (path == "/api/v1/token" && request.method == "POST") {
    if (!trusted) co_return refuse(403, "a token is made over the Unix socket: bulkhead console --token");
    const auto asked = read_question(query, 0, {"limit"});
    if (!asked || asked->limit < 1 || asked->limit > Visitors::kMostDays)
      co_return refuse(400, fmt::format("'limit' is for how many days: 1 to {}", Visitors::kMostDays));
    Answer answer;
    answer.body = text_of(json{{"token", visitors_.make_token(unix_millis() / 1000, asked->limit * 86'400)},
                               {"address", origin_.empty() ? "" : "http://" + origin_}});
    co_return answer;
  }
  if (request.method != "GET" && request.method != "HEAD") {
    Answer answer = refuse(405, "only GET is answered here");
    answer.fields.emplace_back("allow", "GET, HEAD");
    co_return answer;
  }
  if (path == "/login" && !trusted) co_return log_in(query);
  const bool is_api = path.starts_with(kApi) || path == "/metrics";
  if (!is_api) co_return asset(path);
  if (!trusted && !may_ask(request)) {
    Answer answer = refuse(401, "the session has ended or never began: `bulkhead console` prints a fresh address");
    answer.fields.emplace_back("www-authenticate", "Bearer");
    co_return answer;
  }
  if (path == "/metrics") {
    Answer answer;
    const bool open = request.fields.joined("accept", ",").find("application/openmetrics-text") != std::string::npos;
    answer.type = open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                       : "text/plain; version=0.0.4; charset=utf-8";
    answer.body = prometheus_text(families(), open ? MetricsFormat::open_metrics : MetricsFormat::prometheus);
    co_return answer;
  }
  if (path == "/api/v1/application") {
    Answer answer;
    if (!application_->is_object()) co_return refuse(503, "the controller has not said yet what the application is");
    answer.body = text_of(*application_);
    co_return answer;
  }
  Answer answer;
  if (path == "/api/v1/usage") {
    answer.body = text_of(live_.usage());
  } else if (path == "/api/v1/export") {
    answer.body = text_of(exporter_.state());
  } else if (path == "/api/v1/reach") {
    answer = reach(query);
  } else {
    answer = co_await ask_path(path.substr(kApi.size()), query);
  }
  answer.fields.emplace_back("cache-control", "no-store");
  co_return answer;
}

Api::Answer Api::log_in(std::string_view query) {
  constexpr std::string_view kCode = "code=";
  const std::string cookie =
      query.starts_with(kCode) ? visitors_.trade(query.substr(kCode.size()), unix_millis() / 1000) : "";
  Answer answer;
  answer.type = "text/plain; charset=utf-8";
  if (cookie.empty()) {
    answer.status = 401;
    answer.body = "This address was used already, or is too old. `bulkhead console` prints a fresh one.\n";
    return answer;
  }
  answer.status = 303;
  answer.fields.emplace_back("location", "/");
  answer.fields.emplace_back("set-cookie", fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", kCookie,
                                                       cookie, Visitors::kCookieSeconds));
  answer.fields.emplace_back("cache-control", "no-store");
  return answer;
}

Api::Answer Api::asset(std::string_view path) const {
  Answer answer;
  // Places within the console are its own: whatever is no file is its page.
  auto found = assets_.find(path);
  if (found == assets_.end() && path.find('.') == std::string_view::npos) found = assets_.find("/index.html");
  if (found == assets_.end()) {
    answer.status = 404;
    answer.type = "text/plain; charset=utf-8";
    answer.body = assets_.empty() ? "The console's pages are not installed here; the API is there (docs/api.md).\n"
                                  : "There is no such file.\n";
    return answer;
  }
  answer.type = found->second.type;
  answer.body = found->second.content;
  // Names of files below assets/ change with their content.
  answer.fields.emplace_back("cache-control",
                             path.starts_with("/assets/") ? "public, max-age=31536000, immutable" : "no-cache");
  return answer;
}

Api::Answer Api::reach(std::string_view query) const {
  Answer answer;
  const auto question = read_question(query, unix_millis(), {"service"});
  Result<json> reached =
      question ? reach_of(*application_, question->service) : Result<json>(std::unexpect, question.error());
  if (reached) {
    answer.body = text_of(*reached);
    return answer;
  }
  answer.status = status_of(reached.error());
  answer.type = "application/problem+json";
  answer.body = text_of(problem(answer.status, reached.error().message));
  return answer;
}

net::Task<Api::Answer> Api::ask_path(std::string path, std::string query) {
  const std::int64_t now = unix_millis();
  Result<Question> question;
  Ask ask;
  constexpr std::int64_t kEver = 100LL * 365 * 86'400'000;
  const auto asks = [&](std::vector<std::string_view> names, auto function) {
    names.insert(names.end(), {"from", "to"});
    question = read_question(query, now, names);
    if (!question) return;
    for (std::string* name : {&question->service, &question->caller, &question->callee})
      if (*name == gateway_name_) *name = policy::kGateway;
    ask = [question = *question, function](Reader& reader, const json&, std::vector<std::string>& not_seen) {
      return function(reader, question, not_seen);
    };
  };
  if (path == "traces") {
    asks({"service", "route", "min_ms", "error", "denied", "q", "limit"}, search_traces);
  } else if (path == "decisions") {
    asks({"service", "verdict", "limit"}, search_decisions);
  } else if (path == "logs") {
    asks({"service", "trace", "q", "stream", "limit"}, search_logs);
  } else if (path == "series") {
    asks({"step", "service", "caller", "callee"}, series);
  } else if (path == "calls") {
    asks({}, made_calls);
  } else if (path == "graph") {
    question = read_question(query, now, {"from", "to"});
    if (question)
      ask = [question = *question](Reader& reader, const json& application, std::vector<std::string>& not_seen) {
        json declared = application.is_object() ? application.value("edges", json()) : json();
        const std::string gateway = gateway_name(application);
        for (json& edge : declared)
          if (edge["from"] == gateway) edge["from"] = policy::kGateway;
        return graph(reader, question, declared, not_seen);
      };
  } else if (path.starts_with("traces/") || path.starts_with("why/")) {
    question = read_question(query, now, {}, kEver);
    std::string id;
    if (!decode_query(std::string_view(path).substr(path.find('/') + 1), id))
      question = fail(Cause::invalid, "the id has a '%' without two digits");
    const bool in_words = path.starts_with("why/");
    ask = [id, in_words](Reader& reader, const json& application, std::vector<std::string>& not_seen) -> Result<json> {
      const auto trace = find_trace_id(reader, id, not_seen);
      if (!trace) return fail(trace.error());
      auto whole = whole_trace(reader, *trace, not_seen);
      if (!whole) return whole;
      if (auto added = add_attempts(reader, *whole, not_seen); !added) return fail(std::move(added.error()));
      name_gateway(*whole, gateway_name(application));
      if (in_words) return why_trace(reader, *whole, application, not_seen);
      whole->erase("earlier");
      return json{{"trace", std::move(*whole)}};
    };
  } else {
    question = fail(Cause::not_found, "there is no '{}' here: docs/api.md has what there is", path);
  }
  if (question) co_return co_await this->ask(question->range, std::move(ask));
  Answer answer;
  answer.status = status_of(question.error());
  answer.type = "application/problem+json";
  answer.body = text_of(problem(answer.status, question.error().message));
  co_return answer;
}

net::Task<Api::Answer> Api::ask(Range range, Ask ask) {
  std::shared_ptr<const Store> store = intake_.store();
  Answer answer;
  if (!store) {
    answer.status = 503;
    answer.type = "application/problem+json";
    answer.body = text_of(problem(503, "the store is not open: the platform's log says why"));
    co_return answer;
  }
  auto asked =
      co_await worker_.ask([this, store, range, ask = std::move(ask), application = application_]() -> Result<json> {
        if (!reader_ || reader_of_ != store) {
          reader_ = std::make_unique<Reader>(store);
          reader_of_ = store;
        }
        std::vector<std::string> not_seen;
        if (application->is_object() && application->value("controller", json()).is_null())
          not_seen.emplace_back("the controller is away: what is declared and runs is as it said last");
        auto value = ask(*reader_, *application, not_seen);
        if (!value) return value;
        name_gateway(*value, gateway_name(*application));
        tell_losses(*reader_, range, not_seen);
        std::ranges::sort(not_seen);
        not_seen.erase(std::ranges::unique(not_seen).begin(), not_seen.end());
        (*value)["window"] = {{"from_ms", range.from_ms},
                              {"to_ms", range.to_ms},
                              {"oldest_ms", reader_->oldest_ms()},
                              {"not_seen", not_seen}};
        return value;
      });
  if (!asked || !*asked) {
    const Fault fault =
        asked ? asked->error() : Fault{Cause::exhausted, "too many questions are waiting: ask again in a moment"};
    answer.status = asked ? status_of(fault) : 503;
    answer.type = "application/problem+json";
    answer.body = text_of(problem(answer.status, fault.message));
    co_return answer;
  }
  answer.body = text_of(**asked);
  co_return answer;
}

net::Task<> Api::stream_events(proxy::ServerExchange& exchange) {
  http::Response response;
  response.fields.add("content-type", "text/event-stream");
  response.fields.add("cache-control", "no-store");
  response.fields.add("x-content-type-options", "nosniff");
  response.body = true;
  const auto head = co_await exchange.send_head(std::move(response), false);
  if (!head) co_return;
  Events& events = live_.events();
  std::uint64_t next = events.next();
  auto sent = co_await exchange.send_body(": here\n\n", false, loop_.in(kKeepAlive));
  while (sent && !closing_ && !exchange.gone()) {
    if (next < events.next()) {
      const auto event = events.at(next);
      // Who was too slow for what was kept goes on with what is there.
      next = event ? next + 1 : events.next();
      if (event) sent = co_await exchange.send_body(*event, false, loop_.in(kKeepAlive));
      continue;
    }
    const auto woken = co_await events.news().wait(loop_.in(kKeepAlive));
    if (!woken) sent = co_await exchange.send_body(": here\n\n", false, loop_.in(kKeepAlive));
  }
  if (sent) sent = co_await exchange.send_body("", true, loop_.in(1s));
}

}  // namespace bulkhead::collect

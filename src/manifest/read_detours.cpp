// Where requests of a call or a route go instead: another answer, another service, nowhere.

#include <algorithm>
#include <array>

#include "base/utf8.hpp"
#include "manifest/draft.hpp"
#include "manifest/field_names.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kMostEntries = 64;  // of a list
constexpr std::size_t kMostHeaders = 16;  // that one entry compares
constexpr std::size_t kLongestBody = 16 << 10;
constexpr std::string_view kHeadersAllowed = "{x-test: slow}";

// "application/json", "text/html; charset=utf-8"
bool is_media_type(std::string_view text) {
  std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || !is_plain_value(text)) return false;
  std::string_view rest = text.substr(slash + 1);
  std::string_view subtype = rest.substr(0, rest.find(';'));
  while (subtype.ends_with(' ')) subtype.remove_suffix(1);
  return is_token(text.substr(0, slash)) && is_token(subtype);
}

class DetourReader {
 public:
  DetourReader(Context& context, const Fields& fields, ResilienceDraft& draft)
      : context_(context), fields_(fields), draft_(draft), value_(draft.value) {}

  void run() {
    if (const Node* node = fields_.find("fallback")) read_fallback(*node);
    if (const Node* node = fields_.find("faults")) {
      read_list(*node, "faults", "[{delay: 200ms, share: 5%}, {abort: 503, headers: {x-test: broken}}]",
                [&](const Node& item, std::size_t number) { read_fault(item, number); });
    }
    if (const Node* node = fields_.find("split")) {
      std::size_t before = context_.report.size();
      read_list(*node, "split", "[{to: catalog-v2, share: 10%}, {to: catalog-v2, headers: {x-canary: \"1\"}}]",
                [&](const Node& item, std::size_t number) { read_split(item, number); });
      if (context_.report.size() == before) check_sum(*node);
    }
  }

 private:
  template <class Read>
  void read_list(const Node& node, std::string_view key, std::string_view allowed, Read read) {
    if (node.kind != Node::Kind::list || node.items.empty() || node.items.size() > kMostEntries) {
      return refuse_value(context_, node, fields_.what(key), fmt::format("a list of 1 to {} maps", kMostEntries),
                          allowed);
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) read(*node.items[i], i + 1);
  }

  void read_fallback(const Node& node) {
    std::size_t before = context_.report.size();
    Fields fields(context_, node, Section::fallback, fmt::format("'fallback' of {}", draft_.owner));
    if (!fields.readable()) return;
    bool understood = context_.report.size() == before;
    Fallback fallback;
    bool answers = fields.find("status");
    bool leads = fields.find("to");
    if (answers == leads && understood) refuse_choice(node, answers);
    draft_.fallback_to = fields.text("to");
    if (answers) draft_.fallback_answer = fields.mark("status");
    std::uint32_t status = 0;
    fields.read_number_into("status", 200, 599, status);
    fallback.status = static_cast<std::uint16_t>(status);
    read_body(fields, leads && !answers, fallback);
    value_.fallback = std::move(fallback);
  }

  void refuse_choice(const Node& node, bool both) {
    context_.report
        .add(node.mark, "resilience",
             fmt::format("'fallback' of {} has {}", draft_.owner,
                         both ? "both 'status' and 'to'" : "no 'status' or 'to'"))
        .help.emplace_back("{status: 200, type: application/json, body: \"[]\"} is an answer, {to: OTHER} a service");
  }

  void read_body(const Fields& fields, bool leads, Fallback& fallback) {
    for (std::string_view key : {"type", "body"}) {
      if (leads && fields.find(key)) {
        context_.report.add(fields.mark(key), "resilience",
                            fmt::format("{} belongs to a 'status', and there is a 'to'", fields.what(key)));
      }
    }
    if (auto body = fields.text("body")) {
      if (body->value.size() > kLongestBody || first_bad_byte(body->value) != std::string::npos) {
        context_.report.add(body->mark, "bad-value",
                            fields.what("body") + " must be at most 16 KiB of text without control characters");
      }
      bool bodiless = fallback.status == 204 || fallback.status == 205 || fallback.status == 304;
      if (bodiless && !body->value.empty()) {
        context_.report.add(fields.mark("body"), "resilience",
                            fmt::format("an answer with status {} has no body", fallback.status));
      }
      fallback.body = std::move(body->value);
      if (!fallback.body.empty()) fallback.content_type = "text/plain; charset=utf-8";
    }
    if (auto type = fields.text("type")) {
      if (!is_media_type(type->value))
        refuse_value(context_, *fields.find("type"), fields.what("type"), "a media type", "such as application/json");
      fallback.content_type = std::move(type->value);
    }
  }

  void read_fault(const Node& node, std::size_t number) {
    std::size_t before = context_.report.size();
    Fields fields(context_, node, Section::fault, fmt::format("fault {} of {}", number, draft_.owner));
    if (!fields.readable()) return;
    bool understood = context_.report.size() == before;
    FaultInjection fault;
    fault.delay = fields.duration("delay", Duration(1), std::chrono::hours(1));
    std::uint32_t status = 0;
    fields.read_number_into("abort", 400, 599, status);
    fault.abort = static_cast<std::uint16_t>(status);
    fields.read_share_into("share", fault.share);
    fault.headers = read_headers(fields);
    if (understood && !fields.find("delay") && !fields.find("abort")) {
      context_.report
          .add(node.mark, "missing-key", fmt::format("fault {} of {} has no 'delay' or 'abort'", number, draft_.owner))
          .help.emplace_back("say what goes wrong: {delay: 200ms} or {abort: 503}");
    }
    value_.faults.push_back(std::move(fault));
  }

  void read_split(const Node& node, std::size_t number) {
    Fields fields(context_, node, Section::split, fmt::format("split {} of {}", number, draft_.owner));
    if (!fields.readable()) return;
    fields.require("to", "the service that gets this share: {to: catalog-v2, share: 10%}");
    Split split;
    fields.read_share_into("share", split.share);
    split.headers = read_headers(fields);
    auto to = fields.text("to");
    if (!to) return;
    draft_.split_to.push_back(std::move(*to));
    value_.split.push_back(std::move(split));
  }

  std::vector<HeaderMatch> read_headers(const Fields& fields) {
    std::vector<HeaderMatch> headers;
    const Node* node = fields.find("headers");
    if (!node) return headers;
    if (node->kind != Node::Kind::map || node->entries.empty() || node->entries.size() > kMostHeaders) {
      refuse_value(context_, *node, fields.what("headers"),
                   fmt::format("a map of 1 to {} names and values", kMostHeaders), kHeadersAllowed);
      return headers;
    }
    for (const Entry& entry : node->entries) read_header(entry, fields, headers);
    return headers;
  }

  void read_header(const Entry& entry, const Fields& fields, std::vector<HeaderMatch>& headers) {
    std::string name = lower_case(entry.key);
    // What is of the hop does not reach the point where headers are compared as it came.
    if (!is_token(name) || is_of_the_hop(name)) {
      Mistake& mistake = context_.report.add(
          entry.mark, "bad-name", fmt::format("'{}' cannot be compared in {}", name, fields.what("headers")));
      mistake.allowed = "a header that the client chooses and that is not of one connection, such as x-canary";
      return;
    }
    if (std::ranges::find(headers, name, &HeaderMatch::name) != headers.end()) {
      context_.report.add(entry.mark, "repeated-key",
                          fmt::format("{} has '{}' twice: case does not count", fields.what("headers"), name));
      return;
    }
    auto value = read_text(context_, *entry.value, fmt::format("'{}' in {}", name, fields.what("headers")));
    if (!value) return;
    if (!is_plain_value(value->value)) {
      return refuse_value(context_, *entry.value, fmt::format("'{}' in {}", name, fields.what("headers")),
                          fmt::format("1 to {} printable ASCII characters, no blank at the ends", kLongestFieldValue));
    }
    headers.push_back({std::move(name), std::move(value->value)});
  }

  // Requests without any of the headers: their shares cannot be more than all.
  void check_sum(const Node& node) {
    std::uint64_t sum = 0;
    for (const Split& split : value_.split)
      if (split.headers.empty()) sum += split.share.of_ten_thousand;
    if (sum <= 10'000) return;
    Mistake& mistake = context_.report.add(node.mark, "resilience",
                                           fmt::format("the shares in 'split' of {} are {} together", draft_.owner,
                                                       to_string(Share{static_cast<std::uint32_t>(sum)})));
    mistake.help.emplace_back("those without 'headers' must be at most 100%; a split without a 'share' takes all");
  }

  Context& context_;
  const Fields& fields_;
  ResilienceDraft& draft_;
  Resilience& value_;
};

}  // namespace

void read_detours(Context& context, const Fields& fields, ResilienceDraft& draft) {
  DetourReader(context, fields, draft).run();
}

}  // namespace bulkhead::manifest

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <llhttp.h>

#include "http/h1_decoder.hpp"
#include "http/octets.hpp"

// Our HTTP/1 decoder beside llhttp without any leniency. What both accept they must read the same: the same messages
// with the same heads, bodies and ends. Where one refuses what the other takes, the tables below say why, or it is a
// bug.
namespace {

using namespace bulkhead::http;
using Kind = H1Step::Kind;

struct Message {
  std::string first;   // method and target, or the status
  std::string fields;  // without those that only frame, one a line
  std::string body;
  std::string trailers;
  bool head = false, end = false;
  bool sized = false;  // by Content-Length
  bool framing_in_trailers = false;
};

struct Reading {
  std::vector<Message> messages;
  bool refused = false;
  std::string why;
  bool closed = false;  // the last message was the connection's last
};

// ---- where we refuse and llhttp does not ----
struct Stricter {
  std::string_view reason;  // how our refusal begins
  std::string_view why;
};
constexpr std::array kStricter = {
    Stricter{"the first byte is not the begin of an HTTP/1 message", "llhttp skips empty lines before an answer"},
    Stricter{"the first line has no HTTP version", "llhttp speaks RTSP and ICE, too"},
    Stricter{"the reason holds a control byte", "RFC 9112 §4"},
    Stricter{"the method is not a token", "llhttp skips bare CR before a message"},
    Stricter{"the Content-Length has more than", "no body is as long"},
    Stricter{"a chunk's size has more than", "leading zeros beyond any size"},
    Stricter{"what follows a chunk's size is no extension", "RFC 9112 §7.1.1: each has a name, and a value after '='"},
    Stricter{"CONNECT is not offered", "no tunnel to anywhere, whatever the target"},
    Stricter{"Transfer-Encoding in HTTP/1.0", "RFC 9112 §6.1: its framing is faulty"},
    Stricter{"a Transfer-Encoding other than chunked", "RFC 9112 §6.1: no other coding is known here"},
    Stricter{"more than one Transfer-Encoding", "chunked twice is forbidden (RFC 9112 §6.1), all else is unknown"},
    Stricter{"a body announced with status", "RFC 9112 §6.3: the status says that there is none"},
    Stricter{"a line of the first line ends with a bare LF", "llhttp skips bare LF before a message"},
    Stricter{"an expectation other than 100-continue", "RFC 9110 §10.1.1: 417"},
    Stricter{"more than one Host", "RFC 9112 §3.2; llhttp does not look at Host"},
    Stricter{"the Host is not a host and a port", "the same"},
    Stricter{"the Host differs from the target's authority", "the same"},
    Stricter{"the request has no Host", "the same"},
    Stricter{"the request line is not method, target and version", "llhttp takes many empty lines, and HTTP/0.9"},
    Stricter{"the status is not a number from 100 to 599", "RFC 9110 §15"},
    Stricter{"the target * is for OPTIONS only", "RFC 9112 §3.2.4"},
    Stricter{"the target is empty or holds a byte", "a '#', or a byte that no URI has"},
    Stricter{"the target is neither a path nor an http URL", "RFC 9112 §3.2: no such form, or not our scheme"},
    Stricter{"the target's authority is not a host and a port", "user info and the like (RFC 9110 §4.2.4)"},
    Stricter{"version HTTP/", "0.9 and 2.0 are no versions of this syntax"},
};

// ---- where llhttp refuses and we do not ----
struct Looser {
  std::string_view reason;  // how llhttp's begins
  bool (*holds)(const Message& ours, std::string_view input);
  std::string_view why;
};

bool has_unknown_method(const Message& message, std::string_view) {
#define BULKHEAD_NAME(number, name, text) #text,
  static constexpr auto kKnown = std::to_array<std::string_view>({HTTP_METHOD_MAP(BULKHEAD_NAME)});
#undef BULKHEAD_NAME
  return std::ranges::find(kKnown, message.first.substr(0, message.first.find(' '))) == kKnown.end();
}
bool has_tab_behind_length(const Message& message, std::string_view input) {
  return message.sized && input.find('\t') != std::string_view::npos;
}
bool is_chunked(const Message& message, std::string_view) { return !message.sized; }

bool has_space_before_extension(const Message& message, std::string_view input) {
  static constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  for (std::size_t at = input.find(';'); at != std::string_view::npos; at = input.find(';', at + 1)) {
    const std::size_t before = at == 0 ? at : input.find_last_not_of(" \t", at - 1);
    const bool after_size = before < at && kDigits.find(input[before]) != std::string_view::npos;
    if (after_size && before + 1 < at) return !message.sized;
  }
  return false;
}

constexpr std::array kLooser = {
    Looser{"HPE_INVALID_METHOD", has_unknown_method, "a method is any token (RFC 9110 §9.1); llhttp has a list"},
    Looser{"HPE_INVALID_CONTENT_LENGTH Content-Length can't be present with Transfer-Encoding", is_chunked,
           "it stands in the trailers, where we drop it (RFC 9110 §6.5.1)"},
    Looser{"HPE_INVALID_CONTENT_LENGTH Invalid character", has_tab_behind_length,
           "a tab is whitespace as a space is (RFC 9110 §5.6.3)"},
    Looser{"HPE_INVALID_TRANSFER_ENCODING", is_chunked, "the same"},
    Looser{"HPE_STRICT Invalid character in chunk extensions", is_chunked,
           "RFC 9112 §7.1.1: whitespace around ';' and '=' is read over"},
    Looser{"HPE_INVALID_CHUNK_SIZE", has_space_before_extension, "the same"},
};

bool is_framing(std::string_view name, bool request) {
  if (equal_ignoring_case(name, "content-length") || equal_ignoring_case(name, "transfer-encoding")) return true;
  return request && (equal_ignoring_case(name, "host") || equal_ignoring_case(name, "expect"));
}

void add_field(std::string& to, std::string_view name, std::string_view value) {
  to.append(name).append(": ").append(trim_whitespace(value)).append("\n");
}

Reading ours(bool request, std::string_view input, std::string_view asked) {
  constexpr FieldLimits kNoLimits{
      .count = 1U << 20U, .bytes = 1U << 20U, .start_line = 1U << 20U, .trailer_bytes = 1U << 20U};
  H1Decoder decoder(request ? H1Decoder::Role::request : H1Decoder::Role::response, kNoLimits);
  decoder.expect_response_to(asked, true);
  Reading reading;
  const auto head = [&] {
    Message& message = reading.messages.emplace_back();
    message.head = true;
    message.first = request ? decoder.request().method + " " + decoder.request().target
                            : fmt::format("{}", decoder.response().status);
    message.sized = (request ? decoder.request().content_length : decoder.response().content_length).has_value();
    for (const Field field : request ? decoder.request().fields : decoder.response().fields) {
      add_field(message.fields, field.name, field.value);
    }
    if (!request && decoder.response().interim()) message.end = true;
  };
  while (true) {
    const H1Step step = decoder.decode(input);
    input.remove_prefix(step.consumed);
    switch (step.kind) {
      case Kind::head: head(); break;
      case Kind::body: reading.messages.back().body += step.body; break;
      case Kind::need_more: return reading;
      case Kind::refused:
        reading.refused = true;
        reading.why = decoder.refusal().reason;
        return reading;
      case Kind::end:
        reading.messages.back().end = true;
        for (const Field field : decoder.trailers()) {
          add_field(reading.messages.back().trailers, field.name, field.value);
        }
        reading.closed = !decoder.keep_alive();
        if (reading.closed) return reading;
        decoder.next();
        decoder.expect_response_to(asked, true);
    }
  }
}

// What llhttp's callbacks collect.
struct Listener {
  llhttp_t parser{};  // first: the callbacks get its address
  Reading reading;
  std::string method, url, name, value;
  bool request = false, skip_body = false;

  Message& message() { return reading.messages.back(); }
};

Listener& of(llhttp_t* parser) { return *reinterpret_cast<Listener*>(parser); }

template <std::string Listener::* member>
int collect(llhttp_t* parser, const char* at, std::size_t size) {
  (of(parser).*member).append(at, size);
  return 0;
}

int on_begin(llhttp_t* parser) {
  Listener& listener = of(parser);
  listener.reading.messages.emplace_back();
  listener.method.clear();
  listener.url.clear();
  return 0;
}

int on_field(llhttp_t* parser) {
  Listener& listener = of(parser);
  Message& message = listener.message();
  if (!message.head && !is_framing(listener.name, listener.request)) {
    add_field(message.fields, listener.name, listener.value);
  }
  if (message.head && frames_message(listener.name)) message.framing_in_trailers = true;
  if (message.head && !forbidden_in_trailers(listener.name)) {
    add_field(message.trailers, listener.name, listener.value);
  }
  listener.name.clear();
  listener.value.clear();
  return 0;
}

int on_head(llhttp_t* parser) {
  Listener& listener = of(parser);
  Message& message = listener.message();
  message.head = true;
  message.first = listener.request ? listener.method + " " + listener.url : fmt::format("{}", parser->status_code);
  return !listener.request && listener.skip_body ? 1 : 0;
}

int on_body(llhttp_t* parser, const char* at, std::size_t size) {
  of(parser).message().body.append(at, size);
  return 0;
}

int on_end(llhttp_t* parser) {
  of(parser).message().end = true;
  return 0;
}

Reading theirs(bool request, std::string_view input, std::string_view asked) {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_message_begin = on_begin;
  settings.on_method = collect<&Listener::method>;
  settings.on_url = collect<&Listener::url>;
  settings.on_header_field = collect<&Listener::name>;
  settings.on_header_value = collect<&Listener::value>;
  settings.on_header_value_complete = on_field;
  settings.on_headers_complete = on_head;
  settings.on_body = on_body;
  settings.on_message_complete = on_end;
  Listener listener;
  listener.request = request;
  listener.skip_body = asked == "HEAD";
  llhttp_init(&listener.parser, request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
  const char* at = input.data();
  const char* const end = at + input.size();
  while (true) {
    const llhttp_errno_t code = llhttp_execute(&listener.parser, at, static_cast<std::size_t>(end - at));
    if (code == HPE_OK) break;
    if (code == HPE_PAUSED_UPGRADE && request) {
      at = llhttp_get_error_pos(&listener.parser);
      llhttp_resume_after_upgrade(&listener.parser);
      continue;
    }
    if (code == HPE_PAUSED_UPGRADE) {  // a tunnel's bytes
      listener.message().end = false;
      listener.message().body.assign(llhttp_get_error_pos(&listener.parser), end);
      break;
    }
    if (code == HPE_CLOSED_CONNECTION) {
      listener.reading.closed = true;
      break;
    }
    listener.reading.refused = true;
    const char* reason = llhttp_get_error_reason(&listener.parser);
    listener.reading.why = fmt::format("{} {}", llhttp_errno_name(code), reason != nullptr ? reason : "");
    break;
  }
  return std::move(listener.reading);
}

[[noreturn]] void disagree(std::string_view what, const Reading& we, const Reading& they) {
  for (const Reading* reading : {&we, &they}) {
    fmt::print(stderr, "{}: refused={} '{}' closed={}\n", reading == &we ? "ours" : "llhttp", reading->refused,
               reading->why, reading->closed);
    for (const Message& message : reading->messages) {
      fmt::print(stderr, "  [{}] head={} end={} body={}\n  {}  trailers {}\n", message.first, message.head, message.end,
                 message.body, message.fields, message.trailers);
    }
  }
  fmt::print(stderr, "DISAGREEMENT: {}\n", what);
  std::abort();
}

bool is_explained_strictness(const Reading& we) {
  return we.refused &&
         std::ranges::any_of(kStricter, [&](const Stricter& each) { return we.why.starts_with(each.reason); });
}

bool is_explained_looseness(const Reading& they, const Message& message, std::string_view input) {
  return they.refused && std::ranges::any_of(kLooser, [&](const Looser& each) {
           return they.why.starts_with(each.reason) && each.holds(message, input);
         });
}

// An absolute target is split by us; its path and query are the end of it.
bool same_first(const Message& we, const Message& they) {
  if (we.first == they.first) return true;
  const std::size_t space = we.first.find(' ');
  if (space == std::string::npos || !they.first.starts_with(we.first.substr(0, space + 1))) return false;
  const std::string_view target = std::string_view(we.first).substr(space + 1);
  const std::string_view url = std::string_view(they.first).substr(space + 1);
  return url.find("://") != std::string_view::npos && (url.ends_with(target) || url.ends_with(target.substr(1)));
}

// llhttp obeys Connection and its like in trailers, which we drop (RFC 9110 §6.5.1), and takes an interim answer for
// the last one.
bool is_closed_by_other_means(const Message& message) {
  return message.framing_in_trailers || (message.first.size() == 3 && message.first.starts_with('1'));
}

// "chunked" with a tab behind it is chunked (RFC 9110 §5.6.3); llhttp takes it for an unknown coding, and an answer
// with it for one that the connection's end ends.
bool has_tab_behind_coding(std::string_view input) {
  std::string text;
  std::ranges::transform(input, std::back_inserter(text), lower);
  for (std::size_t at = text.find("chunked"); at != std::string::npos; at = text.find("chunked", at + 1)) {
    if (text.find_first_not_of(" \t", at + 7) > text.find('\t', at + 7)) return true;
  }
  return false;
}

auto ended(const Reading& reading) { return std::ranges::count_if(reading.messages, &Message::end); }

void compare(const Reading& we, const Reading& they, std::string_view input) {
  const Message none;
  if (has_tab_behind_coding(input)) return;
  // Whoever refuses sooner, neither lets the message pass.
  if (we.refused && they.refused && ended(we) == ended(they)) return;
  for (std::size_t i = 0; i < std::max(we.messages.size(), they.messages.size()); ++i) {
    const Message& a = i < we.messages.size() ? we.messages[i] : none;
    const Message& b = i < they.messages.size() ? they.messages[i] : none;
    if (they.closed && i == they.messages.size() && i > 0 && is_closed_by_other_means(they.messages[i - 1])) return;
    if (a.head && !b.head) {
      if (is_explained_looseness(they, a, input)) return;
      disagree("a head that llhttp does not take", we, they);
    }
    if (!a.head && b.head) {
      if (is_explained_strictness(we)) return;
      disagree("a head that we do not take", we, they);
    }
    if (!a.head) break;
    if (!same_first(a, b) || a.fields != b.fields) disagree("heads differ", we, they);
    if (!a.body.starts_with(b.body) && !b.body.starts_with(a.body)) disagree("bodies differ", we, they);
    if (a.end && b.end && (a.body != b.body || a.trailers != b.trailers)) disagree("whole bodies differ", we, they);
    if (a.end && !b.end) {
      if (is_explained_looseness(they, a, input)) return;
      disagree("an end that llhttp does not see", we, they);
    }
    if (!a.end && b.end) {
      if (is_explained_strictness(we)) return;
      disagree("an end that we do not see", we, they);
    }
  }
  const bool more_follows = they.messages.size() > we.messages.size();
  if (we.closed && !they.closed && more_follows) disagree("the connection goes on for llhttp", we, they);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool request = (data[0] & 1) != 0;
  const std::string_view asked = (data[0] & 2) != 0 ? "HEAD" : "GET";
  compare(ours(request, input, asked), theirs(request, input, asked), input);
  return 0;
}

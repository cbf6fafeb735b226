#include "scaffold/sources.hpp"

#include <algorithm>
#include <array>

#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

constexpr std::size_t kLongestLine = 1000;  // minified texts say nothing to a reader of lines
constexpr std::size_t kMostFinds = 2000;    // of one text

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

bool is_comment(std::string_view line) {
  return line.starts_with("//") || line.starts_with("* ") || line.starts_with("/*") ||
         (line.starts_with('#') && !line.starts_with("#!"));
}

// Calls `visit` with each line that is worth a look, its blanks trimmed.
template <class Visit>
void for_lines(std::string_view text, Visit visit) {
  int number = 0;
  for (std::string_view line : lines_of(text)) {
    ++number;
    std::string_view content = trimmed(line);
    if (content.size() > 2 && content.size() <= kLongestLine && !is_comment(content)) visit(content, number);
  }
}

// Numbers beside such words are where a peer listens.
bool speaks_of_peers(std::string_view line) {
  return contains_any(line, {"redis", "postgres", "psycopg", "mysql", "mongo", "smtp", "amqp", "rabbit", "kafka",
                             "connect(", "create_connection", "memcache", "_host", "dial("});
}

// The first number of two to five digits from `at` on that can be a port, with at most `within` letters before it.
std::uint16_t number_after(std::string_view line, std::size_t at, std::size_t within) {
  std::size_t end = std::min(line.size(), at + within);
  for (std::size_t i = at; i < end; ++i) {
    bool begins = line[i] >= '0' && line[i] <= '9' && (i == 0 || (!is_word(line[i - 1]) && line[i - 1] != '.'));
    if (!begins) continue;
    auto port = port_at(line.substr(i));
    if (port && *port >= 80) return *port;
    while (i < end && is_word(line[i])) ++i;
  }
  return 0;
}

std::uint16_t port_variable(std::string_view line, bool& seen) {
  for (std::string_view idiom : {"env.PORT", "\"PORT\"", "'PORT'", "$PORT", "${PORT"}) {
    std::size_t at = line.find(idiom);
    if (at == std::string_view::npos) continue;
    std::size_t after = at + idiom.size();
    if (after < line.size() && is_word(line[after])) continue;
    seen = true;
    return number_after(line, after, 40);
  }
  return 0;
}

std::uint16_t listen_call(std::string_view line) {
  for (std::string_view idiom : {"listen(", "Listen(", "ListenAndServe(", "listen_port(", "HTTPServer((", "Server((",
                                 "bind((", "bind(", "serve(", "runserver "}) {
    std::size_t at = line.find(idiom);
    if (at == std::string_view::npos) continue;
    if (std::uint16_t number = number_after(line, at + idiom.size(), 30)) return number;
  }
  return 0;
}

std::uint16_t port_word(std::string_view line) {
  std::string small = lower(line);
  for (std::size_t at = small.find("port"); at != std::string::npos; at = small.find("port", at + 4)) {
    std::size_t after = at + 4;
    bool inside =
        (at > 0 && small[at - 1] >= 'a' && small[at - 1] <= 'z') || (after < small.size() && is_word(small[after]));
    if (inside) continue;
    while (after < small.size() && contains("\"' \t:=({,", std::string_view(&small[after], 1))) ++after;
    if (auto port = after < small.size() ? port_at(std::string_view(line).substr(after)) : std::nullopt;
        port && *port >= 80)
      return *port;
  }
  for (std::string_view idiom : {"\":", "'0.0.0.0:", "\"0.0.0.0:", "-b 0.0.0.0:", "-b :", "--bind 0.0.0.0:", "--bind :",
                                 "--bind=0.0.0.0:", "-S 0.0.0.0:"}) {
    std::size_t at = line.find(idiom);
    if (at == std::string_view::npos) continue;
    auto port = port_at(line.substr(at + idiom.size()));
    if (port && *port >= 80) return *port;
  }
  return 0;
}

bool hints_at_host(std::string_view line) {
  return contains_any(line, {"host", "addr", "server", "redis(", "redis.", "connect", "dial", "broker", "upstream",
                             "endpoint", "target"});
}

std::string own_host(std::string_view host) {
  bool own = host == "localhost" || host == "0.0.0.0" || host.starts_with("127.");
  return std::string(own ? std::string_view("localhost") : host);
}

// One run of letters of a host name, with what stands around it.
void take_host(std::string_view line, std::size_t begin, std::size_t end, bool hinted, HostSeen& seen) {
  std::string_view before = line.substr(0, begin);
  std::string_view after = line.substr(end);
  std::string named = lower(before.substr(before.size() - std::min<std::size_t>(before.size(), 8)));
  bool setting = named.ends_with("server=") || named.ends_with("host=") || named.ends_with("source=");
  bool url = before.ends_with("//") || before.ends_with("@") || setting;
  std::size_t ends = std::min(after.find_first_of("/ \"'`,"), after.size());
  if (before.ends_with("//") && contains(after.substr(0, ends), "@")) return;  // a user
  std::uint16_t port = after.starts_with(':') ? port_at(after.substr(1)).value_or(0) : 0;
  bool quoted = !before.empty() && !after.empty() && (before.back() == '"' || before.back() == '\'') &&
                after.front() == before.back();
  if (!url && port == 0 && !(quoted && hinted)) return;
  seen.host = own_host(line.substr(begin, end - begin));
  seen.port = port;
}

}  // namespace

std::vector<PortSeen> ports_in(std::string_view text) {
  std::vector<PortSeen> found;
  for_lines(text, [&](std::string_view line, int number) {
    if (found.size() >= kMostFinds) return;
    bool variable = false;
    std::uint16_t with_variable = port_variable(line, variable);
    if (variable) {
      found.push_back({with_variable, true, 2, number});
    } else if (!speaks_of_peers(lower(line))) {
      if (std::uint16_t port = listen_call(line))
        found.push_back({port, false, 3, number});
      else if (std::uint16_t word = port_word(line))
        found.push_back({word, false, 1, number});
    }
  });
  return found;
}

std::vector<HostSeen> hosts_in(std::string_view text) {
  std::vector<HostSeen> found;
  for_lines(text, [&](std::string_view line, int number) {
    bool hinted = hints_at_host(lower(line));
    for (std::size_t i = 0; i < line.size() && found.size() < kMostFinds;) {
      if (!is_host_letter(line[i])) {
        ++i;
        continue;
      }
      std::size_t end = i;
      while (end < line.size() && is_host_letter(line[end])) ++end;
      HostSeen seen{"", 0, number};
      take_host(line, i, end, hinted, seen);
      if (!seen.host.empty()) found.push_back(std::move(seen));
      i = end;
    }
  });
  return found;
}

std::vector<VariableSeen> variables_in(std::string_view text) {
  constexpr std::array<std::string_view, 8> kIdioms{"process.env.", "process.env[", "os.environ[", "environ.get(",
                                                    "getenv(",      "Getenv(",      "ENV[",        "env::var("};
  std::vector<VariableSeen> found;
  for_lines(text, [&](std::string_view line, int number) {
    for (std::string_view idiom : kIdioms) {
      for (std::size_t at = line.find(idiom); at != std::string_view::npos && found.size() < kMostFinds;
           at = line.find(idiom, at + 1)) {
        std::size_t begin = at + idiom.size();
        while (begin < line.size() && (line[begin] == '"' || line[begin] == '\'')) ++begin;
        std::size_t end = begin;
        while (end < line.size() && is_word(line[end])) ++end;
        if (end > begin) found.push_back({std::string(line.substr(begin, end - begin)), std::string(line), number});
      }
    }
  });
  return found;
}

bool is_source(std::string_view path) {
  constexpr std::array<std::string_view, 18> kEnds{".py",  ".js", ".mjs", ".cjs", ".ts",  ".tsx",
                                                   ".jsx", ".go", ".rs",  ".rb",  ".php", ".java",
                                                   ".kt",  ".cc", ".cpp", ".cs",  ".sh",  ".properties"};
  bool test = path.starts_with("test") || contains_any(path, {"/test", "_test.", ".test.", ".spec.", ".d.ts"});
  return !test && std::ranges::any_of(kEnds, [&](std::string_view end) { return path.ends_with(end); });
}

}  // namespace bulkhead::scaffold

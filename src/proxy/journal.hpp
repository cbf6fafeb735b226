#pragma once

// What happened here: one place that counts, and writes to the local records. Belongs to the loop's thread.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "contracts/path_mask.hpp"
#include "net/loop.hpp"
#include "proxy/refusal.hpp"
#include "proxy/request_fields.hpp"
#include "telemetry/edges.hpp"
#include "telemetry/records.hpp"

namespace bulkhead::proxy {

struct EndUser;

// Verdicts on what passes, and would be denied.
inline constexpr std::string_view kAudited = "audited";
inline constexpr std::string_view kLearned = "learned";

// A request or raw connection while it is served, and what is known of it at its end.
struct Visit {
  telemetry::Side side = telemetry::Side::caller;
  std::string_view hop;  // "inner", "outer", "gateway", "egress"; static
  std::string caller;
  std::string callee;
  std::uint16_t port = 0;
  std::string protocol = "http/1.1";
  std::string method;
  std::string path;
  const contracts::PathMask* mask = nullptr;  // of the callee's contract; outlives this
  std::string path_shown;                     // what may be written down; "" where that is all of it: see hide()
  RequestTrace trace;
  std::shared_ptr<const EndUser> user;  // that it is made for; null where that is nobody
  net::SteadyTime start;
  telemetry::WallTime wall_start;

  bool grpc() const { return protocol == "grpc"; }
  // From now on nothing that `hiding` hides is written down. `seen` is the path as the callee is asked for it.
  void hide(const contracts::PathMask* hiding, std::string_view seen);
  // Nobody will ask why.
  bool is_plain() const {
    return cause.empty() && fell_back.empty() && attempts == 1 && status < 400 && grpc_status <= 0 &&
           injected.count() == 0;
  }
  // The head of the answer came, or the raw connection stands.
  void answer_began();

  std::string instance;
  std::uint16_t status = 0;
  int grpc_status = -1;
  std::string_view cause;      // static
  std::string_view fell_back;  // static: why another answer than the callee's was given
  bool broke_off = false;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint32_t attempts = 1;
  std::string detail;         // more of the cause, for a person
  std::string rule;           // of the call; "" where no call was chosen
  std::string_view no_retry;  // static: why what failed was not tried once more
  net::Duration queued{};     // for a place with the own program
  net::Duration injected{};   // delay that the manifest asks for
  bool answered = false;
  telemetry::EdgeCounts* edge = nullptr;  // the journal's, from begin() on; null while it is paused
};

class Journal {
 public:
  // `records` may be null: then only counters are kept.
  Journal(net::Loop& loop, std::string own_service, std::unique_ptr<telemetry::Records> records);

  // While paused nothing is counted or written: for the doors' own proof.
  void pause(bool paused) { paused_ = paused; }

  // Starts the clocks of a visit and counts it as open; finish() ends that, once.
  void begin(Visit& visit);
  void finish(const Visit& visit);

  // Policy said no. What is learned is counted apart, with the line that would allow it, and has one line a while of
  // each kind.
  void denied(const Visit& visit, const Refusal& whole, std::string_view verdict);
  // An answer of the own service has something in it that its contract's `operation` does not declare: `what` for a
  // person. Counted; one line a while.
  void undeclared_answer(const Visit& visit, std::string_view operation, std::string_view what);
  // A dial or name that nobody declared. Lines about the same are bounded (defaults::kDialQuiet).
  void undeclared(std::string_view target, std::string_view protocol, std::string_view allow);
  // Somebody came to the inner door and was not let in; lines are bounded as those of dials.
  void refused_handshake(const Fault& fault);
  // A stranger and the gateway did not agree on TLS. Strangers do that all day: not a denial, and one line a while.
  void failed_handshake(std::string_view client, const Fault& fault);
  // A connection was ended because its peer flooded it. One line a while.
  void flooded(std::string_view peer, const Fault& fault);
  // Something worth a line that is none of the above: `text` for a person.
  void note(std::string_view text);

  // Lines of the records say nothing of the secrets that `texts` (SecretMarks) find.
  void hide_secrets(const std::vector<std::string>& texts);

  // What was counted since this process began, as one line of the records: {"type":"counts","time_us","since_us",
  // "edges":[…],"denied":[…],"learned":[…]}. Nothing where that is what the last line said.
  void write_counts();
  // {"edges":[...],"denied":[...],"learned":[...]} of a stats message.
  nlohmann::json stats() const;
  // Grows whenever stats() changes.
  std::uint64_t version() const { return version_; }

  const telemetry::Random& random() const { return random_; }
  std::size_t draw(std::size_t bound) const;  // uniform in [0, bound)
  net::Loop& loop() const { return loop_; }
  const std::string& own_service() const { return own_service_; }
  const telemetry::Edges& edges() const { return edges_; }
  void flush();

 private:
  net::Loop& loop_;
  const std::string own_service_;
  const std::unique_ptr<telemetry::Records> records_;
  std::vector<std::string> hidden_;  // what records_ was told last
  const telemetry::Random random_;
  telemetry::Edges edges_;
  telemetry::Denials denials_;
  telemetry::Denials learned_;
  const telemetry::WallTime since_ = std::chrono::system_clock::now();
  std::uint64_t version_ = 0;
  std::uint64_t version_written_ = 0;
  bool paused_ = false;

  struct Repeated {
    net::SteadyTime last_line;
    std::uint64_t since = 0;
  };
  struct Kinds {
    std::map<std::string, Repeated> lines;
    net::SteadyTime cleared{};
  };
  // Whether a line of this kind is due (defaults::kDialQuiet), and of how often it speaks. Whoever does things at
  // random is counted, but can't push everything else out of the records.
  std::optional<std::uint64_t> due(Kinds& kinds, const std::string& kind);
  // Notes of one kind, of which there may be thousands a second: one a while, with the number of the others.
  struct Quiet {
    net::SteadyTime last_line{};
    std::uint64_t unsaid = 0;
  };
  void write(const nlohmann::json& line);
  void note_now_and_then(Quiet& kind, const std::string& text);

  Kinds dials_;
  Kinds learned_lines_;
  Quiet handshakes_;
  Quiet floods_;
  Quiet answers_;
};

}  // namespace bulkhead::proxy

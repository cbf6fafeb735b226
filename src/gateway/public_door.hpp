#pragma once

// Where the outside comes in: public listeners, TLS by SNI, and routes. Whoever comes is a stranger: nothing without a
// route is there, and no answer of ours tells what is behind. Loop's thread only.

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/access.hpp"
#include "gateway/authenticator.hpp"
#include "gateway/key_fetcher.hpp"
#include "gateway/limits.hpp"
#include "gateway/minter.hpp"
#include "gateway/quarantine.hpp"
#include "net/listener.hpp"
#include "proxy/core.hpp"
#include "proxy/outgoing.hpp"

namespace bulkhead::gateway {

class PublicDoor {
 public:
  explicit PublicDoor(proxy::Core& core, proxy::OutsideOptions outside = {});

  // `name` is that of the hello and of the snapshot's listeners ("listen:0").
  Result<> adopt(const std::string& name, Fd listening);
  // Makes the TLS settings of a new configuration; those of the old one stay if it can't.
  Result<> apply(const proxy::Snapshot& snapshot);
  void start();
  // No new connection, no new request; returns when what was being served has ended, or at the deadline.
  net::Task<> drain(net::Deadline deadline);
  net::Task<> close_outside();

 private:
  Result<> take_certificates(const proxy::Snapshot& snapshot);
  void fetch_keys(const proxy::Snapshot& snapshot);
  // The other end of a connection.
  struct Client {
    std::string ip;
    Octets octets{};
    bool tls = false;
    ClientCertificate* certificate = nullptr;  // null without TLS
  };
  // A request that found a route. Views and pointers live as long as it is served.
  struct Errand {
    proxy::ServerExchange& exchange;
    proxy::Visit& visit;
    const proxy::ConfigPtr& config;
    const proxy::Route& route;
    const proxy::Upstream& upstream;
    std::string origin;  // of the page that asks, empty where it is none
    Limits::Verdict verdict{};
    std::optional<Challenge> challenge{};
    // What rules that change meanwhile are held against.
    const Client& client;
    std::string_view host;
    IdentityPtr identity{};
    std::string credential{};  // "" where the connection's certificate says who it is, or nobody was asked
  };

  net::Task<> accept(std::string name, net::Listener& listener);
  net::Task<> serve_connection(std::string name, net::Stream stream);
  net::Task<> redirect(proxy::ServerExchange& exchange, std::uint16_t https_port);
  net::Task<> serve_request(proxy::ServerExchange& exchange, const Client& client);
  // Who it is; waits a while for keys that may be there by then.
  net::Task<Authenticator::Answer> identify(const Errand& errand);
  // Why a request that found its route goes no further, or nothing. Counts it against the limits.
  std::optional<proxy::RefusalCause> judge(Errand& errand, std::size_t route, Authenticator::Answer& who);
  // Whether a request under way would get in by the rules of now, too: from there, and as the same user. Where keys
  // are still to be fetched it may stay until they are here.
  bool still_admits(const Errand& errand, const proxy::Config& now);
  // What travels in place of the credential; null where it could not be made.
  proxy::EndUserPtr mint(const Errand& errand);
  static std::string rewritten(const Errand& errand, const std::string& target);
  net::Task<> forward(Errand& errand);
  net::Task<> answer_preflight(Errand& errand);
  net::Task<> refuse(proxy::ServerExchange& exchange, proxy::Visit& visit, proxy::RefusalCause cause,
                     const Errand* errand = nullptr);
  static std::string told(const Errand& errand);
  // Of who it is and where it comes from, which no call is asked for: for the records, with rule and line.
  void note_denied(const Errand& errand, proxy::RefusalCause cause);
  // The rule, and its place, that would refuse it all the same if the route asked for nothing; "" where none would.
  static std::string also_in_the_way(const Errand& errand);
  static void edit_answer(const Errand& errand, http::Fields& fields);

  proxy::Core& core_;
  proxy::ServerOptions plain_;
  proxy::ServerOptions secure_;
  std::shared_ptr<net::TlsContext> tls_;
  std::vector<proxy::Certificate> certificates_;  // that tls_ was made of
  std::string client_anchors_;                    // likewise
  bool tls12_ = false;                            // likewise
  net::Event shutdown_;
  Quarantine quarantine_;
  Access access_;
  Limits limits_;
  Authenticator authenticator_;
  proxy::Outside outside_;
  std::map<std::string, std::shared_ptr<KeyFetcher>, std::less<>> fetchers_;  // by provider
  Minter minter_;
  std::map<std::string, std::unique_ptr<net::Listener>> listeners_;
  net::Gate fetching_;  // the fetchers' tasks, which a drain does not wait for
  net::Gate gate_;
};

// The URL that a plain request is sent to: "https://host[:port]/target". Empty where the authority is unusable.
std::string https_location(std::string_view authority, std::string_view target, std::uint16_t https_port);

}  // namespace bulkhead::gateway

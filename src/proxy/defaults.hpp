#pragma once

// Every bound and every wait of the data plane, with its reason. docs/ lists this file.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bulkhead::proxy::defaults {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// --- Holding: a request that finds no ready instance waits instead of failing. ---
// A crashed service is back within seconds; clients and browsers give up after 30 s or more.
inline constexpr milliseconds kHold = seconds(30);
// Enough for a burst during a restart; each one costs a connection and a few KiB.
inline constexpr std::uint32_t kMaxHeld = 1024;

// --- Again: what was never sent is tried until the hold ends; what failed, as the call's `retries` say. ---
// An endpoint that refused is passed over this long if there is any other: its successor gets another address.
inline constexpr milliseconds kSuspect = seconds(1);
// Between two rounds over all endpoints: doubles from the first to the last value.
inline constexpr milliseconds kRetryPauseFirst{20};
inline constexpr milliseconds kRetryPauseLast{500};
// What of a request's body is kept until the answer begins, so that it can be sent again: as much as an HTTP/2 stream
// lets us send unasked. A longer body that was begun is not retried.
inline constexpr std::size_t kReplayBytes = 256U << 10U;
// Repetitions are a share of the requests of this long: a burst of failures spends what calm seconds left, no more.
inline constexpr milliseconds kRetryWindow = seconds(10);
// Repetitions a second that a call has anyway: of rare requests a share would be none.
inline constexpr std::uint32_t kRetryFloor = 3;

// --- A callee that fails. ---
// A breaker's wait doubles with each failed probe, an instance's ejection grows with each: a minute and a few minutes
// with the usual settings, which is how long a restart or a person takes.
inline constexpr std::uint32_t kMostOpenTimes = 8;
inline constexpr std::uint32_t kMostEjections = 30;

// --- A callee that has too much to do. ---
// Given to the program at once. Threads of common servers are fewer; gRPC's streams cost a program less.
inline constexpr std::uint32_t kConcurrency = 256;
inline constexpr std::uint32_t kGrpcConcurrency = 1024;
// Controlled delay (ACM Queue 13(8), 2015): a queue that has not been empty for kQueueStanding is one that more enters
// than leaves, and who has waited kQueueWaitStanding in it is refused while the caller can still do something else.
inline constexpr milliseconds kQueueStanding = seconds(1);
inline constexpr milliseconds kQueueWaitStanding{50};
inline constexpr milliseconds kQueueWait = seconds(5);

// --- Connections. ---
// On one host a connect succeeds or fails at once; across hosts a lost SYN is repeated after 1 s and 3 s.
inline constexpr milliseconds kConnect = seconds(5);
// Both handshakes of mutual TLS take milliseconds; a peer that needs longer is stopped or hostile.
inline constexpr milliseconds kHandshake = seconds(10);
// The service of the same compartment accepts by its kernel's backlog, so only a full backlog makes this wait.
inline constexpr milliseconds kVend = seconds(5);

// --- Requests. ---
// How long a user's transaction token lives: a request may be held for kHold and wait as long again before it causes
// the next one. What has begun with it may take longer.
inline constexpr seconds kUserToken{60};
// Of bodies that are held to be checked against a contract, at one instance: many of the usual, some of the largest.
inline constexpr std::size_t kMostGathered = 64U << 20U;
// A request whose token is signed with a key that is not at hand waits so long for the keys to be fetched again.
inline constexpr milliseconds kKeysWithin = seconds(3);
// A token that travels: programs bound a request's fields at 8 KiB and more.
inline constexpr std::size_t kLongestUserToken = 4096;
// From the request's last byte to the answer's first: slow reports and long polls fit, a lost answer does not hang.
inline constexpr milliseconds kFirstByte = minutes(5);
// Silence inside a body or a stream of messages. A dead peer is found by PING much sooner.
inline constexpr milliseconds kBodySilence = minutes(5);
inline constexpr milliseconds kStreamSilence = hours(24);
// A client that takes nothing for this long is gone or attacks (slow read).
inline constexpr milliseconds kStalledWrite = minutes(1);
// Requests being served at once by one inner door; beyond it the callee is overloaded and says so (503).
inline constexpr std::uint32_t kMaxInFlight = 4096;

// --- Raw TCP. ---
// Preamble and answer are a few bytes right after the handshake.
inline constexpr milliseconds kPreamble = seconds(10);
// No idle limit: databases keep connections for days. The ends' own keep-alive decides.
inline constexpr std::size_t kSpliceBuffer = 64U << 10U;

// --- Egress. ---
// DNS answers are believed at least and at most this long (the resolver of the C library does not tell the TTL).
inline constexpr milliseconds kDnsFresh = seconds(30);
inline constexpr milliseconds kDnsNegative = seconds(3);
inline constexpr milliseconds kResolve = seconds(10);
// A program's ClientHello follows its connect at once.
inline constexpr milliseconds kClientHello = seconds(10);
inline constexpr milliseconds kOutsideConnect = seconds(10);

// --- The compartment's DNS. ---
// Addresses are fixed for the application's life; a short time makes a changed manifest visible soon.
inline constexpr std::uint32_t kDnsTtlSeconds = 5;
inline constexpr std::size_t kMaxDnsConnections = 16;
inline constexpr milliseconds kDnsTcpSilence = seconds(10);

// --- Health of the own service, where the manifest says nothing. ---
inline constexpr milliseconds kHealthInterval = seconds(2);
inline constexpr milliseconds kHealthTimeout = seconds(1);
inline constexpr std::uint32_t kHealthRetries = 3;
// Until the first success it is asked more often, so that a start is not slower for being watched.
inline constexpr milliseconds kHealthEager{25};
inline constexpr milliseconds kHealthEagerLast{250};

// --- Towards the controller. ---
inline constexpr milliseconds kControlRetryFirst{50};
inline constexpr milliseconds kControlRetryLast = seconds(2);
inline constexpr milliseconds kStatsEvery{500};

// --- The end. ---
// In-flight requests may finish for this long after the drain began; the keeper has a deadline of its own.
inline constexpr milliseconds kDrain = seconds(10);
// A program or a stranger with an idle HTTP/1 connection may send on it just now: the connection stays for as long.
inline constexpr milliseconds kDrainIdle = seconds(1);

// --- Records. ---
// Undeclared dials, and calls that are learned, give one line of a kind this often, however often they are made.
inline constexpr milliseconds kDialQuiet = seconds(10);
inline constexpr std::size_t kMaxDialKinds = 256;

}  // namespace bulkhead::proxy::defaults

#include "run.hpp"

#include <algorithm>
#include <deque>
#include <stdexcept>
#include <unordered_set>
#include <utility>
#include <vector>

#include <sys/prctl.h>

#include "channel.hpp"

namespace bench {

namespace {

// Connections without a first answer. Raw streams wait for theirs behind all that flows, and are few.
std::uint32_t opening_of(const Plan& plan) { return plan.protocol == "tcp" ? plan.connections : 32; }

constexpr std::uint64_t kTooManyErrors = 100;

MakeChannel* maker(const std::string& protocol) {
  if (protocol == "http1") return http1_channel;
  if (protocol == "http2") return http2_channel;
  if (protocol.starts_with("grpc")) return grpc_channel;
  if (protocol == "tcp") return tcp_channel;
  if (protocol == "handshake") return handshake_channel;
  throw std::runtime_error("no protocol " + protocol);
}

SslContext context_for(const Plan& plan) {
  if (!plan.tls) return nullptr;
  if (plan.protocol == "handshake") return client_context({"h2", "http/1.1"}, plan.certificate);
  return client_context({plan.protocol == "http1" ? "http/1.1" : "h2"}, plan.certificate);
}

class Run final : public Asker {
 public:
  explicit Run(const Plan& plan)
      : plan_(plan),
        address_(resolve(plan.host, plan.port)),
        make_(maker(plan.protocol)),
        context_(context_for(plan)),
        tally_(plan.begin, plan.length),
        due_(plan.begin - kWarmUp) {}

  std::string go() {
    ::prctl(PR_SET_TIMERSLACK, 1);
    open();
    for (Nanos time = now(); time < tally_.end() && tally_.errors() < kTooManyErrors; time = now()) {
      if (plan_.rate > 0) send_due(time);
      poller_.wait(std::clamp(next_due() - now(), Nanos::zero(), Nanos(std::chrono::milliseconds(100))));
    }
    if (opened_ < plan_.connections) tally_.failed("not all connections were open at the end");
    return tally_.json();
  }

  void answered(Channel& channel, Nanos intended) override {
    tally_.answered(intended, now());
    if (opening_.erase(&channel) > 0) {
      free_.insert(free_.end(), plan_.streams, &channel);
      open();
      if (plan_.rate == 0 && opening_.empty()) ask_all();
    } else if (plan_.rate > 0) {
      free_.push_back(&channel);
    } else {
      channel.ask(now());
    }
  }

  void failed(Channel& channel, const std::string& why) override {
    tally_.failed(why);
    opening_.erase(&channel);
    std::erase(free_, &channel);
  }

 private:
  static constexpr Nanos kWarmUp = std::chrono::milliseconds(500);

  void open() {
    while (opened_ < plan_.connections && opening_.size() < opening_of(plan_)) {
      channels_.push_back(make_(plan_, address_, context_.get(), *this, poller_));
      ++opened_;
      Channel& channel = *channels_.back();
      opening_.insert(&channel);
      channel.ask(now());
      channel.flush();
    }
  }

  // Only once all are open, since thousands would not be if those before kept the proxy busy.
  void ask_all() {
    for (Channel* channel : std::exchange(free_, {})) {
      channel->ask(now());
      channel->flush();
    }
  }

  Nanos next_due() const {
    if (plan_.rate <= 0 || free_.empty()) return tally_.end();
    return due_;
  }

  // What is due and finds nobody free waits, and its latency grows from when it was due.
  void send_due(Nanos time) {
    const Nanos step(static_cast<std::int64_t>(1e9 / plan_.rate));
    for (; due_ <= time && !free_.empty(); due_ += step) {
      Channel& channel = *free_.front();
      free_.pop_front();
      channel.ask(due_);
      channel.flush();
    }
  }

  const Plan& plan_;
  Address address_;
  MakeChannel* make_;
  SslContext context_;
  Poller poller_;
  Tally tally_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::unordered_set<Channel*> opening_;
  std::deque<Channel*> free_;  // once for each stream
  std::uint32_t opened_ = 0;
  Nanos due_;
};

}  // namespace

std::string run(const Plan& plan) { return Run(plan).go(); }

}  // namespace bench

#include "service.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <grpcpp/alarm.h>

namespace shop {
namespace {

namespace v1 = inventory::v1;

const grpc::Status kStoreFailed(grpc::StatusCode::UNAVAILABLE, "the store failed; ask again");

void fill(const Reservation& reservation, v1::Reservation& message) {
  message.set_order(reservation.order);
  message.set_state(static_cast<v1::State>(reservation.state));
  message.set_short_of(reservation.short_of);
  for (const Line& line : reservation.lines) {
    v1::Line& added = *message.add_lines();
    added.set_sku(line.sku);
    added.set_quantity(line.quantity);
  }
}

// The lines, or nothing where they make no sense: the store trusts what it gets.
std::optional<std::vector<Line>> read(const v1::ReserveRequest& request) {
  constexpr int kMostLines = 100;
  constexpr std::uint32_t kMostOfOne = 1'000'000;
  if (request.order().empty() || request.lines().empty() || request.lines_size() > kMostLines) return std::nullopt;
  std::vector<Line> lines;
  for (const v1::Line& line : request.lines()) {
    const bool plain = !line.sku().empty() && line.sku().find_first_of(",=") == std::string::npos;
    const bool twice = std::ranges::any_of(lines, [&](const Line& known) { return known.sku == line.sku(); });
    if (!plain || twice || line.quantity() == 0 || line.quantity() > kMostOfOne) return std::nullopt;
    lines.push_back({line.sku(), line.quantity()});
  }
  return lines;
}

grpc::ServerUnaryReactor* finish(grpc::CallbackServerContext* context, const grpc::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

// Has the ledger do `change`; the reply is its result, refused where the state is none of `accepted`.
template <typename Change>
grpc::ServerUnaryReactor* answer(Ledger& ledger, grpc::CallbackServerContext* context, v1::Reservation* reply,
                                 std::optional<State> only, Change change) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  auto result = std::make_shared<Reservation>();
  ledger.submit({[result, change = std::move(change)](Store& store) { *result = change(store); },
                 [result, reactor, reply, only](bool durable) {
                   if (!durable) return reactor->Finish(kStoreFailed);
                   if (only && result->state != *only) {
                     return reactor->Finish({grpc::StatusCode::FAILED_PRECONDITION, "the order is in another state"});
                   }
                   fill(*result, *reply);
                   reactor->Finish(grpc::Status::OK);
                 }});
  return reactor;
}

// Streams what the ledger found, a page at a time; deletes itself when gRPC is done with it.
class ReservationStream final : public grpc::ServerWriteReactor<v1::ReservationPage> {
 public:
  ReservationStream(Ledger& ledger, std::string prefix) {
    ledger.submit({[this, prefix = std::move(prefix)](Store& store) { found_ = store.reservations(prefix); },
                   [this](bool durable) { durable ? write_next() : Finish(kStoreFailed); }});
  }
  void OnWriteDone(bool ok) override { ok ? write_next() : Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void write_next() {
    constexpr std::size_t kPage = 500;
    if (next_ == found_.size()) return Finish(grpc::Status::OK);
    page_.Clear();
    const std::size_t end = std::min(next_ + kPage, found_.size());
    for (; next_ < end; ++next_) fill(found_[next_], *page_.add_reservations());
    StartWrite(&page_);
  }

  std::vector<Reservation> found_;
  std::size_t next_ = 0;
  v1::ReservationPage page_;
};

// Looks at one item again and again, and writes what is left of it when that has changed. One step after the other, the
// next from the end of the last: look, write, wait. Deletes itself when gRPC is done with it.
class LevelStream final : public grpc::ServerWriteReactor<v1::Level> {
 public:
  LevelStream(Ledger& ledger, grpc::CallbackServerContext* context, std::string sku)
      : ledger_(ledger), context_(context) {
    level_.set_sku(std::move(sku));
    look();
  }
  void OnWriteDone(bool ok) override { ok ? wait() : Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void look() {
    if (context_->IsCancelled()) return Finish(grpc::Status::CANCELLED);
    ledger_.submit({[this](Store& store) { seen_ = store.left(level_.sku()); },
                    [this](bool durable) { durable ? tell() : Finish(kStoreFailed); }});
  }

  void tell() {
    if (!seen_) return Finish({grpc::StatusCode::NOT_FOUND, "there is no such item"});
    if (told_ == seen_) return wait();
    told_ = seen_;
    level_.set_left(*seen_);
    StartWrite(&level_);
  }

  void wait() {
    constexpr auto kLookEvery = std::chrono::milliseconds(200);
    alarm_ = std::make_unique<grpc::Alarm>();  // the last one may still be in its callback
    alarm_->Set(std::chrono::system_clock::now() + kLookEvery, [this](bool) { look(); });
  }

  Ledger& ledger_;
  grpc::CallbackServerContext* context_;
  v1::Level level_;
  std::optional<std::uint64_t> seen_;
  std::optional<std::uint64_t> told_;
  std::unique_ptr<grpc::Alarm> alarm_;
};

}  // namespace

grpc::ServerUnaryReactor* InventoryService::Reserve(grpc::CallbackServerContext* context,
                                                    const v1::ReserveRequest* request, v1::Reservation* reply) {
  std::optional<std::vector<Line>> lines = read(*request);
  if (!lines) return finish(context, {grpc::StatusCode::INVALID_ARGUMENT, "an order and its lines, each item once"});
  return answer(
      ledger_, context, reply, std::nullopt,
      [order = request->order(), lines = *std::move(lines)](Store& store) { return store.reserve(order, lines); });
}

grpc::ServerUnaryReactor* InventoryService::Commit(grpc::CallbackServerContext* context,
                                                   const v1::OrderRequest* request, v1::Reservation* reply) {
  return answer(ledger_, context, reply, State::committed,
                [order = request->order()](Store& store) { return store.commit_order(order); });
}

grpc::ServerUnaryReactor* InventoryService::Release(grpc::CallbackServerContext* context,
                                                    const v1::OrderRequest* request, v1::Reservation* reply) {
  if (request->order().empty()) return finish(context, {grpc::StatusCode::INVALID_ARGUMENT, "an order"});
  return answer(ledger_, context, reply, State::released,
                [order = request->order()](Store& store) { return store.release_order(order); });
}

grpc::ServerWriteReactor<v1::Level>* InventoryService::Watch(grpc::CallbackServerContext* context,
                                                             const v1::WatchRequest* request) {
  return new LevelStream(ledger_, context, request->sku());
}

grpc::ServerUnaryReactor* BooksService::Stock(grpc::CallbackServerContext* context, const v1::StockRequest*,
                                              v1::StockReply* reply) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  auto items = std::make_shared<std::vector<Item>>();
  ledger_.submit({[items](Store& store) { *items = store.stock(); },
                  [items, reactor, reply](bool durable) {
                    if (!durable) return reactor->Finish(kStoreFailed);
                    for (const Item& item : *items) {
                      v1::Item& added = *reply->add_items();
                      added.set_sku(item.sku);
                      added.set_received(item.received);
                      added.set_on_hand(item.on_hand);
                      added.set_reserved(item.reserved);
                      added.set_sold(item.sold);
                    }
                    reactor->Finish(grpc::Status::OK);
                  }});
  return reactor;
}

grpc::ServerWriteReactor<v1::ReservationPage>* BooksService::Reservations(grpc::CallbackServerContext*,
                                                                          const v1::ReservationsRequest* request) {
  return new ReservationStream(ledger_, request->prefix());
}

}  // namespace shop

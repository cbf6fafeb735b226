#pragma once

#include "inventory.grpc.pb.h"
#include "ledger.hpp"

namespace shop {

// gRPC on one side, the ledger on the other. Both services answer from gRPC's and the ledger's threads and keep
// nothing.
class InventoryService final : public inventory::v1::Inventory::CallbackService {
 public:
  explicit InventoryService(Ledger& ledger) : ledger_(ledger) {}

  grpc::ServerUnaryReactor* Reserve(grpc::CallbackServerContext* context, const inventory::v1::ReserveRequest* request,
                                    inventory::v1::Reservation* reply) override;
  grpc::ServerUnaryReactor* Commit(grpc::CallbackServerContext* context, const inventory::v1::OrderRequest* request,
                                   inventory::v1::Reservation* reply) override;
  grpc::ServerUnaryReactor* Release(grpc::CallbackServerContext* context, const inventory::v1::OrderRequest* request,
                                    inventory::v1::Reservation* reply) override;
  grpc::ServerWriteReactor<inventory::v1::Level>* Watch(grpc::CallbackServerContext* context,
                                                        const inventory::v1::WatchRequest* request) override;

 private:
  Ledger& ledger_;
};

class BooksService final : public inventory::v1::Books::CallbackService {
 public:
  explicit BooksService(Ledger& ledger) : ledger_(ledger) {}

  grpc::ServerUnaryReactor* Stock(grpc::CallbackServerContext* context, const inventory::v1::StockRequest* request,
                                  inventory::v1::StockReply* reply) override;
  grpc::ServerWriteReactor<inventory::v1::ReservationPage>* Reservations(
      grpc::CallbackServerContext* context, const inventory::v1::ReservationsRequest* request) override;

 private:
  Ledger& ledger_;
};

}  // namespace shop

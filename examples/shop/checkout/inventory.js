'use strict';
// The inventory as its .proto says it, for whoever speaks to it from JavaScript.

const { GrpcClient } = require('./grpc.js');

const Line = { 1: ['sku', 'text'], 2: ['quantity', 'uint'] };
const ReserveRequest = { 1: ['order', 'text'], 2: ['lines', Line, 'repeated'] };
const OrderRequest = { 1: ['order', 'text'] };
const Reservation = { 1: ['order', 'text'], 2: ['state', 'uint'], 3: ['lines', Line, 'repeated'], 4: ['shortOf', 'text'] };
const Item = { 1: ['sku', 'text'], 2: ['received', 'uint'], 3: ['onHand', 'uint'], 4: ['reserved', 'uint'], 5: ['sold', 'uint'] };
const WatchRequest = { 1: ['sku', 'text'] };
const Level = { 1: ['sku', 'text'], 2: ['left', 'uint'] };
const StockReply = { 1: ['items', Item, 'repeated'] };
const ReservationsRequest = { 1: ['prefix', 'text'] };
const ReservationPage = { 1: ['reservations', Reservation, 'repeated'] };

const STATES = ['unspecified', 'reserved', 'committed', 'released', 'out_of_stock'];
const named = (reservation) => ({ ...reservation, state: STATES[reservation.state] });

class Inventory {
  constructor(url, options) {
    this.client = new GrpcClient(url, options);
  }

  async order(method, type, request, headers) {
    const path = `/shop.inventory.v1.Inventory/${method}`;
    return named(await this.client.unary(path, type, request, Reservation, { headers }));
  }

  reserve(order, lines, headers) { return this.order('Reserve', ReserveRequest, { order, lines }, headers); }
  commit(order, headers) { return this.order('Commit', OrderRequest, { order }, headers); }
  release(order, headers) { return this.order('Release', OrderRequest, { order }, headers); }

  // Tells what is left of an item, now and whenever that changes; see GrpcClient.follow.
  watch(sku, headers, tell) { return this.client.follow('/shop.inventory.v1.Inventory/Watch', WatchRequest, { sku }, Level, tell, headers); }

  async stock(headers) {
    const reply = await this.client.unary('/shop.inventory.v1.Books/Stock', {}, {}, StockReply, { headers, timeout: 30_000 });
    return reply.items;
  }

  async reservations(prefix, headers) {
    const pages = await this.client.stream('/shop.inventory.v1.Books/Reservations', ReservationsRequest, { prefix },
      ReservationPage, { headers, timeout: 60_000 });
    return pages.flatMap((page) => page.reservations.map(named));
  }

  close() { this.client.close(); }
}

module.exports = { Inventory };

// Currency and Payment as Node programs write them; they stand in for those of peers.py.
"use strict";
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const { boutique } = grpc.loadPackageDefinition(loader.loadSync("boutique.proto", { longs: Number }));

const Currency = {
  Convert: (call, done) => done(null, { amount: call.request.from.amount * 2, currency: call.request.to }),
};

const Payment = {
  Take: (call, done) => {
    if (call.request.card !== "stolen") return done(null, { id: "r-1" });
    const metadata = new grpc.Metadata();
    metadata.set("reason", "stolen card");
    metadata.set("proof-bin", Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
    return done({ code: grpc.status.FAILED_PRECONDITION, details: 'declined: 100 % sure – "stolen"', metadata });
  },
  Refund: (call, done) => done(null, {}),
};

const name = process.env.SERVICE;
const server = new grpc.Server();
server.addService(boutique[name].service, { Currency, Payment }[name]);
server.bindAsync(`0.0.0.0:${process.env.PORT}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});

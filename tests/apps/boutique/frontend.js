// A job that calls its peers as grpc-js does: names through its own resolver, one channel each, calls at once.
"use strict";
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const { boutique } = grpc.loadPackageDefinition(loader.loadSync("boutique.proto", { longs: Number }));
const options = { "grpc.max_receive_message_length": 16 << 20 };
const client = (name) => new boutique[name](process.env[`${name.toUpperCase()}_SERVICE_ADDR`], grpc.credentials.createInsecure(), options);
const catalog = client("Catalog"), mail = client("Mail"), chat = client("Chat"), payment = client("Payment");

const unary = (stub, method, request, more = {}) =>
  new Promise((done) => stub[method](request, new grpc.Metadata(), more, (error, answer) => done(error ?? answer)));

async function run() {
  const found = await Promise.all(Array.from({ length: 500 }, (_, n) => unary(catalog, "Get", { id: String((n % 100) + 1) })));
  console.log("unary", found.filter((item, n) => item.id === String((n % 100) + 1)).length);

  const listed = await new Promise((done) => {
    const items = [];
    catalog.List({}).on("data", (item) => items.push(item)).on("end", () => done(items));
  });
  console.log("stream", listed.length);

  const heard = await new Promise((done) => {
    const call = chat.Talk(), words = [];
    call.on("data", (word) => { words.push(word.text); if (words.length === 3) call.end(); }).on("end", () => done(words));
    for (const text of ["a", "b", "c"]) call.write({ text });
  });
  console.log("talk", heard.join(""));

  const body = Buffer.alloc(5 << 20, "x");
  const delivered = await unary(mail, "Send", { to: "far", body });
  console.log("large", delivered.echo.equals(body));

  const stolen = await unary(payment, "Take", { amount: 1, card: "stolen" });
  console.log("status", stolen.code, stolen.metadata.get("reason")[0], stolen.details);

  const late = await unary(mail, "Send", { to: "nobody" }, { deadline: Date.now() + 400 });
  console.log("deadline", late.code);

  const refund = await unary(payment, "Refund", { id: "r-1" });
  console.log("denied", refund.code, refund.details);
  console.log("done");
  for (const stub of [catalog, mail, chat, payment]) stub.close();
}

run();

// The federation gateway: where its subgraphs are is written here and nowhere else.
"use strict";
const { ApolloServer } = require("@apollo/server");
const { startStandaloneServer } = require("@apollo/server/standalone");
const { ApolloGateway, IntrospectAndCompose, RemoteGraphQLDataSource } = require("@apollo/gateway");

class WithNote extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    if (context.note) request.http.headers.set("x-note", context.note);
  }
}

const gateway = new ApolloGateway({
  supergraphSdl: new IntrospectAndCompose({
    subgraphs: [
      { name: "accounts", url: "http://localhost:4001/graphql" },
      { name: "reviews", url: "http://localhost:4002/graphql" },
      { name: "products", url: "http://localhost:4003/graphql" },
    ],
  }),
  buildService: ({ url }) => new WithNote({ url }),
});

const server = new ApolloServer({ gateway });
startStandaloneServer(server, { listen: { port: 4000 }, context: async ({ req }) => ({ note: req.headers["x-note"] }) });

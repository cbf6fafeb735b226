// One of three subgraphs; SUBGRAPH says which. The port is wired in, as in the well-known demonstration.
"use strict";
const { ApolloServer } = require("@apollo/server");
const { startStandaloneServer } = require("@apollo/server/standalone");
const { buildSubgraphSchema } = require("@apollo/subgraph");
const gql = require("graphql-tag");

const header = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key", "@external", "@requires"])`;
const users = [{ id: "1", name: "Ada" }, { id: "2", name: "Alan" }];
const products = Array.from({ length: 50 }, (_, n) => ({ upc: String(n + 1), name: `thing ${n + 1}`, price: 10 * (n + 1) }));
const reviews = products.flatMap((product) => users.map((user) => ({ id: `${product.upc}-${user.id}`, author: user.id, upc: product.upc, body: "b".repeat(20) })));

const subgraphs = {
  accounts: {
    port: 4001,
    types: `type Query { me: User, broken: String }
            type User @key(fields: "id") { id: ID!, name: String, userAgent: String }`,
    resolvers: {
      Query: { me: () => users[0], broken: () => { throw new Error("no luck"); } },
      User: { __resolveReference: ({ id }) => users.find((user) => user.id === id), userAgent: (_1, _2, context) => context.note },
    },
  },
  reviews: {
    port: 4002,
    types: `type Mutation { review(upc: String!, body: String!): Review }
            type Review @key(fields: "id") { id: ID!, body: String, author: User, product: Product }
            type User @key(fields: "id") { id: ID!, reviews: [Review] }
            type Product @key(fields: "upc") { upc: String!, reviews: [Review] }`,
    resolvers: {
      Mutation: {
        review: (_, { upc, body }) => {
          const added = { id: `new-${reviews.length}`, author: "1", upc, body };
          reviews.push(added);
          return added;
        },
      },
      Review: { author: (review) => ({ __typename: "User", id: review.author }), product: (review) => ({ __typename: "Product", upc: review.upc }) },
      User: { reviews: (user) => reviews.filter((review) => review.author === user.id) },
      Product: { reviews: (product) => reviews.filter((review) => review.upc === product.upc) },
    },
  },
  products: {
    port: 4003,
    types: `type Query { topProducts(first: Int = 5): [Product] }
            type Product @key(fields: "upc") { upc: String!, name: String, price: Int }`,
    resolvers: {
      Query: { topProducts: (_, { first }) => products.slice(0, first) },
      Product: { __resolveReference: ({ upc }) => products.find((product) => product.upc === upc) },
    },
  },
};

const { port, types, resolvers } = subgraphs[process.env.SUBGRAPH];
const server = new ApolloServer({ schema: buildSubgraphSchema({ typeDefs: gql(header + types), resolvers }) });
startStandaloneServer(server, { listen: { port }, context: async ({ req }) => ({ note: req.headers["x-note"] ?? "" }) });

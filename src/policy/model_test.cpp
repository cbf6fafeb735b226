#include "policy/model.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "manifest/parse.hpp"
#include "policy/graph.hpp"
#include "policy/names.hpp"

namespace bulkhead::policy {
namespace {

using nlohmann::json;

constexpr std::string_view kText = R"(app: shop
services:
  catalog: {command: [./catalog], port: 8080, owner: team "c"}
  db: {command: [./db], port: 5432, protocol: tcp}
  both: {command: [./both], ports: {web: 80, rpc: {number: 50051, protocol: grpc}}}
  checkout:
    command: [./checkout]
    port: 8080
    calls:
      catalog: {allow: [GET /items/*], at: "localhost:4001"}
      db:
      both:
    egress:
      mail: "https://api.mail.example"
      plain: "http://plain.example:8081"
      queue: "tcp://queue.example:5672"
      more: "tcp://api.mail.example:25"
      six: "https://[2001:db8::1]:8443"
  migrate: {type: job, command: [./migrate], calls: [db]}
gateway:
  routes: [{match: {path: /api/*}, to: checkout, rewrite: /v2}, {to: "both:rpc", match: {host: rpc.example}}]
)";

Model model() { return compile(*manifest::parse(kText).application); }

TEST(Compile, MakesOneEdgePerPortOfEveryRule) {
  std::string all;
  for (const Edge& edge : model().edges) {
    all += fmt::format("{} {} {}->{}:{} {}\n", edge.id, to_string(edge.kind), edge.from, edge.to, edge.port.number,
                       to_string(edge.protocol));
  }
  EXPECT_EQ(all,
            "checkout.calls.catalog call checkout->catalog:8080 http\n"
            "checkout.calls.db call checkout->db:5432 tcp\n"
            "checkout.calls.both call checkout->both:80 http\n"
            "checkout.calls.both call checkout->both:50051 grpc\n"
            "checkout.egress.mail egress checkout->mail:443 http\n"
            "checkout.egress.plain egress checkout->plain:8081 http\n"
            "checkout.egress.queue egress checkout->queue:5672 tcp\n"
            "checkout.egress.more egress checkout->more:25 tcp\n"
            "checkout.egress.six egress checkout->six:8443 http\n"
            "migrate.calls.db call migrate->db:5432 tcp\n"
            "gateway.routes[0] route _gateway->checkout:8080 http\n"
            "gateway.routes[1] route _gateway->both:50051 grpc\n");
}

TEST(Compile, SeesRoutesAsTheServiceDoes) {
  Model compiled = model();
  const Edge& route = compiled.edges[10];
  ASSERT_EQ(route.permissions.size(), 1U);
  EXPECT_EQ(route.permissions[0].path.text(), "/v2/*");
  EXPECT_TRUE(compiled.edges[11].permissions.empty());
}

TEST(Compile, GivesARouteAnEdgeToEachPlaceThatItsSplitsAndFallbackLeadTo) {
  Model compiled = compile(*manifest::parse(R"(app: shop
services:
  web: {command: [./web], port: 8080}
  next: {command: [./next], ports: {web: 8080, more: 9090}}
  static: {command: [./static], port: 80}
gateway:
  routes:
    - {match: {path: /static/*}, to: static}
    - match: {path: /api/*, methods: [GET]}
      to: web
      rewrite: /v2
      split:
        - {to: web, headers: {x-pin: old}}
        - {to: next, share: 10%}
        - {to: next, headers: {x-canary: "1"}}
        - {to: "next:more", headers: {x-canary: "2"}}
      fallback: {to: static}
    - {match: {path: /b/*}, to: web, split: [{to: next, share: 1%}], fallback: {to: next}}
    - {match: {path: /c/*}, to: web, fallback: {status: 503}}
)")
                                .application);
  std::string all;
  for (const Edge& edge : compiled.edges) {
    all += fmt::format("{} {}->{}:{} {}\n", edge.id, edge.from, edge.to, edge.port.number,
                       edge.permissions.empty() ? "" : edge.permissions[0].id + " " + edge.permissions[0].text);
  }
  EXPECT_EQ(all,
            "gateway.routes[0] _gateway->static:80 gateway.routes[0].match * /static/*\n"
            "gateway.routes[1] _gateway->web:8080 gateway.routes[1].match GET /v2/*\n"
            "gateway.routes[1].split[1] _gateway->next:8080 gateway.routes[1].split[1].match GET /v2/*\n"
            "gateway.routes[1].split[3] _gateway->next:9090 gateway.routes[1].split[3].match GET /v2/*\n"
            "gateway.routes[1].fallback _gateway->static:80 gateway.routes[1].fallback.match GET /v2/*\n"
            "gateway.routes[2] _gateway->web:8080 gateway.routes[2].match * /b/*\n"
            "gateway.routes[2].split[0] _gateway->next:8080 gateway.routes[2].split[0].match * /b/*\n"
            "gateway.routes[3] _gateway->web:8080 gateway.routes[3].match * /c/*\n");
  std::string graph = graph_text(compiled);
  EXPECT_NE(graph.find("next:9090  http  GET /v2/*"), std::string::npos) << graph;
}

TEST(Compile, GivesACallNoFurtherEdge) {
  std::string_view services = R"(  next: {command: [./next], port: 8080}
  api: {command: [./api], port: 8080}
)";
  auto edges = [&](std::string_view keys) {
    std::string text = fmt::format("app: a\nservices:\n  web: {{command: [./web], calls: {{next: , api: {{{}}}}}}}\n{}",
                                   keys, services);
    return compile(*manifest::parse(text).application).edges.size();
  };
  EXPECT_EQ(edges("split: [{to: next, share: 10%}], fallback: {to: next}"), edges(""));
}

TEST(Json, BringsEveryEdgeBackAsItWas) {
  for (const Edge& edge : model().edges) {
    auto value = read_json(to_json(edge).dump());
    ASSERT_TRUE(value);
    auto read = edge_from_json(*value);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, edge);
  }
  auto all = edges_from_json(to_json(model().edges));
  ASSERT_TRUE(all);
  EXPECT_EQ(*all, model().edges);
}

TEST(Json, RefusesWhatNoManifestDeclares) {
  const json good = to_json(model().edges[0]);
  ASSERT_TRUE(edge_from_json(good));
  auto refused = [&](auto change) {
    json bad = good;
    change(bad);
    auto read = edge_from_json(bad);
    return !read && read.error().cause == Cause::invalid;
  };
  for (const auto& member : good.items()) {
    if (member.key() != "at") EXPECT_TRUE(refused([&](json& bad) { bad.erase(member.key()); })) << member.key();
    EXPECT_TRUE(refused([&](json& bad) { bad[member.key()] = nullptr; })) << member.key();
  }
  EXPECT_TRUE(refused([](json& bad) { bad["extra"] = 1; }));
  EXPECT_TRUE(refused([](json& bad) { bad["port"] = 0; }));
  EXPECT_TRUE(refused([](json& bad) { bad["port"] = 65536; }));
  EXPECT_TRUE(refused([](json& bad) { bad["port"] = -1; }));
  EXPECT_TRUE(refused([](json& bad) { bad["port"] = "8080"; }));
  EXPECT_TRUE(refused([](json& bad) { bad["from"] = kGateway; }));
  EXPECT_TRUE(refused([](json& bad) { bad["to"] = "*"; }));
  EXPECT_TRUE(refused([](json& bad) { bad["kind"] = "egress"; }));
  EXPECT_TRUE(refused([](json& bad) { bad["protocol"] = "tcp"; }));
  EXPECT_TRUE(refused([](json& bad) { bad["permissions"][0]["path"] = "/a*"; }));
  EXPECT_TRUE(refused([](json& bad) { bad["permissions"][0]["methods"] = {"get"}; }));
  EXPECT_TRUE(refused([](json& bad) { bad["permissions"][0]["methods"] = {"*"}; }));
  EXPECT_TRUE(refused([](json& bad) { bad["permissions"][0]["more"] = 1; }));
  EXPECT_TRUE(refused([](json& bad) { bad = json::array(); }));
  EXPECT_FALSE(edges_from_json(good));
}

TEST(Names, EachPeerHasOneAddressAndItsPorts) {
  Model compiled = model();
  std::string all;
  Plan planned = plan(compiled, "checkout");
  for (const Name& name : planned.names) {
    all += fmt::format("{} {}", to_string(name.address), name.name);
    for (const Answering& each : name.ports) {
      all += fmt::format(" {}:{}:{}", each.port.number, to_string(each.handling), compiled.edges[each.edge].to);
    }
    all += "\n";
  }
  EXPECT_EQ(all,
            "198.18.1.1 catalog 80:http:catalog 8080:http:catalog\n"
            "198.18.1.2 db 5432:tcp:db\n"
            "198.18.1.3 both 80:http:both 50051:http:both\n"
            "198.19.0.1 mail 80:http:mail\n"
            "198.19.0.2 api.mail.example 25:tcp:more 443:tls_through:mail\n"
            "198.19.0.3 plain 80:http:plain 8081:http:plain\n"
            "198.19.0.4 plain.example 8081:http:plain\n"
            "198.19.0.5 queue 5672:tcp:queue\n"
            "198.19.0.6 queue.example 5672:tcp:queue\n"
            "198.19.0.7 more 25:tcp:more\n"
            "198.19.0.8 six 80:http:six\n");
  ASSERT_EQ(planned.wired.size(), 1U);
  EXPECT_EQ(planned.wired[0].host, "localhost");
  EXPECT_EQ(planned.wired[0].answering.port, Port{4001});
}

TEST(Names, AFurtherNameOfACallAnswersAsItsOwnDoes) {
  Model compiled = compile(*manifest::parse(R"(app: a
services:
  web:
    command: [./w]
    calls: {pay-api: {as: [api, old-api], port: [8080, 80]}, pay-db: {as: db}}
    egress: {mail: "https://mail.example"}
  pay-api: {command: [./a], ports: [8080, 80, 9090]}
  pay-db: {command: [./d], port: 5432, protocol: tcp}
)")
                                .application);
  std::string all;
  for (const Name& name : plan(compiled, "web").names) {
    all += fmt::format("{} {}", to_string(name.address), name.name);
    for (const Answering& each : name.ports) all += fmt::format(" {}:{}", each.port.number, to_string(each.handling));
    all += "\n";
  }
  EXPECT_EQ(all,
            "198.18.1.2 pay-api 80:http 8080:http\n"
            "198.18.1.3 pay-db 5432:tcp\n"
            "198.19.0.1 mail 80:http\n"
            "198.19.0.2 mail.example 443:tls_through\n"
            "198.19.0.3 api 80:http 8080:http\n"
            "198.19.0.4 old-api 80:http 8080:http\n"
            "198.19.0.5 db 5432:tcp\n");
  EXPECT_NE(graph_text(compiled).find("  -> pay-db:5432  tcp  everything  as db\n"), std::string::npos);
  Edge edge = compiled.edges.front();
  EXPECT_EQ(edge.as.size(), 2U);
  EXPECT_EQ(edge_from_json(to_json(edge)).value_or(Edge{}), edge);
  for (const json& bad : {json("api"), json::array(), json{"Api"}, json{1}}) {
    json value = to_json(edge);
    value["as"] = bad;
    EXPECT_FALSE(edge_from_json(value)) << bad.dump();
  }
  json egress = to_json(compiled.edges.back());
  egress["as"] = {"api"};
  EXPECT_FALSE(edge_from_json(egress));
}

TEST(Names, APeerHasTheSameAddressInEveryCompartment) {
  Model compiled = model();
  Plan planned = plan(compiled, "migrate");
  ASSERT_EQ(planned.names.size(), 1U);
  EXPECT_EQ(to_string(planned.names[0].address), "198.18.1.2");
  EXPECT_TRUE(plan(compiled, "catalog").names.empty());
  EXPECT_TRUE(plan(compiled, "nobody").names.empty());
}

TEST(Names, KeepTheirAddressesWhateverComesAndGoes) {
  Model compiled = model();
  // "catalog" was third once, "gone" and an outside name of checkout's are there no more, and the rest is new.
  number_names(compiled, {{"catalog", 3}, {"gone", 7}, {"checkout plain", 9}});
  std::map<std::string, std::string> addresses;
  for (const Name& name : plan(compiled, "checkout").names) addresses[name.name] = to_string(name.address);
  EXPECT_EQ(addresses["catalog"], "198.18.1.3");
  EXPECT_EQ(addresses["plain"], "198.19.0.9");
  EXPECT_EQ(addresses["db"], "198.18.1.8") << "above all that were given";
  EXPECT_EQ(addresses["mail"], "198.19.0.10");
  EXPECT_EQ(compiled.numbers.at("gone"), 7U);
  const auto once = compiled.numbers;
  number_names(compiled, once);
  EXPECT_EQ(compiled.numbers, once);
}

TEST(Graph, IsRenderedAsTextDotAndJson) {
  Model compiled = model();
  std::string text = graph_text(compiled);
  EXPECT_NE(text.find("  -> catalog:8080  http  GET /items/*  at localhost:4001\n"), std::string::npos) << text;
  EXPECT_NE(text.find("the gateway\n  -> checkout:8080  http  * /v2/*\n"), std::string::npos) << text;
  std::string dot = graph_dot(compiled);
  EXPECT_TRUE(dot.starts_with("digraph \"shop\" {\n"));
  EXPECT_NE(dot.find("  \"checkout\" -> \"catalog\" [label=\"GET /items/*\"];\n"), std::string::npos) << dot;
  json value = graph_json(compiled);
  EXPECT_EQ(value["nodes"].size(), 5U);
  EXPECT_EQ(value["edges"].size(), 12U);
  EXPECT_EQ(value["nodes"][0]["owner"], "team \"c\"");
}

}  // namespace
}  // namespace bulkhead::policy

#include "scaffold/sources.hpp"

#include <gtest/gtest.h>

namespace bulkhead::scaffold {
namespace {

std::uint16_t first_port(std::string_view text) {
  auto found = ports_in(text);
  return found.empty() ? 0 : found.front().number;
}

TEST(Sources, the_usual_ways_to_say_where_a_program_listens) {
  struct Case {
    std::string_view text;
    std::uint16_t port;
  };
  constexpr Case kCases[] = {
      {"app.listen(3000)", 3000},
      {"const port = process.env.PORT || 3000;", 3000},
      {"port = int(os.environ.get('PORT', '8001'))", 8001},
      {"app.run(host='0.0.0.0', port=5000)", 5000},
      {"uvicorn.run(app, port = 8000)", 8000},
      {"http.ListenAndServe(\":8080\", nil)", 8080},
      {"HTTPServer((\"\", 7000), Handler)", 7000},
      {"TcpListener::bind(\"0.0.0.0:9000\")", 9000},
      {"server.port=8081", 8081},
      {"set :port, 4567", 4567},
      {"PORT = 8123", 8123},
      {"--port 6001", 6001},
      // and what is none of them
      {"// app.listen(3000)", 0},
      {"redis = Redis(host='redis', port=6379)", 0},
      {"psycopg2.connect(port=5432)", 0},
      {"report = 12345", 0},
      {"version = 1.8080", 0},
      {"port = 70000", 0},
      {"timeout=5000", 0},
  };
  for (const Case& each : kCases) EXPECT_EQ(first_port(each.text), each.port) << each.text;
}

TEST(Sources, a_program_that_reads_PORT_listens_where_it_is_told) {
  auto found = ports_in("x\nport := os.Getenv(\"PORT\")\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found.front().from_environment);
  EXPECT_EQ(found.front().number, 0);
  EXPECT_EQ(found.front().line, 2);
  EXPECT_TRUE(ports_in("process.env.PORTAL").empty());
}

TEST(Sources, hosts_stand_in_urls_with_ports_and_in_quotes_beside_a_word_about_hosts) {
  auto hosts = [](std::string_view text) {
    std::string all;
    for (const HostSeen& seen : hosts_in(text)) all += seen.host + ":" + std::to_string(seen.port) + " ";
    return all;
  };
  EXPECT_EQ(hosts("fetch('http://catalog/items')"), "catalog:0 ");
  EXPECT_EQ(hosts("postgres://me:secret@db:5432/shop"), "db:5432 ");
  EXPECT_EQ(hosts("dial(\"inventory:50051\")"), "inventory:50051 ");
  EXPECT_EQ(hosts("Redis(host=\"redis\", db=0)"), "redis:0 ");
  EXPECT_EQ(hosts("get('http://127.0.0.1:8000')"), "localhost:8000 ");
  EXPECT_EQ(hosts("Server=db;Username=postgres"), "db:0 ");
  EXPECT_EQ(hosts("name = \"redis-tools\""), "");
  EXPECT_EQ(hosts("# see http://catalog/"), "");
}

TEST(Sources, variables_of_the_environment_by_their_idioms) {
  std::string all;
  for (const VariableSeen& seen :
       variables_in("process.env.A_URL\nos.environ['B']\nos.getenv(\"C\")\nENV['D']\nx.environment['E']"))
    all += seen.name + std::to_string(seen.line) + " ";
  EXPECT_EQ(all, "A_URL1 B2 C3 D4 ");
}

TEST(Sources, a_line_without_end_says_nothing_and_costs_little) {
  std::string line(1U << 20U, 'a');
  EXPECT_TRUE(hosts_in("http://catalog/" + line).empty());
  EXPECT_TRUE(ports_in("listen(3000)" + line).empty());
}

}  // namespace
}  // namespace bulkhead::scaffold

// What it costs to check a body against a contract, by CPU time of this thread: orders of a shop, compact, in two
// sizes, as JSON and as Protocol Buffers. Prints bytes a microsecond (MB/s) and allocations a body.
// `contracts [ROUNDS]`

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>

#include "contracts/contract.hpp"
#include "contracts/model.hpp"
#include "contracts/protobuf.hpp"
#include "contracts/protobuf_fixture.hpp"

namespace {

long allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace bulkhead::contracts;

constexpr std::string_view kContract = R"(
openapi: 3.1.0
info: {title: orders, version: '1'}
paths:
  /orders:
    post:
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
      responses: {'200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}}
components:
  schemas:
    Money: {type: object, required: [currency, amount], properties: {currency: {type: string, enum: [EUR, USD, GBP]}, amount: {type: number, minimum: 0, multipleOf: 0.01}}}
    Line:
      type: object
      required: [sku, name, quantity, price]
      additionalProperties: false
      properties:
        sku: {type: string, pattern: '^[A-Z]{3}-[0-9]{6}$'}
        name: {type: string, minLength: 1, maxLength: 120}
        quantity: {type: integer, format: int32, minimum: 1, maximum: 1000}
        price: {$ref: '#/components/schemas/Money'}
        gift: {type: boolean}
        note: {type: [string, 'null'], maxLength: 500}
        tags: {type: array, maxItems: 10, items: {type: string}}
    Order:
      type: object
      required: [id, created, customer, lines]
      additionalProperties: false
      properties:
        id: {type: string, format: uuid}
        created: {type: string, format: date-time}
        customer: {type: object, required: [email], properties: {email: {type: string, format: email}, name: {type: string}, language: {type: string}}}
        lines: {type: array, minItems: 1, items: {$ref: '#/components/schemas/Line'}}
)";

std::string order(std::size_t size) {
  std::string body =
      R"({"id":"2eb8aa08-aa98-11ea-b4aa-73b441d16380","created":"2024-05-01T12:30:00Z",)"
      R"("customer":{"email":"joe.bloggs@example.com","name":"Jo\u00e9 Bloggs","language":"en"},"lines":[)";
  for (int i = 0; body.size() < size; ++i) {
    if (i > 0) body.push_back(',');
    body +=
        fmt::format(R"({{"sku":"ABC-{:06}","name":"Garden chair, folding, oak, number {}","quantity":{},)"
                    R"("price":{{"currency":"EUR","amount":{}.{:02}}},"gift":{},"note":null,"tags":["garden","oak"]}})",
                    i % 1000000, i, i % 9 + 1, i % 500, i % 100, i % 2 == 0);
  }
  return body + "]}";
}

// The same of Protocol Buffers, field by field as descriptor.proto and validate.proto number them.
std::string order_descriptors() {
  const auto field = [](std::uint32_t number, std::string_view name, std::uint64_t type, const std::string& rules,
                        std::string_view of = {}, std::uint64_t label = 1) {
    return text_field(2, text_field(1, name) + number_field(3, number) + number_field(4, label) +
                             number_field(5, type) + (of.empty() ? "" : text_field(6, of)) +
                             (rules.empty() ? "" : text_field(8, text_field(1159, rules))));
  };
  const std::string sku = text_field(14, text_field(6, "^[A-Z]{3}-[0-9]{6}$"));
  const std::string name = text_field(14, number_field(2, 1) + number_field(3, 120));
  const std::string quantity = text_field(3, number_field(5, 1) + number_field(3, 1000));
  const std::string money = text_field(1, "Money") + field(1, "currency", 14, "", ".Currency") +
                            field(2, "amount", 1, text_field(2, double_field(5, 0)));
  const std::string line = text_field(1, "Line") + field(1, "sku", 9, sku) + field(2, "name", 9, name) +
                           field(3, "quantity", 5, quantity) + field(4, "price", 11, "", ".Money") +
                           field(5, "gift", 8, "") + field(6, "tags", 9, text_field(18, number_field(2, 10)), {}, 3);
  const std::string order = text_field(1, "Order") + field(1, "id", 9, text_field(14, number_field(22, 1))) +
                            field(2, "email", 9, text_field(14, number_field(12, 1))) +
                            field(3, "lines", 11, text_field(18, number_field(1, 1)), ".Line", 3);
  const std::string currency = text_field(1, "Currency") + text_field(2, text_field(1, "EUR") + number_field(2, 0)) +
                               text_field(2, text_field(1, "USD") + number_field(2, 1));
  const std::string method = text_field(1, "Place") + text_field(2, ".Order") + text_field(3, ".Order");
  return text_field(1, text_field(4, money) + text_field(4, line) + text_field(4, order) + text_field(5, currency) +
                           text_field(6, text_field(1, "Orders") + text_field(2, method)) + text_field(12, "proto3"));
}

std::string order_message(std::size_t size) {
  std::string message = text_field(1, "2eb8aa08-aa98-11ea-b4aa-73b441d16380") + text_field(2, "joe.bloggs@example.com");
  for (unsigned i = 0; message.size() < size; ++i) {
    const std::string price = number_field(1, 1) + double_field(2, i + 0.5);
    message += text_field(3, text_field(1, fmt::format("ABC-{:06}", i % 1000000)) +
                                 text_field(2, fmt::format("Garden chair, folding, oak, number {}", i)) +
                                 number_field(3, i % 9 + 1) + text_field(4, price) + number_field(5, i % 2) +
                                 text_field(6, "garden") + text_field(6, "oak"));
  }
  return message;
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// The median of several rounds.
template <class Work>
void measure(const char* what, const std::string& body, int rounds, Work work) {
  const auto repeats = static_cast<int>(std::max<std::size_t>(1, (16U << 20U) / body.size()));
  work();
  std::vector<double> rates;
  const long before = allocations;
  for (int i = 0; i < rounds; ++i) {
    const double start = cpu_seconds();
    for (int k = 0; k < repeats; ++k) work();
    rates.push_back(static_cast<double>(body.size()) * repeats / (cpu_seconds() - start) / 1e6);
  }
  const long made = allocations - before - 8;  // `rates` itself, about
  std::ranges::sort(rates);
  std::printf("%-22s %8zu bytes %7.0f MB/s (%.0f to %.0f)  %.2f allocations\n", what, body.size(),
              rates[rates.size() / 2], rates.front(), rates.back(),
              std::max(0.0, static_cast<double>(made) / rounds / repeats));
}

}  // namespace

int main(int count, char** words) {
  const int rounds = count > 1 ? std::atoi(words[1]) : 9;
  const auto contract = Contract::read(kContract, "orders.yaml");
  if (!contract) return std::fprintf(stderr, "%s\n", contract.error().message.c_str()), 1;
  const Header header{"content-type", "application/json"};
  const Request request{"POST", "/orders", {&header, 1}, true, std::nullopt};
  for (const std::size_t size : {10U << 10U, (1U << 20U) - 1000U}) {
    const std::string body = order(size);
    Checker checker;
    Json json;
    std::string filtered;
    measure("JSON alone", body, rounds, [&] {
      if (json.read(body)) std::abort();
    });
    const auto admission = contract->admit(request, checker);
    measure("request body", body, rounds, [&] {
      if (contract->check_body(*admission, body, checker)) std::abort();
    });
    const auto plan = contract->plan_response(*admission->operation, 200, header.value, true);
    measure("response, filtered", body, rounds, [&] {
      if (contract->check_response(plan, body, checker, &filtered).failure) std::abort();
    });
  }
  const auto descriptors = ProtobufContract::read(order_descriptors(), "orders.binpb");
  if (!descriptors) return std::fprintf(stderr, "%s\n", descriptors.error().message.c_str()), 1;
  const ProtoMethod& place = *descriptors->method("/Orders/Place");
  for (const std::size_t size : {200U, 10U << 10U, (1U << 20U) - 1000U}) {
    const std::string message = order_message(size);
    const std::string more = message + text_field(9, "secret");
    MessageChecker messages;
    std::string filtered;
    measure("message, request", message, rounds, [&] {
      if (descriptors->check_request(place, message, messages)) std::abort();
    });
    measure("message, answer", message, rounds, [&] {
      if (descriptors->check_response(place, message, messages, &filtered).failure) std::abort();
    });
    measure("message, filtered", more, rounds, [&] {
      if (descriptors->check_response(place, more, messages, &filtered).failure) std::abort();
    });
  }
  Checker checker;
  measure("head alone", std::string(64, ' '), rounds, [&] {
    if (!contract->admit(request, checker)) std::abort();
  });
}

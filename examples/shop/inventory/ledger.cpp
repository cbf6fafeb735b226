#include "ledger.hpp"

#include <cstdio>
#include <utility>

namespace shop {

Ledger::Ledger(Store store) : store_(std::move(store)), thread_([this] { run(); }) {}

Ledger::~Ledger() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void Ledger::submit(Entry entry) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(entry));
  }
  arrived_.notify_one();
}

void Ledger::run() {
  while (true) {
    std::vector<Entry> batch;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      batch.swap(waiting_);
    }
    perform(batch);
  }
}

void Ledger::perform(std::vector<Entry>& batch) {
  bool durable = false;
  try {
    store_.begin();
    for (Entry& entry : batch) entry.change(store_);
    store_.commit();
    durable = true;
  } catch (const StoreError& error) {
    std::fprintf(stderr, "inventory: %s\n", error.what());
    store_.rollback();
  }
  for (Entry& entry : batch) entry.answer(durable);
}

}  // namespace shop

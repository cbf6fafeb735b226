#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "store.hpp"

namespace shop {

// The one thread that works on the store. Whatever waits when it comes round shares one transaction, and so one write
// to the disk: at 64 orders in flight the disk is asked some hundred times a second, not some thousand.
class Ledger {
 public:
  // `answer` runs on the ledger's thread once the change is durable. It gets false where the store failed and nothing
  // of the change remains. Neither may throw, except that `change` may let a StoreError pass.
  struct Entry {
    std::function<void(Store&)> change;
    std::function<void(bool durable)> answer;
  };

  explicit Ledger(Store store);
  ~Ledger();  // answers everything that waits first

  void submit(Entry entry);  // from any thread

 private:
  void run();
  void perform(std::vector<Entry>& batch);

  Store store_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Entry> waiting_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace shop

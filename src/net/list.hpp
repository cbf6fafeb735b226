#pragma once

#include <cassert>
#include <utility>

namespace bulkhead::net {

// A place in an intrusive list; leaves the list by itself when destroyed.
class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { unlink(); }

  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (!linked()) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 private:
  template <class T>
  friend class List;
  Link* prev_ = nullptr;
  Link* next_ = nullptr;
};

// A doubly linked list of T, which derives from Link. Owns nothing; a destroyed list only lets its members go.
template <class T>
class List {
 public:
  List() { head_.prev_ = head_.next_ = &head_; }
  ~List() {
    while (!empty()) front().unlink();
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return head_.next_ == &head_; }
  T& front() { return static_cast<T&>(*head_.next_); }

  void push_back(T& item) {
    Link& link = item;
    assert(!link.linked());
    link.prev_ = head_.prev_;
    link.next_ = &head_;
    head_.prev_->next_ = &link;
    head_.prev_ = &link;
  }

  T& pop_front() {
    T& item = front();
    item.unlink();
    return item;
  }

  // Moves every member of `other` to the end of this list.
  void take_all(List& other) {
    if (other.empty()) return;
    Link* first = other.head_.next_;
    Link* last = other.head_.prev_;
    other.head_.prev_ = other.head_.next_ = &other.head_;
    first->prev_ = head_.prev_;
    head_.prev_->next_ = first;
    last->next_ = &head_;
    head_.prev_ = last;
  }

 private:
  Link head_;
};

}  // namespace bulkhead::net

// What the server keeps, and what its commands do to it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include <ramie/sync/mutex.hpp>

#include "resp.hpp"

/// Texts and lists by their names. Any fiber; each command is one step to all others.
class store {
 public:
  using words = std::vector<std::string>;

  /// Does what the words say, and replies.
  void execute(words const& command, resp::reply_writer& reply);

 private:
  using list = std::deque<std::string>;
  using entry = std::variant<std::string, list>;
  struct command;

  static command const* find(std::string_view name);

  template <class Kind>
  Kind* find_as(std::string const& key);
  void get(words const& given, resp::reply_writer& reply);
  void set(words const& given, resp::reply_writer& reply);
  void set_many(words const& given, resp::reply_writer& reply);
  void add(std::string const& key, std::int64_t difference, resp::reply_writer& reply);
  void push(words const& given, bool left, resp::reply_writer& reply);
  void pop(words const& given, bool left, resp::reply_writer& reply);
  void range(words const& given, resp::reply_writer& reply);

  ramie::mutex mutex_;
  std::unordered_map<std::string, entry> values_;
};

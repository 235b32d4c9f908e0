#include "store.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace {

/// A command that makes no sense; the connection goes on.
struct refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::int64_t to_number(std::string_view text) {
  std::int64_t value = 0;
  auto const [end, failed] = std::from_chars(text.begin(), text.end(), value);
  if (failed != std::errc() || end != text.end()) {
    throw refused("ERR value is not an integer or out of range");
  }
  return value;
}

std::string upper(std::string text) {
  for (char& each : text) each = static_cast<char>(std::toupper(static_cast<unsigned char>(each)));
  return text;
}

}  // namespace

/// `least` to `most` words, its name included; 0: any number.
struct store::command {
  std::size_t least;
  std::size_t most;
  std::function<void(store&, words const&, resp::reply_writer&)> run;
};

store::command const* store::find(std::string_view name) {
  using reply = resp::reply_writer;
  static std::unordered_map<std::string_view, command> const commands = {
      {"PING", {1, 2, [](store&, words const& w, reply& r) {
                  w.size() == 1 ? r.status("PONG") : r.text(w[1]);
                }}},
      {"ECHO", {2, 2, [](store&, words const& w, reply& r) { r.text(w[1]); }}},
      {"GET", {2, 2, &store::get}},
      {"SET", {3, 4, &store::set}},
      {"MSET", {3, 0, &store::set_many}},
      {"INCR", {2, 2, [](store& s, words const& w, reply& r) { s.add(w[1], 1, r); }}},
      {"DECR", {2, 2, [](store& s, words const& w, reply& r) { s.add(w[1], -1, r); }}},
      {"INCRBY",
       {3, 3, [](store& s, words const& w, reply& r) { s.add(w[1], to_number(w[2]), r); }}},
      {"LPUSH", {3, 0, [](store& s, words const& w, reply& r) { s.push(w, true, r); }}},
      {"RPUSH", {3, 0, [](store& s, words const& w, reply& r) { s.push(w, false, r); }}},
      {"LPOP", {2, 3, [](store& s, words const& w, reply& r) { s.pop(w, true, r); }}},
      {"RPOP", {2, 3, [](store& s, words const& w, reply& r) { s.pop(w, false, r); }}},
      {"LRANGE", {4, 4, &store::range}},
      {"LLEN", {2, 2, [](store& s, words const& w, reply& r) {
                  list const* const found = s.find_as<list>(w[1]);
                  r.number(found != nullptr ? static_cast<std::int64_t>(found->size()) : 0);
                }}},
      {"DEL", {2, 0, [](store& s, words const& w, reply& r) {
                 std::int64_t count = 0;
                 for (std::size_t i = 1; i < w.size(); ++i) {
                   count += static_cast<std::int64_t>(s.values_.erase(w[i]));
                 }
                 r.number(count);
               }}},
      {"EXISTS", {2, 0, [](store& s, words const& w, reply& r) {
                    r.number(std::count_if(w.begin() + 1, w.end(), [&](std::string const& key) {
                      return s.values_.contains(key);
                    }));
                  }}},
      {"DBSIZE", {1, 1, [](store& s, words const&, reply& r) {
                    r.number(static_cast<std::int64_t>(s.values_.size()));
                  }}},
      {"FLUSHALL", {1, 2, [](store& s, words const&, reply& r) {
                      s.values_.clear();
                      r.status("OK");
                    }}},
      // What redis-cli and redis-benchmark ask before they begin.
      {"CONFIG", {2, 0, [](store&, words const& w, reply& r) {
                    if (w.size() != 3 || upper(w[1]) != "GET") throw refused("ERR syntax error");
                    r.array(2);
                    r.text(w[2]);
                    r.text("");
                  }}},
      {"COMMAND", {1, 0, [](store&, words const&, reply& r) { r.array(0); }}},
  };
  auto const found = commands.find(name);
  return found == commands.end() ? nullptr : &found->second;
}

void store::execute(words const& given, resp::reply_writer& reply) try {
  command const* const found = find(upper(given[0]));
  if (found == nullptr) throw refused("ERR unknown command '" + given[0].substr(0, 128) + "'");
  if (given.size() < found->least || (found->most != 0 && given.size() > found->most)) {
    throw refused("ERR wrong number of arguments for '" + given[0] + "' command");
  }
  std::lock_guard const guard(mutex_);
  found->run(*this, given, reply);
} catch (refused const& error) {
  reply.error(error.what());
}

/// Null: there is none. Throws if it is something else.
template <class Kind>
Kind* store::find_as(std::string const& key) {
  auto const found = values_.find(key);
  if (found == values_.end()) return nullptr;
  if (Kind* const kind = std::get_if<Kind>(&found->second)) return kind;
  throw refused("WRONGTYPE Operation against a key holding the wrong kind of value");
}

void store::get(words const& given, resp::reply_writer& reply) {
  std::string const* const found = find_as<std::string>(given[1]);
  found != nullptr ? reply.text(*found) : reply.nothing();
}

void store::set(words const& given, resp::reply_writer& reply) {
  std::string const option = given.size() == 4 ? upper(given[3]) : "";
  if (!option.empty() && option != "NX" && option != "XX") throw refused("ERR syntax error");
  bool const there = values_.contains(given[1]);
  if ((option == "NX" && there) || (option == "XX" && !there)) return reply.nothing();
  values_[given[1]] = given[2];
  reply.status("OK");
}

void store::set_many(words const& given, resp::reply_writer& reply) {
  if (given.size() % 2 == 0) throw refused("ERR wrong number of arguments for 'mset' command");
  for (std::size_t i = 1; i < given.size(); i += 2) values_[given[i]] = given[i + 1];
  reply.status("OK");
}

void store::add(std::string const& key, std::int64_t difference, resp::reply_writer& reply) {
  std::string* const found = find_as<std::string>(key);
  std::int64_t value = found != nullptr ? to_number(*found) : 0;
  if (__builtin_add_overflow(value, difference, &value)) {
    throw refused("ERR increment or decrement would overflow");
  }
  values_[key] = std::to_string(value);
  reply.number(value);
}

void store::push(words const& given, bool left, resp::reply_writer& reply) {
  list* found = find_as<list>(given[1]);
  if (found == nullptr) found = &values_[given[1]].emplace<list>();
  for (std::size_t i = 2; i < given.size(); ++i) {
    left ? found->push_front(given[i]) : found->push_back(given[i]);
  }
  reply.number(static_cast<std::int64_t>(found->size()));
}

void store::pop(words const& given, bool left, resp::reply_writer& reply) {
  bool const several = given.size() == 3;
  std::int64_t const wanted = several ? to_number(given[2]) : 1;
  if (wanted < 0) throw refused("ERR value is out of range, must be positive");
  list* const found = find_as<list>(given[1]);
  if (found == nullptr) return several ? reply.array(0) : reply.nothing();
  std::size_t const count = std::min(static_cast<std::size_t>(wanted), found->size());
  if (several) reply.array(count);
  for (std::size_t i = 0; i < count; ++i) {
    reply.text(left ? found->front() : found->back());
    left ? found->pop_front() : found->pop_back();
  }
  if (found->empty()) values_.erase(given[1]);
}

void store::range(words const& given, resp::reply_writer& reply) {
  std::int64_t first = to_number(given[2]);
  std::int64_t last = to_number(given[3]);
  list const* const found = find_as<list>(given[1]);
  auto const size = found != nullptr ? static_cast<std::int64_t>(found->size()) : 0;
  if (first < 0) first = std::max<std::int64_t>(first + size, 0);
  if (last < 0) last += size;
  last = std::min(last, size - 1);
  if (first > last) return reply.array(0);
  reply.array(static_cast<std::size_t>(last - first + 1));
  for (std::int64_t i = first; i <= last; ++i) reply.text((*found)[static_cast<std::size_t>(i)]);
}

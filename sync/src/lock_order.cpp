#include "lock_order.hpp"

#include <execinfo.h>

#include <cstdlib>
#include <iterator>
#include <memory>

namespace ramie::detail {

[[gnu::noinline]] call_site call_site::here() noexcept {
  call_site site;
  site.count_ = ::backtrace(site.frames_.data(), depth);
  return site;
}

std::string call_site::describe() const {
  constexpr int own_frames = 2;  // here(), and who called it
  std::unique_ptr<char*, decltype(&std::free)> const names(
      ::backtrace_symbols(frames_.data(), count_), &std::free);
  std::string lines;
  for (int i = own_frames; names != nullptr && i < count_; ++i) {
    lines += "    ";
    lines += names.get()[i];
    lines += '\n';
  }
  return lines;
}

std::vector<lock_pair> lock_order::find_way(void const* from, void const* to) const {
  // Depth first, but not by recursion: a way may lead through a whole list of locks, and the stack
  // be a fiber's. `open`: the nodes from `from` on to where the search is, and what is left of
  // each.
  struct place {
    decltype(node::next)::const_iterator next;
    decltype(node::next)::const_iterator end;
  };
  std::vector<place> open;
  std::set<void const*> visited;
  auto const enter = [&](void const* at) {
    auto const found = nodes_.find(at);
    if (found == nodes_.end() || !visited.insert(at).second) return;
    open.push_back({found->second.next.begin(), found->second.next.end()});
  };
  enter(from);
  while (!open.empty()) {
    place& last = open.back();
    if (last.next == last.end) {
      open.pop_back();
      continue;
    }
    void const* const next = (last.next++)->first;
    if (next != to) {
      enter(next);
      continue;
    }
    std::vector<lock_pair> way;
    for (place const& each : open) way.push_back(std::prev(each.next)->second);
    return way;
  }
  return {};
}

std::vector<lock_pair> lock_order::add(lock_pair const& pair) {
  void const* const first = pair.first.lock;
  void const* const second = pair.second.lock;
  if (!nodes_[first].next.try_emplace(second, pair).second) return {};
  nodes_[second].previous.insert(first);
  return find_way(second, first);
}

void lock_order::forget(void const* lock) {
  auto const found = nodes_.find(lock);
  if (found == nodes_.end()) return;
  for (auto const& [next, pair] : found->second.next) nodes_[next].previous.erase(lock);
  for (void const* const previous : found->second.previous) nodes_[previous].next.erase(lock);
  nodes_.erase(lock);
}

}  // namespace ramie::detail

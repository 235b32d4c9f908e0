#include "lock_order.hpp"

#include <execinfo.h>

#include <cstdlib>
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

bool lock_order::find_way(void const* from, void const* to, std::set<void const*>& visited,
                          std::vector<lock_pair>& way) const {
  auto const found = nodes_.find(from);
  if (found == nodes_.end() || !visited.insert(from).second) return false;
  for (auto const& [next, pair] : found->second.next) {
    way.push_back(pair);
    if (next == to || find_way(next, to, visited, way)) return true;
    way.pop_back();
  }
  return false;
}

std::vector<lock_pair> lock_order::add(lock_pair const& pair) {
  void const* const first = pair.first.lock;
  void const* const second = pair.second.lock;
  std::vector<lock_pair> way;
  if (nodes_[first].next.try_emplace(second, pair).second) {
    nodes_[second].previous.insert(first);
    std::set<void const*> visited;
    find_way(second, first, visited, way);
  }
  return way;
}

void lock_order::forget(void const* lock) {
  auto const found = nodes_.find(lock);
  if (found == nodes_.end()) return;
  for (auto const& [next, pair] : found->second.next) nodes_[next].previous.erase(lock);
  for (void const* const previous : found->second.previous) nodes_[previous].next.erase(lock);
  nodes_.erase(lock);
}

}  // namespace ramie::detail

// The limit of any fiber library on Boost.Context: the bare switch.
#include <boost/context/detail/fcontext.hpp>

#include <boost/context/fixedsize_stack.hpp>
#include <cstdint>

#include "bench.hpp"

namespace {

namespace context = boost::context::detail;

void jump_back_forever(context::transfer_t from) {
  for (auto count = reinterpret_cast<std::uint64_t*>(from.data);; ++*count) {
    from = context::jump_fcontext(from.fctx, nullptr);
  }
}

bench::result yield(bench::options const& chosen) {
  boost::context::fixedsize_stack stacks;
  auto stack = stacks.allocate();
  std::uint64_t count = 0;
  context::transfer_t there{context::make_fcontext(stack.sp, stack.size, jump_back_forever),
                            nullptr};
  bench::stopwatch const watch;
  for (std::uint64_t i = 0; i < chosen.n / 2; ++i)
    there = context::jump_fcontext(there.fctx, &count);
  auto const found = bench::per_item(watch, chosen.n);
  stacks.deallocate(stack);
  bench::check(count + 1 == chosen.n / 2, "every jump arrives");
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main("raw_jump", {{"yield", yield}}, argc, argv);
}

// A server among peers that are slow, silent, half gone or killed, each in a process of its own
// (rude_peer.cpp): what it has acknowledged it has delivered, once and in order; who does not go on
// is left by a deadline, alone; and who does not read is not read from.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ramie/io/buffered_reader.hpp>
#include <ramie/io/buffered_writer.hpp>
#include <ramie/io/error.hpp>
#include <ramie/io/process.hpp>
#include <ramie/io/tcp_listener.hpp>
#include <ramie/io/tls_stream.hpp>
#include <ramie/io/unix_listener.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/task_group.hpp>
#include <ramie/sync/event.hpp>

#include "../support/fibers.hpp"
#include "certificates.hpp"
#include "rude_protocol.hpp"
#include "temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using ramie::deadline_scope;
using ramie::io::buffered_reader;
using ramie::io::buffered_writer;
using ramie::io::duplex_stream;
using ramie::io::process;
using ramie::io::standard_stream;
using ramie::io::tls_context;
using ramie::io::tls_stream;
namespace rude = ramie::test::rude;

RAMIE_TEST_WITH_WORKERS(RudePeers);

// --- the peers

constexpr std::uint32_t endless = 0xffff'ffff;

/// A kind of peer, as rude_peer.cpp knows it by its name.
struct manner {
  std::string_view name;
  std::uint32_t records;
  std::uint32_t largest_payload;
  std::uint32_t largest_block;
};

constexpr manner polite{"polite", 60, 20'000, 3'000};
constexpr manner slow_writer{"slow_writer", 12, 150, 100};
constexpr manner slow_reader{"slow_reader", 100, 100, 20'000};
constexpr manner half_close{"half_close", 40, 3'000, 3'000};
constexpr manner silent{"silent", 5, 5'000, 300};
constexpr manner vanishing{"vanishing", endless, 100, 20'000};
constexpr manner reset{"reset", 30, 3'000, 300};
constexpr manner killed{"killed", endless, 3'000, 3'000};
constexpr manner leaves{"leaves", 0, 0, 0};

/// Of slow_reader's and vanishing's records: with their blocks, some 500 KB, all buffers on the way
/// to who does not read are full.
constexpr std::size_t most_ahead = 50;

struct peer {
  peer(manner const& what, std::size_t number, std::string_view over, std::mt19937_64& random)
      : how(what),
        transport(over),
        records{.peer = static_cast<std::uint32_t>(number),
                .seed = random(),
                .largest_payload = what.largest_payload,
                .largest_block = what.largest_block},
        kill_after(rude::below(random, 3) == 0 ? 0 : rude::below(random, 40)) {}

  bool is(manner const& what) const { return how.name == what.name; }

  manner const how;
  std::string_view const transport;
  rude::script const records;
  std::size_t const kill_after;  // acknowledgements

  // By the fiber of its connection:
  bool is_known = false;
  std::vector<std::uint32_t> delivered{};
  std::size_t delivered_when_held_back = endless;
  ramie::event held_back{};  // set in the end, too
  std::error_code ending{};  // none: between two records

  // By the fiber of its program:
  std::vector<std::uint32_t> acknowledged{};
  ramie::io::exit_status status{};
};

using peers = std::vector<std::unique_ptr<peer>>;

// --- the server

class record_server {
 public:
  explicit record_server(peers& known) : known_(known) {}

  /// Until the peer's end, or a deadline.
  void serve(duplex_stream& stream) {
    buffered_reader in(stream);
    std::error_code error;
    std::string_view const hello = in.read_count(sizeof(std::uint32_t), error);
    if (error) return;  // It has left before it said who it is.
    auto const number = rude::head_of<std::uint32_t>(hello);
    ASSERT_LT(number, known_.size());
    peer& with = *known_[number];
    ASSERT_FALSE(with.is_known);
    with.is_known = true;
    buffered_writer out(stream, 8192);
    with.ending = converse(with, in, out);
    if (!with.ending) stream.shutdown_write(error);
    note_held_back(with);
  }

 private:
  static std::error_code converse(peer& with, buffered_reader& in, buffered_writer& out) {
    for (;;) {
      std::error_code error;
      if (!has_record(in.buffered())) {
        write(with, error, [&] { out.flush(error); });
      }
      if (error) return error;
      deadline_scope const limit(patience_to_read(with));
      std::string_view const start = in.read_count(sizeof(rude::record_head), error);
      if (error == ramie::io::errc::end_of_stream && in.buffered().empty()) return {};
      if (error) return error;
      auto const head = rude::head_of<rude::record_head>(start);
      std::string_view const payload = in.read_count(head.payload_size, error);
      if (error) return error;
      if (rude::bytes_of(head).append(payload) != rude::record(with.records, head.sequence)) {
        return std::make_error_code(std::errc::bad_message);
      }
      with.delivered.push_back(head.sequence);
      std::string const answer =
          rude::acknowledgement(with.records, head.sequence, head.block_size);
      std::size_t written = 0;
      write(with, error,
            [&] { written += out.write_all(std::string_view(answer).substr(written), error); });
      if (error) return error;
    }
  }

  static bool has_record(std::string_view bytes) {
    return bytes.size() >= sizeof(rude::record_head) &&
           bytes.size() - sizeof(rude::record_head) >=
               rude::head_of<rude::record_head>(bytes).payload_size;
  }

  /// Calls `attempt` without waiting, or within a moment for a peer that reads nothing yet, to
  /// notice that it does not read; then again to go on.
  template <class Attempt>
  static void write(peer& to, std::error_code& error, Attempt attempt) {
    bool const is_tried = to.is(slow_reader) && to.delivered_when_held_back == endless;
    {
      deadline_scope const moment(is_tried ? 20ms : 0ms);
      attempt();
    }
    if (error != std::errc::timed_out) return;
    note_held_back(to);
    deadline_scope const limit(patience_to_write(to));
    attempt();
  }

  static void note_held_back(peer& whom) {
    if (whom.delivered_when_held_back != endless) return;
    whom.delivered_when_held_back = whom.delivered.size();
    whom.held_back.set();
  }

  // Deadlines for those only who never go on: whoever does may take as long as a busy machine lets
  // it.
  static std::chrono::nanoseconds patience_to_read(peer const& from) {
    return from.is(silent) && from.delivered.size() == from.how.records ? 50ms
                                                                        : ramie::test::forever;
  }
  static std::chrono::nanoseconds patience_to_write(peer const& to) {
    return to.is(vanishing) ? 50ms : ramie::test::forever;
  }

  peers& known_;
};

/// Calls serve(stream) on a fiber of `connections` for each connection, until the listener is
/// closed.
template <class Listener, class Serve>
void accept_all(Listener& listener, ramie::task_group& connections, Serve serve) {
  for (;;) {
    std::error_code error;
    auto stream = listener.accept(error);
    if (error) {
      EXPECT_TRUE(error == std::errc::operation_canceled || error == std::errc::bad_file_descriptor)
          << error.message();
      return;
    }
    // Else the kernel would take whatever is written.
    int const size = 16 * 1024;
    EXPECT_EQ(::setsockopt(stream.native_handle(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    connections.spawn([serve, stream = std::move(stream)]() mutable { serve(stream); });
  }
}

// --- both together

/// Certificates take their time, so they are made once.
struct identities {
  ramie::test::temporary_folder folder;
  ramie::test::identity const authority = ramie::test::make_authority(folder.file(""), "authority");
  ramie::test::identity const server =
      ramie::test::make_certificate(folder.file(""), "server", authority, {"IP:127.0.0.1"});
};

identities const& all_identities() {
  static identities const made;
  return made;
}

/// Runs the program of one peer, and does to it what belongs to its kind.
void run_program(peer& one, std::string const& address) {
  process program = process::spawn(
      {RAMIE_RUDE_PEER, std::string(one.how.name), std::string(one.transport), address,
       all_identities().authority.certificate, std::to_string(one.records.peer),
       std::to_string(one.records.seed), std::to_string(one.records.largest_payload),
       std::to_string(one.records.largest_block), std::to_string(one.how.records)},
      {.input = standard_stream::piped, .output = standard_stream::piped});
  if (one.is(killed) && one.kill_after == 0) program.kill(SIGKILL);
  if (one.is(slow_reader)) {
    one.held_back.wait();  // It has read nothing so far.
    program.input().write_all("!");
  }
  buffered_reader reports(program.output());
  while (auto const line = reports.read_line()) {
    one.acknowledged.push_back(static_cast<std::uint32_t>(std::stoul(std::string(*line))));
    if (one.is(killed) && one.acknowledged.size() == one.kill_after) program.kill(SIGKILL);
  }
  one.status = program.wait();
}

/// Serves all of them at once, until the last one is gone.
void serve_all(peers& all) {
  ramie::test::temporary_folder const folder;
  tls_context const context =
      tls_context::server({.certificate_chain = all_identities().server.certificate,
                           .private_key = all_identities().server.key});
  record_server server(all);
  auto on_tcp = ramie::io::tcp_listener::bind("127.0.0.1", 0);
  auto on_unix = ramie::io::unix_listener::bind(folder.file("socket"));
  auto on_tls = ramie::io::tcp_listener::bind("127.0.0.1", 0);
  ramie::task_group connections;
  ramie::task_group accepting;
  auto const serve = [&](auto& stream) { server.serve(stream); };
  accepting.spawn([&] { accept_all(on_tcp, connections, serve); });
  accepting.spawn([&] { accept_all(on_unix, connections, serve); });
  accepting.spawn([&] {
    accept_all(on_tls, connections, [&](ramie::io::tcp_stream& stream) {
      std::error_code error;
      auto secure = tls_stream::accept(context, std::move(stream), error);
      if (!error) server.serve(secure);
    });
  });
  ramie::task_group programs;
  for (auto const& one : all) {
    std::string const address =
        one->transport == "unix"
            ? folder.file("socket")
            : std::to_string((one->transport == "tls" ? on_tls : on_tcp).local_address().port());
    programs.spawn([&one, address] { run_program(*one, address); });
  }
  programs.wait();
  on_tcp.close();
  on_unix.close();
  on_tls.close();
  accepting.wait();
  connections.wait();  // Each ends by itself: its peer is gone.
}

std::vector<std::uint32_t> numbers_below(std::size_t count) {
  std::vector<std::uint32_t> result(count);
  std::iota(result.begin(), result.end(), 0U);
  return result;
}

void check(peer const& one) {
  SCOPED_TRACE(std::string(one.how.name) + " over " + std::string(one.transport) + ", number " +
               std::to_string(one.records.peer) + ", to be killed after " +
               std::to_string(one.kill_after));
  std::string const ending = one.ending.message();
  EXPECT_EQ(one.delivered, numbers_below(one.delivered.size()));
  EXPECT_EQ(one.acknowledged, numbers_below(one.acknowledged.size()));
  EXPECT_LE(one.acknowledged.size(), one.delivered.size());
  EXPECT_LE(one.delivered.size(), one.how.records);
  EXPECT_NE(one.ending, std::errc::bad_message);
  EXPECT_EQ(one.status.signal, one.is(killed) ? SIGKILL : 0);
  EXPECT_EQ(one.status.code, 0);
  EXPECT_EQ(one.ending == std::errc::timed_out, one.is(silent) || one.is(vanishing)) << ending;
  if (one.is(polite) || one.is(slow_writer) || one.is(slow_reader) || one.is(half_close)) {
    EXPECT_EQ(one.delivered.size(), one.how.records);
    EXPECT_EQ(one.acknowledged.size(), one.how.records);
    EXPECT_FALSE(one.ending) << ending;
  } else if (one.is(silent)) {
    EXPECT_EQ(one.delivered.size(), one.how.records);
  } else if (one.is(reset) && one.is_known) {
    EXPECT_TRUE(one.ending);
  }
  if (one.is(slow_reader)) {
    EXPECT_LE(one.delivered_when_held_back, most_ahead);
  }
  if (one.is(vanishing)) {
    EXPECT_LE(one.delivered.size(), most_ahead);
    EXPECT_TRUE(one.acknowledged.empty());
  }
}

std::ptrdiff_t open_descriptors() {
  using std::filesystem::directory_iterator;
  return std::distance(directory_iterator("/proc/self/fd"), directory_iterator());
}

/// Peers of these kinds at once, each over every transport.
void meet(unsigned workers, std::vector<manner> const& kinds) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  std::printf("seed %u\n", seed);
  std::fflush(stdout);  // A run that has no end tells it, too.
  std::mt19937_64 random(seed);
  all_identities();
  peers all;
  for (manner const& kind : kinds) {
    for (std::string_view const transport : {"tcp", "unix", "tls"}) {
      all.push_back(std::make_unique<peer>(kind, all.size(), transport, random));
    }
  }
  std::ptrdiff_t const descriptors = open_descriptors();
  {
    ramie::runtime here({.workers = workers});
    here.run([&] {
      serve_all(all);
      // One that is never gone makes the test run into its time limit; the count follows a join.
      while (here.metrics().live_fibers != 1) ramie::this_fiber::yield();
    });
  }
  EXPECT_EQ(open_descriptors(), descriptors);
  for (auto const& one : all) check(*one);
}

TEST_P(RudePeers, PoliteOnesAreServed) {
  meet(GetParam(), {polite, polite});
}

TEST_P(RudePeers, SlowWritersAreWaitedFor) {
  meet(GetParam(), {slow_writer, slow_writer});
}

TEST_P(RudePeers, SlowReadersHoldTheServersReaderBack) {
  meet(GetParam(), {slow_reader, polite});
}

TEST_P(RudePeers, HalfClosedOnesGetTheRest) {
  meet(GetParam(), {half_close, half_close});
}

TEST_P(RudePeers, SilentOnesAreLeftAlone) {
  meet(GetParam(), {silent, polite});
}

TEST_P(RudePeers, ThoseWhoNeverReadAreLeftAlone) {
  meet(GetParam(), {vanishing, polite});
}

TEST_P(RudePeers, ResetsEndTheirConnectionsOnly) {
  meet(GetParam(), {reset, reset, reset, polite});
}

TEST_P(RudePeers, KilledOnesHaveGotNoFalseWord) {
  meet(GetParam(), {killed, killed, killed, killed, polite});
}

TEST_P(RudePeers, SomeLeaveAtOnce) {
  meet(GetParam(), {leaves, leaves, leaves, polite});
}

TEST_P(RudePeers, AllKindsAtOnce) {
  meet(GetParam(),
       {polite, slow_writer, slow_reader, half_close, silent, vanishing, reset, killed, leaves});
}

}  // namespace

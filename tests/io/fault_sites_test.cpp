// Every system call that io makes, refused in every way that a program meets: the error comes back
// typed and as the kernel put it, an interruption goes unnoticed, a call that would block is waited
// for, and the next attempt works. fault_sites.py counts the calls in io/src and compares.
#include <fcntl.h>
#include <signal.h>

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <ramie/io/file.hpp>
#include <ramie/io/pipe.hpp>
#include <ramie/io/process.hpp>
#include <ramie/io/select.hpp>
#include <ramie/io/signal_set.hpp>
#include <ramie/io/udp_socket.hpp>
#include <ramie/io/unix_datagram_socket.hpp>
#include <ramie/io/unix_listener.hpp>
#include <ramie/io/unix_stream.hpp>
#include <ramie/io/wait.hpp>
#include <ramie/sched/select.hpp>

#include "kernel.hpp"
#include "sockets.hpp"
#include "temporary_folder.hpp"

namespace {

using namespace ramie::io;
using ramie::test::code_of;
using ramie::test::connect_pair;
using ramie::test::kernel;
using ramie::test::kernel_call;
using ramie::test::on_fiber_and_thread;

/// Something that makes the call once, and can be tried again and again.
using attempt = std::function<std::error_code()>;

struct site {
  char const* name;
  kernel_call& call;
  attempt try_it;
  std::vector<int> errors;
  bool restarts = false;  // after EINTR
  bool waits = false;     // after EAGAIN
};

void expect_all(std::vector<site> const& sites) {
  for (site const& each : sites) {
    auto const refused = [&](int error, int times = 1) {
      int const before = each.call.calls();
      each.call.fail(error, times);
      std::error_code const got = each.try_it();
      EXPECT_GE(each.call.calls() - before, times) << each.name << " is not called";
      return got;
    };
    ASSERT_FALSE(each.try_it()) << each.name;
    for (int const error : each.errors) {
      EXPECT_EQ(refused(error), std::error_code(error, std::system_category())) << each.name;
      EXPECT_FALSE(each.try_it()) << each.name << " after " << error;
    }
    EXPECT_FALSE(each.restarts && refused(EINTR, 3)) << each.name;
    EXPECT_FALSE(each.waits && refused(EAGAIN)) << each.name;
  }
}

/// The attempt that calls f, which throws std::system_error.
template <class F>
attempt throwing(F f) {
  return [f] { return code_of(f); };
}

TEST(FaultSites, OfStreamSockets) {
  on_fiber_and_thread([] {
    auto listener = tcp_listener::bind("127.0.0.1", 0);
    auto pair = connect_pair();
    auto const bring = [&pair] { pair.client.write_all("x"); };
    std::array<char, 4> room;
    std::array<mutable_buffer, 2> const rooms{std::span(room).first(1), std::span(room).subspan(1)};
    std::array<const_buffer, 2> const parts{"a", "b"};
    ramie::test::temporary_folder folder;
    file source = file::open(folder.file("one"), {.write = true, .create = true});
    source.write_all("x");
    std::array<char, 1 << 16> rest;
    auto const drain = [&] { pair.server.read_some(rest); };
    expect_all({
        {"socket",
         kernel.socket,
         throwing([&] { tcp_listener::bind("127.0.0.1", 0); }),
         {EMFILE, ENFILE, ENOBUFS, ENOMEM}},
        {"setsockopt",
         kernel.setsockopt,
         throwing([&] { pair.client.set_no_delay(true); }),
         {ENOMEM},
         true},
        {"bind",
         kernel.bind,
         throwing([&] { tcp_listener::bind("127.0.0.1", 0); }),
         {EADDRINUSE, EACCES, ENOMEM}},
        {"listen",
         kernel.listen,
         throwing([&] { tcp_listener::bind("127.0.0.1", 0); }),
         {EADDRINUSE}},
        {"getsockname", kernel.getsockname, throwing([&] { listener.local_address(); }), {ENOBUFS}},
        {"connect",
         kernel.connect,
         throwing([&] { tcp_stream::connect(listener.local_address()); }),
         {ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, ENOBUFS, ENOMEM, EAGAIN}},
        {"accept4",
         kernel.accept4,
         throwing([&] {
           auto const client = tcp_stream::connect(listener.local_address());
           listener.accept();
         }),
         {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM},
         true,
         true},
        {"recv",
         kernel.recv,
         throwing([&] {
           bring();
           pair.server.read_some(room);
         }),
         {ECONNRESET, ENOMEM, ENOBUFS, ETIMEDOUT},
         true,
         true},
        {"recvmsg",
         kernel.recvmsg,
         throwing([&] {
           bring();
           pair.server.read_some(rooms);
         }),
         {ECONNRESET, ENOMEM, ENOBUFS, ETIMEDOUT},
         true,
         true},
        {"send",
         kernel.send,
         throwing([&] { pair.client.write_some("x"); }),
         {EPIPE, ECONNRESET, ENOMEM, ENOBUFS},
         true,
         true},
        {"sendmsg",
         kernel.sendmsg,
         throwing([&] { pair.client.write_some(parts); }),
         {EPIPE, ECONNRESET, ENOMEM, ENOBUFS},
         true,
         true},
        {"sendfile",
         kernel.sendfile,
         throwing([&] { pair.client.send_file(source, 0, 1); }),
         {EPIPE, ECONNRESET, EIO, ENOMEM},
         true,
         true},
        {"shutdown",
         kernel.shutdown,
         throwing([&] { pair.client.shutdown_write(); }),
         {ENOTCONN, ENOBUFS},
         true},
    });
    drain();
  });
}

TEST(FaultSites, OfConnectsThatWait) {
  on_fiber_and_thread([] {
    // Its backlog is full, so that the answer comes when there is room.
    auto listener = tcp_listener::bind("127.0.0.1", 0);
    expect_all({{"getsockopt",
                 kernel.getsockopt,
                 throwing([&] {
                   kernel.connect.interrupt();  // Made, and to be waited for.
                   tcp_stream::connect(listener.local_address());
                 }),
                 {ENOBUFS, ECONNREFUSED}}});
  });
}

TEST(FaultSites, OfUnixSockets) {
  on_fiber_and_thread([] {
    ramie::test::temporary_folder folder;
    std::string const path = folder.file("socket");
    auto listener = unix_listener::bind(path);
    auto pair = unix_stream::pair();
    auto datagrams = unix_datagram_socket::pair();
    std::array<char, 4> room;
    std::array<int, 1> const sent{listener.native_handle()};
    std::vector<owned_descriptor> got;
    int number = 0;
    auto const anew = [&] { unix_listener::bind(folder.file("other") + std::to_string(++number)); };
    expect_all({
        {"socketpair", kernel.socketpair, throwing([] { unix_stream::pair(); }), {EMFILE, ENFILE}},
        {"bind", kernel.bind, throwing(anew), {EACCES, ENOSPC, EROFS}},
        {"listen", kernel.listen, throwing(anew), {EADDRINUSE}},
        {"connect",
         kernel.connect,
         throwing([&] { unix_stream::connect(path); }),
         {ECONNREFUSED, EACCES, ENOMEM},
         false,
         true},
        {"getsockopt",
         kernel.getsockopt,
         throwing([&] { pair.first.peer_credentials(); }),
         {ENOBUFS}},
        {"sendmsg",
         kernel.sendmsg,
         throwing([&] { pair.first.write_descriptors("x", sent); }),
         {EPIPE, ETOOMANYREFS, ENOMEM},
         true,
         true},
        {"sendmsg of a datagram",
         kernel.sendmsg,
         throwing([&] {
           datagrams.first.send_descriptors("x", sent);
           datagrams.second.receive(room);
         }),
         {EPIPE, ECONNREFUSED, ETOOMANYREFS, ENOMEM, ENOBUFS},
         true,
         true},
        {"recvmsg",
         kernel.recvmsg,
         throwing([&] {
           pair.first.write_all("x");
           pair.second.read_descriptors(room, got);
         }),
         {ECONNRESET, ENOMEM},
         true,
         true},
    });
  });
}

// The probe of a stale socket: what can't be found out leaves it alone.
TEST(FaultSites, OfAStaleSocket) {
  ramie::test::temporary_folder folder;
  std::string const path = folder.file("socket");
  { auto const stale = unix_listener::bind(path); }
  for (int const error : {EACCES, EAGAIN, ENOMEM}) {
    kernel.connect.fail(error);
    EXPECT_EQ(code_of([&] { unix_listener::bind(path); }), std::errc::address_in_use);
  }
  EXPECT_TRUE(unix_listener::bind(path).is_open());
  // A folder that somebody else has locked is waited for, some tens of milliseconds.
  kernel.flock.fail(EWOULDBLOCK);
  EXPECT_TRUE(unix_listener::bind(path).is_open());
  kernel.flock.fail(EWOULDBLOCK, 1000);
  EXPECT_EQ(code_of([&] { unix_listener::bind(path); }), std::errc::address_in_use);
  EXPECT_TRUE(unix_listener::bind(folder.file("new")).is_open());
  kernel.flock.fail(0, 0);
  // One that nobody can lock is done without.
  kernel.flock.fail(ENOLCK);
  EXPECT_TRUE(unix_listener::bind(path).is_open());
  kernel.open.fail(EACCES);
  EXPECT_TRUE(unix_listener::bind(path).is_open());
}

TEST(FaultSites, OfDatagrams) {
  on_fiber_and_thread([] {
    auto server = udp_socket::bind("127.0.0.1", 0);
    auto client = udp_socket::connect(server.local_address());
    std::array<char, 4> room;
    std::array<udp_socket::incoming, 1> in{udp_socket::incoming{room}};
    std::array<udp_socket::outgoing, 1> const out{udp_socket::outgoing{"x"}};
    expect_all({
        {"bind",
         kernel.bind,
         throwing([] { udp_socket::bind("127.0.0.1", 0); }),
         {EADDRINUSE, EACCES}},
        {"sendto",
         kernel.sendto,
         throwing([&] { client.send("x"); }),
         {ECONNREFUSED, ENOBUFS, ENOMEM, EMSGSIZE, EPERM},
         true,
         true},
        {"sendmmsg",
         kernel.sendmmsg,
         throwing([&] { client.send_batch(out); }),
         {ECONNREFUSED, ENOBUFS, ENOMEM, EMSGSIZE, EPERM},
         true,
         true},
        {"recvmsg",
         kernel.recvmsg,
         throwing([&] {
           client.send("x");
           server.receive(room);
         }),
         {ECONNREFUSED, ENOMEM, ENOBUFS},
         true,
         true},
        {"recvmmsg",
         kernel.recvmmsg,
         throwing([&] {
           client.send("x");
           server.receive_batch(in);
         }),
         {ECONNREFUSED, ENOMEM, ENOBUFS},
         true,
         true},
    });
  });
}

TEST(FaultSites, OfPipes) {
  on_fiber_and_thread([] {
    ramie::io::pipe tube = ramie::io::pipe::open();
    std::array<char, 4> room;
    expect_all({
        {"pipe2",
         kernel.pipe2,
         throwing([] { ramie::io::pipe::open(); }),
         {EMFILE, ENFILE, ENOMEM}},
        {"writev",
         kernel.writev,
         throwing([&] { tube.writer.write_some("x"); }),
         {EPIPE, EIO},
         true,
         true},
        {"readv",
         kernel.readv,
         throwing([&] {
           tube.writer.write_all("x");
           tube.reader.read_some(room);
         }),
         {EIO, ENOMEM},
         true,
         true},
    });
  });
}

TEST(FaultSites, OfWaits) {
  on_fiber_and_thread([] {
    ramie::io::pipe tube = ramie::io::pipe::open();
    int const fd = tube.writer.native_handle();
    expect_all({
        {"fcntl", kernel.fcntl, throwing([&] { wait_writable(fd); }), {EBADF}},
        {"poll",
         kernel.poll,
         throwing([&] { ramie::select(ramie::on_writable(tube.writer, ramie::test::nothing)); }),
         {ENOMEM, EINVAL},
         true},
    });
  });
}

TEST(FaultSites, OfFiles) {
  on_fiber_and_thread([] {
    ramie::test::temporary_folder folder;
    std::string const path = folder.file("one");
    file one = file::open(path, {.write = true, .create = true});
    one.write_all("some text");
    std::array<char, 4> room;
    expect_all({
        {"open",
         kernel.open,
         throwing([&] { file::open(path); }),
         {EMFILE, ENFILE, ENOMEM, EACCES, ELOOP},
         true},
        {"preadv2", kernel.preadv2, throwing([&] { one.read_exact_at(0, room); }), {}, true},
        {"pwritev2",
         kernel.pwritev2,
         throwing([&] { one.write_all_at(0, "x"); }),
         {ENOSPC, EDQUOT, EIO, EFBIG},
         true},
        {"fdatasync", kernel.fdatasync, throwing([&] { one.sync_data(); }), {EIO, ENOSPC}, true},
        {"fsync", kernel.fsync, throwing([&] { one.sync(); }), {EIO, ENOSPC}, true},
        {"ftruncate", kernel.ftruncate, throwing([&] { one.resize(9); }), {EFBIG, EIO}, true},
        {"fstat", kernel.fstat, throwing([&] { one.status(); }), {ENOMEM, EOVERFLOW}},
        {"lseek", kernel.lseek, throwing([&] { one.seek(0); }), {EINVAL, ESPIPE}},
        {"stat", kernel.stat, throwing([&] { file_status::of(path); }), {ENOMEM, ELOOP, EACCES}},
        {"opendir",
         kernel.opendir,
         throwing([&] { list_directory(folder.file("")); }),
         {EMFILE, ENFILE, ENOMEM},
         true},
        {"readdir", kernel.readdir, throwing([&] { list_directory(folder.file("")); }), {EIO}},
    });
    // Whether it may raise SIGPIPE then can't be told, and nothing comes of that.
    kernel.fstat.fail(ENOMEM);
    file::open(path, {.write = true}).write_all("some");
    // Without waiting, and then, as it would have to wait, where it may.
    for (int const error : {EIO, ENOMEM}) {
      kernel.preadv2.fail(error, 2);
      EXPECT_EQ(code_of([&] { one.read_some_at(0, room); }),
                std::error_code(error, std::system_category()));
    }
    for (int const error : {EAGAIN, EOPNOTSUPP}) {
      kernel.preadv2.fail(error);
      EXPECT_EQ(one.read_some_at(0, room), 4U);
    }
  });
}

TEST(FaultSites, OfSignalsAndProcesses) {
  on_fiber_and_thread([] {
    process ended = process::spawn({"true"});
    expect_all({
        {"eventfd",
         kernel.eventfd,
         throwing([] { signal_set({SIGUSR1}); }),
         {EMFILE, ENFILE, ENOMEM}},
        {"pipe2",
         kernel.pipe2,
         throwing([] { process::spawn({"true"}, {.output = standard_stream::piped}).wait(); }),
         {EMFILE, ENFILE}},
        {"posix_spawnp",
         kernel.posix_spawnp,
         throwing([] { process::spawn({"true"}).wait(); }),
         {EAGAIN, ENOMEM, E2BIG}},
        {"waitid", kernel.waitid, throwing([] { process::spawn({"true"}).wait(); }), {}, true},
    });
    kernel.waitid.fail(ECHILD);
    EXPECT_EQ(code_of([&] { ended.wait(); }), std::errc::no_child_process);
    EXPECT_TRUE(ended.wait());
  });
}

/// All reads and writes take one byte at a time while this lives.
struct short_counts {
  short_counts() { kernel.short_counts = true; }
  short_counts(short_counts const&) = delete;
  short_counts& operator=(short_counts const&) = delete;
  ~short_counts() { kernel.short_counts = false; }
};

TEST(FaultSites, ShortCountsLoseNothing) {
  on_fiber_and_thread([] {
    ramie::test::temporary_folder folder;
    short_counts const one_byte_at_a_time;
    std::string const text = "a text of some length";
    std::array<const_buffer, 3> const parts{"head ", "", text};
    std::string const all = "head " + text;
    auto const carries = [&](output_stream& to, input_stream& from) {
      std::string got(text.size(), '?');
      to.write_all(text);
      from.read_exact(got);
      EXPECT_EQ(got, text);
      to.write_all(parts);
      got.assign(all.size(), '?');
      from.read_exact(got);
      EXPECT_EQ(got, all);
    };
    auto pair = connect_pair();
    carries(pair.client, pair.server);
    auto local = unix_stream::pair();
    carries(local.first, local.second);
    ramie::io::pipe tube = ramie::io::pipe::open();
    carries(tube.writer, tube.reader);
    file out = file::open(folder.file("one"), {.write = true, .create = true});
    file in = file::open(folder.file("one"));
    carries(out, in);
    out.write_all_at(2, "12345");
    std::string got(5, '?');
    in.read_exact_at(2, got);
    EXPECT_EQ(got, "12345");
    EXPECT_EQ(read_file(folder.file("one")).size(), text.size() + all.size());
    EXPECT_EQ(pair.client.send_file(in, 0, text.size()), text.size());
    got.assign(text.size(), '?');
    pair.server.read_exact(got);
    EXPECT_EQ(got, read_file(folder.file("one")).substr(0, text.size()));
    auto server = udp_socket::bind("127.0.0.1", 0);
    auto client = udp_socket::connect(server.local_address());
    std::array<udp_socket::outgoing, 2> const out_batch{udp_socket::outgoing{"a"},
                                                        udp_socket::outgoing{"b"}};
    EXPECT_EQ(client.send_batch(out_batch), 1U);
    EXPECT_EQ(client.send_batch(std::span(out_batch).subspan(1)), 1U);
  });
}

}  // namespace

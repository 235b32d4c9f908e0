#include <ramie/io/tls_stream.hpp>

#include <openssl/ssl.h>

#include <chrono>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include <ramie/io/buffered_reader.hpp>
#include <ramie/io/buffered_writer.hpp>
#include <ramie/io/copy.hpp>
#include <ramie/io/unix_stream.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>

#include "certificates.hpp"
#include "sockets.hpp"
#include "temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using ramie::spawn;
using ramie::io::tls_context;
using ramie::io::tls_errc;
using ramie::io::tls_stream;
using ramie::test::code_of;
using ramie::test::connect_pair;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::settle;

RAMIE_TEST_WITH_WORKERS(TlsStress);

/// An authority, and what it has signed. Made once: keys take their time.
struct certificates {
  ramie::test::temporary_folder folder;
  std::string const path = folder.file("");
  ramie::test::identity const authority = ramie::test::make_authority(path, "authority");
  ramie::test::identity const stranger = ramie::test::make_authority(path, "stranger");
  ramie::test::identity const server = ramie::test::make_certificate(
      path, "server", authority, {"server.example", "localhost", "IP:127.0.0.1", "IP:::1"});
  ramie::test::identity const expired =
      ramie::test::make_certificate(path, "expired", authority, {"server.example"}, -1);
  ramie::test::identity const client =
      ramie::test::make_certificate(path, "client", authority, {"client.example"});
};

certificates const& all() {
  static certificates const made;
  return made;
}

ramie::io::tls_server_options server_of(ramie::test::identity const& identity) {
  return {.certificate_chain = identity.certificate, .private_key = identity.key};
}

tls_context a_server() {
  return tls_context::server(server_of(all().server));
}

tls_context a_client() {
  return tls_context::client({.authorities = all().authority.certificate});
}

struct tls_pair {
  tls_stream client;
  tls_stream server;
  std::error_code client_error;
  std::error_code server_error;
};

tls_pair shake_hands(tls_context const& client, tls_context const& server,
                     std::string_view host = "server.example") {
  tls_pair result;
  auto pair = connect_pair();
  auto accepting = spawn([&] {
    result.server = tls_stream::accept(server, std::move(pair.server), result.server_error);
  });
  result.client = tls_stream::connect(client, std::move(pair.client), host, result.client_error);
  // What a client refuses to go on with, the server sees as the end.
  if (result.client_error) result.client = tls_stream();
  accepting.join();
  return result;
}

std::string read_text(tls_stream& stream, std::size_t size) {
  std::string text(size, '\0');
  stream.read_exact(text);
  return text;
}

TEST(TlsStream, CarriesBytesBothWaysToAnAnnouncedEnd) {
  on_fiber_and_thread([] {
    auto pair = shake_hands(a_client(), a_server());
    ASSERT_FALSE(pair.client_error) << pair.client_error.message();
    ASSERT_FALSE(pair.server_error) << pair.server_error.message();
    EXPECT_EQ(pair.client.version(), "TLSv1.3");
    pair.client.write_all("ping");
    EXPECT_EQ(read_text(pair.server, 4), "ping");
    pair.server.write_all("pong");
    EXPECT_EQ(read_text(pair.client, 4), "pong");
    pair.client.shutdown_write();
    pair.client.shutdown_write();  // Once more does nothing.
    std::string rest(1, '?');
    EXPECT_EQ(pair.server.read_some(rest), 0U);
    pair.server.write_all("half open");
    pair.server.shutdown_write();
    EXPECT_EQ(read_text(pair.client, 9), "half open");
    EXPECT_EQ(pair.client.read_some(rest), 0U);
  });
}

TEST(TlsStream, GoesOverAnyStream) {
  on_one_worker([] {
    auto [one, other] = ramie::io::unix_stream::pair();
    auto accepting = spawn([&, other = std::move(other)]() mutable {
      return tls_stream::accept(a_server(), std::move(other));
    });
    auto client = tls_stream::connect(a_client(), std::move(one), "server.example");
    auto server = accepting.join();
    // TLS in TLS.
    auto inside = spawn([&] { return tls_stream::accept(a_server(), std::move(server)); });
    auto inner = tls_stream::connect(a_client(), std::move(client), "localhost");
    auto inner_server = inside.join();
    inner.write_all("deep inside");
    EXPECT_EQ(read_text(inner_server, 11), "deep inside");
  });
}

TEST(TlsStream, AServerMustBeWhomItWasCalledBy) {
  on_fiber_and_thread([] {
    for (std::string_view const good :
         {"server.example", "127.0.0.1", "::1", "[::1]", "localhost"}) {
      EXPECT_FALSE(shake_hands(a_client(), a_server(), good).client_error) << good;
    }
    for (std::string_view const bad : {"other.example", "127.0.0.2", "sub.server.example"}) {
      auto const pair = shake_hands(a_client(), a_server(), bad);
      EXPECT_EQ(pair.client_error, tls_errc::certificate_rejected) << bad;
      EXPECT_EQ(pair.client_error.category(), ramie::io::certificate_category());
      EXPECT_TRUE(pair.server_error);
    }
    auto const expired = shake_hands(a_client(), tls_context::server(server_of(all().expired)));
    EXPECT_EQ(expired.client_error, tls_errc::certificate_rejected);
    EXPECT_NE(expired.client_error.message().find("expired"), std::string::npos);
    auto const stranger = tls_context::client({.authorities = all().stranger.certificate});
    EXPECT_EQ(shake_hands(stranger, a_server()).client_error, tls_errc::certificate_rejected);
    // By the system's authorities, which have not signed it.
    EXPECT_EQ(shake_hands(tls_context::client(), a_server()).client_error,
              tls_errc::certificate_rejected);
    auto const careless = tls_context::client({.verify = false});
    EXPECT_FALSE(shake_hands(careless, a_server(), "other.example").client_error);
  });
}

TEST(TlsStream, AServerCanAskForACertificate) {
  on_fiber_and_thread([] {
    auto options = server_of(all().server);
    options.client_authorities = all().authority.certificate;
    auto const server = tls_context::server(options);
    auto const known = tls_context::client({.authorities = all().authority.certificate,
                                            .certificate_chain = all().client.certificate,
                                            .private_key = all().client.key});
    auto const good = shake_hands(known, server);
    EXPECT_FALSE(good.server_error) << good.server_error.message();
    auto const nobody = shake_hands(a_client(), server);
    EXPECT_EQ(nobody.server_error.category(), ramie::io::openssl_category());
    auto const other = tls_context::client({.authorities = all().authority.certificate,
                                            .certificate_chain = all().stranger.certificate,
                                            .private_key = all().stranger.key});
    EXPECT_EQ(shake_hands(other, server).server_error, tls_errc::certificate_rejected);
  });
}

TEST(TlsStream, BothAgreeOnAProtocolOrPart) {
  on_fiber_and_thread([] {
    auto options = server_of(all().server);
    options.protocols = {"h2", "http/1.1"};
    auto const server = tls_context::server(options);
    auto const client = [](std::vector<std::string> protocols) {
      return tls_context::client(
          {.authorities = all().authority.certificate, .protocols = std::move(protocols)});
    };
    auto const both = shake_hands(client({"http/1.1", "h2"}), server);
    EXPECT_EQ(both.client.protocol(), "h2");  // The server's preference.
    EXPECT_EQ(both.server.protocol(), "h2");
    EXPECT_EQ(shake_hands(client({"http/1.1"}), server).server.protocol(), "http/1.1");
    EXPECT_EQ(shake_hands(client({}), server).server.protocol(), "");
    EXPECT_TRUE(shake_hands(client({"spdy/1"}), server).client_error);
    EXPECT_EQ(shake_hands(client({"h2"}), a_server()).client.protocol(), "");
    EXPECT_EQ(code_of([&] { client({""}); }), std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { client({std::string(256, 'x')}); }), std::errc::invalid_argument);
  });
}

TEST(TlsStream, AClientTakesAnEarlierSessionUp) {
  on_fiber_and_thread([] {
    auto const client = a_client();
    auto const server = a_server();
    for (int i = 0; i < 3; ++i) {
      auto pair = shake_hands(client, server);
      ASSERT_FALSE(pair.client_error);
      EXPECT_EQ(pair.client.resumed(), i != 0);
      EXPECT_EQ(pair.server.resumed(), i != 0);
      pair.server.write_all("x");  // The ticket comes before it.
      EXPECT_EQ(read_text(pair.client, 1), "x");
    }
    EXPECT_FALSE(shake_hands(client, server, "localhost").client.resumed());
    EXPECT_FALSE(shake_hands(a_client(), server).client.resumed());
  });
}

TEST(TlsStream, AnEndThatNobodyHasAnnouncedIsAnError) {
  on_fiber_and_thread([] {
    auto pair = shake_hands(a_client(), a_server());
    pair.server.write_all("x");
    EXPECT_EQ(read_text(pair.client, 1), "x");
    pair.client = tls_stream();
    std::string rest(1, '?');
    EXPECT_EQ(code_of([&] { pair.server.read_some(rest); }), tls_errc::unexpected_end);
    auto raw = connect_pair();
    raw.client.close();
    std::error_code error;
    EXPECT_FALSE(tls_stream::accept(a_server(), std::move(raw.server), error).is_open());
    EXPECT_EQ(error, tls_errc::unexpected_end);
  });
}

TEST(TlsStream, WhatIsNoTlsIsATypedErrorThatNamesThePeer) {
  on_fiber_and_thread([] {
    auto raw = connect_pair();
    std::string const peer = raw.server.describe();
    raw.client.write_all("GET / HTTP/1.1\r\n\r\n");
    try {
      tls_stream::accept(a_server(), std::move(raw.server));
      ADD_FAILURE();
    } catch (std::system_error const& error) {
      EXPECT_EQ(error.code().category(), ramie::io::openssl_category());
      EXPECT_NE(std::string(error.what()).find("TLS handshake with " + peer), std::string::npos);
    }
    std::error_code error;
    auto const connect = [&](tls_context const& context, std::string_view host) {
      tls_stream::connect(context, connect_pair().client, host, error);
      return error;
    };
    EXPECT_EQ(connect(a_client(), ""), std::errc::invalid_argument);
    EXPECT_EQ(connect(a_client(), std::string_view("a\0b", 3)), std::errc::invalid_argument);
    EXPECT_EQ(connect(tls_context(), "server.example"), std::errc::invalid_argument);
    tls_stream::connect(a_client(), std::unique_ptr<ramie::io::duplex_stream>(), "a", error);
    EXPECT_EQ(error, std::errc::invalid_argument);
    tls_stream closed;
    EXPECT_EQ(code_of([&] { closed.write_all("x"); }), std::errc::bad_file_descriptor);
    EXPECT_EQ(code_of([&] { read_text(closed, 1); }), std::errc::bad_file_descriptor);
    EXPECT_EQ(code_of([&] { closed.shutdown_write(); }), std::errc::bad_file_descriptor);
    EXPECT_FALSE(closed.is_open());
  });
}

TEST(TlsStream, WaitsCanBeEndedAndGoOn) {
  on_one_worker([] {
    auto pair = shake_hands(a_client(), a_server());
    {
      ramie::deadline_scope const limit(ramie::test::soon);
      EXPECT_THROW(read_text(pair.server, 1), ramie::timed_out);
    }
    auto cancelled = spawn([&] { return read_text(pair.server, 1); });
    settle();
    cancelled.cancel();
    EXPECT_THROW(cancelled.join(), ramie::cancelled);
    // A writer that is held back, and given up: what it had given away still comes whole.
    std::string const text(1 << 20, 'x');
    std::size_t given = 0;
    auto writer = spawn([&] {
      for (;;) given += pair.client.write_some(text);
    });
    settle();
    EXPECT_FALSE(writer.done());
    writer.cancel();
    EXPECT_THROW(writer.join(), ramie::cancelled);
    auto rest = spawn([&] {
      pair.client.write_all("the end");
      pair.client.shutdown_write();
    });
    std::string got;
    std::string part(1 << 16, '?');
    while (std::size_t const count = pair.server.read_some(part)) got.append(part, 0, count);
    rest.join();
    EXPECT_TRUE(got.ends_with("xthe end"));
    EXPECT_EQ(got.size(), given + 7);
    auto closed = spawn([&] { return read_text(pair.client, 1); });
    settle();
    pair.client.close();
    EXPECT_EQ(code_of([&] { closed.join(); }), std::errc::operation_canceled);
  });
}

// A deadline, or a cancellation, may come when OpenSSL has taken a record that has not gone yet:
// trying again must not send it twice.
TEST(TlsStream, AWriteThatWasCutShortGoesOnWhereItEnded) {
  on_one_worker([] {
    auto pair = shake_hands(a_client(), a_server());
    std::string text;
    for (int i = 0; text.size() < 8'000'000; ++i) text += std::to_string(i);
    ramie::io::buffered_writer out(pair.client, 40'000);
    std::size_t written = 0;
    std::error_code error;
    auto const go_on = [&] {
      error.clear();
      while (written != text.size() && !error) {
        written += out.write_some(std::string_view(text).substr(written, 30'000), error);
      }
      if (!error) out.flush(error);
    };
    auto cancelled = spawn(go_on);
    settle();
    EXPECT_FALSE(cancelled.done());
    cancelled.cancel();
    EXPECT_THROW(cancelled.join(), ramie::cancelled);
    auto reader = spawn([&] {
      std::string got;
      std::string part(10'000, '?');
      while (std::size_t const count = pair.server.read_some(part)) got.append(part, 0, count);
      return got;
    });
    int cuts = -1;
    do {
      ++cuts;
      ramie::this_fiber::yield();
      ramie::deadline_scope const limit(0s);
      go_on();
    } while (error == std::errc::timed_out);
    EXPECT_GT(cuts, 0);
    EXPECT_FALSE(error) << error.message();
    pair.client.shutdown_write();
    EXPECT_TRUE(reader.join() == text);
  });
}

// And who reads meanwhile does not wait until it has gone.
TEST(TlsStream, AWriteThatWasCutShortHoldsNoReaderBack) {
  on_fiber_and_thread([] {
    auto pair = shake_hands(a_client(), a_server());
    std::string const text(100'000, 'x');
    std::size_t written = 0;
    for (int cuts = 0; cuts < 20;) {
      std::error_code error;
      ramie::deadline_scope const limit(ramie::test::soon);
      std::size_t const count = pair.client.write_all(text, error);
      written += count;
      cuts = count == 0 ? cuts + 1 : 0;
    }
    pair.server.write_all("something to read");
    EXPECT_EQ(read_text(pair.client, 17), "something to read");
    EXPECT_EQ(read_text(pair.server, written), std::string(written, 'x'));
  });
}

// The answers of a reader gather behind a writer that is held back, but not without end.
TEST(TlsStream, WhoAsksAndDoesNotReadTheAnswersIsReadNoFurther) {
  on_one_worker([] {
    auto pair = shake_hands(a_client(), a_server());
    auto writer = spawn([&] {
      std::error_code ended;
      pair.server.write_all(std::string(64 << 20, 'x'), ended);
    });
    settle();
    EXPECT_FALSE(writer.done());
    std::error_code error;
    std::size_t received = 0;
    auto reader = spawn([&] {
      std::string part(1 << 10, '?');
      while (std::size_t const count = pair.server.read_some(part, error)) received += count;
      pair.server.close();
    });
    auto* const ssl = static_cast<SSL*>(pair.client.native_handle());
    std::error_code gone;
    for (int i = 0; i < 10'000 && !gone; ++i) {
      EXPECT_EQ(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
      pair.client.write_all("x", gone);
    }
    if (!gone) pair.client.shutdown_write(gone);
    reader.join();
    EXPECT_EQ(error, tls_errc::answers_not_read) << error.message();
    EXPECT_GT(received, 1000U);
    writer.join();
  });
}

TEST(TlsStream, AHandshakeCanBeBounded) {
  on_one_worker([] {
    auto raw = connect_pair();
    std::error_code error;
    ramie::deadline_scope const limit(ramie::test::soon);
    EXPECT_FALSE(tls_stream::connect(a_client(), std::move(raw.client), "a", error).is_open());
    EXPECT_EQ(error, std::errc::timed_out);
  });
}

// Both sides write much at once, and are asked to change their keys, so that readers have something
// to send.
TEST_P(TlsStress, ReadersAndWritersWorkAtOnce) {
  run_it([] {
    auto pair = shake_hands(a_client(), a_server());
    ASSERT_FALSE(pair.client_error);
    for (tls_stream* const each : {&pair.client, &pair.server}) {
      SSL_key_update(static_cast<SSL*>(each->native_handle()), SSL_KEY_UPDATE_REQUESTED);
    }
    std::string text;
    for (int i = 0; text.size() < 3'000'000; ++i) text += std::to_string(i);
    auto const write = [&](tls_stream& to) {
      return spawn([&] {
        for (std::size_t at = 0; at < text.size(); at += 100'000) {
          to.write_all(std::string_view(text).substr(at, 100'000));
        }
        to.shutdown_write();
      });
    };
    auto const read = [&](tls_stream& from) {
      return spawn([&] {
        std::string got;
        std::string part(10'000, '?');
        while (std::size_t const count = from.read_some(part)) got.append(part, 0, count);
        return got;
      });
    };
    auto first = write(pair.client);
    auto second = write(pair.server);
    auto third = read(pair.client);
    auto fourth = read(pair.server);
    first.join();
    second.join();
    EXPECT_EQ(third.join(), text);
    EXPECT_EQ(fourth.join(), text);
  });
}

}  // namespace

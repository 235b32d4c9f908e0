#include <ramie/io/tls_stream.hpp>

#include <openssl/x509v3.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include <ramie/io/address.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/join_handle.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/timed_out.hpp>

#include "context.hpp"

namespace ramie::io {

namespace {

constexpr std::size_t record_size = 16 * 1024;
// A writer's record, and answers that wait behind it: some two thousand.
constexpr std::size_t most_unsent = 4 * record_size;

[[noreturn]] void fail(std::error_code error, std::string const& what) {
  if (error == std::make_error_code(std::errc::timed_out)) throw timed_out(what);
  throw std::system_error(error, what);
}

}  // namespace

/// OpenSSL works on memory only: nothing waits inside it, for its errors are kept by OS thread.
/// What it has to send lies in `sending_` until somebody has written it to the stream below, one at
/// a time, in order; what it has to read is read by whoever reads.
class tls_stream::engine {
 public:
  engine(std::shared_ptr<tls_context::shared> context, std::unique_ptr<duplex_stream> transport,
         std::string host)
      : context_(std::move(context)),
        transport_(std::move(transport)),
        peer_{context_.get(), std::move(host)} {}
  engine(engine const&) = delete;
  engine& operator=(engine const&) = delete;
  ~engine() {
    rest_ = {};
    // Else OpenSSL takes the session for a broken one, which can't be resumed.
    if (ssl_ && !broken_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }

  /// Makes the SSL.
  std::error_code set_up(bool as_server);
  std::error_code shake_hands();

  std::size_t read(mutable_buffer into, std::error_code& error);
  std::size_t write(const_buffer from, std::error_code& error);
  void shut_down(std::error_code& error);

  duplex_stream& transport() const noexcept { return *transport_; }
  SSL* ssl() const noexcept { return ssl_.get(); }

 private:
  enum class outcome { done, ended, wants_input, failed };

  template <class Call>
  outcome attempt(Call call, std::error_code& error);
  template <class Call>
  outcome run(Call call, std::error_code& error);
  /// Whether to wait for one that is sending: it sends all that there is, so only whoever has to be
  /// held back need wait.
  enum class patience : bool { no, yes };
  class turn;
  void send_all(patience waits, std::error_code& error);
  bool is_full();
  bool begin_sending(patience waits, std::error_code& error);
  bool wait_for_turn(std::error_code& error);
  void end_sending() noexcept;
  void send_some(std::error_code& error);
  void hand_over(turn mine) noexcept;
  bool receive(std::error_code& error);
  std::error_code check_name();

  std::shared_ptr<tls_context::shared> const context_;
  std::unique_ptr<duplex_stream> const transport_;
  tls_peer const peer_;

  // The SSL, its memory and what follows; never held while anything waits.
  std::mutex mutex_;
  detail::openssl_ptr<SSL> ssl_;
  BIO* incoming_ = nullptr;  // the SSL's
  BIO* outgoing_ = nullptr;  // the SSL's
  bool broken_ = false;      // OpenSSL has failed
  bool is_sending_ = false;
  waiter* next_sender_ = nullptr;  // a writer beside a reader that is sending
  // Of whoever is sending: what is left of the last that the SSL had to send.
  std::vector<std::byte> sending_;
  std::size_t sent_ = 0;
  // The reader's.
  std::vector<std::byte> received_ = std::vector<std::byte>(record_size);
  // The writer's: who sends what it has left. Ends before the members above do.
  join_handle<void> rest_;
};

/// Whoever is sending has it.
class tls_stream::engine::turn {
 public:
  explicit turn(engine& of) noexcept : of_(&of) {}
  turn(turn&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
  ~turn() {
    if (of_ != nullptr) of_->end_sending();
  }

 private:
  engine* of_;
};

std::error_code tls_stream::engine::check_name() {
  SSL* const ssl = ssl_.get();
  std::error_code not_numeric;
  address const numeric = address::parse(peer_.host, 0, not_numeric);
  if (not_numeric || peer_.host == "localhost") {
    if (SSL_set_tlsext_host_name(ssl, peer_.host.c_str()) != 1) return detail::take_openssl_error();
    return SSL_set1_host(ssl, peer_.host.c_str()) == 1 ? std::error_code()
                                                       : detail::take_openssl_error();
  }
  X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl);
  return X509_VERIFY_PARAM_set1_ip_asc(rules, numeric.host().c_str()) == 1
             ? std::error_code()
             : detail::take_openssl_error();
}

std::error_code tls_stream::engine::set_up(bool as_server) {
  ERR_clear_error();
  ssl_.reset(SSL_new(context_->context.get()));
  detail::openssl_ptr<BIO> in(BIO_new(BIO_s_mem()));
  detail::openssl_ptr<BIO> out(BIO_new(BIO_s_mem()));
  if (!ssl_ || !in || !out) return detail::take_openssl_error();
  BIO_set_mem_eof_return(in.get(), -1);  // Empty means that more is to come.
  BIO_set_mem_eof_return(out.get(), -1);
  incoming_ = in.get();
  outgoing_ = out.get();
  SSL_set_bio(ssl_.get(), in.release(), out.release());
  SSL_set_app_data(ssl_.get(), const_cast<tls_peer*>(&peer_));
  if (as_server) {
    SSL_set_accept_state(ssl_.get());
    return {};
  }
  SSL_set_connect_state(ssl_.get());
  if (auto const session = context_->session_for(peer_.host)) {
    SSL_set_session(ssl_.get(), session.get());
  }
  return check_name();
}

/// Calls OpenSSL, and takes what it has to send.
template <class Call>
tls_stream::engine::outcome tls_stream::engine::attempt(Call call, std::error_code& error) {
  std::lock_guard const guard(mutex_);
  ERR_clear_error();
  int const result = call(ssl_.get());
  if (result == 1) return outcome::done;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_ZERO_RETURN:
      return outcome::ended;
    case SSL_ERROR_WANT_READ:
      return outcome::wants_input;
    default:
      break;
  }
  broken_ = true;
  long const verdict = SSL_get_verify_result(ssl_.get());
  bool const rejected = ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  error = detail::take_openssl_error();
  if (rejected) error = {static_cast<int>(verdict), certificate_category()};
  return outcome::failed;
}

/// Calls OpenSSL until it has done it, feeding it what it asks for.
template <class Call>
tls_stream::engine::outcome tls_stream::engine::run(Call call, std::error_code& error) {
  for (;;) {
    error.clear();
    outcome const result = attempt(call, error);
    if (result == outcome::done || result == outcome::ended) return result;
    if (result == outcome::failed) {
      std::error_code ignored;  // The peer is told why, if it listens.
      send_all(patience::no, ignored);
      return result;
    }
    // If that fails, what the peer has sent before may still be there to be read.
    std::error_code unsent;
    send_all(patience::no, unsent);
    if (is_full()) {
      error = make_error_code(tls_errc::answers_not_read);
      return outcome::failed;
    }
    if (!receive(error)) {
      if (error == tls_errc::unexpected_end && unsent) error = unsent;
      return outcome::failed;
    }
  }
}

/// Reads from below. False: an error, or an end that nobody has announced.
bool tls_stream::engine::receive(std::error_code& error) {
  std::size_t const count = transport_->read_some(received_, error);
  if (!error && count == 0) error = make_error_code(tls_errc::unexpected_end);
  if (error) return false;
  std::lock_guard const guard(mutex_);
  ERR_clear_error();
  if (BIO_write(incoming_, received_.data(), static_cast<int>(count)) == static_cast<int>(count)) {
    return true;
  }
  error = detail::take_openssl_error();
  return false;
}

// --- sending

/// False: there is nothing to send, or another one sends it, or an error.
bool tls_stream::engine::begin_sending(patience waits, std::error_code& error) {
  do {
    std::lock_guard const guard(mutex_);
    if (!is_sending_) {
      is_sending_ = sent_ != sending_.size() || BIO_ctrl_pending(outgoing_) != 0;
      return is_sending_;
    }
  } while (waits == patience::yes && wait_for_turn(error));
  return false;
}

bool tls_stream::engine::wait_for_turn(std::error_code& error) {
  waiter self;
  {
    std::lock_guard const guard(mutex_);
    if (!is_sending_) return true;
    next_sender_ = &self;
  }
  if (self.park({"tls write", this}) != wake::cancelled) return true;
  {
    std::lock_guard const guard(mutex_);
    next_sender_ = nullptr;
  }
  error = interruption_code();
  return false;
}

void tls_stream::engine::end_sending() noexcept {
  waiter* next = nullptr;
  {
    std::lock_guard const guard(mutex_);
    is_sending_ = false;
    next = std::exchange(next_sender_, nullptr);
    if (next != nullptr && !next->claim()) next = nullptr;
  }
  if (next != nullptr) next->resume();
}

/// Writes a part of what the SSL has to send below. What an error leaves of it is the first that
/// the next one sends.
void tls_stream::engine::send_some(std::error_code& error) {
  if (sent_ == sending_.size()) {
    std::lock_guard const guard(mutex_);
    sending_.resize(BIO_ctrl_pending(outgoing_));
    sent_ = 0;
    BIO_read(outgoing_, sending_.data(), static_cast<int>(sending_.size()));
  }
  std::span<std::byte const> const rest = std::span(sending_).subspan(sent_);
  sent_ += transport_->write_some(rest, error);
}

/// Has the rest sent by a fiber of its own, for a writer whose deadline or cancellation has come:
/// else whoever reads would have to choose between waiting for a peer that does not read and
/// leaving a peer without the end of what it is to answer.
void tls_stream::engine::hand_over(turn mine) noexcept {
  try {
    rest_ = {};  // The last one has given its turn back, but may be there still.
    rest_ = spawn([this, mine = std::move(mine)]() mutable {
      std::error_code error;  // If there is one, the next write gets it too.
      {
        turn const own(std::move(mine));
        do send_some(error);
        while (!error && sent_ != sending_.size());
      }
      if (!error) send_all(patience::no, error);
    });
  } catch (cancelled const&) {  // Nobody to hand it to: the next one to send begins with it.
  } catch (std::exception const&) {
  }
}

void tls_stream::engine::send_all(patience waits, std::error_code& error) {
  error.clear();
  while (!error && begin_sending(waits, error)) {
    turn mine(*this);
    try {
      send_some(error);
    } catch (cancelled const&) {
      if (waits == patience::yes) hand_over(std::move(mine));
      throw;
    }
    bool const is_late = error == std::make_error_code(std::errc::timed_out);
    if (is_late && waits == patience::yes) hand_over(std::move(mine));
  }
}

/// Whether the SSL has so much to send that it must be given no more to answer: another one is
/// sending, and held back, or sending fails.
bool tls_stream::engine::is_full() {
  std::lock_guard const guard(mutex_);
  return BIO_ctrl_pending(outgoing_) > most_unsent;
}

// --- what a stream does

std::error_code tls_stream::engine::shake_hands() {
  std::error_code error;
  outcome const result = run([](SSL* ssl) { return SSL_do_handshake(ssl); }, error);
  if (result == outcome::done) send_all(patience::yes, error);
  if (result == outcome::ended) error = make_error_code(tls_errc::unexpected_end);
  return error;
}

// What has been read is not held back, nor lost, for the sake of an answer that TLS itself wants to
// give: the next wait, or the next write, takes that along.
std::size_t tls_stream::engine::read(mutable_buffer into, std::error_code& error) {
  std::size_t count = 0;
  outcome const result =
      run([&](SSL* ssl) { return SSL_read_ex(ssl, into.data(), into.size(), &count); }, error);
  return result == outcome::done ? count : 0;
}

// One record at a time, or the SSL's memory would hold them all; so it is given none before what it
// had to send has gone. What it has taken is written, even if a deadline or a cancellation comes
// before all of it has gone: whoever was told otherwise would write it once more.
std::size_t tls_stream::engine::write(const_buffer from, std::error_code& error) {
  send_all(patience::yes, error);
  if (error) return 0;
  std::size_t const size = std::min(from.size(), record_size);
  std::size_t count = 0;
  outcome const result =
      run([&](SSL* ssl) { return SSL_write_ex(ssl, from.data(), size, &count); }, error);
  if (result != outcome::done) return 0;
  try {
    send_all(patience::yes, error);
    if (error == std::make_error_code(std::errc::timed_out)) error.clear();
  } catch (cancelled const&) {  // The next wait tells of it again.
    error.clear();
  }
  return error ? 0 : count;
}

// The stream below stays open: to read on, TLS may have to answer.
void tls_stream::engine::shut_down(std::error_code& error) {
  // Called once more it would wait for the peer's own word.
  run(
      [](SSL* ssl) {
        return (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) != 0 || SSL_shutdown(ssl) >= 0 ? 1 : -1;
      },
      error);
  if (!error) send_all(patience::yes, error);
}

// --- tls_stream

tls_stream::tls_stream() noexcept = default;
tls_stream::tls_stream(tls_stream&& other) noexcept = default;
tls_stream& tls_stream::operator=(tls_stream&& other) noexcept = default;
tls_stream::~tls_stream() = default;

tls_stream tls_stream::shake_hands(tls_context const& context,
                                   std::unique_ptr<duplex_stream> transport, std::string_view host,
                                   bool as_server, std::error_code& error) {
  tls_stream result;
  // Without a name any certificate would do.
  bool const named = as_server || !host.empty();
  if (!context.shared_ || !transport || !named || host.find('\0') != host.npos) {
    error = std::make_error_code(std::errc::invalid_argument);
    return result;
  }
  result.engine_ =
      std::make_unique<engine>(context.shared_, std::move(transport), std::string(host));
  error = result.engine_->set_up(as_server);
  if (!error) error = result.engine_->shake_hands();
  if (error) result.engine_.reset();
  return result;
}

tls_stream tls_stream::connect(tls_context const& context, std::unique_ptr<duplex_stream> transport,
                               std::string_view host, std::error_code& error) {
  return shake_hands(context, std::move(transport), host, false, error);
}

tls_stream tls_stream::connect(tls_context const& context, std::unique_ptr<duplex_stream> transport,
                               std::string_view host) {
  std::error_code error;
  tls_stream result = connect(context, std::move(transport), host, error);
  if (error) fail(error, "TLS handshake with " + std::string(host));
  return result;
}

tls_stream tls_stream::accept(tls_context const& context, std::unique_ptr<duplex_stream> transport,
                              std::error_code& error) {
  return shake_hands(context, std::move(transport), {}, true, error);
}

tls_stream tls_stream::accept(tls_context const& context,
                              std::unique_ptr<duplex_stream> transport) {
  std::string const who = transport ? transport->describe() : "nobody";
  std::error_code error;
  tls_stream result = accept(context, std::move(transport), error);
  if (error) fail(error, "TLS handshake with " + who);
  return result;
}

std::size_t tls_stream::do_read_some(std::span<mutable_buffer const> into, std::error_code& error) {
  if (engine_) return engine_->read(into.front(), error);
  error = std::make_error_code(std::errc::bad_file_descriptor);
  return 0;
}

std::size_t tls_stream::do_write_some(std::span<const_buffer const> from, std::size_t skip,
                                      std::error_code& error) {
  if (engine_) return engine_->write(from.front().rest(skip), error);
  error = std::make_error_code(std::errc::bad_file_descriptor);
  return 0;
}

void tls_stream::do_shutdown_write(std::error_code& error) {
  if (engine_) return engine_->shut_down(error);
  error = std::make_error_code(std::errc::bad_file_descriptor);
}

bool tls_stream::is_open() const noexcept {
  return engine_ && engine_->transport().is_open();
}

void tls_stream::close() noexcept {
  if (engine_) engine_->transport().close();
}

std::string tls_stream::describe() const {
  return engine_ ? engine_->transport().describe() : "a closed stream";
}

std::string_view tls_stream::protocol() const noexcept {
  unsigned char const* name = nullptr;
  unsigned size = 0;
  if (engine_) SSL_get0_alpn_selected(engine_->ssl(), &name, &size);
  return {reinterpret_cast<char const*>(name), size};
}

std::string_view tls_stream::version() const noexcept {
  return engine_ ? std::string_view(SSL_get_version(engine_->ssl())) : std::string_view();
}

bool tls_stream::resumed() const noexcept {
  return engine_ && SSL_session_reused(engine_->ssl()) == 1;
}

void* tls_stream::native_handle() const noexcept {
  return engine_ ? engine_->ssl() : nullptr;
}

}  // namespace ramie::io

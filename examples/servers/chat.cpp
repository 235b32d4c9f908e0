// A chat server: whoever connects says a name, and then lines, which all others get. One fiber owns
// the list of members and is told of everything through a channel, so that there is no lock; every
// member has a fiber that reads and one that writes.
#include <ramie/ramie.hpp>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "serving.hpp"

using namespace std::chrono_literals;
using ramie::io::buffered_reader;
using ramie::io::tcp_listener;
using ramie::io::tcp_stream;

namespace {

constexpr std::size_t longest_line = 1024;
constexpr std::size_t outbox_size = 64;

struct member {
  explicit member(std::string chosen) : name(std::move(chosen)) {}

  std::string const name;
  // Closed by the room: the member has left, or was too slow to take what it is sent.
  ramie::channel<std::string> outbox{outbox_size};
};
using member_ptr = std::shared_ptr<member>;

struct line {
  std::string from;
  std::string text;
};

class room {
 public:
  explicit room(std::size_t introduced) : introduced_(introduced) {}

  ramie::channel<member_ptr> joining{0};
  ramie::channel<member_ptr> leaving{0};
  ramie::channel<line> said{0};
  ramie::event over;

  void run() {
    bool open = true;
    while (open) {
      ramie::select(ramie::on_receive(joining,
                                      [&](auto who) {
                                        if (who) join(*who);
                                      }),
                    ramie::on_receive(leaving,
                                      [&](auto who) {
                                        if (who) leave(*who);
                                      }),
                    ramie::on_receive(said,
                                      [&](auto what) {
                                        if (what) tell(what->from, what->text);
                                      }),
                    ramie::on_event(over, [&] { open = false; }));
      // Many may have something to say at once. Whose outbox is full is to have had his turn.
      ramie::this_fiber::yield();
    }
    joining.close();
    leaving.close();
    said.close();
    for (auto const& [name, each] : members_) each->outbox.close();
  }

 private:
  void join(member_ptr const& who) {
    if (!members_.try_emplace(who->name, who).second) {
      who->outbox.try_send("* the name is taken\n");
      who->outbox.close();
      return;
    }
    std::string present = "* here:";
    if (introduces()) {
      for (auto const& [name, each] : members_) present += ' ' + name;
    } else {
      present += ' ' + std::to_string(members_.size()) + " members";
    }
    who->outbox.try_send(present + '\n');
    if (introduces()) tell(who->name, "* has come");
  }

  void leave(member_ptr const& who) {
    auto const found = members_.find(who->name);
    if (found == members_.end() || found->second != who) return;
    bool const is_told = introduces();
    members_.erase(found);
    who->outbox.close();
    if (is_told) tell(who->name, "* has left");
  }

  /// In a large crowd nobody is told who comes and goes: each would be a line for all the others.
  bool introduces() const { return members_.size() <= introduced_; }

  /// The room waits for nobody: whose outbox is full is shown the door.
  void tell(std::string const& from, std::string const& text) {
    std::string const all = from + ": " + text + '\n';
    std::vector<member_ptr> slow;
    for (auto const& [name, each] : members_) {
      if (name == from) continue;
      if (each->outbox.try_send(all) == ramie::channel_status::full) slow.push_back(each);
    }
    for (member_ptr const& each : slow) leave(each);
  }

  std::size_t const introduced_;
  std::map<std::string, member_ptr> members_;
};

/// What is left unread at the close would reset the connection, and with it what the peer has not
/// read yet.
void let_read(tcp_stream& stream) {
  ramie::deadline_scope const patience(1s);
  std::array<char, 4096> rest;
  std::error_code error;
  while (stream.read_some(rest, error) != 0) {
  }
}

/// Reads lines and writes what others say, until either end is over.
void attend(room& here, tcp_stream& stream) {
  buffered_reader lines(stream, longest_line);
  stream.write_all("* your name?\n");
  auto const name = lines.read_line();
  if (!name || name->empty()) return;
  auto const self = std::make_shared<member>(std::string(*name));
  auto writer = ramie::spawn([&stream, self] {
    std::error_code error;
    for (std::string const& each : self->outbox) {
      ramie::deadline_scope const patience(10s);
      if (stream.write_all(each, error); error) break;
    }
    stream.shutdown_write(error);
  });
  here.joining.send(self);
  std::error_code error;
  auto reader = ramie::spawn([&] {
    while (auto const text = lines.read_line(error))
      here.said.send({self->name, std::string(*text)});
  });
  ramie::select(ramie::on_join(reader, [] {}), ramie::on_join(writer, [] {}));
  reader = {};  // Cancelled and joined: `error` is its, and the stream has one reader at a time.
  if (error == ramie::io::errc::limit_exceeded) self->outbox.try_send("* too long a line\n");
  try {
    here.leaving.send(self);
  } catch (ramie::channel_closed const&) {  // The room is closed, and with it the outbox.
  }
  writer.join();
  let_read(stream);
}

void serve_member(room& here, tcp_stream& stream) try {
  stream.set_no_delay(true);
  attend(here, stream);
} catch (ramie::channel_closed const&) {
} catch (std::system_error const& error) {
  std::fprintf(stderr, "connection ended: %s\n", error.what());
}

void serve(std::uint16_t port, std::size_t introduced) {
  ramie::io::signal_set stop{SIGINT, SIGTERM};
  auto listener = tcp_listener::bind("127.0.0.1", port);
  announce(listener.local_address().port());
  room here(introduced);
  ramie::task_group members;
  auto running = ramie::spawn([&] { here.run(); });
  auto accepting = ramie::spawn([&] {
    accept_all(listener, members, [&here](tcp_stream& client) { serve_member(here, client); });
  });
  stop.wait();
  listener.close();
  accepting.join();
  here.over.set();
  running.join();
  members.cancel();
  members.wait();
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint32_t port = 7008;
  std::uint32_t workers = 1;
  std::uint32_t introduced = 100;
  read_options(argc, argv,
               {{"--port", port, 0, 65'535},
                {"--workers", workers, 1, 1024},
                {"--introduce", introduced, 0, 1'000'000}});
  raise_descriptor_limit();
  ramie::run({.workers = workers}, [&] { serve(static_cast<std::uint16_t>(port), introduced); });
  return 0;
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}

"""Pages for clients under test, each request on a thread of its own."""
import http.server
import ssl
import threading


class Pages(http.server.BaseHTTPRequestHandler):
    """To be derived from: do_GET answers."""

    def log_message(self, *_):
        pass


class PageServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1000

    def handle_error(self, *_):  # A client that gives up is none of ours.
        pass


def serve(pages, certificate=None):
    """The port. `certificate`: its file and the key's, for TLS."""
    server = PageServer(("127.0.0.1", 0), pages)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]

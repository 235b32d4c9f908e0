// The main job's HTTP server in Go: a goroutine per connection. It reads requests as strictly as the
// others (examples/http_server/http.cpp), and answers with the same bytes; net/http would do more.
//
//	http_go_server --port N --workers W    GOMAXPROCS is the number of workers
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// As in http.hpp.
const maxHeadSize = 4096

const (
	hello   = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, world!\n"
	goodbye = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n" +
		"Connection: close\r\n\r\nHello, world!\n"
)

type verdict int

const (
	incomplete verdict = iota
	ok
	badRequest
	notAllowed
	headTooLarge
)

var errorReplies = map[verdict]string{
	badRequest: "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	notAllowed: "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\n" +
		"Connection: close\r\n\r\n",
	headTooLarge: "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n" +
		"Connection: close\r\n\r\n",
}

type request struct {
	status    verdict
	size      int // bytes of the head, its empty line included
	keepAlive bool
}

var lineEnd = []byte("\r\n")

// "GET /target HTTP/1.1"
func (r *request) readRequestLine(line []byte) {
	methodEnd, targetEnd := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	r.status = badRequest
	if targetEnd <= methodEnd+1 {
		return
	}
	target, version := line[methodEnd+1:targetEnd], string(line[targetEnd+1:])
	if target[0] != '/' || bytes.IndexByte(target, ' ') >= 0 {
		return
	}
	if version != "HTTP/1.1" && version != "HTTP/1.0" {
		return
	}
	r.keepAlive = version == "HTTP/1.1"
	r.status = notAllowed
	if string(line[:methodEnd]) == "GET" {
		r.status = ok
	}
}

// "Name: value"
func (r *request) readField(line []byte) {
	name, value, found := bytes.Cut(line, []byte(":"))
	if !found || len(name) == 0 || bytes.ContainsAny(name, " \t") {
		r.status = badRequest
		return
	}
	value = bytes.Trim(value, " \t")
	if bytes.EqualFold(name, []byte("connection")) {
		if bytes.EqualFold(value, []byte("close")) {
			r.keepAlive = false
		} else if bytes.EqualFold(value, []byte("keep-alive")) {
			r.keepAlive = true
		}
	}
	if bytes.EqualFold(name, []byte("transfer-encoding")) ||
		bytes.EqualFold(name, []byte("content-length")) && string(value) != "0" {
		r.status = badRequest
	}
}

func parseRequest(input []byte) request {
	end := bytes.Index(input, []byte("\r\n\r\n"))
	if end < 0 {
		if len(input) >= maxHeadSize {
			return request{status: headTooLarge}
		}
		return request{status: incomplete}
	}
	r := request{size: end + 4}
	line, head, _ := bytes.Cut(input[:end+2], lineEnd)
	r.readRequestLine(line)
	for r.status == ok && len(head) > 0 {
		line, head, _ = bytes.Cut(head, lineEnd)
		r.readField(line)
	}
	return r
}

func serve(client net.Conn) {
	defer client.Close()
	input, filled := make([]byte, maxHeadSize), 0
	var replies []byte
	for finished := false; !finished; {
		count, err := client.Read(input[filled:])
		if err != nil {
			return
		}
		filled += count
		used := 0
		replies = replies[:0]
		for !finished {
			next := parseRequest(input[used:filled])
			if next.status == incomplete {
				break
			}
			if next.status != ok {
				replies = append(replies, errorReplies[next.status]...)
				finished = true
			} else if next.keepAlive {
				replies = append(replies, hello...)
			} else {
				replies = append(replies, goodbye...)
				finished = true
			}
			used += next.size
		}
		filled = copy(input, input[used:filled])
		if len(replies) == 0 {
			continue
		}
		if _, err := client.Write(replies); err != nil {
			return
		}
	}
}

func accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Print(err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go serve(client)
	}
}

func main() {
	port := flag.Int("port", 8080, "0: any free one")
	workers := flag.Int("workers", 1, "GOMAXPROCS")
	flag.Parse()
	runtime.GOMAXPROCS(*workers)
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	// By default Go asks for keep-alive probes of each connection: three system calls that the others
	// don't make. TCP_NODELAY, which they set, it sets by itself.
	settings := net.ListenConfig{KeepAlive: -1}
	listener, err := settings.Listen(stopped, "tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr().(*net.TCPAddr).Port)
	go accept(listener)
	<-stopped.Done()
}

// How soon an echo server answers beside goroutines that compute: ../latency.hpp tells who they are.
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type neighbourhood struct {
	echoing, computing int
	yielding           bool
}

var neighbourhoods = map[string]func() neighbourhood{
	"busy_neighbour": func() neighbourhood {
		workers := runtime.GOMAXPROCS(0)
		check(workers > 1, "a busy neighbour needs a second worker")
		return neighbourhood{1, workers - 1, false}
	},
	"busy_tenth":      func() neighbourhood { return neighbourhood{9, 1, true} },
	"quiet_neighbour": func() neighbourhood { return neighbourhood{1, 0, false} },
	"quiet_tenth":     func() neighbourhood { return neighbourhood{9, 0, false} },
}

func must(err error) {
	if err != nil {
		check(false, err.Error())
	}
}

func echo(peer net.Conn) {
	defer peer.Close()
	buffer := make([]byte, 64)
	for {
		count, err := peer.Read(buffer)
		if err != nil {
			return
		}
		_, err = peer.Write(buffer[:count])
		must(err)
	}
}

func compute(wanted *uint32, yielding bool) {
	for atomic.LoadUint32(wanted) != 0 {
		if !yielding {
			continue
		}
		for start := time.Now(); time.Since(start) < 10*time.Millisecond; {
		}
		runtime.Gosched()
	}
}

// The client is this program again: a process of its own, since a goroutine here would need one of the
// workers.
func (who neighbourhood) measure(n uint64, percent int) result {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	wanted := uint32(1)
	var ended sync.WaitGroup
	run := func(body func()) {
		ended.Add(1)
		go func() {
			defer ended.Done()
			body()
		}()
	}
	run(func() {
		for i := 0; i < who.echoing; i++ {
			peer, err := listener.Accept()
			must(err)
			run(func() { echo(peer) })
		}
	})
	for i := 0; i < who.computing; i++ {
		run(func() { compute(&wanted, who.yielding) })
	}
	program, err := os.Executable()
	must(err)
	client := exec.Command(program, asking, fmt.Sprint(listener.Addr().(*net.TCPAddr).Port),
		fmt.Sprint(who.echoing), fmt.Sprint(n), fmt.Sprint(percent))
	client.Stderr = os.Stderr
	said, err := client.Output()
	must(err)
	atomic.StoreUint32(&wanted, 0)
	ended.Wait()
	value, err := strconv.ParseFloat(string(said), 64)
	must(err)
	return result{value, "us"}
}

// Of the command line that runs the client: asking PORT CONNECTIONS QUESTIONS PERCENT
const asking = "ask"

func ask(arguments []string) {
	var given [4]int
	for i := range given {
		var err error
		given[i], err = strconv.Atoi(arguments[i])
		must(err)
	}
	port, connections, n, percent := given[0], given[1], given[2], given[3]
	runtime.LockOSThread()
	sockets := make([]int, connections)
	for i := range sockets {
		socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		must(err)
		must(syscall.Connect(socket, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}))
		must(syscall.SetsockoptInt(socket, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
		sockets[i] = socket
	}
	taken := make([]float64, n)
	word := []byte("ping")
	for i := range taken {
		socket := sockets[i%connections]
		start := time.Now()
		// Calls that block, as on any thread.
		_, err := syscall.Write(socket, word)
		must(err)
		for got := 0; got < len(word); {
			count, err := syscall.Read(socket, word[got:])
			must(err)
			check(count > 0, "every ping is answered")
			got += count
		}
		taken[i] = float64(time.Since(start).Nanoseconds()) / 1e3
		time.Sleep(time.Millisecond) // spreads the samples over time
	}
	sort.Float64s(taken)
	at := func(percent int) float64 { return taken[(n-1)*percent/100] }
	fmt.Fprintf(os.Stderr, "us: p50 %.1f, p99 %.1f, max %.1f\n", at(50), at(99), at(100))
	fmt.Printf("%.2f", at(percent))
}

func neighbours(who func() neighbourhood, percent int) func(uint64) result {
	return func(n uint64) result { return who().measure(n, percent) }
}

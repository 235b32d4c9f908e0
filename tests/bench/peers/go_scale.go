// The workloads whose cost ../scale.py follows as n grows: as in ../ramie_bench.cpp.
package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const scaleTotal = 4_000_000 // as in ../bench.hpp

func spawnJoinAll(n uint64) result {
	var ran uint64
	release := make(chan struct{})
	var ended sync.WaitGroup
	ended.Add(int(n))
	start := time.Now()
	for i := uint64(0); i < n; i++ {
		go func() {
			if atomic.AddUint64(&ran, 1) == n {
				close(release)
			}
			<-release
			ended.Done()
		}()
	}
	ended.Wait()
	found := perItem(start, n)
	check(ran == n, "every goroutine runs")
	return found
}

// n goroutines that start together: the time until all have ended, for each of so many items.
func startTogether(n, items uint64, body func(uint64)) result {
	var ready, ended sync.WaitGroup
	ready.Add(int(n))
	ended.Add(int(n))
	begin := make(chan struct{})
	for i := uint64(0); i < n; i++ {
		go func(i uint64) {
			ready.Done()
			<-begin
			body(i)
			ended.Done()
		}(i)
	}
	ready.Wait()
	start := time.Now()
	close(begin)
	ended.Wait()
	return perItem(start, items)
}

func each(n uint64) uint64 {
	if n > scaleTotal {
		return 1
	}
	return scaleTotal / n
}

func yieldRound(n uint64) result {
	var switches uint64
	found := startTogether(n, each(n)*n, func(uint64) {
		mine := uint64(0)
		for ; mine < each(n); mine++ {
			runtime.Gosched()
		}
		atomic.AddUint64(&switches, mine)
	})
	check(switches == each(n)*n, "every yield returns")
	return found
}

func pingPongPairs(n uint64) result {
	type pair struct {
		ping, pong chan uint64
		value      uint64
	}
	pairs := make([]pair, n)
	for i := range pairs {
		pairs[i].ping, pairs[i].pong = make(chan uint64), make(chan uint64)
	}
	found := startTogether(2*n, each(n)*n, func(i uint64) {
		mine := &pairs[i/2]
		if i%2 == 0 {
			for ball := range mine.ping {
				mine.pong <- ball + 1
			}
			return
		}
		for round := uint64(0); round < each(n); round++ {
			mine.ping <- mine.value
			mine.value = <-mine.pong
		}
		close(mine.ping)
	})
	for i := range pairs {
		check(pairs[i].value == each(n), "every ball comes back")
	}
	return found
}

// Resident memory and page tables of the process now, in bytes.
func resident() float64 {
	status, err := os.ReadFile("/proc/self/status")
	must(err)
	sum := 0.0
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") || strings.HasPrefix(line, "VmPTE:") {
			kib, err := strconv.ParseFloat(strings.Fields(line)[1], 64)
			must(err)
			sum += 1024 * kib
		}
	}
	return sum
}

func idleMemory(n uint64) result {
	var parked, ended sync.WaitGroup
	parked.Add(int(n))
	ended.Add(int(n))
	release := make(chan struct{})
	before := resident()
	for i := uint64(0); i < n; i++ {
		go func() {
			parked.Done()
			<-release
			ended.Done()
		}()
	}
	parked.Wait()
	used := resident() - before
	close(release)
	ended.Wait()
	return result{used / float64(n), "bytes"}
}

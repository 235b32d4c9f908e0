// The workloads on Go's goroutines, with its default settings: GOMAXPROCS is the number of workers.
//
//	bench_go WORKLOAD --workers W --n N    prints    WORKLOAD go W VALUE UNIT
//
// As ../bench.hpp: exit 1 for a wrong result, 2 for a command that it does not know.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// As in ../bench.hpp.
const (
	batch           = 1000
	fibCutoff       = 2
	skynetWays      = 10
	mutexFibers     = 64
	mutexYieldEvery = 16
	mpmcEnds        = 4
	mpmcCapacity    = 128
)

type result struct {
	value float64
	unit  string
}

func check(holds bool, what string) {
	if !holds {
		fmt.Fprintln(os.Stderr, "wrong result:", what)
		os.Exit(1)
	}
}

func perItem(start time.Time, items uint64) result {
	return result{float64(time.Since(start).Nanoseconds()) / float64(items), "ns"}
}

func inAll(start time.Time) result {
	return result{float64(time.Since(start).Nanoseconds()) / 1e6, "ms"}
}

// The process's CPU time, in microseconds.
func cpuUs() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		check(false, err.Error())
	}
	us := func(t syscall.Timeval) float64 { return float64(t.Sec)*1e6 + float64(t.Usec) }
	return us(used.Utime) + us(used.Stime)
}

func yield(n uint64) result {
	var switches uint64
	var ended sync.WaitGroup
	ended.Add(2)
	start := time.Now()
	for i := 0; i < 2; i++ {
		go func() {
			defer ended.Done()
			mine := uint64(0)
			for ; mine < n/2; mine++ {
				runtime.Gosched()
			}
			atomic.AddUint64(&switches, mine)
		}()
	}
	ended.Wait()
	found := perItem(start, n)
	check(switches == n/2*2, "every yield returns")
	return found
}

func spawnJoin(n uint64) result {
	var ran uint64
	var ended sync.WaitGroup
	start := time.Now()
	for i := uint64(0); i < n/batch; i++ {
		ended.Add(batch)
		for j := 0; j < batch; j++ {
			go func() {
				atomic.AddUint64(&ran, 1)
				ended.Done()
			}()
		}
		ended.Wait()
	}
	found := perItem(start, n)
	check(ran == n/batch*batch, "every goroutine runs")
	return found
}

func spawnJoinOne(n uint64) result {
	var sum uint64
	var ended sync.WaitGroup
	start := time.Now()
	for i := uint64(0); i < n; i++ {
		ended.Add(1)
		go func(i uint64) {
			sum += i
			ended.Done()
		}(i)
		ended.Wait()
	}
	found := perItem(start, n)
	check(sum == n*(n-1)/2, "every result arrives")
	return found
}

func fib(n uint64) uint64 {
	here, next := uint64(0), uint64(1)
	for ; n > 0; n-- {
		here, next = next, here+next
	}
	return here
}

func forkFib(n uint64) uint64 {
	if n < fibCutoff {
		return n
	}
	var left uint64
	var ended sync.WaitGroup
	ended.Add(1)
	go func() {
		left = forkFib(n - 1)
		ended.Done()
	}()
	right := forkFib(n - 2)
	ended.Wait()
	return left + right
}

func forkJoin(n uint64) result {
	start := time.Now()
	value := forkFib(n)
	found := inAll(start)
	check(value == fib(n), "fib")
	return found
}

func skynetNode(first, leaves uint64) uint64 {
	if leaves == 1 {
		return first
	}
	var sums [skynetWays]uint64
	var ended sync.WaitGroup
	ended.Add(skynetWays)
	each := leaves / skynetWays
	for i := range sums {
		go func(i int) {
			sums[i] = skynetNode(first+uint64(i)*each, each)
			ended.Done()
		}(i)
	}
	ended.Wait()
	sum := uint64(0)
	for _, one := range sums {
		sum += one
	}
	return sum
}

func skynet(n uint64) result {
	start := time.Now()
	sum := skynetNode(0, n)
	found := inAll(start)
	check(sum == n*(n-1)/2, "every leaf counts")
	return found
}

// The tasks of an outside thread: Go has none, so a goroutine that is bound to its own.
func handIn(n uint64) result {
	var ran uint64
	start := time.Now()
	go func() {
		runtime.LockOSThread()
		for i := uint64(0); i < n; i++ {
			go func() { atomic.AddUint64(&ran, 1) }()
		}
	}()
	for atomic.LoadUint64(&ran) < n {
		runtime.Gosched()
	}
	found := perItem(start, n)
	check(ran == n, "every task runs")
	return found
}

func pingPong(n uint64) result {
	ping, pong := make(chan uint64), make(chan uint64)
	start := time.Now()
	go func() {
		for value := range ping {
			pong <- value + 1
		}
		close(pong)
	}()
	value := uint64(0)
	for i := uint64(0); i < n; i++ {
		ping <- value
		value = <-pong
	}
	close(ping)
	_, open := <-pong
	found := perItem(start, n)
	check(value == n && !open, "every ball comes back")
	return found
}

func mpmc(n uint64) result {
	values := make(chan uint64, mpmcCapacity)
	var sum uint64
	var produced, consumed sync.WaitGroup
	produced.Add(mpmcEnds)
	consumed.Add(mpmcEnds)
	each := n / mpmcEnds
	start := time.Now()
	for who := uint64(0); who < mpmcEnds; who++ {
		go func(first uint64) {
			for i := uint64(0); i < each; i++ {
				values <- first + i
			}
			produced.Done()
		}(who * each)
		go func() {
			mine := uint64(0)
			for value := range values {
				mine += value
			}
			atomic.AddUint64(&sum, mine)
			consumed.Done()
		}()
	}
	produced.Wait()
	close(values)
	consumed.Wait()
	found := perItem(start, n)
	all := each * mpmcEnds
	check(sum == all*(all-1)/2, "every value arrives once")
	return found
}

func lockAndAdd(n, yieldEvery uint64) result {
	var lock sync.Mutex
	var ended sync.WaitGroup
	sum, each := uint64(0), n/mutexFibers
	ended.Add(mutexFibers)
	start := time.Now()
	for i := 0; i < mutexFibers; i++ {
		go func() {
			for j := uint64(0); j < each; j++ {
				lock.Lock()
				sum++
				if yieldEvery != 0 && j%yieldEvery == 0 {
					runtime.Gosched()
				}
				lock.Unlock()
			}
			ended.Done()
		}()
	}
	ended.Wait()
	found := perItem(start, n)
	check(sum == each*mutexFibers, "no increment is lost")
	return found
}

func mutex(n uint64) result      { return lockAndAdd(n, 0) }
func mutexYield(n uint64) result { return lockAndAdd(n, mutexYieldEvery) }

// As in ../timers.hpp.
func sleepers(n uint64) (float64, []float64) {
	late := make([]float64, n)
	var ended sync.WaitGroup
	ended.Add(int(n))
	before := cpuUs()
	for i := uint64(0); i < n; i++ {
		go func(i uint64) {
			due := time.Now().Add(time.Second * time.Duration(i) / time.Duration(n))
			time.Sleep(time.Until(due))
			late[i] = float64(time.Since(due).Nanoseconds()) / 1e6
			ended.Done()
		}(i)
	}
	ended.Wait()
	cpu := (cpuUs() - before) / float64(n)
	sort.Float64s(late)
	check(late[0] >= 0, "nobody wakes early")
	return cpu, late
}

func timersCold(n uint64) result {
	cpu, _ := sleepers(n)
	return result{cpu, "us"}
}

func warmRound(n uint64) (float64, []float64) {
	sleepers(n)
	sleepers(n)
	return sleepers(n)
}

func timers(n uint64) result {
	cpu, _ := warmRound(n)
	return result{cpu, "us"}
}

func timersP50(n uint64) result {
	_, late := warmRound(n)
	return result{late[n/2], "ms"}
}

func timersP99(n uint64) result {
	_, late := warmRound(n)
	return result{late[n*99/100], "ms"}
}

func main() {
	known := map[string]func(uint64) result{
		"yield": yield, "spawn_join": spawnJoin, "spawn_join_one": spawnJoinOne,
		"fork_join": forkJoin, "skynet": skynet, "hand_in": handIn, "ping_pong": pingPong,
		"mpmc": mpmc, "mutex": mutex, "mutex_yield": mutexYield, "timers_cold": timersCold,
		"timers": timers, "timers_p50": timersP50, "timers_p99": timersP99,
		"spawn_join_all": spawnJoinAll, "yield_round": yieldRound,
		"ping_pong_pairs": pingPongPairs, "idle_memory": idleMemory,
		"wake_up": wakeUp(50), "wake_up_p99": wakeUp(99),
	}
	for name, who := range neighbourhoods {
		known[name], known[name+"_p99"] = neighbours(who, 100), neighbours(who, 99)
	}
	if len(os.Args) == 6 && os.Args[1] == asking {
		ask(os.Args[2:])
		return
	}
	if len(os.Args) != 6 || known[os.Args[1]] == nil || os.Args[2] != "--workers" || os.Args[4] != "--n" {
		fmt.Fprintln(os.Stderr, "usage: bench_go WORKLOAD --workers W --n N")
		os.Exit(2)
	}
	workers, badWorkers := strconv.Atoi(os.Args[3])
	n, badN := strconv.ParseUint(os.Args[5], 10, 64)
	if badWorkers != nil || badN != nil || workers < 1 || n < 1 {
		fmt.Fprintln(os.Stderr, "--workers and --n, please")
		os.Exit(2)
	}
	runtime.GOMAXPROCS(workers)
	found := known[os.Args[1]](n)
	fmt.Printf("%s go %d %.2f %s\n", os.Args[1], workers, found.value, found.unit)
}

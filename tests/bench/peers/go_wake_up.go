// How soon a parked goroutine runs after an outside thread has woken it: ../wake_up.hpp.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"syscall"
	"time"
)

// Go has no outside thread: a goroutine that is bound to its own. It sleeps in the kernel, so that no
// timer of Go's wakes the runtime before.
func wakeUp(percent int) func(uint64) result {
	return func(n uint64) result {
		bell, answers := make(chan time.Time, 1), make(chan float64, 1)
		go func() {
			for rung := range bell {
				answers <- float64(time.Since(rung).Nanoseconds()) / 1e3
			}
		}()
		runtime.LockOSThread()
		taken := make([]float64, n)
		for i := range taken {
			pause := syscall.NsecToTimespec((2 * time.Millisecond).Nanoseconds())
			must(syscall.Nanosleep(&pause, nil))
			bell <- time.Now()
			taken[i] = <-answers
		}
		close(bell)
		sort.Float64s(taken)
		at := func(percent int) float64 { return taken[(n-1)*uint64(percent)/100] }
		fmt.Fprintf(os.Stderr, "us: p50 %.1f, p99 %.1f, max %.1f\n", at(50), at(99), at(100))
		return result{at(percent), "us"}
	}
}

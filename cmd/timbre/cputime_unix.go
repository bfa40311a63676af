//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpuTime returns the processor time that this program has used on all cores: other programs on the machine do not count in it.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

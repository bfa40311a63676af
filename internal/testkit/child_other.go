//go:build unix && !linux

package testkit

import "syscall"

// child makes a process run as who.
func child(who *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: who}
}
